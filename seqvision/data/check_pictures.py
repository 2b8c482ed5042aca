"""What is in a data set of whole labelled pictures and what is wrong with it, before anyone trains on it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvision.data.check_labels import suspects
from seqvision.data.check_lines import lacking
from seqvision.data.check_looks import Shown, channels_of, leaks_in, look_at_all, same_pictures, sizes_of
from seqvision.data.check_pictures_report import PictureCounts, PictureReport, advice
from seqvision.data.core.faults import collect_faults
from seqvision.data.picture_kinds import is_picture_name
from seqvision.data.splits import SPLITS
from seqvision.errors import UserError
from seqvision.wording import counted

if TYPE_CHECKING:
    from seqvision.data.labelled.module import LabelledPictures
    from seqvision.data.sequences.records import SequenceRecord, SequenceSet

SAMPLED = 200  # canvases of a split that are drawn


def check_pictures(data: "LabelledPictures", source: str, *, layout: str, progress: bool = False) -> PictureReport:
    """The report on pictures with a class or a string each, and on the canvases that are composed of them.

    Every picture is decoded once (JPEGs at reduced scale). UserError only where there is no set at all: no pictures, no
    labels, a list's columns unknown; everything else is in the report, whatever training would do about it.
    """
    from seqvision.data.sequences.records import SequenceSet, UnlearnableError

    if "on_missing" in data.reading:
        data.reading["on_missing"] = "skip"  # everything is looked at and listed
    with collect_faults() as faults:
        try:
            found = data.set
        except UnlearnableError as error:
            faults.append(str(error))
            found = error.found
        except UserError:
            if not faults:
                raise
            found = SequenceSet([], ())  # what is left without the faulty ones is no set
    records = found.records
    strings = any(record.label is not None and record.label not in found.classes for record in records)
    by_split: dict[str, list[SequenceRecord]] = {}
    for record in sorted(records, key=lambda each: _order(each.split)):
        by_split.setdefault(record.split or "no split", []).append(record)
    if not faults:
        faults += [f"the split '{name}' has no pictures" for name in SPLITS[:2] if name not in by_split]
    splits = {name: _counts(some, found) for name, some in by_split.items()}
    seen = look_at_all(
        [Shown(record.source, record.box) for record in records if not isinstance(record.source, str)],
        progress=progress,
    )
    good = [one for one in seen if not one.error]
    mean, std = channels_of(good)
    groups = same_pictures([record.id for record in records], seen)
    damaged = [one.error for one in seen if one.error]
    canvases = {}
    if data.compose is not None and not (faults or damaged):
        try:
            canvases = _canvases(data)
        except UserError as error:
            faults.append(str(error))
    report = PictureReport(
        source=source,
        layout=layout,
        strings=strings,
        splits=splits,
        canvases=canvases,
        width=sizes_of([one.width for one in good]),
        height=sizes_of([one.height for one in good]),
        modes=dict(Counter(one.mode for one in good).most_common()),
        colourless=all(one.colourless for one in good if one.moments is not None),
        channel_mean=mean,
        channel_std=std,
        left_out=list(found.left_out),
        damaged=damaged,
        duplicates=groups,
        leaks=leaks_in(groups, {record.id: record.split for record in records}),
        contradictions=leaks_in(groups, {record.id: record.label for record in records if record.label}),
        unseen=[*_unseen(splits, "symbol" if strings else "class"), *(_unseen_lengths(splits) if strings else [])],
        unused=_unused(records),
        # the left-out rows are listed one by one
        notes=[note for note in found.notes if not (found.left_out and note.startswith("left out "))],
        faults=faults,
        suspects=[] if strings else suspects(sum((Counter(counts.symbols) for counts in splits.values()), Counter())),
        lacking=lacking(splits),
        suggestions=[],
    )
    return replace(report, suggestions=advice(report, invert=data.unfitted.invert))


def _order(split: str | None) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _counts(some: "Sequence[SequenceRecord]", found: "SequenceSet") -> PictureCounts:
    from seqvision.data.labelled.symbols import split_label

    labels = [split_label(record.label, found.classes) for record in some]
    symbols = Counter(symbol for label in labels for symbol in label)
    return PictureCounts(
        pictures=len(some),
        unlabelled=sum(not label for label in labels),
        symbols={name: symbols[name] for name in found.classes},
        lengths=_lengths(labels),
    )


def _lengths(labels: Iterable[Sequence[str]]) -> dict[int, int]:
    return dict(sorted(Counter(len(label) for label in labels if label).items()))


def _unseen(splits: Mapping[str, PictureCounts], what: str) -> list[str]:
    """Sentences on what occurs elsewhere and never in training."""
    train = splits["train"].symbols if "train" in splits else {}
    lost: dict[str, list[str]] = {}
    for split, counts in splits.items():
        for name, number in counts.symbols.items():
            if number and not train.get(name):
                lost.setdefault(name, []).append(f"{counted(number, 'time')} in {split}")
    return [f"the {what} '{name}': {', '.join(where)}" for name, where in lost.items()]


def _unseen_lengths(splits: Mapping[str, PictureCounts]) -> list[str]:
    known = set(splits["train"].lengths) if "train" in splits else set()
    return [
        f"labels of {counted(length, 'symbol')}: {number} in {split}"
        for split, counts in splits.items()
        for length, number in counts.lengths.items()
        if length not in known
    ]


def _canvases(data: "LabelledPictures") -> dict[str, Any]:
    """How many canvases there are, how large, and the lengths of the labels of some."""
    assert data.compose is not None
    height, width = data.compose.shape
    return {
        "height": height,
        "width": width,
        "number": {name: len(records) for name, records in data.records.items()},
        "lengths": {name: _canvas_lengths(data, records) for name, records in data.records.items()},
    }


def _canvas_lengths(data: "LabelledPictures", records: "Sequence[SequenceRecord]") -> dict[int, int]:
    some = (records[place] for place in range(min(SAMPLED, len(records))))
    return _lengths(data.symbols.split(record.label) for record in some)


def _unused(records: "Sequence[SequenceRecord]") -> list[str]:
    """The pictures in the folders of those that are read that no record comes from."""
    used = {record.source.resolve() for record in records if isinstance(record.source, Path)}
    beside = (file for folder in sorted({file.parent for file in used}) for file in sorted(folder.iterdir()))
    return [str(file) for file in beside if is_picture_name(file.name) and file.is_file() and file not in used]
