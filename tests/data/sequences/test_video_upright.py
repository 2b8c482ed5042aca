"""Videos come as players show them: turned and mirrored by their display matrix; raw streams lie in folders too; and
what a header claims is held against limits."""

import struct

import numpy as np
import pytest
import torch
from films import frame, write_film

from seqvision.data.sequences.formats.video_files import list_videos
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.errors import UserError

LOOSE = {"strict": "-1"}  # JPEG in the colours of video
STORED = np.zeros((24, 32, 3), dtype=np.uint8)
STORED[:12, :16], STORED[:12, 16:], STORED[12:, :16] = 220, 150, 80  # four levels, a corner each


def with_matrix(mp4: bytes, a: int, b: int, c: int, d: int) -> bytes:
    """The file with another display matrix of its track: points (x, y) are shown at (a x + c y, b x + d y)."""
    start = mp4.index(b"tkhd") + 4 + 40
    assert struct.unpack(">9i", mp4[start : start + 36])[0] == 1 << 16
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    return mp4[:start] + matrix + mp4[start + 36 :]


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda p: p),
        ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
        ((1, 0, 0, -1), lambda p: p[::-1]),
        ((-1, 0, 0, -1), lambda p: p[::-1, ::-1]),
        ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),  # a phone held upright
        ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
        ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
    ],
)
def test_the_whole_display_matrix_holds(tmp_path, matrix, shown):
    whole = write_film(tmp_path / "stored.mp4", [STORED] * 3).read_bytes()
    path = tmp_path / "shown.mp4"
    path.write_bytes(with_matrix(whole, *matrix))
    stored = VideoReader().read(tmp_path / "stored.mp4")[1].permute(1, 2, 0).numpy()
    assert len({int(part.mean()) // 40 for part in (stored[:12, :16], stored[:12, 16:], stored[12:, :16])}) == 3
    expected = shown(stored)
    assert np.array_equal(VideoReader().read(path)[1].permute(1, 2, 0).numpy(), expected)
    fitted = VideoReader().fitted([path])
    assert (fitted.height, fitted.width) == expected.shape[:2]


@pytest.mark.parametrize("name", ["a.h264", "A.264", "a.m2v", "a.mjpeg", "a.m4v", "a.mxf", "a.nut"])
def test_raw_streams_and_rare_containers_in_a_folder_are_videos(tmp_path, name):
    codecs = {"m2v": "mpeg2video", "mjpeg": "mjpeg", "m4v": "mpeg4", "mxf": "mpeg2video"}
    made = write_film(tmp_path / "v" / name, 12, codec=codecs.get(name[2:], "libx264"), options=LOOSE)
    assert list_videos(tmp_path / "v")[1] == [made]
    assert torch.equal(VideoReader().read(made, 7, 9), VideoReader().read(made)[7:9])
    assert VideoReader().length(made) == 12


def test_a_frame_of_a_thousand_megapixels_is_refused_before_it_is_decoded(tmp_path):
    data = bytearray(write_film(tmp_path / "a.ivf", 3, codec="libvpx").read_bytes())
    data[12:16] = struct.pack("<HH", 16000, 16000)
    start = data.index(b"\x9d\x01\x2a") + 3
    data[start : start + 4] = struct.pack("<HH", 16000, 16000)
    (tmp_path / "huge.ivf").write_bytes(data)
    with pytest.raises(UserError, match=r"huge\.ivf: frames of 16000 x 16000 pixels, more than the limit of 64000000"):
        VideoReader(width=8, height=8).read(tmp_path / "huge.ivf")


def test_a_size_that_changes_within_a_video_is_said(tmp_path):
    small = write_film(tmp_path / "a.mjpeg", 3, codec="mjpeg", options=LOOSE).read_bytes()
    large = write_film(
        tmp_path / "b.mjpeg", [frame(n, 64, 48) for n in range(3)], codec="mjpeg", options=LOOSE
    ).read_bytes()
    path = tmp_path / "both.mjpeg"
    path.write_bytes(small + large)
    with pytest.raises(
        UserError, match=r"the size changes from 32 x 24 to 64 x 48 pixels at frame 3.*data\.reader\.width=32"
    ):
        VideoReader().read(path)
    assert VideoReader(width=32, height=24).read(path).shape == (6, 3, 24, 32)
