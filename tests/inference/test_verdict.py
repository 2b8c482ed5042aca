"""Where a model does not beat a baseline, or gives nearly everything one class, that is said."""

import numpy as np
import pytest

from seqvision.inference.evaluation_data import evaluation_data
from seqvision.inference.verdict import beside, one_class_message, unbeaten, verdict


def record(scores, controls, pattern="classification"):
    return evaluation_data(
        pattern=pattern, split="test", sizes={"sequences": 50}, scores=scores, intervals={}, controls=controls
    )


@pytest.mark.parametrize(
    ("pattern", "scores", "controls", "expected"),
    [
        ("classification", {"accuracy": 58.2}, {"majority": 50.0, "without_recurrence": 70.2}, {"without_recurrence"}),
        ("classification", {"accuracy": 50.0}, {"majority": 50.0}, {"majority"}),  # a tie beats nothing
        ("classification", {"accuracy": 71.0}, {"majority": 50.0, "without_recurrence": 70.2}, set()),
        ("classification", {"accuracy": 60.0}, {"shuffled": 65.0}, set()),  # the model's own answers
        ("captioning", {"cider_d": 0.3}, {"nearest_neighbour": 0.4, "references": 9.0}, {"nearest_neighbour"}),
        (
            "captioning",
            {"cider_d": 0.3},
            {"shuffled": 0.3, "most_frequent": 0.1},
            {"shuffled"},
        ),  # of no image in particular
        ("painting", {"nats": 90.0}, {"mean_picture": 206.0}, set()),  # less is better
        ("painting", {"nats": 220.0}, {"mean_picture": 206.0}, {"mean_picture"}),
        ("of_a_user", {"accuracy": 0.0}, {"majority": 50.0}, set()),  # nobody says by what it is judged
    ],
)
def test_baselines_that_are_not_beaten_are_found(pattern, scores, controls, expected):
    (name,) = scores
    found = unbeaten(record(scores, {control: {name: value} for control, value in controls.items()}, pattern))
    assert set(found) == expected


def test_a_labeller_has_to_be_better_frame_by_frame_and_on_the_whole():
    baseline = {"accuracy": 50.0, "edit": 40.0, "f1@25": 40.0}
    for scores, beaten in (((51.0, 39.0, 41.0), True), ((49.0, 60.0, 60.0), False), ((51.0, 30.0, 40.0), False)):
        own = dict(zip(baseline, scores, strict=True))
        assert (unbeaten(record(own, {"window": baseline}, "labelling")) == {}) is beaten


def test_the_sentence_has_both_scores_and_the_line_every_baseline():
    found = record({"accuracy": 58.2}, {"majority": {"accuracy": 50.0}, "without_recurrence": {"accuracy": 70.2}})
    assert verdict(found) == (
        "The model does not beat a baseline on test: accuracy 58.20, where logistic regression without recurrence has "
        "70.20."
    )
    assert beside(found) == (
        "accuracy on test: 58.20 (baselines: the most frequent class 50.00, logistic regression without recurrence "
        "70.20)"
    )
    assert verdict(record({"accuracy": 80.0}, {"majority": {"accuracy": 50.0}})) is None


@pytest.mark.parametrize(
    ("predicted", "truth", "said"),
    [
        ([1] * 19 + [0], [0, 1] * 10, "95% of the frames the class 'b', which 50% of them have"),
        ([1] * 19 + [0], [1] * 19 + [0], None),  # so it is
        ([1] * 8, [0, 1] * 4, None),  # too few to tell
        ([0, 1] * 10, [0, 1] * 10, None),
    ],
)
def test_one_class_for_nearly_everything_is_said(predicted, truth, said):
    message = one_class_message(np.array(predicted), np.array(truth), ("a", "b"), unit="frame")
    assert message is None if said is None else said in message
