"""Histograms of layers and curves of rates hold what they are given."""

import numpy as np
import pytest

from seqvision.figures import histograms_figure, rates_figure, wrapped


def test_a_panel_a_layer_with_every_value_and_a_shared_range():
    draws = np.random.default_rng(0)
    rows = {
        "small": [(f"layer {depth}", draws.normal(0, 0.1**depth, 500)) for depth in range(3)],
        "right": [("layer 0", draws.normal(size=500)), ("constant", np.zeros(9))],
    }
    figure = histograms_figure(rows)
    shown = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in shown] == ["layer 0", "layer 1", "layer 2", "layer 0", "constant"]
    for axis, values in zip(shown, [values for panels in rows.values() for _, values in panels], strict=True):
        assert sum(bar.get_height() for bar in axis.patches) == len(values)
    shared = histograms_figure(rows, shared=True)
    ranges = [(axis.patches[0].get_x(), axis.patches[-1].get_x()) for axis in shared.axes[:3]]
    assert ranges[0] == pytest.approx(ranges[1])
    assert ranges[0] == pytest.approx(ranges[2])


def test_wrapping_keeps_every_panel():
    panels = [(str(number), np.arange(3.0)) for number in range(14)]
    rows = wrapped(panels, columns=6)
    assert [title for row in rows.values() for title, _ in row] == [title for title, _ in panels]
    assert max(map(len, rows.values())) == 6


def test_the_suggested_rate_and_its_range_are_drawn():
    points = [(1e-4, 2.0), (1e-3, 1.0), (1e-2, 3.0)]
    figure = rates_figure([(points, points)] * 2, rate=5e-4, low=1e-4, high=1e-3, title="x")
    (axis,) = figure.axes
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["run 1", "run 2", "what may do", "suggested: 5.0e-04"]
    assert axis.get_xscale() == "log"
    nothing = rates_figure([(points, points)], rate=None, low=None, high=None, title="unsure")
    assert [text.get_text() for text in nothing.axes[0].get_legend().get_texts()] == ["run 1"]
