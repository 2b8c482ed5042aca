"""What is written for a labelled recording says what was predicted, and is read back by what reads annotations."""

import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from films import write_film
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.data import FeatureReader, VideoReader
from seqvision.data.annotations import read_annotations
from seqvision.data.sequences.frame_labels import read_frame_labels
from seqvision.errors import UserError
from seqvision.inference.label_folder import LabelFolder
from seqvision.inference.label_outputs import Labelled, frame_edges, names_of, write_labelled, write_timeline
from seqvision.inference.short_segments import without_short
from seqvision.inference.uncertainty import least_certain, margins

CLASSES = ("rest", "walk", "groom")
LABELS = np.array([0, 0, 1, 1, 1, 2, 0, 0])


def labelled(rate=4.0, labels=LABELS, several=False, source=Path("clip.mp4")):
    if several:
        probabilities = np.where(labels == 1, 0.8, 0.1)
    else:
        probabilities = np.full((len(labels), 3), 0.1)
        probabilities[np.arange(len(labels)), labels] = 0.8
    edges = None if rate is None else np.arange(len(labels) + 1) / rate
    return Labelled("clip", source, CLASSES, labels, probabilities, edges)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_frames_with_their_seconds_labels_and_probabilities(tmp_path):
    write_labelled(labelled(), "frames", tmp_path / "f.csv", probabilities=True)
    found = rows(tmp_path / "f.csv")
    assert list(found[0]) == ["frame", "seconds", "label", "probability", "p(rest)", "p(walk)", "p(groom)"]
    assert [row["label"] for row in found] == [CLASSES[label] for label in LABELS]
    assert (found[3]["frame"], found[3]["seconds"], found[3]["probability"]) == ("3", "0.750", "0.8000")
    assert read_frame_labels(tmp_path / "f.csv").names == [CLASSES[label] for label in LABELS]
    write_labelled(labelled(rate=None), "frames", tmp_path / "g.csv")
    assert list(rows(tmp_path / "g.csv")[0]) == ["frame", "label", "probability"]


@pytest.mark.parametrize("kind", ["segments", "eaf", "boris"])
def test_segments_come_back_as_they_were(tmp_path, kind):
    path = tmp_path / f"clip.{'csv' if kind == 'segments' else kind}"
    write_labelled(labelled(), kind, path)
    (found,) = read_annotations(path).segments.values()
    assert [(s.start, s.stop, s.label) for s in found] == [
        (0, 0.5, "rest"),
        (0.5, 1.25, "walk"),
        (1.25, 1.5, "groom"),
        (1.5, 2, "rest"),
    ]
    assert os.listdir(tmp_path) == [path.name], "no draft is left"


def test_segments_without_a_clock_are_in_frames_and_say_so(tmp_path):
    write_labelled(labelled(rate=None), "segments", tmp_path / "s.csv")
    assert rows(tmp_path / "s.csv")[1] == {
        "start_frame": "2",
        "end_frame": "5",
        "label": "walk",
        "probability": "0.8000",
    }
    assert read_annotations(tmp_path / "s.csv").unit == "frames"
    for kind in ("vtt", "eaf", "boris"):
        with pytest.raises(UserError, match=rf"clip\.mp4: no clock.*\.{kind} files.*--frame-rate"):
            write_labelled(labelled(rate=None), kind, tmp_path / f"x.{kind}")


def test_subtitles(tmp_path):
    write_labelled(labelled(), "vtt", tmp_path / "s.vtt")
    text = (tmp_path / "s.vtt").read_text()
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nrest\n\n00:00:00.500 --> 00:00:01.250\nwalk\n")


def test_several_labels_overlap_and_have_a_column_each(tmp_path):
    matrix = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
    some = labelled(labels=matrix, several=True)
    write_labelled(some, "segments", tmp_path / "s.csv")
    assert [(row["start"], row["end"], row["label"]) for row in rows(tmp_path / "s.csv")] == [
        ("0.000", "0.500", "rest"),
        ("0.250", "0.750", "walk"),
    ]
    write_labelled(some, "eaf", tmp_path / "s.eaf")
    (tiers,) = read_annotations(tmp_path / "s.eaf").segments.values()
    assert [(segment.label, segment.track) for segment in tiers] == [("rest", "rest"), ("walk", "walk")]
    write_labelled(some, "frames", tmp_path / "f.csv")
    assert list(rows(tmp_path / "f.csv")[0]) == ["frame", "seconds", *CLASSES]
    back = read_frame_labels(tmp_path / "f.csv", multilabel=True)
    assert back.classes == CLASSES
    assert np.array_equal(back.values, matrix)
    write_timeline(some, tmp_path / "t.png", np.where(matrix == 1, 1, -1))
    assert (tmp_path / "t.png").read_bytes()[:4] == b"\x89PNG"


