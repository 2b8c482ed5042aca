"""Classes of whole sequences against what people said: scores with intervals, beside what needs no recurrence."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from seqvision.data.groups import group_of
from seqvision.data.loading import Item
from seqvision.data.progress import tracked
from seqvision.data.sequences.dataset import SequenceDataset
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference.sequence_controls import without_recurrence
from seqvision.inference.sequence_evaluation import SequenceEvaluation, compare
from seqvision.inference.sequences import LoadedClassifier
from seqvision.inference.tallies import ClassTally
from seqvision.inference.verdict import one_class_message
from seqvision.metrics import classification_scores, majority_class, partners
from seqvision.wording import counted

TOP = (5,)


@torch.inference_mode()
def predict_classes(
    classifier: LoadedClassifier, records: Sequence[SequenceRecord], *, batch_size: int = 32
) -> np.ndarray:
    """The probabilities (records, classes) of the records' classes; of those with a span, of these frames alone."""
    records = [replace(record, label=None) for record in records]  # which may be none of the network's classes
    dataset = SequenceDataset(records, classifier.reader, classifier.classes)
    starts = range(0, len(records), batch_size)
    found = []
    for start in tracked(starts, total=len(starts), description="Classifying"):
        places = range(start, min(start + batch_size, len(records)))
        batch = dataset.__getitems__([Item(place, 0) for place in places]).to(classifier.device)
        found.append(classifier.model(batch.frames, batch.lengths).float().softmax(dim=-1).cpu().numpy())
    return np.concatenate(found)


def evaluate_classes(
    probabilities: np.ndarray,
    records: Sequence[SequenceRecord],
    classifier: LoadedClassifier,
    *,
    split: str,
    training: Mapping[str, Sequence[SequenceRecord]] | None = None,
    others: Mapping[str, np.ndarray] | None = None,
    members: Sequence[np.ndarray] = (),
    resamples: int = 2000,
    seed: int = 0,
) -> SequenceEvaluation:
    """The evaluation of probabilities (records, classes) of a network's classes.

    training: the splits "train" and "val", of which two of the controls learn; others: the probabilities of other
    networks for the same records and classes, by name; members: those of the networks whose mean `probabilities` are;
    resamples: of the bootstrap, 0 leaves intervals out.

    Controls: "majority" (the classes' shares in training, for every item), "without_recurrence" (logistic regression on
    words and word pairs, or on the frames; see `without_recurrence`), "shuffled" (the network's predictions of other
    items).
    """
    classes = classifier.classes
    truth = np.array([-1 if record.label is None else classes.index(record.label) for record in records])
    known = np.flatnonzero(truth >= 0)
    if not len(known):
        raise UserError(
            f"{split}: none of {counted(len(records), 'sequence')} has a class, so there is nothing to score"
        )
    notes = []
    if len(known) < len(records):
        notes.append(
            f"left out for want of a class: {len(records) - len(known)} of {counted(len(records), 'sequence')}"
        )
    asked, truth, p = [records[int(place)] for place in known], truth[known], probabilities[known]

    def score_of(values: np.ndarray) -> ClassTally:
        return ClassTally(values, truth, classes, top=TOP)

    found, said = controls_of(p, asked, classifier, training or {}, seed=seed)
    compared = compare(
        score_of(p),
        {name: score_of(values) for name, values in found.items()},
        {name: score_of(values[known]) for name, values in (others or {}).items()},
        members=[score_of(values[known]) for values in members],
        groups=[group_of(record) for record in asked],
        by=("accuracy",),
        resamples=resamples,
        seed=seed,
    )
    predicted = p.argmax(axis=1)
    return SequenceEvaluation(
        pattern="classification",
        split=split,
        sizes={"sequences": len(asked)},
        classes=classes,
        scores=compared.scores,
        intervals=compared.intervals,
        controls=compared.controls,
        differences=compared.differences,
        per_class=classification_scores(p, truth, classes=classes, top=()).per_class,
        rows=[
            {
                "id": record.id,
                "class": classes[guess],
                "truth": record.label,
                "probabilities": dict(zip(classes, map(float, row), strict=True)),
            }
            for record, guess, row in zip(asked, predicted, p, strict=True)
        ],
        protocol=None,
        collapse=one_class_message(predicted, truth, classes, unit="sequence"),
        notes=[*notes, *said, *compared.notes],
    )


def controls_of(
    probabilities: np.ndarray,
    records: Sequence[SequenceRecord],
    classifier: LoadedClassifier,
    training: Mapping[str, Sequence[SequenceRecord]],
    *,
    seed: int = 0,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The controls' probabilities by name, and what is to be said of them."""
    classes, found, notes = classifier.classes, {}, []
    labels = [classes.index(r.label) for r in training.get("train", ()) if r.label is not None]
    if labels:
        shares = np.bincount(labels, minlength=len(classes)) / len(labels)
        assert shares.argmax() == majority_class(labels)
        found["majority"] = np.tile(shares, (len(records), 1))
        try:
            found["without_recurrence"], how = without_recurrence(classifier.reader, classes, training, records)
            notes.append(how)
        except UserError as error:
            notes.append(f"the control without recurrence is left out: {error}")
    else:
        notes.append("no training sequences: the controls that learn of them are left out")
    others, said = partners([str(record.label) for record in records], seed=seed)
    notes += [said] if said else []
    if others is not None:
        found["shuffled"] = probabilities[others]
    return found, notes
