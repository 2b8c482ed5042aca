"""Frames and labels that differ in number are never cut or stretched in silence."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvision.data.sequences.align import align_labels, resample_labels
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError


def record(name: str, labels: int, span: tuple[int, int] | None = None) -> SequenceRecord:
    return SequenceRecord(name, Path(f"clips/{name}.mp4"), labels=np.arange(labels), span=span)


def test_equal_lengths_and_sequences_without_frame_labels_pass():
    records = [record("a", 3), SequenceRecord("b", "words", label="good")]
    assert align_labels(records, [3, 8]) == (records, [])


def test_a_difference_is_refused_with_both_files_and_both_lengths():
    with pytest.raises(UserError) as error:
        align_labels([record("a", 75), record("b", 9), record("c", 9)], [74, 9, 8], label_files={"a": "a.txt"})
    assert str(error.value) == (
        "clips/a.mp4 holds 74 frames, a.txt 75 labels: there must be as many labels as frames. 1 more like this. "
        "Set data.align=truncate to end both where the shorter one ends (a few frames too many at the end), or "
        "data.align=resample to stretch the labels over the frames (another frame rate)."
    )


def test_truncate_ends_both_where_the_shorter_ends_and_says_so():
    records, (note,) = align_labels([record("a", 75), record("b", 5), record("c", 4)], [74, 7, 4], align="truncate")
    assert [r.span for r in records] == [None, (0, 5), None]
    assert [len(r.labels) for r in records] == [74, 5, 4]
    assert note == (
        "data.align=truncate: in 2 of 3 sequences frames and labels differed in number, by 2 at most, both cut to the "
        "shorter: clips/a.mp4 holds 74 frames, the labels of a 75 labels; clips/b.mp4 holds 7 frames, the labels of b "
        "5 labels"
    )


def test_truncate_moves_the_end_of_a_span():
    (cut,), _ = align_labels([record("a", 5, span=(10, 16))], [6], align="truncate")
    assert cut.span == (10, 15)


def test_resample_stretches_the_labels():
    (stretched,), (note,) = align_labels([record("a", 3)], [6], align="resample")
    assert stretched.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert "1 of 1 sequence frames" in note
    assert "stretched over the frames" in note


def test_labels_of_several_classes_are_stretched_in_time():
    assert resample_labels(np.array([[0, 1], [1, 0]]), 3).tolist() == [[0, 1], [1, 0], [1, 0]]


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=30), st.integers(1, 60))
def test_stretched_labels_keep_order_and_invent_none(labels, frames):
    stretched = resample_labels(np.arange(len(labels)), frames)
    assert len(stretched) == frames
    assert (np.diff(stretched) >= 0).all()
    assert set(stretched) <= set(range(len(labels)))
    assert frames < len(labels) or set(stretched) == set(range(len(labels)))


@pytest.mark.parametrize(
    ("records", "lengths", "align", "message"),
    [
        ([record("a", 3)], [3], "cut", "data.align=cut: expected error, truncate or resample"),
        ([record("a", 3)], [0], "truncate", "a.mp4: no frames in it. Copy the file again, or leave it out."),
        ([record("a", 0)], [3], "truncate", "the labels of a: no labels in it for the 3 frames."),
    ],
)
def test_what_cannot_be_aligned_says_so(records, lengths, align, message):
    with pytest.raises(UserError, match=re.escape(message)):
        align_labels(records, lengths, align=align)
