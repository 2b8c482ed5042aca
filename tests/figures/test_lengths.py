"""Histograms of lengths count every one, once."""

import numpy as np

from seqvision.figures.lengths import lengths_figure


def test_every_length_is_counted_in_one_bin():
    lengths = {"true": np.array([1, 1, 2, 7, 300]), "predicted": np.array([], int)}
    (axis,) = lengths_figure(lengths, xlabel="frames").axes
    outlines = [patch for patch in axis.patches if not patch.get_fill()]
    counts = [patch.get_data().values for patch in outlines]
    assert [int(values.sum()) for values in counts] == [5, 0]
    edges = outlines[0].get_data().edges
    assert (edges == edges.round()).all()
    assert len(set(edges.tolist())) == len(edges)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["true (5)", "predicted (0)"]


def test_no_segment_at_all_makes_an_empty_figure():
    assert lengths_figure({"true": np.array([], int)}, xlabel="frames").axes
