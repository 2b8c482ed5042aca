"""Calls the compiled operators with random arguments, right and wrong ones, in a build that checks every access.

    LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libstdc++.so.6)" \\
        ASAN_OPTIONS=detect_leaks=0 SEQVISION_KERNELS=FOLDER \\
        python tests/rnn/kernels/hostile_calls.py 2000

Prints how many calls gave a result and how many were refused; the address sanitizer ends the process at the first
access outside a tensor.
"""

import random
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from seqvision.rnn.kernels import build

OPERATORS = {"elman": (1, 1), "gru": (3, 4), "lstm": (4, 4), "normalised_lstm": (4, 5)}  # gates, biases


def tensor(draw: random.Random, *shape: int) -> Tensor:
    """One of that shape; or contiguous, strided, expanded or overlapping; now and then of another shape or type."""
    sizes = list(shape)
    if draw.random() < 0.03:
        place = draw.randrange(len(sizes))
        sizes[place] = draw.choice([0, 1, sizes[place] + 1, max(sizes[place] - 1, 0), 3 * sizes[place]])
    if draw.random() < 0.01:
        sizes = sizes[1:] if draw.random() < 0.5 else [1, *sizes]
    made = torch.randn(*sizes)
    match draw.randrange(8):
        case 0 if made.dim() > 1:
            made = made.transpose(0, -1).contiguous().transpose(0, -1)
        case 1 if made.dim() and made.shape[0]:
            made = made[:1].expand_as(made)
        case 2 if made.dim() and made.shape[-1]:
            made = torch.randn(*sizes[:-1], 2 * sizes[-1])[..., ::2]
        case 3 if made.numel():
            made = torch.randn(made.numel() + 4).as_strided(sizes, [1] * len(sizes))
    return made.to(draw.choice([torch.float64, torch.float16, torch.int64])) if draw.random() < 0.01 else made


def counts(draw: random.Random, batch: int, most: int) -> Tensor | None:
    """How many steps or locations count in each sequence; now and then too many, too few, negative, of another type."""
    if draw.random() < 0.3:
        return None
    number = batch if draw.random() < 0.97 else draw.randrange(batch + 3)
    made = torch.tensor([draw.randint(0, most) for _ in range(number)], dtype=torch.int64)
    if number and draw.random() < 0.06:
        made[draw.randrange(number)] = draw.choice([-1, most + 1, 2**40, -(2**63)])
    return made.to(torch.int32) if draw.random() < 0.01 else made


def maybe(draw: random.Random, make: Callable[[], Tensor]) -> Tensor | None:
    return make() if draw.random() < 0.5 else None


def call_layer(draw: random.Random) -> None:
    name = draw.choice(list(OPERATORS))
    gates, biases = OPERATORS[name]
    batch, time, inputs, size = (draw.choice([0, 1, 2, 5, 9]) for _ in range(4))
    size = max(size, 1)
    learns = draw.random() < 0.5

    def made(*shape: int) -> Tensor:
        found = tensor(draw, *shape)
        return found.requires_grad_() if learns and found.is_floating_point() else found

    state = [maybe(draw, lambda: made(*draw.choice([(batch, size), (1, size), (size,)]))) for _ in range(2)]
    gain = {"elman": maybe(draw, lambda: made(size)), "normalised_lstm": made(9 * size)}.get(name)
    given: list[Any] = [made(batch, time, inputs), counts(draw, batch, time), made(gates * size, inputs)]
    given += [made(gates * size, size), *([gain] if name in ("elman", "normalised_lstm") else []), made(biases * size)]
    given += state[: 1 if name in ("elman", "gru") else 2]
    given += [*([1e-5] if name in ("elman", "normalised_lstm") else []), draw.random() < 0.5]
    outputs, *last = getattr(torch.ops.seqvision, name).default(*given)
    if learns and outputs.requires_grad:
        parts = [part for part in (outputs, *last) if draw.random() < 0.8] or [outputs]
        sum(part.sum() if draw.random() < 0.5 else (part * torch.randn_like(part)).sum() for part in parts).backward()


def call_attention(draw: random.Random) -> None:
    batch, time, size, places, key, value = (draw.choice([0, 1, 2, 5, 20]) for _ in range(6))
    size = max(size, 1)

    def made(*shape: int) -> Tensor:
        found = tensor(draw, *shape)
        return found.contiguous() if draw.random() < 0.9 else found

    lengths, seen = counts(draw, batch, time), counts(draw, batch, places)
    parts = [made(batch, places, key), made(batch, places, value), made(key, size), made(key), made(size, value)]
    parts += [made(size, size), maybe(draw, lambda: made(size))]
    before, bias = made(batch, size), made(size)
    ops = torch.ops.seqvision
    projected = made(batch, time, size)
    found = ops.attend_forward(projected, lengths, seen, *parts, bias, before, 0.5, 1e-5, True)
    states, contexts, weights, _, xhat, inverse = found
    if draw.random() < 0.1:
        xhat, inverse = made(*xhat.shape), made(*inverse.shape)
    upper = [maybe(draw, lambda part=part: made(*part.shape)) for part in found[:4]]
    ops.attend_backward(*upper, states, contexts, weights, xhat, inverse, lengths, seen, *parts, before, 0.5)


def main(calls: int) -> None:
    build.FLAGS += ["-fsanitize=address", "-g", "-O1"]
    for library in ("elman", "gated", "attend"):
        if reason := build.load(library):
            sys.exit(f"no operators: {reason}")
    results = refused = 0
    for number in range(calls):
        draw = random.Random(number)
        torch.manual_seed(number)
        try:
            (call_layer if number % 3 else call_attention)(draw)
            results += 1
        except (RuntimeError, TypeError, IndexError):
            refused += 1
    print(f"{results} results, {refused} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]))
