"""A person's first hour with videos of their own: five clips with a table of segments, then labels for a sixth."""

import csv
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="videos are an extra")
from films import write_film  # noqa: E402  # it needs av

RATE = 10
SMALL = [  # a network of seconds; all else as a newcomer has it
    "data.reader.width=24",
    "data.reader.height=24",
    "encoder.channels=[8, 8, 8]",
    "encoder.strides=[2, 2, 2]",
    "front.size=16",
    "rnn.hidden_size=16",
    "data.batch_size=2",
    "trainer.max_epochs=3",
    "trainer.accelerator=cpu",
]


def write_clip(path, seed):
    """A square that rests and walks by turns; its segments as rows of the table."""
    draws = np.random.default_rng(seed)
    frames, rows, x, step = [], [], 12, 2
    for part in range(4):
        begun, walks = len(frames), part % 2 == 1
        for _ in range(draws.integers(6, 10)):
            step = step if 6 < x + step < 42 else -step
            x += step * walks
            picture = np.full((48, 48, 3), 30, np.uint8)
            picture[18:30, x - 5 : x + 5] = 230, 200, 60
            frames.append(picture)
        rows.append([path.name, begun / RATE, len(frames) / RATE, "walk" if walks else "rest"])
    write_film(path, frames, rate=RATE)
    return rows


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_from_five_clips_to_subtitles_of_a_sixth(run, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_clips").mkdir()
    segments = [row for day in range(5) for row in write_clip(tmp_path / "my_clips" / f"day{day}.mp4", day)]
    with open("my_clips/segments.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "start", "end", "label"], *segments])
    truth = write_clip(tmp_path / "sixth.mp4", seed=9)
    seconds = truth[-1][2]

    checked = run("data", "check", "data=videos", "data.path=my_clips")
    assert checked.status == 0, checked.out + checked.err
    assert re.search(r"sequences +5, .*; 2 classes", checked.out)
    assert "ready to train" in checked.out

    trained = run("train", "pattern=labelling", "data=videos", "data.path=my_clips", *SMALL, "hydra.run.dir=runs/mine")
    assert trained.status == 0, trained.err
    assert "few steps: 3 sequences with data.batch_size=2 make 2 steps an epoch" in caplog.text
    assert "3 train, 1 val, 1 test; 2 classes" in trained.out
    assert re.search(r"^  parameters: [\d,]+$", trained.out, re.MULTILINE), "on a line of its own, below the notes"
    assert re.search(r"seqvision label --checkpoint \S*runs/mine", trained.out), "it should say what to do next"

    labelled = run("label", "--checkpoint", "runs/mine", "sixth.mp4", "--output", "labels", "--video")
    assert labelled.status == 0, labelled.err
    assert "sixth.mp4" in labelled.out

    with open("labels/sixth.frames.csv", newline="") as file:
        frames = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in frames] == list(range(round(seconds * RATE)))
    assert {row["label"] for row in frames} <= {"rest", "walk"}

    with open("labels/sixth.segments.csv", newline="") as file:
        found = [(float(row["start"]), float(row["end"]), row["label"]) for row in csv.DictReader(file)]
    assert (found[0][0], found[-1][1]) == (0, pytest.approx(seconds))
    assert all(before[1] == after[0] and before[2] != after[2] for before, after in pairwise(found))
    of_frames = [
        next(label for start, end, label in found if start <= (n + 0.5) / RATE < end) for n in range(len(frames))
    ]
    assert of_frames == [row["label"] for row in frames]

    assert cues("labels/sixth.vtt") == found
    with av.open("labels/sixth.labelled.mp4") as film:
        assert sum(1 for _ in film.decode(video=0)) == len(frames)


def cues(path):
    """(from, up to, text) of a file of WebVTT subtitles, as a player reads it."""
    head, *blocks = Path(path).read_text(encoding="utf-8").strip().split("\n\n")
    assert head.splitlines()[0] == "WEBVTT"
    found = []
    for block in blocks:
        times, text = block.split("\n")
        start, end = (
            sum(float(part) * 60**place for place, part in enumerate(reversed(clock.split(":"))))
            for clock in times.split(" --> ")
        )
        found.append((pytest.approx(start), pytest.approx(end), text))
    return found
