"""Captions against what people wrote: every score with its interval, beside the controls that give it a meaning."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqvision.data import CaptionRecord
from seqvision.data.groups import group_of
from seqvision.data.scenes import Scene, check_caption
from seqvision.data.scenes import check_captions as check_scene_captions
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.inference.evaluation_data import evaluation_data, neighbours_said
from seqvision.inference.neighbours import neighbour_captions
from seqvision.inference.resampling import Intervals, intervals_of_means
from seqvision.metrics import (
    caption_scores,
    collapse_message,
    meteor_missing,
    most_frequent_caption,
    partners,
)
from seqvision.metrics.bootstrap import Groups

_ORDER = ("true", "facts_ratio", "cider_d", "bleu_4", "rouge_l", "meteor_nltk")  # what is looked at first
# scores of a whole set that are not means over its captions: a resampled mean would not be theirs
_NOT_MEANS = ("bleu_1", "bleu_2", "bleu_3", "bleu_4")


@dataclass(frozen=True)
class Scored:
    """Scores of a set of captions: of the whole, and caption by caption for those that a single one has."""

    corpus: dict[str, float]
    per_item: dict[str, list[float]]


@dataclass(frozen=True)
class Evaluation:
    """What a model's captions of a split are worth, and what captions are worth that took no such model.

    intervals: of 95 %, for scores that are means over captions; pictures with the same references are drawn together.
    controls: "most_frequent" (the commonest training caption for every picture), "nearest_neighbour" (the caption of
    the training picture nearest in the model's own features), "shuffled" (the model's captions of other pictures),
    for drawn scenes also "references". notes: what was left out and why.
    """

    split: str
    ids: list[str]
    captions: list[str]
    references: list[tuple[str, ...]]
    scores: dict[str, float]
    per_item: dict[str, list[float]]
    intervals: dict[str, tuple[float, float]]
    controls: dict[str, dict[str, float]]
    collapse: str | None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """All that concerns the whole split, as plain data."""
        return evaluation_data(
            pattern="captioning",
            split=self.split,
            sizes={"pictures": len(self.ids)},
            scores=self.scores,
            intervals=self.intervals,
            controls=self.controls,
            collapse=self.collapse,
            notes=self.notes,
        )


def evaluate_split(
    captions: Sequence[str],
    records: Sequence[CaptionRecord],
    *,
    split: str,
    training: Sequence[CaptionRecord] = (),
    trained_on: str = "the training data",
    apart: bool = False,
    captioner: LoadedCaptioner | None = None,
    cache: Path | None = None,
    scenes: Mapping[str, Scene] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Evaluation:
    """The evaluation of one caption a record.

    training: the pictures and captions that two of the controls draw on, trained_on: where they are from, in words,
    apart: a picture's neighbour is neither the picture itself nor a duplicate of it; captioner: whose features say
    which picture is nearest, kept in the folder `cache`; scenes: what was drawn, by id; resamples: of the bootstrap, 0
    leaves the intervals out.
    """
    references = [record.captions for record in records]
    seen = [scenes[record.id] for record in records] if scenes and all(r.id in scenes for r in records) else None
    notes = []
    own = score(captions, references, seen)
    missing = meteor_missing()
    if missing:
        notes.append(missing)
    controls = {}
    if training:
        usual = most_frequent_caption([text for record in training for text in record.captions])
        controls["most_frequent"] = score([usual] * len(records), references, seen).corpus
    else:
        notes.append("no training captions: the controls that draw on them are left out")
    if training and captioner is not None:
        nearest = neighbour_captions(captioner, training, records, cache=cache, apart=apart)
        notes.append(neighbours_said(len(training), "picture", trained_on, apart))
        controls["nearest_neighbour"] = score(nearest, references, seen).corpus
    others, said = partners(references, seed=seed)
    notes += [said] if said else []
    if others is not None:
        controls["shuffled"] = score([captions[other] for other in others], references, seen).corpus
    if seen is not None:
        pairs = [(text, scene) for texts, scene in zip(references, seen, strict=True) for text in texts]
        controls["references"] = check_scene_captions([text for text, _ in pairs], [scene for _, scene in pairs])
    intervals: Intervals = {}
    if resamples:
        groups = [group_of(record) for record in records]
        notes.append(Groups(groups).said())
        means = {name: values for name, values in own.per_item.items() if name not in _NOT_MEANS}
        intervals = intervals_of_means(means, groups, resamples=resamples, seed=seed)
    return Evaluation(
        split=split,
        ids=[record.id for record in records],
        captions=list(captions),
        references=[tuple(texts) for texts in references],
        scores=own.corpus,
        per_item=own.per_item,
        intervals=intervals,
        controls=controls,
        collapse=collapse_message(captions, references),
        notes=notes,
    )


def score(captions: Sequence[str], references: Sequence[Sequence[str]], scenes: Sequence[Scene] | None) -> Scored:
    """All scores of the captions; with the scenes they are about, also whether they are true and how much they say."""
    found = caption_scores(captions, references, meteor=meteor_missing() is None)
    corpus, per_item = dict(found.corpus), dict(found.per_item)
    if scenes is not None:
        corpus |= check_scene_captions(captions, scenes)
        verdicts = [check_caption(caption, scene) for caption, scene in zip(captions, scenes, strict=True)]
        per_item["true"] = [100.0 * verdict.true for verdict in verdicts]
    order = [name for name in _ORDER if name in corpus] + [name for name in corpus if name not in _ORDER]
    return Scored({name: corpus[name] for name in order}, per_item)
