"""The plain data of an evaluation (`schema: 1`), as `evaluate --format json` writes it: the same keys in every pattern.

schema       1
pattern      captioning, classification, labelling, translation, reading, painting
split        which part of the data
sizes        how many images, sentences, recordings, frames, … were scored, by what they are called
scores       the model's, by name
intervals    (lower, upper) of 95 % for those scores that have one; the notes say over how many groups
controls     the scores of simple methods on the same data, by the method's name
differences  by the other's name and the score's: how much better the model is, as `difference`, `interval` (null
             where there is none) and, of translations, `p_value`
protocol     how segments were counted, else null
signatures   how sacrebleu counted, by score
classes      the names of the classes, where there are scores by class; else null
per_class    lists of scores in the order of `classes`; else null
details      what only one pattern has (`by_looks`, `stopping`, `multiply_adds`, `kl_by_step`, `left_by_step`)
collapse     a warning where nearly all that was written is the same; else null
notes        how controls were set, what was left out and why

`evaluation_SPLIT.json` of a run and the records in results/ add the command, the commit, the checkpoints, the seed, the
time and the machine.

Units, the same in logs (`val/…`), evaluations and tables: shares are in percent (BLEU, ROUGE-L, chrF, accuracy, exact
match, F1, edit, true captions, `distinct`, …), as their papers print them. `cider_d` is on the scale of the COCO tools,
where 1.0 is what papers that multiply by 100 call 100; `meteor_nltk` is from 0 to 1, `facts_ratio` a ratio, losses and
bounds are in nats.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from seqvision.metrics.bootstrap import PERCENT
from seqvision.wording import counted

SCHEMA = 1
FINE = ("cider_d", "meteor_nltk", "facts_ratio")  # small numbers
NATS = ("cross_entropy", "nats", "reconstruction", "kl", "importance_weighted")


def bounds_of_score(name: str) -> tuple[float, float] | None:
    """Between what a score lies: shares are in percent, all else has no bounds that it comes near to."""
    return None if name in FINE or name in NATS else PERCENT


def score_text(name: str, value: float | int | None) -> str:
    """A score as it is written for people; empty for none."""
    return "" if value is None else f"{value:.{3 if name in FINE else 2}f}"


def difference_text(found: Mapping[str, Any]) -> str:
    """A difference as it is written for people: `+2.7 (+0.4 to +5.0)`."""
    if found["interval"] is None:
        return f"{found['difference']:+.1f} (no interval)"
    lower, upper = found["interval"]
    return f"{found['difference']:+.1f} ({lower:+.1f} to {upper:+.1f})"


def neighbours_said(number: int, noun: str, trained_on: str, apart: bool) -> str:
    """Where nearest neighbours are from."""
    rule = f", never the {noun} itself or a duplicate of it" if apart else ""
    return f"nearest: of {counted(number, noun)} of {trained_on}{rule}"


def evaluation_data(
    *,
    pattern: str,
    split: str,
    sizes: Mapping[str, int],
    scores: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    controls: Mapping[str, Mapping[str, float]],
    differences: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    protocol: str | None = None,
    signatures: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
    per_class: Mapping[str, Sequence[float | None]] | None = None,
    details: Mapping[str, Any] | None = None,
    collapse: str | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """An evaluation as plain data, with all keys."""
    return {
        "schema": SCHEMA,
        "pattern": pattern,
        "split": split,
        "sizes": dict(sizes),
        "scores": dict(scores),
        "intervals": {name: list(ends) for name, ends in intervals.items()},
        "controls": {name: dict(values) for name, values in controls.items()},
        "differences": {other: dict(values) for other, values in (differences or {}).items()},
        "protocol": protocol,
        "signatures": dict(signatures or {}),
        "classes": None if classes is None else list(classes),
        "per_class": None if per_class is None else dict(per_class),
        "details": dict(details or {}),
        "collapse": collapse,
        "notes": list(notes),
    }
