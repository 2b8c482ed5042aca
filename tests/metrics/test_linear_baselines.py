"""Logistic regressions as controls: what they can see, and that they choose on validation examples only."""

import numpy as np
import pytest

from seqvision.errors import UserError
from seqvision.metrics.linear_baselines import FrameLogisticRegression, WordLogisticRegression

TEXTS = [f"{mood} film number {n}" for n in range(30) for mood in ("not good", "good", "not bad", "bad")]
LABELS = ["bad", "good", "good", "bad"] * 30


@pytest.mark.parametrize("weighting", ["presence", "counts", "tfidf"])
def test_word_pairs_see_what_words_cannot(weighting):
    pairs = WordLogisticRegression(weighting=weighting).fit(TEXTS[:80], LABELS[:80], TEXTS[80:], LABELS[80:])
    assert pairs.predict(["a not bad film", "a not good film"]) == ["good", "bad"]
    words = WordLogisticRegression(weighting=weighting, pairs=False).fit(
        TEXTS[:80], LABELS[:80], TEXTS[80:], LABELS[80:]
    )
    assert max(words.accuracies.values()) <= 0.8 < max(pairs.accuracies.values())


def test_the_strength_is_the_best_on_the_validation_examples():
    model = WordLogisticRegression(strengths=(10.0, 1e-6, 1.0)).fit(TEXTS[:80], LABELS[:80], TEXTS[80:], LABELS[80:])
    best = max(model.accuracies.values())
    assert model.strength == min(strength for strength, accuracy in model.accuracies.items() if accuracy == best)
    probabilities = model.probabilities(TEXTS[:3])
    assert np.allclose(probabilities.sum(1), 1)
    assert [model.classes[place] for place in probabilities.argmax(1)] == model.predict(TEXTS[:3])


def test_frames_side_by_side_or_by_their_statistics():
    draw = np.random.default_rng(0)
    frames = [draw.normal(label, 1, size=(12, 3)) for label in [0, 2] * 40]
    labels = ["low", "high"] * 40
    for summary in ("flat", "statistics"):
        model = FrameLogisticRegression(summary).fit(frames[:60], labels[:60], frames[60:], labels[60:])
        assert model.accuracies[model.strength] > 0.9
    longer = [np.concatenate([each, each]) for each in frames[:4]]
    assert model.predict(longer) == labels[:4]


def test_statistics_do_not_see_the_order():
    draw = np.random.default_rng(0)
    frames = [np.linspace(0, 1, 9)[:: 1 - 2 * (n % 2), None] + draw.normal(0, 0.01, (9, 1)) for n in range(80)]
    labels = ["up", "down"] * 40
    flat = FrameLogisticRegression("flat").fit(frames[:60], labels[:60], frames[60:], labels[60:])
    loose = FrameLogisticRegression("statistics").fit(frames[:60], labels[:60], frames[60:], labels[60:])
    assert max(flat.accuracies.values()) == 1
    assert max(loose.accuracies.values()) < 0.8


def test_what_is_wrong_is_said():
    with pytest.raises(UserError, match="weighting is 'bm25', expected presence, counts or tfidf"):
        WordLogisticRegression(weighting="bm25")
    with pytest.raises(UserError, match="80 training and 0 validation examples"):
        WordLogisticRegression().fit(TEXTS[:80], LABELS[:80], [], [])
    with pytest.raises(UserError, match=r"sequences of 3 to 6 numbers cannot lie side by side.*summary='statistics'"):
        FrameLogisticRegression("flat").fit([np.zeros((1, 3)), np.zeros((2, 3))], ["a", "b"], [np.zeros((1, 3))], ["a"])
    with pytest.raises(UserError, match="summary is 'mean', expected flat or statistics"):
        FrameLogisticRegression("mean")
    with pytest.raises(RuntimeError, match="learnt nothing yet"):
        FrameLogisticRegression().predict([])
