"""What lies in a folder is read, or named and counted: kinds of pictures, links, pipes, files without an ending."""

import os
import sys

import numpy as np
import pytest
from PIL import Image

from seqvision.data import ImageTransform, check_captions, picture_kinds, read_captions, read_image
from seqvision.data.core.listing import files_below
from seqvision.data.formats import read_captions_with_report
from seqvision.data.labelled.files import read_labelled_pictures
from seqvision.data.pictures import list_pictures, pictures_below
from seqvision.data.sources import FileCaptions
from seqvision.errors import UserError


def picture(path, *, form="JPEG", size=(12, 8), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), (200, 30, 40), dtype=np.uint8)).save(path, format=form, **options)
    return path


def heic(path, **options):
    pytest.importorskip("pillow_heif").register_heif_opener()
    return picture(path, form="HEIF", quality=90, **options)


def captioned(path, **options):
    picture(path, **options)
    path.with_suffix(".txt").write_text("a red square")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("name", ["IMG_1", "photo.1", "photo.jpg_large"])
def test_a_name_without_a_known_ending_is_recognised_by_its_first_bytes(name, form, tmp_path):
    picture(tmp_path / name, form=form)
    (tmp_path / "notes").write_text("BM is how a bitmap begins, and this is a text")
    (tmp_path / "empty").touch()
    assert pictures_below(tmp_path).files == [tmp_path / name]
    assert read_image(tmp_path / name).size == (12, 8)


