"""Whether a model beats the simple baselines that its evaluation reports, in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqvision.inference.evaluation_data import score_text
from seqvision.metrics.frames import SELECTED_BY

# the scores by which a baseline is beaten, by pattern; of each the first set of which a record has all
DECIDING: dict[str, tuple[tuple[str, ...], ...]] = {
    "captioning": (("cider_d",),),
    "classification": (("accuracy",),),
    "labelling": (SELECTED_BY, ("macro_f1",)),
    "translation": (("bleu",),),
    "reading": (("accuracy",),),
    "painting": (("nats",),),
}
CALLED = {
    "majority": "the most frequent class",
    "without_recurrence": "logistic regression without recurrence",
    "window": "logistic regression on a window of frames",
    "argmax": "the argmax of the scores",
    "moving_average": "the moving average of the scores",
    "score_path": "the likeliest path through the scores",
    "most_frequent": "the most frequent caption",
    "nearest_neighbour": "the nearest neighbor",
    "copied": "the sentence itself",
    "mean_picture": "the mean image",
    "shuffled": "a shuffle of its captions over the images",
}
FEWER = ("nats",)  # of these less is better
# the truth, or answers of the model itself
NO_RIVALS = ("shuffled", "references", "forward", "backward", "one_look", "random_looks")
# captions that fit other images as well say nothing of their own
RIVALS = {"captioning": ("shuffled",)}
SAME = 0.9  # of the predictions: nearly all
FEW = 10  # predictions that say nothing yet


def deciding(record: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the scores by which an evaluation is compared with its baselines; empty for an unknown pattern."""
    return next((some for some in DECIDING.get(record["pattern"], ()) if set(some) <= set(record["scores"])), ())


def _rivals(record: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """The scores of the baselines that a model is to beat, by name."""
    own = RIVALS.get(record["pattern"], ())
    return {name: scores for name, scores in record["controls"].items() if name in own or name not in NO_RIVALS}


def unbeaten(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By name, the baselines of an evaluation that the model does not beat, each with its scores that are deciding.

    A baseline is beaten where the mean of the deciding scores, and the first of them alone, are better than its own.
    """
    scores, names, found = record["scores"], deciding(record), {}
    for baseline, theirs in _rivals(record).items():
        if not names or not set(names) <= set(theirs):
            continue
        better = [scores[name] - theirs[name] if name not in FEWER else theirs[name] - scores[name] for name in names]
        if not (better[0] > 0 and np.mean(better) > 0):
            found[baseline] = {name: theirs[name] for name in names}
    return found


def verdict(record: Mapping[str, Any]) -> str | None:
    """A sentence for the user where the model does not beat a baseline, with the scores of both; else None."""
    found = unbeaten(record)
    if not found:
        return None
    names = next(iter(found.values()))
    own = ", ".join(f"{name} {score_text(name, record['scores'][name])}" for name in names)
    others = "; ".join(
        f"{CALLED.get(baseline, baseline)} has {', '.join(score_text(name, value) for name, value in theirs.items())}"
        for baseline, theirs in found.items()
    )
    what = "a baseline" if len(found) == 1 else f"{len(found)} baselines"
    return f"The model does not beat {what} on {record['split']}: {own}, where {others}."


def beside(record: Mapping[str, Any]) -> str | None:
    """The first deciding score of the model and of every baseline, as one line; None where there is no baseline."""
    name = next(iter(deciding(record)), "")
    theirs = {
        CALLED.get(baseline, baseline): score_text(name, scores[name])
        for baseline, scores in _rivals(record).items()
        if name in scores
    }
    if not theirs:
        return None
    others = ", ".join(f"{baseline} {score}" for baseline, score in theirs.items())
    return f"{name} on {record['split']}: {score_text(name, record['scores'][name])} (baselines: {others})"


def one_class_message(predicted: np.ndarray, truth: np.ndarray, classes: Sequence[str], *, unit: str) -> str | None:
    """A sentence for the user where nearly all predictions are one class; None where that is also true of the truth,
    or where there are too few to tell.

    predicted, truth: numbers of classes, of the items whose class is known. unit: what an item is called.
    """
    if len(predicted) < FEW or len(classes) < 2:
        return None
    counts = np.bincount(predicted, minlength=len(classes))
    commonest = int(counts.argmax())
    share, of_truth = counts[commonest] / len(predicted), float((truth == commonest).mean())
    if share < SAME or of_truth >= SAME:
        return None
    return (
        f"The model gives {share:.0%} of the {unit}s the class '{classes[commonest]}', which {of_truth:.0%} of them "
        "have: it has learned hardly more than which class is the most frequent."
    )
