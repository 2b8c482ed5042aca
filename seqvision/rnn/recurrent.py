"""Layers, directions and lengths around any cell: the one recurrent network of the project."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from seqvision.autocast import in_float32
from seqvision.errors import UserError, expect_counts
from seqvision.rnn.cells import Cell, State
from seqvision.rnn.dropconnect import DropConnect
from seqvision.rnn.gpu.stepped import Pass
from seqvision.rnn.paths import Backend, layer_for, steps_by_pass
from seqvision.rnn.unroll import map_state, reverse_sequences, state_parts, unroll, valid_steps


class Recurrent(nn.Module):
    """A stack of recurrent layers over any cell, batch first: `(x, lengths=None, state=None) -> (outputs, state)`.

    outputs: (batch, time, hidden), or 2 × hidden with both directions; zeros past a sequence's length.
    state: a tuple with one entry a layer and direction (forward before backward), each as the cell has it; pass it
    on to continue where a window ended; an entry without a batch dimension, or with one of 1, is every sequence's. The
    reverse direction starts at each sequence's own end. Raises RuntimeError for shapes and lengths that do not fit.

    cell: a `Cell` class, or a partial of one, called as `cell(input_size, hidden_size)`.
    dropout: applied to what one layer hands to the next, in training only. locked: with one draw for all steps of a
    sequence (Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks", 2016).
    dropconnect: the probability with which each weight from state to state is left out of a training pass, through all
    its steps (see `DropConnect`). What stays for a pass is drawn where a pass begins: by `forward`, unless it goes on
    with a pass (`new_pass=False`), and before steps by `initial_state`.
    backend: "reference" is the plain loop, which every fast path is tested against; "auto" takes whichever computes the
    same numbers faster, of `seqvision.rnn.kernels`, `seqvision.rnn.gpu` and torch's layers (see `paths`); "fused"
    insists on one, on an NVIDIA GPU on those in Triton for the Elman cells. Only the reference loop runs the cells' own
    submodules, so that hooks on them fire, and has derivatives of any order.
    """

    def __init__(
        self,
        cell: Callable[[int, int], Cell],
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float | int = 0.0,
        locked: bool = False,
        dropconnect: float | int = 0.0,
        backend: Backend = "auto",
    ):
        super().__init__()
        expect_counts(hidden_size=hidden_size, num_layers=num_layers)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = nn.Dropout(dropout if num_layers > 1 else 0.0)
        self.locked = locked
        self.backend = backend
        self.directions = 2 if bidirectional else 1
        self.output_size = hidden_size * self.directions
        sizes = (self.output_size if layer else input_size for layer in range(num_layers))
        self.cells = nn.ModuleList(cell(size, hidden_size) for size in sizes for _ in range(self.directions))
        if dropconnect:
            for each in self._cells():
                each.hidden_to_hidden = DropConnect.of(each.hidden_to_hidden, dropconnect)
        self._masks: dict[int, Tensor] = {}
        self._passes: dict[int, Pass] = {}

    @in_float32
    def forward(
        self,
        x: Float[Tensor, "batch time input"],
        lengths: Int[Tensor, " batch"] | None = None,
        state: tuple[State, ...] | None = None,
        *,
        new_pass: bool = True,
    ) -> tuple[Float[Tensor, "batch time output"], tuple[State, ...]]:
        _check(x, self.input_size, lengths)
        if new_pass:
            self._begin()
        cells = self._cells()
        if state is not None and len(state) != len(cells):
            raise RuntimeError(
                f"a state of {len(state)} entries; expected one for each layer and direction: {len(cells)}"
            )
        last: list[State] = []
        inputs = x
        for layer in range(self.num_layers):
            if layer:
                inputs = self._drop(inputs, layer, over_time=True)
            outputs = []
            for backward in range(self.directions):
                cell, start = cells[len(last)], None if state is None else state[len(last)]
                output, final = self._run(cell, inputs, lengths, start, reverse=bool(backward))
                outputs.append(output)
                last.append(final)
            inputs = torch.cat(outputs, dim=-1) if self.bidirectional else outputs[0]
        return inputs, tuple(last)

    @in_float32
    def step(
        self, x: Float[Tensor, "*batch input"], state: tuple[State, ...]
    ) -> tuple[Float[Tensor, "*batch hidden"], tuple[State, ...]]:
        """The output and the state after one more step through all layers; forward networks only."""
        if self.bidirectional:
            raise UserError("a bidirectional network cannot be run step by step: the future is not there yet")
        after = []
        for index, (cell, before) in enumerate(zip(self._cells(), state, strict=True)):
            if index:
                x = self._drop(x, index, over_time=False)
            after.append(self._advance(index, cell, x, before))
            x = cell.output(after[-1])
        return x, tuple(after)

    def initial_state(self, *batch: int) -> tuple[State, ...]:
        """The state before the first step, zeros, for any leading dimensions."""
        self._begin()
        return tuple(cell.initial_state(*batch) for cell in self._cells())

    def output(self, state: tuple[State, ...]) -> Float[Tensor, "*batch hidden"]:
        """What the last layer shows of a state; forward networks only."""
        return self._cells()[-1].output(state[-1])

    def _begin(self) -> None:
        """A new pass: what stays through all its steps is drawn anew."""
        self._masks, self._passes = {}, {}
        for cell in self._cells():
            if isinstance(cell.hidden_to_hidden, DropConnect):
                cell.hidden_to_hidden.redraw()

    def _drop(self, x: Tensor, layer: int, *, over_time: bool) -> Tensor:
        """What a layer sees of what the one below it says."""
        if not (self.locked and self.dropout.training and self.dropout.p):
            return self.dropout(x)
        first = x[:, :1] if over_time else x
        mask = self._masks.get(layer)
        if mask is None or mask.shape != first.shape:
            mask = self._masks[layer] = self.dropout(torch.ones_like(first))
        return x * mask

    def _advance(self, layer: int, cell: Cell, x: Tensor, before: State) -> State:
        """One layer's state after one more step."""
        if not steps_by_pass(cell, x, self.backend):
            return cell.step(cell.project(x), before)
        current = self._passes.get(layer)
        if current is None or not current.valid():
            current = self._passes[layer] = Pass(cell)
        return current.step(x, before)

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "_masks": {},
            "_passes": {},
        }  # they belong to a pass, and cannot be copied with its graph

    def _cells(self) -> list[Cell]:
        return list(self.cells)  # type: ignore[arg-type]  # a ModuleList does not know what it holds

    def _run(
        self, cell: Cell, x: Tensor, lengths: Int[Tensor, " batch"] | None, state: State | None, *, reverse: bool
    ) -> tuple[Tensor, State]:
        """One layer in one direction, by the fastest of what computes it; without a state, from zeros."""
        batch, time = x.shape[:2]
        if state is not None:
            state = _for_each(batch, state, cell)
        if not batch or not time:  # torch's networks take no empty batch, and the loop has no outputs to stack
            last = cell.initial_state(batch) if state is None else state
            return cell.output(last).new_zeros(batch, time, cell.hidden_size), last
        fast = layer_for(cell, x, lengths, self.backend)
        if fast is not None:
            return fast(cell, x, lengths, state, reverse=reverse)
        state = cell.initial_state(batch) if state is None else state
        output, final = _loop(cell, reverse_sequences(x, lengths) if reverse else x, lengths, state)
        return reverse_sequences(output, lengths) if reverse else output, final


