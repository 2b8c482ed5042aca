"""Moving scenes say the truth, need time to be told apart, and go the way of real videos."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from seqvision.data.motion import EVENTS, SPLITS, draw_clip, make_clip, write_motion
from seqvision.data.sequences.formats.motion import read_motion
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.errors import UserError


def happened(before, after) -> str:
    """What two poses in a row say, by a rule of its own."""
    turned = (after.tilt - before.tilt + 180) % 360 - 180
    if abs(turned) > 1e-6:
        return "turns_right" if turned > 0 else "turns_left"
    if after.radius != before.radius:
        return "grows" if after.radius > before.radius else "shrinks"
    if after.x != before.x:
        return "right" if after.x > before.x else "left"
    if after.y != before.y:
        return "down" if after.y > before.y else "up"
    return "still"


def test_labels_are_what_has_happened_since_the_frame_before():
    for index in range(50):
        clip = make_clip(0, index)
        assert len(clip.poses) == len(clip.labels) == 64
        assert clip.labels[0] == "still"
        for number in range(1, 64):
            assert happened(clip.poses[number - 1], clip.poses[number]) == clip.labels[number]


def test_the_picture_shows_what_the_labels_say():
    for index in range(5):
        clip = make_clip(1, index)
        frames = draw_clip(clip, 32)
        assert frames.shape == (64, 32, 32, 3)
        changed = (frames[1:] != frames[:-1]).any(axis=(1, 2, 3))
        assert changed.tolist() == [label != "still" for label in clip.labels[1:]]


def test_every_event_is_common_and_clips_hold_several():
    clips = [make_clip(0, index) for index in range(100)]
    counts = Counter(label for clip in clips for label in clip.labels)
    assert set(counts) == set(EVENTS)
    assert min(counts.values()) > 0.06 * 6400
    events = [1 + sum(a != b for a, b in zip(c.labels[:-1], c.labels[1:], strict=True)) for c in clips]
    assert 5 < np.mean(events) < 10


def test_a_single_frame_does_not_give_it_away():
    def states(split, count):
        clips = [make_clip(0, index, split) for index in range(count)]
        poses = [[p.x / 0.56, p.y / 0.56, p.radius / 0.12] for clip in clips for p in clip.poses]
        return np.array(poses), np.array([EVENTS.index(label) for clip in clips for label in clip.labels])

    # the 25 nearest of all states, known exactly, know little more than which event is the commonest
    known, their = states("train", 100)
    asked, true = states("test", 20)
    distance = ((asked[:, None] - known[None]) ** 2).sum(2)
    votes = their[np.argpartition(distance, 25, axis=1)[:, :25]]
    said = np.array([np.bincount(row).argmax() for row in votes])
    assert (said == true).mean() < 0.35


def test_the_same_arguments_give_the_same_clip():
    assert make_clip(3, 5, "val") == make_clip(3, 5, "val")
    assert len({make_clip(seed, 5, split) for seed in (0, 1) for split in SPLITS}) == 6
    np.testing.assert_array_equal(draw_clip(make_clip(3, 5)), draw_clip(make_clip(3, 5)))


def test_they_are_read_as_real_videos_are_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    counts = {"train": 4, "val": 2, "test": 2}
    data = read_motion(tmp_path / "motion", counts=counts, frames=20, progress=False)
    assert data.classes == EVENTS
    assert [record.split for record in data.records] == ["test"] * 2 + ["train"] * 4 + ["val"] * 2
    clip = make_clip(0, 0, "train", frames=20)
    first = next(record for record in data.records if record.id == "clips/train_0000.npz")
    assert [EVENTS[place] for place in first.labels] == list(clip.labels)
    reader = VideoReader()
    np.testing.assert_array_equal(reader.read(first.source).permute(0, 2, 3, 1).numpy(), draw_clip(clip))
    assert reader.rate(first.source) == 25


def test_what_is_there_already_stays(tmp_path):
    folder = write_motion(tmp_path / "motion", counts={"train": 2}, frames=8, progress=False)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_motion(folder, counts={"train": 2}, frames=8, progress=False)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(UserError, match=r"holds moving scenes made with frames 8; expected frames 9"):
        write_motion(folder, counts={"train": 2}, frames=9, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "note.txt").touch()
    with pytest.raises(UserError, match=r"other: not empty and no folder of moving scenes \(no motion.json\)"):
        write_motion(tmp_path / "other", counts={"train": 2}, progress=False)
    with pytest.raises(UserError, match=r"counts: splits are train, val, test; found combinations"):
        write_motion(tmp_path / "third", counts={"combinations": 2})
    with pytest.raises(UserError, match=r"no split 'combinations'; expected one of train, val, test"):
        make_clip(0, 0, "combinations")


def test_making_them_needs_no_torch():
    program = "import seqvision.data.motion, sys; assert not {'torch', 'av'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
