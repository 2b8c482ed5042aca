"""From segments to frames and back: a frame belongs to what its middle lies in, and nothing is decided in silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.data.annotations import Segment, frames_to_segments, in_seconds, segments_to_frames
from seqvision.errors import UserError

CLASSES = ("rest", "walk")


def test_a_frame_belongs_to_what_its_middle_lies_in():
    segments = [Segment(0.2, 0.6, "walk"), Segment(0.64, 0.8, "rest")]
    labels = segments_to_frames(segments, 25, 25, CLASSES)
    assert labels.tolist() == [-1] * 5 + [1] * 10 + [-1] + [0] * 4 + [-1] * 5


def test_times_that_a_computer_cannot_write_exactly_fall_on_the_right_frame():
    for rate in (24, 25, 29.97, 30, 60):
        for frame in range(200):
            labels = segments_to_frames([Segment(frame / rate, (frame + 3) / rate, "walk")], 300, rate, CLASSES)
            assert np.flatnonzero(labels >= 0).tolist() == [frame, frame + 1, frame + 2]


def test_frames_are_counted_with_a_rate_of_one():
    assert segments_to_frames([Segment(2, 5, "walk")], 6, 1, CLASSES).tolist() == [-1, -1, 1, 1, 1, -1]
    assert in_seconds([Segment(50, 75, "walk")], 25) == [Segment(2, 3, "walk")]


def test_a_moment_and_what_is_shorter_than_a_frame_get_one_frame():
    assert segments_to_frames([Segment(0.5, 0.5, "walk")], 5, 5, CLASSES).tolist() == [-1, -1, 1, -1, -1]
    assert segments_to_frames([Segment(0.52, 0.54, "walk")], 5, 5, CLASSES).tolist() == [-1, -1, 1, -1, -1]
    assert segments_to_frames([Segment(0.1, 0.1, "walk")], 1, 5, CLASSES).tolist() == [1]


def test_background_is_a_class_only_where_the_user_says_so():
    segments = [Segment(0, 2, "walk")]
    assert segments_to_frames(segments, 4, 1, CLASSES).tolist() == [1, 1, -1, -1]
    assert segments_to_frames(segments, 4, 1, CLASSES, background="rest").tolist() == [1, 1, 0, 0]


def test_several_labels_a_frame():
    segments = [Segment(0, 3, "walk"), Segment(2, 4, "rest")]
    labels = segments_to_frames(segments, 5, 1, CLASSES, multilabel=True)
    assert labels.tolist() == [[0, 1], [0, 1], [1, 1], [1, 0], [-1, -1]]
    known = segments_to_frames(segments, 5, 1, CLASSES, multilabel=True, background="nothing")
    assert known[4].tolist() == [0, 0]


def test_overlapping_segments_are_an_error_that_names_both():
    segments = [Segment(0, 3, "walk", where="a.csv row 2"), Segment(2, 4, "rest", where="a.csv row 3")]
    with pytest.raises(
        UserError,
        match=r"a.csv: two labels for frame 2: 'walk' 0 to 3 \(a.csv row 2\) and 'rest' 2 to 4 \(a.csv row 3\) overlap"
        r". Correct one of them, choose a track with data.track=NAME, or allow several labels a frame with "
        r"data.multilabel=true.",
    ):
        segments_to_frames(segments, 5, 1, CLASSES, where="a.csv")
    same = [Segment(0, 3, "walk"), Segment(2, 4, "walk")]
    assert segments_to_frames(same, 5, 1, CLASSES).tolist() == [1, 1, 1, 1, -1]


def test_segments_that_overlap_by_less_than_a_frame_can_see_do_not_clash():
    segments = [Segment(0, 1.001, "walk"), Segment(1.0, 2, "rest")]
    assert segments_to_frames(segments, 50, 25, CLASSES).tolist() == [1] * 25 + [0] * 25


def test_labels_longer_than_the_video_are_an_error_with_both_lengths():
    segments = [Segment(0, 12.5, "walk", where="a.csv row 2")]
    with pytest.raises(
        UserError,
        match=r"a.csv row 2: 'walk' ends at 12.5 s, a.mp4 has 250 frames \(10 s\): the labels are longer than the video"
        r".*data.align=truncate; check the unit \(data.unit=seconds or frames\).",
    ):
        segments_to_frames(segments, 250, 25, CLASSES, video="a.mp4")
    assert (segments_to_frames(segments, 250, 25, CLASSES, align="truncate") == 1).all()
    # rounding by up to a frame is none
    assert (segments_to_frames([Segment(0, 10.03, "walk")], 250, 25, CLASSES) == 1).all()


def test_what_cannot_be_is_named():
    with pytest.raises(UserError, match=r"a.csv row 2: 'walk' goes from 3 to 2, expected"):
        segments_to_frames([Segment(3, 2, "walk", where="a.csv row 2")], 5, 1, CLASSES)
    with pytest.raises(UserError, match=r"label 'run' is none of the classes \(rest, walk\)"):
        segments_to_frames([Segment(1, 2, "run")], 5, 1, CLASSES)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-1, 1), min_size=1, max_size=60), st.sampled_from([1.0, 23.976, 25.0, 60.0]))
def test_labels_to_segments_and_back_change_nothing(labels, rate):
    segments = frames_to_segments(np.array(labels), rate, CLASSES)
    assert segments_to_frames(segments, len(labels), rate, CLASSES).tolist() == labels


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_several_labels_to_segments_and_back_change_nothing(labels):
    segments = frames_to_segments(np.array(labels), 25.0, CLASSES)
    back = segments_to_frames(segments, len(labels), 25.0, CLASSES, multilabel=True, background="nothing")
    assert back.tolist() == [list(row) for row in labels]


def test_classes_can_be_left_out_of_segments():
    assert frames_to_segments(np.array([0, 1, 1, 0]), 1, CLASSES, skip=["rest"]) == [Segment(1, 3, "walk")]
