"""Frames come by number as one read of the whole file gives them, for every container and codec.

SEQVISION_VIDEO_WINDOWS=200 reads 200 windows of each file; a table of the files is printed (pytest -s).
"""

import os
import random

import av
import numpy as np
import pytest
import torch
from numbered_videos import KINDS, Kind, numbers_of, write_numbered

from seqvision.data.sequences.readers.video import VideoReader

WINDOWS = int(os.environ.get("SEQVISION_VIDEO_WINDOWS", "12"))
QUICK = {"mpeg2.mpg", "h264_open_gop.ts", "h264_intra_refresh.mp4", "h264.avi", "h264.h264", "hevc.mp4"}
READER = VideoReader(on_variable_rate="keep")


def written(folder, kind: Kind):
    try:
        return write_numbered(folder, kind)
    except (ValueError, OSError) as error:  # PyAV's are of these kinds
        pytest.skip(f"this FFmpeg does not write {kind.name}: {error}")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.name, marks=() if kind.name in QUICK else pytest.mark.slow) for kind in KINDS],
)
def test_windows_are_those_of_one_read_of_the_whole(tmp_path, kind):
    path = written(tmp_path, kind)
    whole = READER.read(path)
    assert numbers_of(whole) == list(range(kind.frames))
    draws, wrong = random.Random(0), 0
    for _ in range(WINDOWS):
        start = draws.randrange(len(whole))
        stop = start + draws.randrange(1, 13)
        wrong += not torch.equal(READER.read(path, start, stop), whole[start:stop])
    print(f"\n{path.suffix:7} {kind.name:24} {kind.codec:16} {WINDOWS:4} windows {wrong:3} wrong", end="")
    assert not wrong


def test_a_window_of_a_transport_stream_is_decoded_from_its_key_frame(tmp_path):
    path = written(tmp_path, Kind("a.ts", "libx264", reordered=2, options={"x264-params": "scenecut=0"}))
    index = READER.recorded(path).index
    assert len(index.entries) == 100 // 12 + 1
    assert [index.ranks[index.entry(rank)] for rank in (0, 11, 12, 99)] == [0, 0, 12, 96]


def test_frames_of_an_intra_refresh_are_no_place_to_begin(tmp_path):
    path = written(tmp_path, next(kind for kind in KINDS if kind.name == "h264_intra_refresh.mp4"))
    with av.open(str(path)) as file:
        assert sum(packet.is_keyframe for packet in file.demux(video=0)) > 5
    assert READER.recorded(path).index.entries.tolist() == [0]


def test_a_recording_that_begins_amid_a_group_begins_with_the_first_frame_that_can_be_decoded(tmp_path):
    path = written(tmp_path, next(kind for kind in KINDS if kind.name == "h264.ts"))
    whole = READER.read(path)
    data = path.read_bytes()
    (tmp_path / "cut.ts").write_bytes(data[len(data) // 188 // 3 * 188 :])
    cut = READER.read(tmp_path / "cut.ts")
    first = numbers_of(cut)[0]
    assert first > 0
    assert torch.equal(cut, whole[first:])
    assert torch.equal(READER.read(tmp_path / "cut.ts", 20, 30), whole[first + 20 : first + 30])


def without_frames(avi: bytes, left_out: set[int]) -> bytes:
    """An AVI file some of whose frames say "as before": their chunks have no bytes."""
    start = avi.index(b"movi")
    place, pieces, number, sizes = start + 4, [avi[: start + 4]], 0, []
    while avi[place : place + 4] == b"00dc":
        size = int.from_bytes(avi[place + 4 : place + 8], "little")
        kept = b"" if number in left_out else avi[place + 8 : place + 8 + size]
        pieces.append(b"00dc" + len(kept).to_bytes(4, "little") + kept + b"\0" * (len(kept) % 2))
        sizes.append(len(kept))
        place, number = place + 8 + size + size % 2, number + 1
    offset, entries = 4, b""
    for size in sizes:
        entries += b"00dc" + (16).to_bytes(4, "little") + offset.to_bytes(4, "little") + size.to_bytes(4, "little")
        offset += 8 + size + size % 2
    pieces.append(b"idx1" + len(entries).to_bytes(4, "little") + entries)
    made = bytearray(b"".join(pieces))
    made[4:8] = (len(made) - 8).to_bytes(4, "little")
    made[start - 4 : start] = offset.to_bytes(4, "little")
    return bytes(made)


@pytest.mark.parametrize("left_out", [{20, 21, 22}, {0}, {28, 29}, {1, 5, 9, 29}])
def test_an_empty_frame_of_avi_is_the_frame_before_it(tmp_path, left_out):
    path = written(tmp_path, Kind("whole.avi", "mjpeg", "yuvj420p", frames=30))
    (tmp_path / "empty.avi").write_bytes(without_frames(path.read_bytes(), left_out))
    expected = [max((n for n in range(number + 1) if n not in left_out), default=1) for number in range(30)]
    assert numbers_of(READER.read(tmp_path / "empty.avi")) == expected
    assert numbers_of(READER.read(tmp_path / "empty.avi", 19, 24)) == expected[19:24]
    assert VideoReader().rate(tmp_path / "empty.avi") == 25
    np.testing.assert_allclose(READER.recorded(tmp_path / "empty.avi").times, np.arange(30) / 25)
