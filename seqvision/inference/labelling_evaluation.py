"""Labels of frames against what people said: frame by frame and as segments, beside labellers without a recurrence."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from seqvision.data.groups import group_of
from seqvision.data.progress import tracked
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference.frame_controls import frame_controls
from seqvision.inference.resampling import Score
from seqvision.inference.sequence_evaluation import SequenceEvaluation, compare
from seqvision.inference.sequences import LoadedLabeller, decided, label
from seqvision.inference.tallies import FrameTally, LabelTally
from seqvision.inference.verdict import one_class_message
from seqvision.metrics import frame_scores, multilabel_scores
from seqvision.metrics.frames import SELECTED_BY, Protocol
from seqvision.names import Name
from seqvision.wording import counted


def predict_labels(labeller: LoadedLabeller, records: Sequence[SequenceRecord]) -> list[np.ndarray]:
    """The probabilities (time, classes) of the frames of each record. Raises `UserError` where a record's labels are
    not as many as its frames.
    """
    found = []
    for record in tracked(records, total=len(records), description="Labelling"):
        start, stop = record.span or (0, None)
        probabilities = label(labeller, record.source, start=start, stop=stop)
        if record.labels is not None and len(record.labels) != len(probabilities):
            raise UserError(
                f"{record.id}: {len(probabilities)} frames, but {len(record.labels)} labels; see data.align in "
                "data/README.md"
            )
        found.append(probabilities)
    return found


def evaluate_labels(
    probabilities: Sequence[np.ndarray],
    records: Sequence[SequenceRecord],
    labeller: LoadedLabeller,
    *,
    split: str,
    protocol: Protocol = "mstcn",
    background: Collection[Name] = (),
    training: Mapping[str, Sequence[SequenceRecord]] | None = None,
    others: Mapping[str, Sequence[np.ndarray]] | None = None,
    members: Sequence[Sequence[np.ndarray]] = (),
    resamples: int = 2000,
    seed: int = 0,
) -> SequenceEvaluation:
    """The evaluation of probabilities (time, classes) a record.

    protocol, background: how segments are counted, as `frame_scores` has them. training: the splits "train" and "val",
    of which the controls learn (see `frame_controls`); others: what other networks decided of the same records, as the
    labeller's `decide` gives it, by name; members: the probabilities of the networks whose mean these are, decided upon
    as these are. Frames that nobody labelled have no part in anything. Intervals draw whole subjects, or recordings.
    """
    known = [place for place, record in enumerate(records) if record.labels is not None and (record.labels >= 0).any()]
    if not known:
        raise UserError(f"{split}: none of {counted(len(records), 'recording')} has a labelled frame: nothing to score")
    asked = [records[place] for place in known]
    truth = [np.asarray(record.labels) for record in asked]
    several = labeller.thresholds is not None
    if several != (truth[0].ndim == 2):
        given, there = ("several labels", "one") if several else ("one label", "several")
        raise UserError(
            f"{split}: the model gives each frame {given}, and the data have {there} (data.multilabel): take data "
            "of the model's kind"
        )
    own = [probabilities[place] for place in known]
    notes = []
    if len(known) < len(records):
        notes.append(
            f"left out for want of labels: {len(records) - len(known)} of {counted(len(records), 'recording')}"
        )
    found = frame_controls(
        labeller, training or {}, asked, split=split, protocol=protocol, background=tuple(background)
    )
    notes += found.notes

    def score_of(labels: Sequence[np.ndarray]) -> Score:
        if several:
            return LabelTally(labels, truth)
        return FrameTally(labels, truth, labeller.classes, background=background, protocol=protocol)

    labels = [labeller.decide(values) for values in own]
    compared = compare(
        score_of(labels),
        {
            name: score_of([decided(part, found.thresholds.get(name)) for part in values])
            for name, values in found.probabilities.items()
        },
        {name: score_of([values[place] for place in known]) for name, values in (others or {}).items()},
        members=[score_of([labeller.decide(values[place]) for place in known]) for values in members],
        groups=[group_of(record) for record in asked],
        by=("macro_f1",) if several else SELECTED_BY,
        resamples=resamples,
        seed=seed,
    )
    scores, controls = compared.scores, compared.controls
    if several:  # of which there is no interval: it would have to be sorted anew for every draw
        scores = scores | _precision(own, truth, labeller.classes)
        controls = {
            name: controls[name] | _precision(values, truth, labeller.classes)
            for name, values in found.probabilities.items()
        }
    per_class, said = _per_class(own, labels, truth, labeller, protocol, background)
    return SequenceEvaluation(
        pattern="labelling",
        split=split,
        sizes={"recordings": len(asked), "frames": int(sum((y >= 0).reshape(len(y), -1).any(1).sum() for y in truth))},
        classes=labeller.classes,
        scores=scores,
        intervals=compared.intervals,
        controls=controls,
        differences=compared.differences,
        per_class=per_class,
        rows=[
            {"id": record.id, "labels": values.tolist(), "confidence": np.round(p.max(axis=1), 4).tolist()}
            for record, values, p in zip(asked, labels, own, strict=True)
        ],
        protocol=said,
        collapse=None if several else _collapse(labels, truth, labeller.classes),
        notes=[*notes, *compared.notes],
    )


def _collapse(labels: Sequence[np.ndarray], truth: Sequence[np.ndarray], classes: Sequence[str]) -> str | None:
    """A sentence where nearly all labelled frames are given one label."""
    guesses, known = np.concatenate(list(labels)), np.concatenate(list(truth))
    return one_class_message(guesses[known >= 0], known[known >= 0], classes, unit="frame")


def _precision(
    probabilities: Sequence[np.ndarray], truth: Sequence[np.ndarray], classes: Sequence[str]
) -> dict[str, float]:
    name = "mean_average_precision"
    return {name: multilabel_scores(probabilities, truth, classes=classes).corpus[name]}


def _per_class(
    probabilities: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    labeller: LoadedLabeller,
    protocol: Protocol,
    background: Collection[Name],
) -> tuple[dict[str, list[float]], str]:
    """Scores class by class, and how all was counted."""
    if labeller.thresholds is not None:
        scores = multilabel_scores(probabilities, truth, classes=labeller.classes, thresholds=labeller.thresholds)
        return scores.per_class, "several labels a frame, at the thresholds of the network's validation"
    found = frame_scores(labels, truth, classes=labeller.classes, protocol=protocol, background=background)
    return found.per_class, found.protocol
