"""The named batch of sequences with a class each, or with labels for their frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from seqvision.data.batches import Batch, valid_indices
from seqvision.errors import UserError

UNLABELLED = -1


@dataclass(frozen=True)
class SequenceBatch(Batch):
    """Sequences, or windows of them, padded to the longest, however wide: padding is never data.

    frames    tokens (batch, time), features (batch, time, features), or 8-bit pictures (batch, time, C, H, W); zeros
              past a sequence's length
    lengths   frames of each sequence
    ids       the sequences' names
    starts    the place of the first frame in its sequence: 0, unless the sequences are cut in windows
    stops     the place behind the last frame
    valid     the indices of the frames that belong to a sequence in (batch, time) flattened
    classes   the class of each sequence, -1 where nobody said; None where frames are labelled
    labels    the class of each frame (batch, time), or 0 and 1 for each label (batch, time, labels); -1 where nobody
              said, and past a sequence's length; None where sequences have classes
    """

    frames: Shaped[Tensor, "batch time *frame"]
    lengths: Int[Tensor, " batch"]
    starts: list[int]
    stops: list[int]
    valid: Int[Tensor, " valid"]
    classes: Int[Tensor, " batch"] | None = None
    labels: Int[Tensor, "batch time *labels"] | None = None


def sequence_batch(
    ids: list[str],
    frames: Sequence[Shaped[Tensor, " _ *frame"]],  # each its own length
    *,
    starts: list[int] | None = None,
    classes: Sequence[int] | None = None,
    labels: Sequence[Int[Tensor, " _ *labels"]] | None = None,
    width: int | None = None,
) -> SequenceBatch:
    """The batch of these sequences, padded to the longest, or to `width`."""
    lengths = [len(each) for each in frames]
    for id, each in zip(ids, frames, strict=True):
        if each.shape[1:] != frames[0].shape[1:]:
            raise UserError(
                f"a batch needs frames of one shape: '{ids[0]}' has {list(frames[0].shape[1:])}, '{id}' has "
                f"{list(each.shape[1:])}. Bring all recordings to the same features, or all videos to one size."
            )
    time = max(max(lengths), width or 0)
    starts = starts if starts is not None else [0] * len(ids)
    return SequenceBatch(
        frames=_padded(frames, time, 0),
        lengths=torch.tensor(lengths),
        ids=ids,
        starts=starts,
        stops=[start + length for start, length in zip(starts, lengths, strict=True)],
        valid=valid_indices(torch.tensor(lengths), time),
        classes=None if classes is None else torch.tensor(classes),
        labels=None if labels is None else _padded(labels, time, UNLABELLED),
    )


def _padded(parts: Sequence[Tensor], time: int, value: int) -> Tensor:
    """(batch, time, …) of tensors (their time, …)."""
    if all(len(part) == time for part in parts):
        return torch.stack(list(parts))
    whole = parts[0].new_full((len(parts), time, *parts[0].shape[1:]), value)
    for row, part in zip(whole, parts, strict=True):
        row[: len(part)] = part
    return whole