def _check(x: Tensor, input_size: int, lengths: Tensor | None) -> None:
    """Raises RuntimeError, as torch's networks do, for inputs and lengths that no path of a network can take."""
    if x.dim() != 3 or x.shape[-1] != input_size:
        raise RuntimeError(f"inputs of shape {tuple(x.shape)}; expected (batch, time, {input_size})")
    batch, time = x.shape[:2]
    if lengths is not None:
        if lengths.shape != (batch,) or lengths.is_floating_point() or lengths.is_complex():
            raise RuntimeError(
                f"lengths of shape {tuple(lengths.shape)} and type {lengths.dtype}; "
                f"expected an integer for each of {batch} sequences"
            )
        if batch and lengths.is_cpu:  # on a GPU a look at them would wait for it
            shortest, longest = (int(bound) for bound in lengths.aminmax())
            if shortest < 0 or longest > time:
                raise RuntimeError(
                    f"lengths from {shortest} to {longest}; expected 0 to {time}, the steps of the inputs"
                )


def _for_each(batch: int, state: State, cell: Cell) -> State:
    """The state with an entry for each sequence: one that is given without them is everybody's. Raises RuntimeError
    for one of another form or size than the cell's.
    """
    own = cell.initial_state(batch)
    shapes, expected = ([tuple(part.shape) for part in state_parts(each)] for each in (state, own))
    if len(shapes) != len(expected) or any(
        found not in (wanted, (1, *wanted[1:]), wanted[1:]) for found, wanted in zip(shapes, expected, strict=True)
    ):
        raise RuntimeError(f"a state of the shapes {shapes}; expected {expected}")
    parts = iter(state_parts(state))
    return map_state(lambda part: next(parts).expand_as(part), own)


def _loop(cell: Cell, x: Tensor, lengths: Int[Tensor, " batch"] | None, state: State) -> tuple[Tensor, State]:
    """The reference: one `cell.step` after the other."""
    if lengths is None:

        def free_step(projected: Tensor, before: State) -> tuple[Tensor, State]:
            after = cell.step(projected, before)
            return cell.output(after), after

        return unroll(free_step, cell.project(x), state)

    valid = valid_steps(lengths.to(x.device), x.shape[1])
    # padding may hold anything, NaN included, which a later product with zero would not remove
    x = x.masked_fill(~valid.unsqueeze(-1), 0.0)
    now = iter(valid.unsqueeze(-1).unbind(1))

    def masked_step(projected: Tensor, before: State) -> tuple[Tensor, State]:
        here: Shaped[Tensor, "batch 1"] = next(now)
        after = map_state(lambda new, old: torch.where(here, new, old), cell.step(projected, before), before)
        return cell.output(after) * here, after

    return unroll(masked_step, cell.project(x), state)
