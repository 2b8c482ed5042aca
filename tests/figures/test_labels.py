"""Figures of classes and of labels over time: every frame, class and number where it belongs."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

from seqvision.errors import UserError
from seqvision.figures import class_colours, confusion_figure, figure_svg, reliability_figure, timeline_figure
from seqvision.metrics import reliability

CLASSES = ("background", "cut", "stir")


def names_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def bars(axis):
    """(from, up to, middle) by colour of every piece of a timeline."""
    found = {}
    for collection in axis.collections:
        boxes = [path.get_extents() for path in collection.get_paths()]
        colour = to_hex(collection.get_facecolor()[0])
        found.setdefault(colour, []).extend((box.x0, box.x1, round((box.y0 + box.y1) / 2)) for box in boxes)
    return found


def test_a_timeline_shows_every_segment_where_it_is():
    truth, predicted = np.array([0, 1, 1, -1, 2, 2, 1, 1]), np.array([0, 1, 1, 1, 2, 2, 2, 1])
    figure = timeline_figure({"truth": truth, "prediction": predicted}, CLASSES, frames_per_second=2.0)
    (axis,) = figure.axes
    grey, cut, stir = class_colours(CLASSES)
    found = bars(axis)
    assert found[grey] == [(0, 0.5, 0), (0, 0.5, -1)]
    assert found[cut] == [(0.5, 1.5, 0), (3, 4, 0), (0.5, 2, -1), (3.5, 4, -1)]
    assert found[stir] == [(2, 3, 0), (2, 3.5, -1)]
    assert found["#ffffff"] == [(1.5, 2, 0)]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["truth", "prediction"]
    assert axis.get_xlim() == (0, 4)
    assert names_of(figure) == [*CLASSES, "not labelled"]


def test_a_legend_names_what_occurs_only():
    figure = timeline_figure({"truth": np.array([2, 2])}, CLASSES, confidence=np.array([0.5, 1.0]))
    assert names_of(figure) == ["stir"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["", "frame"]
    assert figure.axes[1].get_ylabel() == "confidence"


def test_long_videos_have_minutes():
    axis = timeline_figure({"truth": np.ones(900, int)}, CLASSES, frames_per_second=1.0).axes[0]
    assert [axis.xaxis.get_major_formatter()(second) for second in axis.get_xticks()[:3]] == ["0:00", "2:00", "4:00"]


def test_rows_of_different_lengths_are_refused():
    with pytest.raises(UserError, match="truth: 2, prediction: 3, confidence: 2"):
        timeline_figure({"truth": np.ones(2, int), "prediction": np.ones(3, int)}, CLASSES, confidence=np.ones(2))
    with pytest.raises(UserError, match="no rows"):
        timeline_figure({}, CLASSES)


@pytest.mark.parametrize("number", [2, 5, 12, 51])
def test_every_class_has_its_own_colour(number):
    colours = class_colours([*CLASSES[:1], *(f"word {place}" for place in range(number))])
    assert len(set(colours)) == number + 1


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_few_classes_are_told_apart_at_a_glance(number):
    colours = [np.array(to_rgb(colour)) for colour in class_colours([f"word {place}" for place in range(number)])]
    nearest = min(np.linalg.norm(one - other) for one, other in combinations(colours, 2))
    assert nearest > 0.3


@pytest.mark.parametrize("size", [2, 5, 51])
def test_a_confusion_matrix_shows_shares_of_the_true_class(size):
    table = np.full((size, size), 1) + 8 * np.eye(size, dtype=int)
    table[-1] = 0
    figure = confusion_figure(table, [f"word {place}" for place in range(size)])
    axis, image = figure.axes[0], figure.axes[0].get_images()[0]
    assert image.get_array()[0, 0] == pytest.approx(900 / (8 + size))
    assert image.get_array().mask[-1].all()  # a class that does not occur has no shares
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels[0] == f"word 0  ({8 + size})"
    assert len(axis.texts) == (size * (size - 1) if size < 20 else 0)
    assert "word 0" in figure_svg(figure)  # everything can be laid out


def test_a_number_that_rounds_to_nothing_is_not_called_nothing():
    axis = confusion_figure(np.array([[999, 1], [0, 10]]), ["a", "b"]).axes[0]
    assert [text.get_text() for text in axis.texts] == ["100", "<1", "100"]
    with pytest.raises(UserError, match=r"shape \(2, 2\) for 3 classes"):
        confusion_figure(np.eye(2), CLASSES)


def test_a_reliability_diagram_has_the_bins_that_are_filled():
    found = reliability(np.array([0.95, 0.9, 0.2, 0.15]), np.array([1, 0, 1, 1]), bins=5)
    figure = reliability_figure(found, title="test")
    accuracy, gap, number = (container.patches for axis in figure.axes for container in axis.containers)
    assert [bar.get_x() for bar in accuracy] == pytest.approx([0, 0.8])
    assert [bar.get_height() for bar in accuracy] == [1, 0.5]
    assert [bar.get_y() for bar in gap] == pytest.approx([0.175, 0.5])
    assert [bar.get_height() for bar in gap] == pytest.approx([0.825, 0.425])
    assert [bar.get_height() for bar in number] == [50, 50]
    assert figure.axes[0].get_title(loc="left") == "test: calibration error 62.5 %"
