"""Pictures of every mode are read as people see them, and what cannot be read is named."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqvision.data.pictures import list_pictures, read_image
from seqvision.errors import UserError


def saved(folder: Path, name: str, picture: Image.Image, **options) -> Path:
    picture.save(folder / name, **options)
    return folder / name


def colours(path: Path, **options) -> np.ndarray:
    picture = read_image(path, **options)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def halves(mode: str, left, right) -> Image.Image:
    """A 4 x 2 picture with one colour on the left and one on the right."""
    picture = Image.new(mode, (4, 2), right)
    picture.paste(left, (0, 0, 2, 2))
    return picture


def test_orientation_in_exif_is_obeyed(tmp_path):
    corner = Image.new("RGB", (24, 16), "white")
    corner.paste("black", (0, 0, 8, 8))
    upright = np.asarray(corner)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }
    for orientation, pixels in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = saved(tmp_path, f"{orientation}.png", Image.fromarray(np.ascontiguousarray(pixels)), exif=exif)
        np.testing.assert_array_equal(colours(path), upright, err_msg=f"orientation {orientation}")


def test_transparent_places_become_white(tmp_path):
    clear, half = halves("RGBA", (255, 0, 0, 255), (9, 9, 9, 0)), halves("LA", (0, 255), (0, 127))
    assert colours(saved(tmp_path, "rgba.png", clear))[0, [0, 3]].tolist() == [[255, 0, 0], [255, 255, 255]]
    assert colours(saved(tmp_path, "la.png", half))[0, [0, 3]].tolist() == [[0, 0, 0], [128, 128, 128]]
    palette = halves("P", 0, 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert colours(saved(tmp_path, "p.gif", palette, transparency=1))[0, [0, 3]].tolist() == [[255, 0, 0], [255] * 3]
    assert colours(saved(tmp_path, "pa.png", palette, transparency=b"\xff\x00"))[0, 3].tolist() == [255] * 3
    keyed = halves("RGB", (1, 2, 3), (9, 9, 9))
    assert colours(saved(tmp_path, "key.png", keyed, transparency=(9, 9, 9)))[0, [0, 3]].tolist() == [
        [1, 2, 3],
        [255] * 3,
    ]


def test_palettes_grey_bits_and_cmyk_become_rgb(tmp_path):
    palette = halves("P", 0, 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    assert colours(saved(tmp_path, "p.png", palette))[0, [0, 3]].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert colours(saved(tmp_path, "l.png", halves("L", 10, 200)))[0, [0, 3]].tolist() == [[10] * 3, [200] * 3]
    assert colours(saved(tmp_path, "1.png", halves("1", 0, 1)))[0, [0, 3]].tolist() == [[0] * 3, [255] * 3]
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    np.testing.assert_allclose(colours(saved(tmp_path, "c.jpg", cmyk, quality=100))[8, 8], [255, 0, 0], atol=3)


def test_deep_grey_is_scaled_to_eight_bits(tmp_path):
    ramp = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    assert colours(saved(tmp_path, "16.png", Image.fromarray(ramp)))[0, :, 0].tolist() == [0, 100, 255]
    assert colours(saved(tmp_path, "16.tif", Image.fromarray(ramp)))[0, :, 0].tolist() == [0, 100, 255]
    dark = Image.fromarray(np.array([[0, 257]], dtype=np.uint16))
    assert colours(saved(tmp_path, "dark.png", dark))[0, :, 0].tolist() == [0, 1]
    floats = Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32))
    assert colours(saved(tmp_path, "f.tif", floats))[0, :, 0].tolist() == [0, 128, 255]


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert colours(path)[0, 0].tolist() == [255, 0, 0]


def test_a_small_target_decodes_a_photograph_at_reduced_scale(tmp_path):
    path = saved(tmp_path, "big.jpg", Image.new("RGB", (1600, 800), "green"))
    assert read_image(path).size == (1600, 800)
    assert read_image(path, size=100, fit="pad").size == (200, 100)
    assert read_image(path, size=101, fit="crop").size == (400, 200)
    assert read_image(path, size=101, fit="pad", margin=2.0).size == (400, 200)
    assert read_image(path, size=2000).size == (1600, 800)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("sides", [(640, 480), (333, 500), (97, 1031), (40, 30)])
def test_reduced_scale_never_has_fewer_pixels_than_asked(fit, sides, tmp_path):
    path = saved(tmp_path, "photo.jpg", Image.new("RGB", sides, "green"))
    for size in (1, 7, 30, 61, 96, 125, 224, 240, 241, 480):
        found = read_image(path, size=size, fit=fit).size
        needed = size / (max(sides) if fit == "pad" else min(sides))
        for got, whole in zip(found, sides, strict=True):
            assert got >= min(whole, round(whole * needed)), (size, found)


def test_an_open_file_will_do():
    file = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "PNG")
    file.seek(0)
    assert read_image(file).size == (3, 2)
    with pytest.raises(UserError, match="the uploaded picture: not a picture that can be read"):
        read_image(io.BytesIO(b"hello"))


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 10,000 x 10,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (10_000).to_bytes(4, "big")
    header = chunk(b"IHDR", size + size + bytes([8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"the file is empty \(0 bytes\)"),
        (b"<html>404 not found</html>", r"not a picture that can be read \(it starts with b'<html>404"),
        (
            jpeg()[:-800],
            r"the picture is damaged or cannot be read \(.*truncated.*\)\. Replace the file, or leave it out",
        ),
        (jpeg()[:30], r"(the picture is damaged|not a picture)"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, r"(the picture is damaged|not a picture)"),
        (bomb(), r"10000 x 10000 is 100 megapixels, more than the limit of 64\..*max_pixels=100000000"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(content, message, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"(?s)broken\.jpg: {message}"):
        read_image(path)


def test_the_limit_on_pixels_can_be_raised_and_pillows_own_is_left_alone(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb())
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(UserError, match="damaged or cannot be read"):  # let through, and then found to be cut off
        read_image(path, max_pixels=100_000_000)
    assert before == Image.MAX_IMAGE_PIXELS


def test_what_is_not_there_or_a_folder_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.png: no such picture"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(UserError, match="a folder, not a picture"):
        read_image(tmp_path)


def test_pictures_are_listed_from_files_and_folders_once(folder):
    root = folder(
        {"b/2.PNG": None, "b/1.jpg": None, "a.gif": None, "note.txt": "x", ".hidden.png": None, "b/.x/3.png": None}
    )
    assert [p.relative_to(root).as_posix() for p in list_pictures(root)] == ["a.gif", "b/1.jpg", "b/2.PNG"]
    assert list_pictures([root / "b/1.jpg", str(root / "b")]) == [root / "b/1.jpg", root / "b/2.PNG"]
    with pytest.raises(UserError, match="no such file or folder"):
        list_pictures(root / "gone")
    (root / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no picture in this folder or below it \(looked for .*\.jpg"):
        list_pictures([root / "empty"])


def test_real_photographs_are_read(shared_data):
    assert {read_image(path).mode for path in list_pictures(shared_data("coco"))[:20]} == {"RGB"}