def test_counts_by_label_the_longest_first():
    assert labelled().by_label() == {"rest": (2, 1.0), "walk": (1, 0.75), "groom": (1, 0.25)}
    assert labelled(rate=None).by_label()["rest"] == (2, 4)


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written .*not a folder"):
        write_labelled(labelled(), "frames", tmp_path / "file" / "f.csv")


def test_clocks(tmp_path):
    film = write_film(tmp_path / "film.mp4", 10, rate=20)
    np.testing.assert_allclose(frame_edges(VideoReader(), film, 10), np.arange(11) / 20)
    np.testing.assert_allclose(frame_edges(VideoReader(stride=3), film, 4), [0, 0.15, 0.3, 0.45, 0.5])
    slow = frame_edges(VideoReader(frame_rate=4), film, 2)
    np.testing.assert_allclose(slow, [0, 0.25, 0.5])
    np.testing.assert_allclose(frame_edges(VideoReader(), film, 10, 99), np.arange(11) / 20, err_msg="it has a clock")
    uneven = write_film(tmp_path / "uneven.mp4", 5, milliseconds=[0, 40, 80, 500, 540])
    edges = frame_edges(VideoReader(on_variable_rate="keep"), uneven, 5)
    np.testing.assert_allclose(edges[:5], [0, 0.04, 0.08, 0.5, 0.54])
    features = np.zeros((3, 2), dtype=np.float32)
    assert frame_edges(FeatureReader(), features, 3) is None
    np.testing.assert_allclose(frame_edges(FeatureReader(frame_rate=10), features, 3), [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(frame_edges(FeatureReader(frame_rate=10), features, 3, 5.0), [0, 0.2, 0.4, 0.6])
    stills = np.zeros((4, 8, 8), dtype=np.uint8)
    assert frame_edges(VideoReader(), stills, 4) is None
    np.testing.assert_allclose(frame_edges(VideoReader(stride=2), stills, 2, 4.0), [0, 0.5, 1])


def test_names_are_as_short_as_they_can_be():
    here = Path("/data")
    assert names_of([(here, here / "a.mp4"), (here, here / "sub/b.mp4")]) == ["a", "sub/b"]
    assert names_of([(here / "x", here / "x/a.mp4"), (here / "y", here / "y/a.mp4")]) == ["x/a", "y/a"]
    assert names_of([(here, here / "a.mp4"), (here, here / "a.avi")]) == ["a.mp4", "a.avi"]


def test_nothing_of_a_persons_own_is_overwritten(tmp_path):
    about = {"written_by": "seqvision label"}
    clip = tmp_path / "clip.csv"
    clip.write_text("mine")
    folder = LabelFolder(tmp_path / "out", inputs=[clip], about=about)
    (tmp_path / "draft").write_text("1")
    (written,) = folder.publish({"a/x.csv": tmp_path / "draft"})
    again = LabelFolder(tmp_path / "out", inputs=[clip], about=about)
    assert again.made(written)
    assert again.path("a/x.csv") == written, "as it was left: quietly"
    os.utime(written, ns=(1, 1))
    with pytest.raises(UserError, match=r"x\.csv: is there already and has been changed since.*--overwrite"):
        again.path("a/x.csv")
    (tmp_path / "out" / "own.csv").touch()
    with pytest.raises(UserError, match=r"own\.csv: is there already and was not written by this command"):
        again.path("own.csv")
    assert LabelFolder(tmp_path / "out", inputs=[], about=about, overwrite=True).path("own.csv").name == "own.csv"
    with pytest.raises(UserError, match=r"clip\.csv: would overwrite an input"):
        LabelFolder(tmp_path, inputs=[clip], about=about, overwrite=True).path("clip.csv")
    with pytest.raises(UserError, match=r"--output .*clip\.csv: a file, expected a folder"):
        LabelFolder(clip, inputs=[], about=about)
    (tmp_path / "label.json").write_text("[1]")
    with pytest.raises(UserError, match=r"label\.json: not written by this command"):
        LabelFolder(tmp_path, inputs=[], about=about)


def test_earlier_files_go_unless_they_were_changed(tmp_path):
    folder = LabelFolder(tmp_path, inputs=[], about={"written_by": "x"})
    for name in ("clips/a_0001.mp4", "clips/a_0002.mp4", "clips/b_0001.mp4"):
        (tmp_path / "draft").write_text(name)
        folder.publish({name: tmp_path / "draft"})
    (tmp_path / "clips" / "a_0002.mp4").write_text("a person's")
    folder.clear("clips/a_*.mp4")
    assert sorted(os.listdir(tmp_path / "clips")) == ["a_0002.mp4", "b_0001.mp4"]


def shares(labels, other=None):
    """Probabilities that prefer the labels, and then `other`."""
    found = np.full((len(labels), 4), 0.1)
    found[np.arange(len(labels)), labels] = 0.6
    if other is not None:
        found[:, other] += 0.05
    return found


@pytest.mark.parametrize(
    ("labels", "other", "expected", "dropped"),
    [
        ([0, 0, 0, 1, 0, 0, 0], None, [0] * 7, 1),  # between two of a kind: one
        ([0, 0, 0, 1, 2, 2, 2], 2, [0, 0, 0, 2, 2, 2, 2], 1),  # to the likelier neighbour
        ([0, 0, 0, 1, 2, 2, 2], 0, [0, 0, 0, 0, 2, 2, 2], 1),
        ([1, 0, 0, 0, 0, 0, 2], None, [0] * 7, 2),  # at the ends
        ([0, 0, 0, 1, 1, 1, 1], None, [0, 0, 0, 1, 1, 1, 1], 0),
        ([1], None, [1], 0),  # nobody to give it to
    ],
)
def test_short_segments_go_to_their_neighbours(labels, other, expected, dropped):
    labels = np.array(labels)
    found = without_short(labels, shares(labels, other), np.arange(len(labels) + 1) * 1.0, 3.0)
    assert (found[0].tolist(), found[1]) == (expected, dropped)


@settings(max_examples=100, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=60), shortest=st.integers(1, 8), seed=st.integers(0, 3))
def test_no_short_segment_is_left_and_long_ones_stay(labels, shortest, seed):
    labels = np.array(labels)
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(4), len(labels))
    found, dropped = without_short(labels, probabilities, np.arange(len(labels) + 1.0), shortest)
    lengths = np.diff(np.flatnonzero(np.diff(found, prepend=-1, append=-1)))
    assert len(lengths) == 1 or lengths.min() >= shortest
    runs = np.flatnonzero(np.diff(labels, prepend=-1, append=-1))
    for start, stop in pairwise(runs):
        if stop - start >= shortest:
            assert (found[start:stop] == labels[start]).all()
    assert (dropped == 0) == np.array_equal(found, labels)


