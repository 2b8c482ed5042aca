"""The Triton kernels of the Elman recurrences: all steps of a few sequences a program, forward and backward.

A program reads the state before a step from where it stored it itself: among the outputs of the forward pass, among
the gradients of the sums in the backward pass. Hence the barrier at the end of each step: what one of its threads
stored, another loads. `normalised`, `inverse`, `gain` and `bias` are None for the plain cell, `lengths` where no
sequence ends early, `scratch` where one tile holds a whole row.

All bear `no_type_check`: what wraps a function to check its arguments hides from Triton the names that it uses.
"""

from typing import no_type_check

import triton  # type: ignore[import-untyped]
import triton.language as tl  # type: ignore[import-untyped]


@triton.jit
@no_type_check
def _tanh(x):
    """Cephes' tanh, to the last digit or two: Triton has none of its own that runs everywhere."""
    size = tl.abs(x)
    small = tl.where(size < 0.625, x, 0.0)
    z = small * small
    upper = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
    lower = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
    e = tl.exp(-2.0 * size)
    large = (1.0 - e) / (1.0 + e)
    return tl.where(size < 0.625, small + small * z * (upper / lower), tl.where(x < 0, -large, large))


@triton.jit
@no_type_check
def _tile(from_rows, known, w, begin, hidden, width, ROWS: tl.constexpr, INNER: tl.constexpr, OUTER: tl.constexpr):
    """Columns `begin` and following of the product of the rows (pointers; zeros where not known) with w."""
    outer = begin + tl.arange(0, OUTER)
    total = tl.zeros([ROWS, OUTER], w.dtype.element_ty)
    for start in range(0, hidden, INNER):
        inner = start + tl.arange(0, INNER)
        a = tl.load(from_rows[:, None] + inner[None, :], known[:, None] & (inner < hidden)[None, :], 0.0)
        b = tl.load(w + inner[:, None] * width + outer[None, :], (outer < width)[None, :], 0.0)
        total = tl.dot(a, b, total, input_precision="ieee", out_dtype=w.dtype.element_ty)
    return total


@triton.jit
@no_type_check
def _product(
    from_rows,
    known,
    w,
    scratch_rows,
    here,
    hidden,
    width,
    ROWS: tl.constexpr,
    INNER: tl.constexpr,
    OUTER: tl.constexpr,
    WHOLE: tl.constexpr,
):
    """The rows times w, whole rows: at once where one tile holds them, else put together in the scratch memory."""
    if OUTER == WHOLE:
        return _tile(from_rows, known, w, 0, hidden, width, ROWS, INNER, OUTER)
    else:
        for begin in range(0, hidden, OUTER):
            columns = begin + tl.arange(0, OUTER)
            part = _tile(from_rows, known, w, begin, hidden, width, ROWS, INNER, OUTER)
            tl.store(scratch_rows[:, None] + columns[None, :], part, here[:, None] & (columns < hidden)[None, :])
        tl.debug_barrier()  # what one thread stored another loads
        columns = tl.arange(0, WHOLE)
        return tl.load(scratch_rows[:, None] + columns[None, :], here[:, None] & (columns < hidden)[None, :], 0.0)


