"""A limit on the memory that building a network may take."""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from seqvision.errors import UserError

SPARE = 1 << 30  # bytes beside those of the weights: of layers that an encoder cuts off, and of a picture to try it on
OF_A_NUMBER = 4  # bytes
COUNTED = ("size", "steps", "end", "n", "repeats")  # arguments that say how large a new tensor is


class Budget(TorchDispatchMode):
    """Within it, tensors are made only as far as weights of `number_of_bytes` in `tensors` tensors explain it.

    Raises:
        UserError: before more memory is taken: a description of a few bytes may ask for terabytes.
    """

    def __init__(self, number_of_bytes: int, tensors: int):
        super().__init__()
        self.bytes_left = 3 * number_of_bytes + SPARE
        self.tensors_left = 50 * tensors + 2_000

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and to guard against it takes torch two seconds of imports

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        names = [argument.name for argument in func._schema.arguments]
        if any(name in COUNTED for name in names):
            given = {**dict(zip(names, args, strict=False)), **(kwargs or {})}
            if torch.device(given.get("device") or "cpu").type != "meta":
                self._take(max(_numbers(given.get(name)) for name in COUNTED))
        return func(*args, **(kwargs or {}))

    def _take(self, numbers: int) -> None:
        self.tensors_left -= 1
        self.bytes_left -= numbers * OF_A_NUMBER
        if min(self.bytes_left, self.tensors_left) < 0:
            raise UserError("describes a larger network than its weights are of; take another copy")


def _numbers(size: Any) -> int:
    """How many numbers a tensor of that size has."""
    if isinstance(size, list | tuple):
        return prod(each for each in size if isinstance(each, int) and each >= 0)
    return int(size) if isinstance(size, int | float) else 0
