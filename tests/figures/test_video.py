"""What is drawn into a video is what the labels say, and pieces hold exactly their frames."""

import numpy as np
import pytest
from films import frame, numbers, write_film
from PIL import Image

from seqvision.data.annotations import Segment, frames_to_segments
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.errors import UserError
from seqvision.figures.video import GROUND, NOBODY, contact_strip, cut_clips, write_labelled_video
from seqvision.files import file_name

CLASSES = ("walk", "rest")
LABELS = np.array([0] * 10 + [-1] * 4 + [1] * 11)


def test_a_labelled_video_has_the_frames_of_the_video_with_a_panel_below(tmp_path):
    path = write_film(tmp_path / "a.mp4", 25)
    made = write_labelled_video(path, LABELS, CLASSES, tmp_path / "labelled.mp4")
    frames = VideoReader().read(made)
    assert frames.shape[0] == 25
    assert VideoReader().rate(made) == 25
    width = frames.shape[3]
    assert width == 320
    assert numbers(frames[:, :, : width * 24 // 32 - 8]) == list(range(25))
    bars = frames[:, :, -12:-6].float().mean(2)
    # below the mark, a bar shows the labels over the whole length: three stretches of two colours and none
    walk, nobody, rest = (bars[3, :, place].tolist() for place in (64, 150, 300))
    assert nobody == pytest.approx(NOBODY, abs=14)
    assert sum(abs(a - b) for a, b in zip(walk, rest, strict=True)) > 60
    # the mark goes from left to right
    dark = [int(row.sum(0)[8:-8].argmin()) for row in bars]
    assert dark == sorted(dark)
    assert dark[0] < 20
    assert dark[-1] > 280


def test_labels_are_drawn_onto_the_frames_that_were_sampled(tmp_path):
    path = write_film(tmp_path / "a.mp4", 25)
    reader = VideoReader(width=8, height=8, channels=1, frame_rate=5)
    made = write_labelled_video(path, LABELS[::5], CLASSES, tmp_path / "b.mp4", reader=reader, truth=LABELS[::5])
    assert VideoReader().length(made) == 5
    assert VideoReader().rate(made) == 5
    with pytest.raises(UserError, match=r"a.mp4: 5 frames and 25 labels; expected one for each frame"):
        write_labelled_video(path, LABELS, CLASSES, tmp_path / "c.mp4", reader=reader)


def test_several_labels_a_frame_have_a_bar_each(tmp_path):
    pictures = np.stack([frame(number) for number in range(6)])
    labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [-1, -1], [1, 0]])
    made = write_labelled_video(pictures, labels, CLASSES, tmp_path / "a.mp4")
    assert VideoReader().length(made) == 6


def test_pieces_hold_exactly_their_frames(tmp_path):
    path = write_film(tmp_path / "day 1.mp4", 25)
    pieces = cut_clips(path, frames_to_segments(LABELS, 25, CLASSES), tmp_path / "cut")
    assert [piece.relative_to(tmp_path / "cut").as_posix() for piece in pieces] == [
        "walk/day 1_0001.mp4",
        "rest/day 1_0001.mp4",
    ]
    assert numbers(VideoReader().read(pieces[0])) == list(range(10))
    assert numbers(VideoReader().read(pieces[1])) == list(range(14, 25))
    assert VideoReader().rate(pieces[1]) == 25


def test_pieces_of_uneven_frames_keep_their_times(tmp_path):
    moments = [0, 40, 80, 120, 200, 280, 300, 340]
    path = write_film(tmp_path / "a.mp4", 8, milliseconds=moments)
    (piece,) = cut_clips(path, [Segment(0.08, 0.3, "a/b: c?")], tmp_path)
    assert piece.parent.name == file_name("a/b: c?")
    film = VideoReader(on_variable_rate="keep").recorded(piece)
    assert film.times == pytest.approx([0, 0.04, 0.12, 0.2], abs=0.002)
    assert cut_clips(path, [Segment(5, 6, "late")], tmp_path) == []


def test_a_strip_shows_frames_and_labels(tmp_path):
    path = write_film(tmp_path / "a.mp4", 25)
    strip = contact_strip(path, LABELS, CLASSES, truth=LABELS, pictures=5, side=64)
    assert isinstance(strip, Image.Image)
    assert strip.width == 5 * 70 + 6
    pixels = np.asarray(strip).astype(int)
    assert (pixels[2, :] == GROUND).all()
    shown = [int(pixels[6 + 24, 6 + place * 70 + 30].mean()) for place in range(5)]
    assert shown == pytest.approx([number * 8 for number in (0, 6, 12, 18, 24)], abs=6)
    bar = pixels[-8]
    assert (bar[20] != bar[-20]).any()
    assert (bar[178] == NOBODY).all()
