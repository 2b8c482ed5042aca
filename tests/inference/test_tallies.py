"""Scores by sums equal those of the metrics, for all items and for any choice of them, repeated ones too."""

import numpy as np
import pytest

from seqvision.inference.sequences import decided
from seqvision.inference.tallies import ClassTally, FrameTally, LabelTally
from seqvision.metrics import classification_scores, frame_scores, multilabel_scores

CLASSES = tuple("abcdef")


def choices(size):
    draws = np.random.default_rng(3)
    return [np.arange(size), *(draws.integers(size, size=size) for _ in range(10))]


def test_classes():
    draws = np.random.default_rng(0)
    p, truth = draws.dirichlet(np.ones(6), 40), draws.integers(0, 5, 40)
    p[3] = 1 / 6  # equals, of which the first is the likeliest
    tally = ClassTally(p, truth, CLASSES, top=(3, 5, 9))
    for places in choices(40):
        expected = classification_scores(p[places], truth[places], classes=CLASSES, top=(3, 5, 9)).corpus
        assert tally(places) == pytest.approx(expected)


@pytest.mark.parametrize("protocol", ["mstcn", "lea"])
@pytest.mark.parametrize("background", [(), ("a", "c")])
def test_labels_of_frames(protocol, background):
    draws = np.random.default_rng(1)
    truth = [np.repeat(draws.integers(-1, 5, 8), draws.integers(1, 9, 8)) for _ in range(9)]
    truth[4] = np.zeros(12, int)  # of background alone
    predictions = [np.where(draws.random(len(y)) < 0.2, draws.integers(0, 6, len(y)), y.clip(0)) for y in truth]
    predictions[4] = np.zeros(12, int)
    how = {"background": background, "protocol": protocol}
    tally = FrameTally(predictions, truth, CLASSES, **how)
    for places in choices(9):
        some = [predictions[place] for place in places], [truth[place] for place in places]
        expected = frame_scores(*some, classes=CLASSES, **how).corpus
        assert tally(places) == pytest.approx(expected, nan_ok=True)


def test_several_labels_a_frame():
    draws = np.random.default_rng(2)
    truth = [draws.integers(-1, 2, (n, 6)) for n in (5, 9, 14, 3)]
    probabilities = [draws.random(y.shape) for y in truth]
    thresholds = [0.3, 0.5, 0.9, 0.0, 1.1, 0.5]
    tally = LabelTally([decided(p, thresholds) for p in probabilities], truth)
    for places in choices(4):
        some = [probabilities[place] for place in places], [truth[place] for place in places]
        expected = multilabel_scores(*some, classes=CLASSES, thresholds=thresholds).corpus
        del expected["mean_average_precision"]
        assert tally(places) == pytest.approx(expected)
