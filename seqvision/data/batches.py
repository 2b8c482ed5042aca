"""Named batches: what a data loader hands to a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from seqvision.data.vocabulary import END, PAD, START
from seqvision.errors import UserError

BatchT = TypeVar("BatchT", bound="Batch")


@dataclass(frozen=True)
class Batch:
    """What every named batch can do; a subclass names its tensors, of which some may be None."""

    ids: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def to(self: BatchT, device: torch.device | str) -> BatchT:
        """The same batch with its tensors on the device; nothing waits for copies from page-locked memory."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=tensor.is_pinned()))

    def pin_memory(self: BatchT) -> BatchT:
        """The same batch in page-locked memory, for the data loader's `pin_memory=True`."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self: BatchT, change: Callable[[Tensor], Tensor]) -> BatchT:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {name: change(value) for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **changed)


def valid_indices(lengths: Int[Tensor, " batch"], width: int) -> Int[Tensor, " valid"]:
    """Where the steps before each sequence's length are in a (batch, width) tensor that is flattened.

    A batch is given them on the CPU: how many there are is then known without waiting for a device.
    """
    return (torch.arange(width) < lengths.unsqueeze(1)).flatten().nonzero().squeeze(1)


@dataclass(frozen=True)
class CaptionSample:
    """One caption of one picture. `tokens` are without START and END; the picture is pixels, features, or neither."""

    id: str
    tokens: Sequence[int]
    image: UInt8[Tensor, "channels height width"] | None = None
    features: Float[Tensor, "..."] | None = None


@dataclass(frozen=True)
class CaptionBatch(Batch):
    """Captions with their pictures, as pixels or as an encoder's features computed before.

    tokens    START, the caption, END, then PAD to the batch's width, however wide: PAD is never data
    lengths   tokens of each caption, START and END included; `tokens[i, lengths[i] - 1]` is END
    ids       the pictures' names; a picture with several captions may come several times
    targets   the indices of the words to be predicted, START not among them, in `tokens[:, 1:]` flattened
    """

    images: UInt8[Tensor, "batch channels height width"] | None
    features: Float[Tensor, "batch ..."] | None
    tokens: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]
    targets: Int[Tensor, " words"]


def collate(samples: Sequence[CaptionSample], *, width: int | None = None) -> CaptionBatch:
    """The batch of these samples, each caption between START and END and padded to the longest, or to `width`."""
    return caption_batch(
        [sample.id for sample in samples],
        [sample.tokens for sample in samples],
        images=_stack(samples, "image"),
        features=_stack(samples, "features"),
        width=width,
    )


def caption_batch(
    ids: list[str],
    captions: Sequence[Sequence[int]],
    *,
    images: UInt8[Tensor, "batch channels height width"] | None = None,
    features: Float[Tensor, "batch ..."] | None = None,
    width: int | None = None,
) -> CaptionBatch:
    """The batch of captions without START and END, which get both, and of what shows the pictures, as it is."""
    lengths = torch.tensor([len(caption) + 2 for caption in captions], dtype=torch.int64)
    longest = int(lengths.max())
    if width is not None and width < longest:
        raise ValueError(f"width={width} is less than the longest caption's {longest} tokens, START and END included")
    tokens = torch.full((len(captions), width or longest), PAD, dtype=torch.int64)
    for row, caption in zip(tokens, captions, strict=True):
        row[: len(caption) + 2] = torch.tensor([START, *caption, END], dtype=torch.int64)
    targets = valid_indices(lengths - 1, tokens.shape[1] - 1)
    return CaptionBatch(images=images, features=features, tokens=tokens, lengths=lengths, ids=ids, targets=targets)


def _stack(samples: Sequence[CaptionSample], name: str) -> Tensor | None:
    tensors = [getattr(sample, name) for sample in samples]
    if all(tensor is None for tensor in tensors):
        return None
    first = tensors[0]
    for sample, tensor in zip(samples, tensors, strict=True):
        if tensor is None or first is None or tensor.shape != first.shape:
            shapes = [None if t is None else tuple(t.shape) for t in (first, tensor)]
            raise UserError(
                f"a batch needs one shape of {name}: '{samples[0].id}' has {shapes[0]}, '{sample.id}' has {shapes[1]}. "
                "Bring all pictures to one size, or compute all features with one encoder."
            )
    return torch.stack(tensors)
