"""Pictures become sequences of rows, columns, patches or pixels, and lose nothing on the way."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from seqvision.data.sequences.readers.pictures import PictureReader
from seqvision.errors import UserError

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)
COLOUR = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)


def read(source, **settings):
    reader = PictureReader(**settings).fitted([source])
    steps = reader.read(source)
    assert steps.shape == (reader.length(source), *reader.frame_shape)
    return steps


def test_rows_columns_and_pixels_of_a_grey_picture():
    pixels = torch.from_numpy(GREY).float() / 255
    assert torch.equal(read(GREY), pixels)
    assert torch.equal(read(GREY, order="columns"), pixels.T)
    assert torch.equal(read(GREY, order="pixels"), pixels.reshape(24, 1))


def test_patches_go_from_left_to_right_and_down():
    patches = (read(GREY, order="patches", patch=2) * 255).round().int()
    assert patches.shape == (6, 4)
    assert patches[0].tolist() == [0, 1, 6, 7]
    assert patches[1].tolist() == [2, 3, 8, 9]
    assert patches[3].tolist() == [12, 13, 18, 19]


def test_colours_stay_together_at_their_place():
    assert read(COLOUR).shape == (4, 18)
    assert (read(COLOUR, order="pixels")[7] * 255).round().tolist() == [21, 22, 23]
    assert read(COLOUR, order="patches", patch=2).shape == (6, 12)
    assert read(COLOUR, grey=True).shape == (4, 6)


def test_a_whole_picture_is_one_frame_of_bytes():
    whole = read(COLOUR, order="whole")
    assert whole.dtype == torch.uint8
    assert torch.equal(whole[0], torch.from_numpy(COLOUR).permute(2, 0, 1))


def test_a_permutation_mixes_all_pictures_alike_and_always_in_the_same_way():
    plain, mixed = read(GREY, order="pixels"), read(GREY, order="pixels", permutation=3)
    assert not torch.equal(plain, mixed)
    assert torch.equal(plain.sort(dim=0).values, mixed.sort(dim=0).values)
    reader = PictureReader(order="pixels", permutation=3).fitted([GREY])
    places = (mixed[:, 0] * 255).round().long()
    assert torch.equal(reader.read(GREY[::-1].copy()), read(GREY[::-1].copy(), order="pixels")[places])
    # written down, so that checkpoints read pictures as they learnt to
    assert places.tolist()[:8] == [22, 12, 17, 15, 14, 16, 1, 2]
    assert not torch.equal(mixed, read(GREY, order="pixels", permutation=4))


def test_an_equal_reader_comes_from_the_settings():
    reader = PictureReader(order="patches", patch=2, permutation=1).fitted([GREY])
    for again in (PictureReader.from_settings(reader.settings()), pickle.loads(pickle.dumps(reader))):
        assert again == reader
        assert torch.equal(again.read(GREY), reader.read(GREY))
    with pytest.raises(RuntimeError, match="knows no shape yet"):
        PictureReader().settings()


def test_files_are_read_like_arrays(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "colour.png")
    assert torch.equal(read(tmp_path / "colour.png"), read(COLOUR))


def test_a_users_own_picture_is_brought_to_the_training_pictures_shape(tmp_path):
    reader = PictureReader().fitted([np.zeros((28, 28), np.uint8)])
    Image.new("RGB", (300, 200), "white").save(tmp_path / "photo.png")
    assert reader.read(tmp_path / "photo.png").shape == (28, 28)
    wide = PictureReader().fitted([GREY])
    with pytest.raises(UserError, match=r"photo.png: 300 x 200 pixels, expected 6 x 4 as in training"):
        wide.read(tmp_path / "photo.png")


def test_pictures_are_resized_where_a_size_is_given(tmp_path):
    Image.new("RGB", (300, 200), "red").save(tmp_path / "photo.png")
    reader = PictureReader(size=16, order="pixels").fitted([tmp_path / "photo.png"])
    assert reader.read(tmp_path / "photo.png").shape == (256, 3)
    assert reader.read(tmp_path / "photo.png").dtype == torch.float32


BROKEN = {
    "an unknown order": ({"order": "spiral"}, r"data.reader.order is 'spiral', expected one of rows, columns"),
    "patches of no size": ({"order": "patches"}, r"data.reader.order=patches needs data.reader.patch=PIXELS"),
    "a patch for rows": ({"patch": 2}, r"data.reader.order=rows has no use for data.reader.patch"),
    "an unknown fit": ({"fit": "squeeze"}, r"data.reader.fit is 'squeeze', expected one of pad"),
    "patches that do not fit": (
        {"order": "patches", "patch": 4},
        r"data.reader.patch=4: pictures of 6 x 4 pixels cannot be cut .*Take one of 1, 2, or resize",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_setting_is_named(case):
    settings, message = BROKEN[case]
    with pytest.raises(UserError, match=message):
        PictureReader(**settings).fitted([GREY])


def test_pictures_of_several_sizes_want_one(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    Image.new("RGB", (28, 28)).save(tmp_path / "b.png")
    with pytest.raises(UserError, match=r"a.png is 30 x 20 pixels, .*b.png is 28 x 28 pixels.*data.reader.size=20"):
        PictureReader().fitted([tmp_path / "a.png", tmp_path / "b.png"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 6)), "found an array of float64"),
        ("a sentence", "found the text 'a sentence'"),
        (np.zeros((4, 6, 2), np.uint8), r"pixels of shape \(4, 6, 2\)"),
    ],
)
def test_what_is_no_picture_is_refused(source, message):
    with pytest.raises(UserError, match=message):
        PictureReader().fitted([GREY]).read(source)
