"""One long sequence, or a few, cut into blocks that are split, with a gap between those of different splits."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.wording import counted


def cut_in_blocks(
    records: Sequence[SequenceRecord],
    blocks: int,
    *,
    val: float,
    test: int | float,
    seed: int = 0,
    gap: int | float | str = 0,
    rates: Sequence[int | float | None] | None = None,
) -> tuple[list[SequenceRecord], list[str]]:
    """Each record's stretches of one split as records with spans, and a sentence about what was done.

    Every record is cut into `blocks` equal pieces, of which the shares `val` and `test` (one each at least) are drawn
    by a hash among those that have labels; neighbours of one split stay together. Where splits meet, `gap` frames (or
    seconds, "2s") are left out, of the training stretch where there is one, so that what is evaluated is whole.
    """
    needed = 3 if test > 0 else 2
    if blocks < needed:
        raise UserError(f"data.splits.blocks={blocks}: expected {needed} at least, one for each split")
    parts: list[SequenceRecord] = []
    lost = 0
    for record, rate in zip(records, rates or [None] * len(records), strict=True):
        stretches = _stretches(record, blocks, val, test, seed)
        frames = gap_in_frames(gap, rate, record.id)
        cut = [_shortened(place, stretches, frames) for place in range(len(stretches))]
        if any(stop <= start for start, stop, _ in cut):
            raise UserError(
                f"data.splits.gap={gap}: {frames} frames between splits leave nothing of a block of '{record.id}', "
                f"which has {_frames(record) // blocks} frames. Set a smaller gap, or fewer blocks."
            )
        lost += sum(b - a for a, b, _ in stretches) - sum(b - a for a, b, _ in cut)
        parts += [_part(record, *stretch) for stretch in cut]
    return parts, [
        f"splits: {counted(len(records), 'sequence')} cut into {blocks} blocks each, {counted(lost, 'frame')} left out "
        f"between splits (data.splits.blocks, data.splits.gap={gap}). The splits share their recordings: scores speak "
        "for more of the same, not for a new subject or day"
    ]


def gap_in_frames(gap: int | float | str, rate: int | float | None, name: str) -> int:
    """A gap such as 50, "50" or "2s" as a number of frames."""
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(s|sec|seconds|f|frames)?\s*", str(gap))
    if match is None:
        raise UserError(f"data.splits.gap={gap}: expected a number of frames (50) or seconds (2s)")
    if not (match.group(2) or "").startswith("s"):
        return round(float(match.group(1)))
    if rate is None:
        raise UserError(
            f"data.splits.gap={gap}: '{name}' has no frame rate to count seconds by. Set data.reader.frame_rate, or "
            "say the gap in frames."
        )
    return round(float(match.group(1)) * rate)


def _frames(record: SequenceRecord) -> int:
    if record.labels is None:
        raise UserError(
            f"data.splits.blocks: '{record.id}' has no labels for its frames, so it cannot be cut. Blocks are for "
            "frame labelling; elsewhere set data.splits.group."
        )
    return len(record.labels)


def _stretches(
    record: SequenceRecord, blocks: int, val: float, test: int | float, seed: int
) -> list[tuple[int, int, str]]:
    """From, up to, split: the blocks of a record, neighbours of one split joined."""
    frames = _frames(record)
    if frames < blocks:
        raise UserError(f"data.splits.blocks={blocks}: '{record.id}' has {frames} frames only. Set fewer blocks.")
    assert record.labels is not None
    edges = [frames * place // blocks for place in range(blocks + 1)]
    able = [block for block in range(blocks) if (record.labels[edges[block] : edges[block + 1]] >= 0).any()]
    able.sort(key=lambda block: hashlib.sha256(f"{record.id}/{block}#{seed}".encode()).digest())
    for_val = max(1, round(val * blocks))
    for_test = max(1, round(test * blocks)) if test > 0 else 0
    split = dict.fromkeys(able[:for_val], "val") | dict.fromkeys(able[for_val : for_val + for_test], "test")
    return [
        (edges[run[0]], edges[run[-1] + 1], name)
        for name, run in ((name, list(run)) for name, run in groupby(range(blocks), lambda b: split.get(b, "train")))
    ]


def _shortened(place: int, stretches: Sequence[tuple[int, int, str]], gap: int) -> tuple[int, int, str]:
    """The stretch without the gaps that it has to give: training gives, else the later one."""
    start, stop, split = stretches[place]
    if place > 0 and (split == "train" or stretches[place - 1][2] != "train"):
        start += gap
    if place + 1 < len(stretches) and split == "train":
        stop -= gap
    return start, stop, split


def _part(record: SequenceRecord, start: int, stop: int, split: str) -> SequenceRecord:
    assert record.labels is not None
    offset = record.span[0] if record.span else 0
    return replace(
        record,
        id=f"{record.id}[{start + offset}:{stop + offset}]",
        labels=record.labels[start:stop],
        span=(start + offset, stop + offset),
        split=split,
    )
