"""Figures and pages say what they are given, and pages need nothing from outside."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from seqvision.figures import (
    Page,
    attention_figure,
    covered_share,
    curves_figure,
    data_uri,
    figure_svg,
    sheet_picture,
    spotlight,
    table,
)


def test_the_spotlight_is_clear_where_the_weight_is():
    weights = np.array([[0.5, 0.25], [0.25, 0.0]])
    opacity = np.asarray(spotlight(weights).getchannel("A"), float)
    assert opacity[0, 0] == 0
    assert opacity[1, 1] == opacity.max() > 150
    assert opacity[0, 1] == pytest.approx(opacity[1, 1] / 2, abs=1)
    assert np.asarray(spotlight(np.zeros((2, 3)))).shape == (2, 3, 2)


@pytest.mark.parametrize(
    ("fit", "wide", "high"),
    [("pad", (1, 1), (1, 1)), ("crop", (0.5, 0.5), (0.5, 0.5)), ("stretch", (1, 0.5), (0.5, 1))],
)
def test_the_models_view_lies_where_the_transform_put_it(fit, wide, high):
    assert covered_share(200, 100, fit) == wide
    assert covered_share(100, 200, fit) == high


def test_an_attention_figure_has_a_panel_a_word():
    figure = attention_figure(Image.new("RGB", (32, 32)), ["a", " red", " cat"], np.ones((3, 4, 4)), columns=2)
    assert [axis.get_title() for axis in figure.axes] == ["", "a", "red", "cat"]


def test_curves_keep_their_points_and_names():
    points = [(float(x), 2.0) for x in range(100)]
    figure = curves_figure({"loss": {"train": points, "val": [(0.0, 1.0)]}, "rate": {"rate": points}})
    lines = figure.axes[0].get_lines()
    assert list(lines[0].get_ydata()) == [2.0] * 100
    assert list(lines[1].get_ydata()) == pytest.approx([2.0] * 100)  # its running mean
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["train", "val"]
    svg = figure_svg(figure)
    assert svg.startswith("<svg")
    assert "loss" in svg


def test_a_page_escapes_what_it_is_given_and_fetches_nothing():
    file = io.StringIO()
    with Page(file, "<b>title</b>", "lead & more") as page:
        page.heading("a < b", "note <i>")
        page.add(table(["", "x"], [["<script>", "1"]], strong=0))
    text = file.getvalue()
    assert "&lt;b&gt;title" in text
    assert "<script>1" not in text
    assert "&lt;script&gt;" in text
    assert "http" not in text
    assert text.rstrip().endswith("</html>")


@pytest.mark.parametrize(("mode", "size", "kind"), [("RGB", 64, "png"), ("RGB", 300, "jpeg"), ("RGBA", 300, "png")])
def test_an_address_holds_its_picture(mode, size, kind):
    uri = data_uri(Image.new(mode, (size, size)))
    head, _, content = uri.partition(",")
    assert head == f"data:image/{kind};base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (size, size)


def test_a_sheet_has_room_for_every_picture():
    pictures = [Image.new("RGB", (10 * n, 20), "red") for n in range(1, 8)]
    sheet = sheet_picture(pictures, ["a caption " * 20] * 7, columns=3)
    assert sheet.height > 3 * 168
    red = np.asarray(sheet)[..., 1] < 5
    assert red.any(axis=1).sum() > 3 * 60
