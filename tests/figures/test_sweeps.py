"""Figures of many trainings: every variant, every trial, and what a search is expected to find."""

import math
from itertools import permutations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from seqvision.figures import expected_best, found_figure, parallel_figure, search_figure, variants_figure
from seqvision.figures.variants import together
from seqvision.sweeps import Sweep, Trial


def trial(name, seed, values, score, curve=(), state="finished"):
    curves = {"train/loss": [(float(step), float(y)) for step, y in enumerate(curve)]}
    return Trial(name, (), seed, Path("x") / f"{name}{seed}", values=values, score=score, state=state, curves=curves)


def sweep(trials, **more):
    return Sweep("n", "variants", "seqvision train", [], "val/accuracy", "max", trials, **more)


def test_a_line_a_variant_with_a_band_where_there_are_seeds():
    trials = [
        trial("one", 0, {}, 1.0, [3, 2, 1]),
        trial("one", 1, {}, 1.0, [5, 4, 3]),
        trial("two", 0, {}, None, [3, 9, math.nan], state="diverged"),
        trial("none", 0, {}, None, state="failed"),
    ]
    (axis,) = variants_figure(sweep(trials, log=["y"])).axes
    one, two, cross, none = axis.lines
    assert one.get_xydata().tolist() == [[1, 4], [2, 3], [3, 2]]
    assert two.get_xydata().tolist() == [[1, 3], [2, 9]], "what is no number is not drawn"
    assert cross.get_xydata().tolist() == [[2, 9]]
    assert len(none.get_xdata()) == 0
    assert len(axis.collections) == 1
    assert [line.get_label() for line in (one, two)] == ["one", "two (diverged)"]
    assert axis.get_yscale() == "log"


@pytest.mark.parametrize("name", ["a", "finetune more", "K-FAC over Adam, ten times the rate"])
def test_the_legend_is_within_the_figure(name):
    figure = variants_figure(sweep([trial(f"{name} {number}", 0, {}, 1.0, [3, 2, 1]) for number in range(5)]))
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    extent, whole = legend.get_window_extent(), figure.bbox
    assert extent.x0 >= 0
    assert extent.x1 <= whole.x1
    assert extent.y0 >= 0


def test_seeds_are_averaged_where_all_of_them_have_been():
    places, values = together([[(0.0, 0.0), (2.0, 2.0)], [(1.0, 5.0), (3.0, 5.0)]])
    assert places.tolist() == [1.0, 2.0]
    assert values.tolist() == [[1.0, 2.0], [5.0, 5.0]]


SPACE = {"lr": {"low": 1e-4, "high": 1e-1, "scale": "log"}, "rnn": ["elman", "lstm"]}


@pytest.fixture
def search():
    trials = [
        trial("000", 0, {"lr": 1e-3, "rnn": "elman"}, 50.0),
        trial("001", 0, {"lr": 1e-2, "rnn": "lstm"}, 70.0),
        trial("002", 0, {"lr": 1e-1, "rnn": "lstm"}, None, state="diverged"),
    ]
    return sweep(trials, space=SPACE)


def test_every_trial_stands_beside_its_score_on_the_searched_scale(search):
    rates, cells, found = search_figure(search).axes
    assert rates.get_xscale() == "log"
    points = [tuple(line.get_xydata()[0]) for line in rates.lines]
    assert points == [(1e-3, 50.0), (1e-2, 70.0), (1e-2, 70.0), (1e-1, 50.0)], "the best twice: it is ringed"
    assert [label.get_text() for label in cells.get_xticklabels()] == ["elman", "lstm"]
    assert list(found.lines[0].get_ydata()) == [50.0, 70.0, 70.0]


def test_a_line_goes_through_a_trials_values_to_its_score(search):
    (axis,) = parallel_figure(search).axes
    lines = sorted(list(line.get_ydata()) for line in axis.lines if len(line.get_xdata()) > 1 and line.get_ls() != "")
    trials = [line for line in lines if len(line) == 3 or line == pytest.approx([1.0, 0.75])]
    assert pytest.approx([1 / 3, 0.25, 0.0]) in trials
    assert pytest.approx([2 / 3, 0.75, 1.0]) in trials
    assert pytest.approx([1.0, 0.75]) in trials, "one without a score ends before it"


def test_what_so_many_trials_find_is_the_mean_over_all_orders():
    scores = [3.0, None, 7.0, 1.0]
    orders = list(permutations([3.0, 1.0, 7.0, 1.0]))
    for mode, choose in (("max", max), ("min", min)):
        worst = 1.0 if mode == "max" else 7.0
        orders = list(permutations([worst if score is None else score for score in scores]))
        expected = [sum(choose(order[:drawn]) for order in orders) / len(orders) for drawn in range(1, 5)]
        assert expected_best([({}, score) for score in scores], mode) == pytest.approx(expected)


def test_searches_are_named(search):
    (axis,) = found_figure({"random": search, "grid": search}).axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["random", "grid"]
