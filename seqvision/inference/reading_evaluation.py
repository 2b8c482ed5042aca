"""What was read against what is there: scores with intervals, by looks, beside looks that nobody chose."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from seqvision.data.groups import group_of
from seqvision.data.labelled.reader import picture_of
from seqvision.data.labelled.symbols import written
from seqvision.data.progress import tracked
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference.members import averaged, spread_of
from seqvision.inference.reading import LoadedReader, Read, answer, read_paths, said
from seqvision.inference.sequence_evaluation import Scored, compare
from seqvision.metrics import partners
from seqvision.metrics.looks import read_rightly, stopping_table
from seqvision.wording import counted, some_of


@dataclass(frozen=True)
class Looked:
    """Beliefs (pictures, looks, classes) and places (pictures, looks, 2) of the mean path, and the answers; the same of
    drawn paths' mean and of random looks, if the reader chooses where to look. spread: of several readers, how far they
    lie apart in the end, in percent; members: the answers of each of them. alone: where readers of both directions
    answer together, what each of them says by itself, "forward" and "backward"."""

    beliefs: np.ndarray
    places: np.ndarray
    answers: list[Read]
    sampled: list[Read]
    random: list[Read]
    spread: float | None = None
    alone: Mapping[str, list[Read]] = field(default_factory=dict)
    members: tuple[list[Read], ...] = ()

    def __getitem__(self, rows: slice) -> "Looked":
        """The same of some of the pictures."""
        return replace(
            self,
            beliefs=self.beliefs[rows],
            places=self.places[rows],
            answers=self.answers[rows],
            sampled=self.sampled[rows],
            random=self.random[rows],
            alone={name: answers[rows] for name, answers in self.alone.items()},
            members=tuple(answers[rows] for answers in self.members),
        )


@dataclass(frozen=True, kw_only=True)
class ReadingEvaluation(Scored):
    """What a reader's labels of a split are worth.

    scores: in percent: `accuracy` of whole labels and `symbols` (see `read_rightly`) by the mean path, `sampled` of
    whole labels by the mean of drawn paths; `looks`, how many there were. by_looks: accuracy after each look, of
    readers of one label. stopping: see `stopping_table`. multiply_adds: of reading one picture.
    """

    pattern: str = "reading"
    by_looks: list[float]
    stopping: list[tuple[float, float, float]]
    multiply_adds: int

    def own(self) -> dict[str, Any]:
        stopping = [list(entry) for entry in self.stopping]
        return {
            "details": {"by_looks": self.by_looks, "stopping": stopping, "multiply_adds": self.multiply_adds},
        }


def look_at(
    readers: Sequence[LoadedReader],
    records: Sequence[SequenceRecord],
    *,
    backward: LoadedReader | None = None,
    batch_size: int = 100,
    paths: int = 8,
    seed: int = 0,
) -> Looked:
    """What the readers together see and say of each record, each on a path of its own: the mean of their probabilities,
    and the first one's path. backward: a reader of the other direction, whose scores are averaged with theirs. paths:
    how many each of them draws for the sampled answers."""
    loaded = readers[0]
    learnt = [reader for reader in readers if reader.model.policy == "learnt"]
    beliefs, places, sampled, chance, answers, spreads = [], [], [], [], [], []
    own, other = ("backward", "forward") if loaded.symbols.backward else ("forward", "backward")
    alone: dict[str, list[Read]] = {own: [], other: []} if backward else {}
    members: tuple[list[Read], ...] = tuple([] for _ in readers) if len(readers) > 1 else ()
    starts = range(0, len(records), batch_size)
    for start in tracked(starts, total=len(starts), description="Reading"):
        part = records[start : start + batch_size]
        pictures = [picture_of(record) for record in part]
        seen = [[reader.reader(picture) for picture in pictures] for reader in readers]
        each, where = _looks_of(readers, seen)
        found, deviations = (np.stack(items) for items in averaged(each))
        for mine, theirs in zip(members, each, strict=False):
            mine += _answers(loaded, theirs, where)
        if members:
            spreads.append((len(part), spread_of(found[:, -1], deviations[:, -1])))
        beliefs.append(found)
        places.append(where)
        drawn = np.mean(_looks_of(readers, seen, paths=paths, seed=seed + start)[0], axis=0)
        if backward is None:
            answers += _answers(loaded, found, where)
            sampled += _answers(loaded, drawn, where)
        else:
            turned = [backward.reader(picture) for picture in pictures]
            back, there = read_paths(backward, turned)
            alone[own] += _answers(loaded, found, where)
            alone[other] += _answers(backward, back, there)
            answers += _answers(loaded, found, where, said(backward, back))
            back, _ = read_paths(backward, turned, paths=paths, seed=seed + start)
            sampled += _answers(loaded, drawn, where, said(backward, back))
        if learnt:
            with _looking_anywhere(learnt):
                blind, nowhere = _looks_of(readers, seen, seed=seed + start)
            chance += _answers(loaded, np.mean(blind, axis=0), nowhere)
    spread = sum(number * each for number, each in spreads) / len(records) if spreads else None
    return Looked(np.concatenate(beliefs), np.concatenate(places), answers, sampled, chance, spread, alone, members)


def _looks_of(
    readers: Sequence[LoadedReader], seen: Sequence[Sequence[Tensor]], **how: Any
) -> tuple[list[np.ndarray], np.ndarray]:
    """What each reader believes of the pictures as it sees them (see `read_paths`), and where the first one looked."""
    each = [read_paths(reader, pixels, **how) for reader, pixels in zip(readers, seen, strict=True)]
    return [beliefs for beliefs, _ in each], each[0][1]


@contextmanager
def _looking_anywhere(readers: Sequence[LoadedReader]) -> Iterator[None]:
    """Readers that have learnt where to look do not make use of it."""
    for reader in readers:
        reader.model.policy = "random"
    try:
        yield
    finally:
        for reader in readers:
            reader.model.policy = "learnt"


def _answers(
    loaded: LoadedReader, beliefs: np.ndarray, places: np.ndarray, behind: np.ndarray | None = None
) -> list[Read]:
    """Picture by picture; behind: what a reader of the other direction `said`."""
    if behind is None:
        return [answer(loaded, *each) for each in zip(beliefs, places, strict=True)]
    rows = zip(beliefs, places, behind, strict=True)
    return [answer(loaded, sure, where, backward=other) for sure, where, other in rows]


def evaluate_reading(
    looked: Looked,
    records: Sequence[SequenceRecord],
    loaded: LoadedReader,
    *,
    split: str,
    training: Sequence[SequenceRecord] = (),
    backward: LoadedReader | None = None,
    others: Mapping[str, Looked] | None = None,
    ensemble: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> ReadingEvaluation:
    """The evaluation of what was looked at. training: whose commonest label is a control; backward: who read with it
    from the other end; others: other readers; ensemble: set beside the mean of its members.

    Controls: "majority", "random_looks" (this network looking anywhere, which it has not learnt to live with; a reader
    trained so is compared with `others`), "one_look" (its answer after the first look), "shuffled"; those of looks
    where it chooses them and has several; "forward" and "backward", each alone, where two read together.
    """
    symbols = loaded.symbols
    truth = [symbols.split(record.label) for record in records]
    known = [place for place, names in enumerate(truth) if names]
    if not known:
        raise UserError(
            f"{split}: none of {counted(len(records), 'picture')} has a label, so there is nothing to score"
        )
    strange = sorted({name for names in truth for name in names} - set(symbols.names))
    if strange:
        what = "label" if symbols.objects == 1 else "symbol"
        raise UserError(
            f"{split}: the data have the {what} '{strange[0]}', which the model does not know "
            f"({some_of(symbols.names)}). Take other data, or train a model on these"
        )
    asked = [truth[place] for place in known]

    def score(answers: Sequence[Read]) -> "_Tally":
        return _Tally([answers[place].symbols for place in known], asked)

    controls = {name: score(answers) for name, answers in looked.alone.items()}
    if looked.random:
        controls["random_looks"] = score(looked.random)
    shuffled, shuffling = partners([written(names, symbols.names) for names in asked], seed=seed)
    if shuffled is not None:
        controls["shuffled"] = _Tally([looked.answers[known[other]].symbols for other in shuffled], asked)
    labels = [record.label for record in training if record.label is not None]
    if labels and symbols.objects == 1:
        commonest = max(sorted(set(labels)), key=labels.count)
        controls["majority"] = _Tally([[commonest]] * len(asked), asked)
    by_looks: list[float] = []
    stopping: list[tuple[float, float, float]] = []
    if symbols.objects == 1:
        beliefs = looked.beliefs[known]
        places = np.array([symbols.places[names[0]] for names in asked])
        right = beliefs.argmax(axis=2) == places[:, None]
        by_looks = [100 * float(share) for share in right.mean(axis=0)]
        stopping = stopping_table(beliefs.max(axis=2), right)
        first = [[symbols.names[int(place)]] for place in beliefs[:, 0].argmax(axis=1)]
        if len(by_looks) > 1:
            controls["one_look"] = _Tally(first, asked)
    compared = compare(
        score(looked.answers),
        controls,
        {name: score(other.answers) for name, other in (others or {}).items()},
        members=[score(answers) for answers in looked.members] if ensemble else [],
        groups=[group_of(records[place]) for place in known],
        by=("accuracy",),
        resamples=resamples,
        seed=seed,
    )
    sampled = score(looked.sampled)(np.arange(len(asked)))["accuracy"]
    looks = float(np.mean([len(looked.answers[place].places) for place in known]))
    notes = [] if len(known) == len(records) else [f"left out for want of a label: {len(records) - len(known)}"]
    notes += [shuffling] if shuffling else []
    return ReadingEvaluation(
        split=split,
        sizes={"pictures": len(asked)},
        scores={**compared.scores, "sampled": sampled, "looks": looks},
        intervals=compared.intervals,
        controls=compared.controls,
        differences=compared.differences,
        by_looks=by_looks,
        stopping=stopping,
        multiply_adds=sum(multiply_adds(each, records[known[0]]) for each in (loaded, backward) if each is not None),
        rows=[_row(records[place], looked.answers[place], written(truth[place], symbols.names)) for place in known],
        notes=[*notes, *compared.notes],
    )


def multiply_adds(loaded: LoadedReader, record: SequenceRecord) -> int:
    """How many multiplications and additions, in pairs, reading this picture takes."""
    pixels = loaded.reader(picture_of(record)).unsqueeze(0).to(loaded.device)
    with FlopCounterMode(display=False) as counter:  # its hooks need a graph
        loaded.model(pixels)
    return int(counter.get_total_flops()) // 2


class _Tally:
    """Whole labels that are right and symbols that are, in percent, of any choice of items."""

    def __init__(self, answers: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]):
        self.whole, self.right, self.number = read_rightly(answers, truth)

    def __call__(self, places: np.ndarray) -> dict[str, float]:
        return {
            "accuracy": 100 * float(self.whole[places].mean()),
            "symbols": 100 * float(self.right[places].sum() / self.number[places].sum()),
        }


def _row(record: SequenceRecord, found: Read, truth: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "label": found.label,
        "truth": truth,
        "probability": round(found.probability, 6),
        "looks": [[round(float(x), 4), round(float(y), 4)] for x, y in found.places],
    }
