"""Figures of variants: where things stand in them is what the numbers say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from seqvision.figures import bars_figure, beside_figure, paths_figure, response_figure, train_and_test_figure
from seqvision.figures.beside import kinds_of
from seqvision.figures.generalisation import parted, smoothed
from seqvision.models import Saddle
from seqvision.sweeps import Sweep, Trial


def trial(name, *, seed=0, score=None, state="finished", curves=None, values=None):
    scores = {"val/accuracy": score} if score is not None else {}
    told = {"state": state, "score": score, "scores": scores, "curves": curves or {}, "values": values or {}}
    return Trial(name, (), seed, Path(f"{name}-{seed}"), **told)


def sweep(*trials, **settings):
    return Sweep("tried", "variants", "", (), "val/accuracy", "max", trials, **{"title": "A title", **settings})


def test_names_are_parted_at_the_last_comma():
    assert parted("batch norm, small, 0.1") == ("batch norm, small", "0.1")
    assert parted("plain") == ("plain", "")


def test_bars_are_means_and_dots_are_seeds():
    figure = bars_figure(
        sweep(
            *(trial("a, 2 a batch", seed=seed, score=score) for seed, score in enumerate((10.0, 30.0))),
            trial("a, 64 a batch", score=90.0),
            trial("b, 2 a batch", state="diverged"),
            trial("b, 64 a batch", score=80.0),
        )
    )
    (axis,) = figure.axes
    assert [bar.get_height() for bar in axis.patches] == [20.0, 90.0, 80.0]
    assert list(axis.lines[0].get_ydata()) == [10.0, 30.0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]
    assert any("1 diverged" in text.get_text() for text in axis.texts)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["2 a batch", "64 a batch"]


def test_below_a_bar_stands_how_long_its_trainings_took():
    trials = [replace(trial("a", seed=seed, score=50.0), seconds=seconds) for seed, seconds in enumerate((10.0, 30.0))]
    (axis,) = bars_figure(sweep(*trials, replace(trial("b", score=60.0), seconds=4.2)), seconds=True).axes
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a\n20 s", "b\n4 s"]


def test_a_response_is_a_line_a_kind_over_its_numbers():
    figure = response_figure(
        sweep(
            trial("plain, 0.1", score=50.0),
            trial("plain, 1", state="diverged"),
            trial("normed, 0.1", score=60.0),
            trial("normed, 1", score=90.0),
        ),
        xlabel="rate",
    )
    (axis,) = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axis.lines}
    assert lines["plain"] == [[0.1, 50.0]]
    assert lines["normed"] == [[0.1, 60.0], [1.0, 90.0]]
    crosses = [line for line in axis.lines if line.get_marker() == "x"]
    assert [1.0] in [list(line.get_xdata()) for line in crosses]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["plain", "diverged", "normed"]


def test_training_is_dashed_and_every_variant_has_its_plot():
    curves = {"train/loss": [(0.0, 2.0), (9.0, 1.0)], "val/loss": [(4.0, 2.5), (9.0, 1.5)]}
    figure = train_and_test_figure(sweep(trial("none", curves=curves), trial("dropout", curves=curves)), top=3)
    first, second = figure.axes[:2]
    assert [axis.get_title(loc="left") for axis in (first, second)] == ["none", "dropout"]
    assert [line.get_linestyle() for line in second.lines] == ["-", "--", "-"], "the first variant's, its own two"
    assert list(second.lines[1].get_ydata()) == [2.0, 1.0]
    assert first.get_ylim() == (0, 3)


def test_where_all_is_above_the_plot_it_says_where_it_ends():
    trials = [
        replace(trial(name, curves={key: [(0.0, value)] for key in keys}), scores=dict.fromkeys(keys, value))
        for keys in [("train/loss", "val/loss")]
        for name, value in (("none", 1.0), ("large", 7.31))
    ]
    seen, lost = train_and_test_figure(sweep(*trials), top=3).axes[:2]
    assert [text.get_text() for text in seen.texts] == []
    assert [text.get_text() for text in lost.texts] == ["ends at 7.3"]


def test_many_points_become_means():
    points = [(float(step), float(step % 2)) for step in range(600)]
    assert len(smoothed(points, 30)) == 30
    assert np.mean([value for _, value in smoothed(points, 30)]) == pytest.approx(0.5)
    assert smoothed(points[:50]) == points[:50]


@pytest.mark.parametrize("beside", ["height", "length"])
def test_paths_are_drawn_from_where_they_begin_to_where_they_end(beside):
    curves = {
        **{"train/x": [(0.0, -1.0), (1.0, -0.5)], "train/y": [(0.0, 0.1), (1.0, 0.4)]},
        **{"val/x": [(1.0, 0.0)], "val/y": [(1.0, 0.9)]},
    }
    figure = paths_figure(sweep(trial("SGD", curves=curves)), surface=Saddle(), beside=beside)
    path = next(line for line in figure.axes[0].lines if line.get_label() == "SGD")
    np.testing.assert_allclose(path.get_xydata(), [[-1, 0.1], [-0.5, 0.4], [0, 0.9]])
    drawn = figure.axes[1].lines[0].get_ydata()
    places = torch.tensor(path.get_xydata())
    expected = Saddle()(places) + 0.25 if beside == "height" else places.diff(dim=0).norm(dim=1)
    np.testing.assert_allclose(drawn, expected, rtol=1e-5)


def test_searches_stand_beside_each_other():
    space = {"lr": {"low": 0.01, "high": 1.0, "scale": "log", "integer": False}, "rnn": {"choices": ["lstm"]}}
    space["decay"] = {"low": 0.0, "high": 1.0, "scale": "linear", "integer": False}
    space = {key: space[key] for key in ("lr", "decay", "rnn")}
    tried = [("grid 000", 0.01), ("grid 001", 0.01), ("random 000", 0.05), ("random 001", 0.5)]
    found = sweep(
        *(
            trial(name, score=score, values={"lr": lr, "decay": 0.5, "rnn": "lstm"})
            for score, (name, lr) in zip((1.0, 2.0, 3.0, 4.0), tried, strict=True)
        ),
        space=space,
    )
    assert {kind: [score for _, score in each] for kind, each in kinds_of(found).items()} == {
        "grid": [1.0, 2.0],
        "random": [3.0, 4.0],
    }
    titles = [axis.get_title(loc="left") for axis in beside_figure(found).axes]
    assert titles[:2] == ["grid: 1 values of lr", "random: 2 values of lr"]
