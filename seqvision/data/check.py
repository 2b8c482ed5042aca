"""What is in a caption data set and what is wrong with it, before anyone trains on it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.check_lines import lacking
from seqvision.data.check_looks import Shown, channels_of, leaks_in, look_at_all, same_pictures, sizes_of
from seqvision.data.check_report import CheckReport
from seqvision.data.core.faults import collect_faults
from seqvision.data.formats import ReadReport, read_captions_with_report
from seqvision.data.pictures import MAX_PIXELS
from seqvision.data.records import CaptionRecord
from seqvision.data.shards import is_sharded
from seqvision.data.shards.verify import verify_shards
from seqvision.data.splits import SPLITS, assign_splits
from seqvision.data.vocabulary import WordVocabulary
from seqvision.errors import UserError
from seqvision.wording import counted


def check_captions(
    source: str | Path,
    *,
    val: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    min_count: int = 1,
    lowercase: bool = True,
    punctuation: str = "keep",
    max_tokens: int = 50,
    max_pixels: int = MAX_PIXELS,
    sample: int = 1000,
    progress: bool = False,
    **reading: Any,
) -> CheckReport:
    """The report on a data set that `read_captions` can read, or of shards; `reading` are its arguments.

    Every picture is decoded once (JPEGs at reduced scale), `sample` of them for the channels' mean and deviation.
    UserError only if the captions cannot be read at all; everything else is in the report.
    """
    reading.pop("on_missing", None)  # everything is looked at and listed, whatever training would do
    faults: list[str] = []
    if is_sharded(source):
        sound, faults = verify_shards(source, progress=progress)
        read = ReadReport(sound, "shards", [Path(source)])
        if not sound:
            raise UserError(f"{source}: no whole shard. {faults[0] if faults else 'It was written without pictures'}")
    else:
        with collect_faults() as faults:
            try:
                read = read_captions_with_report(source, on_missing="skip", **reading)
            except UserError as error:
                raise UserError("\n".join([str(error), *faults])) from error
    records = read.records
    try:
        records = assign_splits(records, val=val, test=test, seed=seed)
    except UserError as error:
        faults.append(str(error))
    shown = [Shown(record.image) for record in records]
    seen = look_at_all(shown, sample=sample, max_pixels=max_pixels, progress=progress)
    texts = _texts(records)
    words = WordVocabulary.build(
        texts.get("train") or [text for some in texts.values() for text in some],
        min_count=min_count,
        lowercase=lowercase,
        punctuation=punctuation,
    )
    lengths = {(record.id, text): len(words.split(text)) for record in records for text in record.captions}
    groups = same_pictures([record.id for record in records], seen)
    good = [one for one in seen if not one.error]
    mean, std = channels_of(good)
    report = CheckReport(
        source=str(source),
        layout=read.layout,
        pictures=len(records),
        captions=sum(len(record.captions) for record in records),
        distinct_captions=len({text for some in texts.values() for text in some}),
        splits=_split_sizes(records),
        captions_per_picture=_spread([len(record.captions) for record in records]),
        left_out=[problem.message for problem in read.problems],
        unreadable=[one.error for one in seen if one.error],
        duplicates=groups,
        leaks=leaks_in(groups, {record.id: record.split for record in records}),
        uncaptioned=[str(file) for file in read.unused],
        notes=[*read.notes, *lacking({record.split for record in records if record.split})],
        columns=read.columns,
        overlong=[f"{name}: {n} tokens: {text:.60}…" for (name, text), n in lengths.items() if n > max_tokens],
        caption_tokens=_spread(list(lengths.values())),
        vocabulary_size=len(words),
        unknown_rate={name: _unknown(words, some) for name, some in texts.items() if name not in ("train", "all")},
        width=sizes_of([one.width for one in good]),
        height=sizes_of([one.height for one in good]),
        modes=dict(Counter(one.mode for one in good).most_common()),
        channel_mean=mean,
        channel_std=std,
        faults=faults,
    )
    report.suggestions.extend(_advice(report, words, texts, max_tokens))
    return report


def _split_order(record: CaptionRecord) -> int:
    return SPLITS.index(record.split) if record.split in SPLITS else len(SPLITS)


def _texts(records: Sequence[CaptionRecord]) -> dict[str, list[str]]:
    """The captions of each split; of all pictures as "all" where there are no splits."""
    texts: dict[str, list[str]] = {}
    for record in sorted(records, key=_split_order):
        texts.setdefault(record.split or "all", []).extend(record.captions)
    return texts


def _split_sizes(records: Sequence[CaptionRecord]) -> dict[str, dict[str, int]]:
    sizes: dict[str, dict[str, int]] = {}
    for record in sorted(records, key=_split_order):
        size = sizes.setdefault(record.split or "no split", {"pictures": 0, "captions": 0})
        size["pictures"] += 1
        size["captions"] += len(record.captions)
    return sizes


def _unknown(words: WordVocabulary, texts: Sequence[str]) -> float:
    known = set(words.tokens)
    said = Counter(word for text in texts for word in words.split(text))
    return sum(count for word, count in said.items() if word not in known) / max(1, said.total())


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {
        "min": float(min(values)),
        "mean": float(np.mean(values)),
        "p99": float(np.percentile(values, 99)),
        "max": float(max(values)),
    }


def _advice(report: CheckReport, words: WordVocabulary, texts: dict[str, list[str]], max_tokens: int) -> list[str]:
    """What one would do about the numbers."""
    advice = []
    if report.leaks:
        advice.append(
            f"{counted(len(report.leaks), 'picture')} in several splits at once, so that scores would flatter: "
            "leave them in one of them, or give duplicates one file."
        )
    if report.modes:
        longer = max(report.width["median"], report.height["median"])
        usual = [size for size in (160, 192, 224) if size <= longer]
        if usual:  # at fewer than the default's 128 a pre-trained encoder sees little
            rest = (
                "less, more would cost time for nothing" if longer <= 224 else "more, larger sizes cost time and memory"
            )
            advice.append(f"data.transform.size={usual[-1]}: half of the pictures are {longer} pixels long or {rest}.")
        if set(report.modes) <= {"L", "1", "I", "I;16", "LA"}:
            advice.append("data.transform.grey=true: no picture has colours.")
    counts = Counter(word for text in texts.get("train", []) for word in words.split(text))
    rare = sum(1 for count in counts.values() if count == 1)
    if rare > 0.4 * len(counts) and len(counts) > 1000:
        advice.append(
            f"vocabulary.min_count=2: {rare} of {len(counts)} words occur once in training; without them "
            f"{rare / counts.total():.1%} of its words become unknown. Or take subwords (vocabulary=subwords)."
        )
    worst = max(report.unknown_rate.values(), default=0.0)
    if worst > 0.05:
        advice.append(f"{worst:.0%} of the words in val or test never occur in training: vocabulary=subwords has none.")
    if report.overlong:
        advice.append(
            f"{counted(len(report.overlong), 'caption')} of more than {max_tokens} tokens would be cut there; "
            f"data.max_tokens={report.caption_tokens['max']:.0f} keeps them whole."
        )
    if report.pictures < 2000:
        advice.append(f"{report.pictures} pictures are few: keep the pre-trained encoder of data=files as it is.")
    return advice