def test_the_least_certain_stretches_are_found_and_do_not_overlap():
    sure, torn = np.array([0.9, 0.06, 0.04]), np.array([0.1, 0.44, 0.46])
    first = np.stack([sure] * 40)
    first[10:14] = torn
    first[14:18] = [0.5, 0.4, 0.1]
    second = np.stack([sure] * 3)
    found = least_certain([first, second], 4, frames=[4, 4])
    assert [(s.recording, s.start, s.stop) for s in found[:2]] == [(0, 10, 14), (0, 14, 18)]
    assert (found[0].best, found[0].second, found[0].margin) == (2, 1, pytest.approx(0.02))
    assert (found[1].best, found[1].second) == (0, 1)
    assert all(a.margin <= b.margin for a, b in pairwise(found))
    places = sorted((s.recording, s.start, s.stop) for s in found)
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(places))
    (whole,) = least_certain([second], 5, frames=[50])
    assert (whole.start, whole.stop) == (0, 3), "a recording that is shorter is one stretch"


def test_with_several_labels_the_one_nearest_to_its_threshold_is_in_doubt():
    probabilities = np.array([[0.99, 0.01, 0.3], [0.99, 0.55, 0.3]])
    np.testing.assert_allclose(margins(probabilities, [0.5, 0.5, 0.6]), [0.5, 0.1])
    (found,) = least_certain([probabilities], 1, frames=[1], thresholds=[0.5, 0.5, 0.6])
    assert (found.start, found.best, found.second) == (1, 1, 2)
