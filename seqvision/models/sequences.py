"""Sequences in: one class for the whole (many to one), or one for every frame (many to many, in step)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from seqvision.encoders import Front
from seqvision.errors import UserError
from seqvision.models.pooling import LastPooling, Pooling
from seqvision.rnn import NoRecurrence, Recurrent, State
from seqvision.rnn.unroll import valid_steps

RecurrentState: TypeAlias = tuple[State, ...]
MAGNIFIED = 4.0  # times: from one frame to the next little changes


class _SequenceNetwork(nn.Module):
    """What both networks share: the front, and the recurrence over its vectors.

    front: a partial of a `Front` that still lacks what `frames` says (the number of features, or of words).
    rnn: a partial of `Recurrent` that lacks its input size; `NoRecurrence` makes the control that sees each frame
        alone, and of sequences of one picture a picture classifier.
    dropout: on what the recurrence sees and on what the head sees.
    changes: the recurrence sees, beside each frame's vector, how it differs from the one before. Where motion is what
        counts, it need not learn the difference of two things that are nearly the same.
    """

    def __init__(
        self,
        front: Callable[..., Front],
        rnn: Callable[..., Recurrent | NoRecurrence],
        *,
        classes: int,
        frames: Mapping[str, int] | None = None,
        dropout: float = 0.0,
        changes: bool = False,
    ):
        super().__init__()
        self.classes = classes
        self.front = front(**(frames or {}))
        self.dropout = nn.Dropout(dropout)
        self.changes = changes
        self.rnn = rnn(input_size=self.front.output_size * (1 + changes))

    def vectors(
        self, frames: Shaped[Tensor, "batch time *frame"], lengths: Int[Tensor, " batch"], valid: Tensor | None
    ) -> Float[Tensor, "batch time size"]:
        """The front's vectors of the frames."""
        mask = valid_steps(lengths, frames.shape[1])
        found: Tensor = self.front(frames, mask, valid) if self.front.takes_indices else self.front(frames, mask)
        return found


class SequenceClassifier(_SequenceNetwork):
    """Scores of a sequence's class: front, recurrence, pooling, linear head.

    wide: a partial of a network that lacks the number of classes and what `frames` says; its scores of the frames as
        they come are added. Beside one that is complete before training (`speaks_first`) the head begins at zero.
    pooling: a partial of a `Pooling`. front, rnn, classes, frames, dropout, changes: see `_SequenceNetwork`.
    """

    def __init__(
        self,
        front: Callable[..., Front],
        rnn: Callable[..., Recurrent | NoRecurrence],
        *,
        pooling: Callable[..., Pooling] = LastPooling,
        wide: Callable[..., nn.Module] | None = None,
        **settings: Any,
    ):
        super().__init__(front, rnn, **settings)
        frames = settings.get("frames") or {}
        needed = getattr(getattr(wide, "func", wide), "reads", None)
        if needed is not None and needed not in frames:
            raise UserError(
                "wide: wide=words counts words and is for sentences, wide=statistics is for recordings of features; "
                "these data have none. Set wide=none"
            )
        self.wide = None if wide is None else wide(self.classes, **frames)
        self.pooling = pooling(self.rnn.output_size, directions=self.rnn.directions)
        self.output = nn.Linear(self.rnn.output_size, self.classes)
        if getattr(self.wide, "speaks_first", False):
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)

    def forward(
        self,
        frames: Shaped[Tensor, "batch time *frame"],
        lengths: Int[Tensor, " batch"],
        valid: Int[Tensor, " valid"] | None = None,
    ) -> Float[Tensor, "batch classes"]:
        """valid: a batch's own; see `some_padded`."""
        vectors = self.vectors(frames, lengths, valid)
        inputs = self.dropout(with_changes(vectors) if self.changes else vectors)
        outputs, _ = self.rnn(inputs, lengths if some_padded(vectors, lengths, valid) else None)
        scores: Tensor = self.output(self.dropout(self.pooling(outputs, lengths)))
        return scores if self.wide is None else scores + self.wide(frames, lengths)


class FrameLabeller(_SequenceNetwork):
    """Scores of every frame's class: front, recurrence, linear head; the arguments are those of `SequenceClassifier`,
    but for the pooling.

    A forward-only labeller can run as frames come: each window, down to a single frame, with the state that the last
    one left, gives what one pass over all would give.
    """

    def __init__(self, front: Callable[..., Front], rnn: Callable[..., Recurrent | NoRecurrence], **settings: Any):
        super().__init__(front, rnn, **settings)
        self.output = nn.Linear(self.rnn.output_size, self.classes)

    @property
    def forward_only(self) -> bool:
        """Whether a frame's scores need none of the frames after it."""
        return not self.rnn.bidirectional

    def forward(
        self,
        frames: Shaped[Tensor, "batch time *frame"],
        lengths: Int[Tensor, " batch"],
        state: RecurrentState | None = None,
        *,
        valid: Int[Tensor, " valid"] | None = None,
    ) -> tuple[Float[Tensor, "batch time classes"], RecurrentState | None]:
        """The scores, and the state behind the last frame. Past a sequence's length scores hold nothing to be read.

        valid: a batch's own; see `some_padded`.
        """
        return self.label(self.vectors(frames, lengths, valid), lengths, state, valid=valid)

    def label(
        self,
        vectors: Float[Tensor, "batch time size"],
        lengths: Int[Tensor, " batch"],
        state: RecurrentState | None = None,
        *,
        valid: Int[Tensor, " valid"] | None = None,
    ) -> tuple[Float[Tensor, "batch time classes"], RecurrentState | None]:
        """The same from the front's vectors, which for an hour of video come in parts."""
        before: tuple[Tensor, ...] = ()
        if self.changes:
            state, before = (None, ()) if state is None else (state[:-1], state[-1:])  # type: ignore[assignment]
            last = vectors[torch.arange(len(vectors), device=vectors.device), lengths.to(vectors.device) - 1]
            vectors, before = with_changes(vectors, *before), (last,)
        ragged = some_padded(vectors, lengths, valid)
        outputs, state = self.rnn(self.dropout(vectors), lengths if ragged else None, state)
        return self.output(self.dropout(outputs)), (*state, *before)


def some_padded(
    vectors: Float[Tensor, "batch time size"], lengths: Int[Tensor, " batch"], valid: Int[Tensor, " valid"] | None
) -> bool:
    """Whether a sequence is shorter than the batch.

    valid: the indices of the frames that belong to a sequence, as a batch has them; their number says it without
    waiting for a device. None: the lengths are read.
    """
    batch, time = vectors.shape[:2]
    return bool((lengths < time).any()) if valid is None else len(valid) < batch * time


def with_changes(
    vectors: Float[Tensor, "batch time size"], before: Float[Tensor, "batch size"] | None = None
) -> Float[Tensor, "batch time twice"]:
    """Each vector and, magnified, what it differs by from the one before; zeros are before the first."""
    first = torch.zeros_like(vectors[:, 0]) if before is None else before
    earlier = torch.cat([first.unsqueeze(1), vectors[:, :-1]], dim=1)
    return torch.cat([vectors, MAGNIFIED * (vectors - earlier)], dim=-1)
