"""Scores of classes by hand and against scikit-learn's and torchmetrics'."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional.classification import multiclass_calibration_error

from seqvision.errors import UserError
from seqvision.metrics import classification_scores, reliability

CLASSES = ("cat", "dog", "owl", "eel")


@pytest.fixture
def items():
    """Probabilities and classes of 300 items; the last class never occurs, but is predicted."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    scores = np.exp(2 * np.eye(4)[truth] + rng.normal(size=(300, 4)))
    return scores / scores.sum(axis=1, keepdims=True), truth


def test_scores_are_those_of_the_libraries(items):
    p, y = items
    found, predicted = classification_scores(p, y, classes=CLASSES, top=(2, 3)), p.argmax(axis=1)
    assert found.corpus["accuracy"] == pytest.approx(100 * sklearn_metrics.accuracy_score(y, predicted))
    for k in (2, 3):
        expected = sklearn_metrics.top_k_accuracy_score(y, p, k=k, labels=range(4))
        assert found.corpus[f"top_{k}"] == pytest.approx(100 * expected)
    expected = sklearn_metrics.f1_score(y, predicted, labels=range(3), average="macro")
    assert found.corpus["macro_f1"] == pytest.approx(100 * expected)
    assert found.corpus["cross_entropy"] == pytest.approx(sklearn_metrics.log_loss(y, p, labels=range(4)))
    names = ("precision", "recall", "f1", "support")
    each = sklearn_metrics.precision_recall_fscore_support(y, predicted, labels=range(3))
    for name, values in zip(names, each, strict=True):
        scale = 1 if name == "support" else 100
        assert found.per_class[name][:3] == pytest.approx((scale * values).tolist())
    assert (found.confusion == sklearn_metrics.confusion_matrix(y, predicted, labels=range(4))).all()
    expected = multiclass_calibration_error(torch.tensor(p), torch.tensor(y), num_classes=4, n_bins=15)
    assert found.corpus["calibration_error"] == pytest.approx(100 * float(expected), abs=1e-3)
    assert np.mean(found.per_item["correct"]) == pytest.approx(found.corpus["accuracy"])


def test_a_class_that_does_not_occur_has_no_part_in_the_mean():
    p = np.eye(4)[[0, 3, 1, 1]]
    found = classification_scores(p, [0, 0, 1, 1], classes=CLASSES)
    # the eel has no recall; what was taken for one costs the cat
    assert found.corpus["macro_f1"] == pytest.approx((200 / 3 + 100) / 2)
    assert found.per_class["precision"][3] == 0
    assert np.isnan(found.per_class["recall"]).tolist() == [False, False, True, True]
    assert np.isnan(found.per_class["precision"]).tolist() == [False, False, True, False]


def test_items_without_a_class_are_left_out(items):
    p, y = items
    known = np.arange(300) % 3 > 0
    partly = classification_scores(p, np.where(known, y, -1), classes=CLASSES)
    assert partly.corpus == classification_scores(p[known], y[known], classes=CLASSES).corpus
    assert (np.isnan(partly.per_item["correct"]) == ~known).all()


def test_top_k_takes_equals_in_order():
    found = classification_scores(np.full((4, 4), 0.25), [0, 1, 2, 3], classes=CLASSES, top=(1, 2, 3, 4, 5))
    assert [found.corpus[f"top_{k}"] for k in (1, 2, 3)] == [25, 50, 75]
    assert "top_4" not in found.corpus  # every class is among the first four
    assert found.corpus["accuracy"] == found.corpus["top_1"]


def test_calibration_by_hand():
    found = reliability(np.array([0.0, 0.05, 0.95, 0.96, 1.0]), np.array([1, 0, 1, 0, 1]), bins=2)
    assert found.count.tolist() == [2, 3]
    assert found.confidence == pytest.approx([0.025, 2.91 / 3])
    assert found.accuracy == pytest.approx([1 / 2, 2 / 3])
    assert found.error == pytest.approx(100 * (2 * 0.475 + 3 * (2.91 - 2) / 3) / 5)
    # a bin holds its upper end, and an empty one weighs nothing
    assert reliability(np.array([0.5, 0.500001]), np.ones(2), bins=2).count.tolist() == [1, 1]
    assert reliability(np.array([0.2]), np.array([1]), bins=15).error == pytest.approx(80)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(2, 6))
def test_certain_and_right_has_100(number, classes):
    truth = np.arange(number) % classes
    found = classification_scores(np.eye(classes)[truth], truth, classes=[str(i) for i in range(classes)], top=(1,))
    assert (found.corpus["accuracy"], found.corpus["macro_f1"], found.corpus["top_1"]) == (100, 100, 100)
    assert found.corpus["calibration_error"] == found.corpus["cross_entropy"] == 0


def test_certain_and_wrong_costs_a_number():
    found = classification_scores(np.array([[1.0, 0.0]]), [1], classes=("a", "b"))
    assert math.isfinite(found.corpus["cross_entropy"])
    assert found.corpus["calibration_error"] == 100


@pytest.mark.parametrize(
    ("shape", "truth", "message"),
    [
        ((2, 3), [0, 1], r"shape \(2, 3\) for 2 items and 4 classes"),
        ((2, 4), [0], r"shape \(2, 4\) for 1 items"),
        ((2, 4), [0, 4], "An item has class 4, but there are 4 classes"),
        ((2, 4), [-1, -1], "nothing to score"),
    ],
)
def test_what_does_not_go_together_is_refused(shape, truth, message):
    with pytest.raises(UserError, match=message):
        classification_scores(np.full(shape, 0.25), truth, classes=CLASSES)
