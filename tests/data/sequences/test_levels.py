"""Features are taken relative to each recording's mean where recordings differ more than labels do."""

from dataclasses import replace

import numpy as np
import pytest

from seqvision.data import FeatureReader
from seqvision.data.sequences.readers.levels import explained_shares, settle_relative
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError


def recordings(*, level=0.0, effect=0.0, number=6, labels=None, seed=0):
    """Recordings of two features with a level of their own, and another one with each label."""
    draws = np.random.default_rng(seed)
    made = []
    for place in range(number):
        own = draws.integers(3, size=50 + place) if labels is None else np.full(50, labels[place])
        frames = draws.normal(size=(len(own), 2)) + level * draws.normal(size=2) + effect * own[:, None]
        made.append(SequenceRecord(f"r{place}", frames.astype(np.float32), None, own, split="train"))
    return made


def fitted(records, relative="auto"):
    return FeatureReader(relative=relative).fitted(record.source for record in records)


@pytest.mark.parametrize(
    ("records", "relative"),
    [
        (recordings(level=3), True),
        (recordings(effect=3), False),
        (recordings(level=1, effect=4), False),
        (recordings(level=3, labels=[0, 0, 1, 1, 2, 2]), False),  # the level may be the label
        (recordings(level=3, number=1), False),
    ],
)
def test_recordings_that_differ_more_than_labels_are_taken_relative_to_their_mean(records, relative):
    reader = settle_relative(fitted(records), records)
    assert reader.relative is relative
    if relative:
        assert "features are taken relative to their mean" in reader.notes[-1]
        assert abs(reader.read(records[0].source).mean()) < 1e-5


def test_what_somebody_chose_is_kept():
    records = recordings(level=3)
    assert settle_relative(fitted(records, relative=False), records).relative is False
    assert settle_relative(fitted(records, relative=True), records[:1]).relative is True
    with pytest.raises(UserError, match="expected true, false or auto"):
        FeatureReader(relative="yes")


def test_frames_with_several_labels_or_none_are_taken_as_they_are():
    several = [
        SequenceRecord(f"r{n}", np.random.default_rng(n).normal(9 * n, 1, (30, 2)).astype(np.float32), None,
                       np.eye(2, dtype=int)[np.arange(30) % 2], split="train")
        for n in range(3)
    ]  # fmt: skip
    assert settle_relative(fitted(several), several).relative is False


def test_recordings_that_share_a_file_are_taken_as_they_are():
    """Means are of files: with several recordings in one they would be of none of them."""
    (whole,) = recordings(level=3, number=1)
    halves = [replace(whole, id=f"{n}", span=(n, n + 25), labels=whole.labels[n:][:25]) for n in (0, 25)]
    found = settle_relative(fitted(halves), [*recordings(level=3), *halves])
    assert found.relative is False
    assert "because several recordings share a file" in found.notes[-1]


def test_shares_are_the_extra_sums_of_squares_of_a_regression():
    records = recordings(level=1, effect=1)
    frames = np.concatenate([record.source for record in records]).astype(np.float64)
    who = np.repeat(np.arange(6), [len(record.labels) for record in records])
    what = np.concatenate([record.labels for record in records])
    what[:20] = -1  # nobody said
    records[0].labels[:20] = -1
    frames, who, what = frames[what >= 0], who[what >= 0], what[what >= 0]

    def left(*factors):
        design = np.concatenate([np.eye(factor.max() + 1)[factor] for factor in factors], axis=1)
        return ((frames - design @ np.linalg.lstsq(design, frames, rcond=None)[0]) ** 2).sum(axis=0)

    total = frames.var(axis=0) * len(frames)
    expected = [((left(what) - left(who, what)) / total).mean(), ((left(who) - left(who, what)) / total).mean()]
    np.testing.assert_allclose(explained_shares(fitted(records, relative=False), records), expected, rtol=1e-6)