def test_systems_files_and_hidden_ones_are_passed_over_and_others_are_counted(tmp_path):
    for name in (
        "Thumbs.db",
        "desktop.ini",
        ".DS_Store",
        "._a.jpg",
        ".git/a.jpg",
        "__MACOSX/._a.jpg",
        "__MACOSX/b.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    picture(tmp_path / "deep" / "er" / "A.JPG")
    (tmp_path / "readme.md").write_text("about")
    listing = pictures_below(tmp_path)
    assert listing.files == [tmp_path / "deep" / "er" / "A.JPG"]
    assert listing.notes(tmp_path, what="pictures") == ["left out 1 file, no pictures: readme.md"]


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    picture(elsewhere / "a.jpg")
    picture(root / "own" / "b.jpg")
    (root / "linked").symlink_to(elsewhere)
    (root / "again").symlink_to(root / "own")  # sorts before the folder that it leads to
    (root / "own" / "loop").symlink_to(root)
    (elsewhere / "loop").symlink_to(elsewhere)
    (root / "c.jpg").symlink_to(tmp_path / "gone.jpg")
    listing = pictures_below(root)
    assert listing.files == [root / "linked" / "a.jpg", root / "own" / "b.jpg"]
    left_out = [text.removeprefix(f"{root}/").removeprefix(f"{root}: ") for text in listing.left_out]
    assert left_out == [
        "again: a link to a folder that is read already",
        "c.jpg: a link to nothing",
        "linked/loop: a link to a folder that is read already",
        "own/loop: a link to a folder that is read already",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_named_pipe_is_named_and_never_opened(tmp_path):
    captioned(tmp_path / "a.jpg")
    captioned(tmp_path / "b.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe")
    report = check_captions(tmp_path, val=0.5, test=0.0)
    assert report.pictures == 2
    left_out = [note.removeprefix(f"{tmp_path}/") for note in report.notes if "pipe" in note]
    assert left_out == ["pipe.jpg: a named pipe", "pipe: a named pipe"]
    for read in (read_image, lambda path: list_pictures([path])):
        with pytest.raises(UserError, match=r"pipe.jpg: a named pipe, expected a file"):
            read(tmp_path / "pipe.jpg")
    (tmp_path / "captions.csv").write_text("image,caption\na.jpg,a red square\n")
    assert [note for note in read_captions_with_report(tmp_path / "captions.csv").notes if "pipe" in note] == [
        note for note in report.notes if "pipe" in note
    ]
    (tmp_path / "captions.csv").write_text("image,caption\npipe.jpg,a red square\n")
    with pytest.raises(UserError, match=r"row 2: no picture 'pipe.jpg' .*\(there is a named pipe of that name\)"):
        read_captions(tmp_path / "captions.csv")


def test_heic_is_read_and_not_turned_twice(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a copy of what HEIC's own transformation says, which is applied already
    heic(tmp_path / "IMG_1.HEIC", exif=exif)
    heic(tmp_path / "really_heic.jpg")
    assert read_image(tmp_path / "IMG_1.HEIC").size == (12, 8)
    red = np.asarray(read_image(tmp_path / "really_heic.jpg"), dtype=int)
    assert np.abs(red - (200, 30, 40)).max() < 12


def test_heic_without_its_extra_is_named_and_counted_with_what_to_install(tmp_path, monkeypatch):
    for number in range(3):
        captioned(tmp_path / f"p{number}.jpg")
        (tmp_path / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
        (tmp_path / f"IMG_{number}.txt").write_text("a blue circle")
    monkeypatch.setattr(picture_kinds, "heif_readable", lambda: False)
    monkeypatch.setattr("seqvision.data.pictures.heif_readable", lambda: False)
    with pytest.raises(UserError, match=r"IMG_0.txt: 'IMG_0.HEIC': HEIC .*seqvision\[heic\].* 2 more like this"):
        read_captions(tmp_path)
    report = read_captions_with_report(tmp_path, on_missing="skip")
    assert "left out 3 unread; 3 pictures kept" in report.left_out()[0]
    with pytest.raises(UserError, match=r"IMG_0.HEIC: HEIC needs an optional part: pip install 'seqvision\[heic\]'"):
        read_image(tmp_path / "IMG_0.HEIC")


@pytest.mark.parametrize(
    ("name", "start"), [("a.jxl", b"\xff\x0a"), ("b.CR2", b"II*\0"), ("c.svg", b"<svg>"), ("d", b"\xff\x0a\0")]
)
def test_kinds_that_are_not_read_are_named_with_what_to_do(name, start, tmp_path):
    captioned(tmp_path / "p.jpg")
    (tmp_path / name).write_bytes(start + bytes(20))
    (tmp_path / name).with_suffix(".txt").write_text("a red square")
    with pytest.raises(UserError, match=rf"'{name}': .*; convert it to"):
        read_captions(tmp_path)


def test_training_says_what_it_leaves_out(tmp_path):
    for number in range(12):
        picture(tmp_path / "images" / f"p{number}.jpg", size=(12 + number, 8))
    rows = [f"p{number}.jpg,a red square,{'val' if number == 9 else 'train'}" for number in range(10)]
    (tmp_path / "captions.csv").write_text("\n".join(["image,caption,split", *rows]))
    data = FileCaptions(path=tmp_path, transform=ImageTransform(8))
    data.read()
    assert data.notes == ["2 pictures beside the others without a caption: p10.jpg, p11.jpg"]


def test_composed_names_and_other_capitals_are_found_where_one_file_is_meant(tmp_path):
    picture(tmp_path / "Cafe\u0301.jpg")
    picture(tmp_path / "dog.jpg")
    picture(tmp_path / "cat.jpg")
    picture(tmp_path / "Cat.JPG")
    (tmp_path / "captions.csv").write_text(
        "image,caption\nCaf\u00e9.jpg,a café\nDOG.JPG,a dog\ncat.jpg,a cat\nCat.JPG,a Cat\n"
    )
    found = {record.id: record.image.name for record in read_captions(tmp_path)}
    assert found == {
        "Caf\u00e9.jpg": "Cafe\u0301.jpg",
        "DOG.JPG": "dog.jpg",
        "cat.jpg": "cat.jpg",
        "Cat.JPG": "Cat.JPG",
    }
    (tmp_path / "captions.csv").write_text("image,caption\nCAT.jpg,a cat\n")
    with pytest.raises(UserError, match=r"no picture 'CAT.jpg' .*did you mean 'cat.jpg'"):
        read_captions(tmp_path)


def test_labelled_pictures_say_what_else_lies_in_their_folders(tmp_path):
    for label in ("cat", "dog"):
        for number in range(6):
            picture(tmp_path / label / f"{number}", size=(12 + number, 8))
    picture(tmp_path / "loose.png")
    (tmp_path / "cat" / "notes.txt").write_text("about")
    (tmp_path / "cat" / "gone.jpg").symlink_to(tmp_path / "nowhere")
    found = read_labelled_pictures(tmp_path, splits={"val": 0.3, "test": 0.0})
    assert len(found.records) == 12
    assert found.notes[:3] == [
        f"{tmp_path}/cat/gone.jpg: a link to nothing",
        "left out 1 file, no pictures: cat/notes.txt",
        "left out 1 file in no folder of a class: loose.png",
    ]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    scan = os.scandir

    def refuse(folder):
        if folder == tmp_path / "closed":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = files_below(tmp_path, lambda file: True)
    assert listing.left_out == [f"{tmp_path}/closed: the folder cannot be read (Permission denied)"]