@triton.jit(do_not_specialize=["batch", "time"])
@no_type_check
def forward_kernel(
    projected,
    w_transposed,
    gain,
    bias,
    before,
    lengths,
    states,
    last,
    normalised,
    inverse,
    scratch,
    batch,
    time,
    hidden,
    width,
    EPS: tl.constexpr,
    REVERSE: tl.constexpr,
    ROWS: tl.constexpr,
    INNER: tl.constexpr,
    OUTER: tl.constexpr,
    WHOLE: tl.constexpr,
):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    columns = tl.arange(0, WHOLE)
    here, within = rows < batch, columns < hidden
    length = tl.where(here, time, 0) if lengths is None else tl.load(lengths + rows, here, 0)
    if gain is not None:
        gains = tl.load(gain + columns, within, 0.0)
        biases = tl.load(bias + columns, within, 0.0)
    scratch_rows = rows if scratch is None else scratch + rows * hidden
    previous = before + rows * hidden
    for step in range(0, tl.max(length, 0)):
        active = step < length
        moment = tl.where(active, length - 1 - step, 0) if REVERSE else step
        place = rows * time + moment
        cells = (place * hidden)[:, None] + columns[None, :]
        inside = active[:, None] & within[None, :]
        sums = _product(previous, active, w_transposed, scratch_rows, here, hidden, width, ROWS, INNER, OUTER, WHOLE)
        sums += tl.load(projected + cells, inside, 0.0)
        if gain is not None:
            mean = tl.sum(sums, 1) / hidden
            centred = tl.where(within[None, :], sums - mean[:, None], 0.0)
            scale = 1.0 / tl.sqrt(tl.sum(centred * centred, 1) / hidden + EPS)
            sums = centred * scale[:, None]
            if normalised is not None:
                tl.store(normalised + cells, sums, inside)
                tl.store(inverse + place, scale, active)
            sums = sums * gains[None, :] + biases[None, :]
        after = _tanh(sums)
        tl.store(states + cells, after, inside)
        tl.store(last + rows[:, None] * hidden + columns[None, :], after, inside & (step + 1 == length)[:, None])
        previous = states + place * hidden
        tl.debug_barrier()  # the next step's loads see these stores


@triton.jit(do_not_specialize=["batch", "time"])
@no_type_check
def backward_kernel(
    d_states,
    d_last,
    states,
    normalised,
    inverse,
    lengths,
    w,
    gain,
    d_sums,
    d_before,
    shares,
    scratch,
    batch,
    time,
    hidden,
    width,
    REVERSE: tl.constexpr,
    ROWS: tl.constexpr,
    INNER: tl.constexpr,
    OUTER: tl.constexpr,
    WHOLE: tl.constexpr,
):
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    columns = tl.arange(0, WHOLE)
    here, within = rows < batch, columns < hidden
    length = tl.where(here, time, 0) if lengths is None else tl.load(lengths + rows, here, 0)
    if gain is not None:
        gains = tl.load(gain + columns, within, 0.0)
        d_gain = tl.zeros([WHOLE], w.dtype.element_ty)
        d_bias = tl.zeros([WHOLE], w.dtype.element_ty)
    scratch_rows = rows if scratch is None else scratch + rows * hidden
    ends = rows[:, None] * hidden + columns[None, :]
    later = d_sums + rows * hidden
    longest = tl.max(length, 0)
    for count in range(0, longest):
        step = longest - 1 - count
        active, final = step < length, step + 1 == length
        moment = tl.where(active, length - 1 - step, 0) if REVERSE else step
        place = rows * time + moment
        cells = (place * hidden)[:, None] + columns[None, :]
        inside = active[:, None] & within[None, :]
        d = _product(later, step + 1 < length, w, scratch_rows, here, hidden, width, ROWS, INNER, OUTER, WHOLE)
        d += tl.load(d_last + ends, inside & final[:, None], 0.0) + tl.load(d_states + cells, inside, 0.0)
        after = tl.load(states + cells, inside, 0.0)
        d *= 1.0 - after * after
        if gain is not None:
            row = tl.load(normalised + cells, inside, 0.0)
            d_gain += tl.sum(d * row, 0)
            d_bias += tl.sum(d, 0)
            d *= gains[None, :]
            common, along = tl.sum(d, 1) / hidden, tl.sum(d * row, 1) / hidden
            d = tl.load(inverse + place, active, 0.0)[:, None] * (d - common[:, None] - row * along[:, None])
        tl.store(d_sums + cells, d, inside)
        later = d_sums + place * hidden
        tl.debug_barrier()  # the next step's loads see these stores
    d = _product(later, length > 0, w, scratch_rows, here, hidden, width, ROWS, INNER, OUTER, WHOLE)
    tl.store(d_before + ends, d, (length > 0)[:, None] & within[None, :])
    if gain is not None:
        share = shares + tl.program_id(0).to(tl.int64) * hidden + columns
        tl.store(share, d_gain, within)
        tl.store(share + tl.num_programs(0).to(tl.int64) * hidden, d_bias, within)
