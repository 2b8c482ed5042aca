"""The attention's matrix says which word looked where."""

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.figures.alignment import alignment_figure


def test_words_stand_at_their_rows_and_columns_and_darkness_is_weight():
    weights = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    figure = alignment_figure(["ein", "Hund", "⏎"], ["a", " dog"], weights)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["ein", "Hund", "⏎"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "dog"]
    (image,) = axis.get_images()
    np.testing.assert_allclose(image.get_array(), weights)
    assert image.get_clim() == (0, 1)
    assert image.to_rgba(1.0)[0] < image.to_rgba(0.0)[0]


def test_a_matrix_of_another_size_is_refused():
    with pytest.raises(UserError, match=r"attention of shape \(2, 3\) for 2 words written and 2 words read"):
        alignment_figure(["ein", "Hund"], ["a", "dog"], np.zeros((2, 3)))
