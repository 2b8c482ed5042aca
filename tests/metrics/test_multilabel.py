"""Several labels a frame: by hand, against scikit-learn, and thresholds that no other beats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from seqvision.errors import UserError
from seqvision.metrics import choose_thresholds, multilabel_scores

CLASSES = ("walks", "looks", "sleeps")


@pytest.fixture
def sequences():
    """Probabilities and labels of four sequences, a tenth of the entries unknown; the last label never occurs."""
    rng = np.random.default_rng(0)
    truth = [(rng.random((n, 3)) < [0.5, 0.1, 0.0]).astype(int) for n in (40, 7, 60, 25)]
    probabilities = [1 / (1 + np.exp(2 - 2 * y - rng.normal(size=y.shape))) for y in truth]
    return probabilities, [np.where(rng.random(y.shape) < 0.1, -1, y) for y in truth]


def test_scores_are_those_of_the_library(sequences):
    p, y = sequences
    found = multilabel_scores(p, y, classes=CLASSES, thresholds=[0.4, 0.3, 0.5])
    table, said = np.concatenate(p), np.concatenate(y)
    for place, threshold in enumerate([0.4, 0.3]):
        known = said[:, place] >= 0
        true, predicted = said[known, place], table[known, place] >= threshold
        expected = {
            "precision": sklearn_metrics.precision_score(true, predicted),
            "recall": sklearn_metrics.recall_score(true, predicted),
            "f1": sklearn_metrics.f1_score(true, predicted),
            "average_precision": sklearn_metrics.average_precision_score(true, table[known, place]),
        }
        for name, value in expected.items():
            assert found.per_class[name][place] == pytest.approx(100 * value), name
    for name in ("recall", "f1", "average_precision"):
        assert np.isnan(found.per_class[name][2])
    assert found.per_class["precision"][2] == 0
    assert found.corpus["macro_f1"] == pytest.approx(np.mean(found.per_class["f1"][:2]))
    assert found.corpus["mean_average_precision"] == pytest.approx(np.mean(found.per_class["average_precision"][:2]))


def test_scores_by_hand():
    p = [np.array([[0.9, 0.2], [0.6, 0.7]]), np.array([[0.1, 0.1]])]
    y = [np.array([[1, 1], [0, -1]]), np.array([[0, 0]])]
    found = multilabel_scores(p, y, classes=CLASSES[:2])
    assert found.corpus["micro_f1"] == pytest.approx(200 * 1 / (2 + 2))
    assert found.corpus["accuracy"] == pytest.approx(60)
    assert found.per_item["accuracy"] == pytest.approx([100 / 3, 100])
    assert found.per_item["f1"] == pytest.approx([50, float("nan")], nan_ok=True)
    assert found.per_class["support"] == [1, 1]
    assert found.per_class["average_precision"] == [100, 100]


def test_unknown_entries_count_for_nothing(sequences):
    p, y = sequences
    other = [np.where(said < 0, 1 - part, part) for part, said in zip(p, y, strict=True)]
    assert multilabel_scores(other, y, classes=CLASSES).corpus == multilabel_scores(p, y, classes=CLASSES).corpus
    assert choose_thresholds(other, y).tolist() == choose_thresholds(p, y).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(-1, 1)), min_size=1, max_size=30))
def test_no_other_threshold_has_a_greater_f1(entries):
    p, y = (np.array(column)[:, None] for column in zip(*entries, strict=True))
    p = p / 8
    if not (y >= 0).any():
        return

    def f1(threshold):
        true, said = y[y >= 0] == 1, p[y >= 0] >= threshold
        return 2 * (true & said).sum() / max(1, true.sum() + said.sum())

    (chosen,) = choose_thresholds([p], [y])
    assert f1(chosen) == max(f1(other / 16 + 1e-9) for other in range(-1, 17))
    if not (y == 1).any():
        assert chosen == 0.5


def test_a_threshold_lies_between_what_it_divides():
    p, y = [np.array([[0.9], [0.5], [0.3], [0.1]])], [np.array([[1], [1], [0], [0]])]
    assert choose_thresholds(p, y).tolist() == [0.4]
    close = np.nextafter(0.5, 0)
    assert choose_thresholds([np.array([[0.5], [close]])], [np.array([[1], [0]])]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("p", "y", "message"),
    [
        ([(3, 2)], [(4, 2)], r"Sequence 0: probabilities of shape \(3, 2\) for labels of shape \(4, 2\)"),
        ([(3, 2)], [(3, 2), (1, 2)], "for 1 sequences but labels of 2"),
        ([(3, 3)], [(3, 3)], "3 columns of probabilities for 2 labels with 2 thresholds"),
    ],
)
def test_what_does_not_go_together_is_refused(p, y, message):
    with pytest.raises(UserError, match=message):
        multilabel_scores([np.zeros(s) for s in p], [np.zeros(s, int) for s in y], classes=CLASSES[:2])
    with pytest.raises(UserError, match="nothing to score"):
        choose_thresholds([np.zeros((2, 2))], [np.full((2, 2), -1)])
