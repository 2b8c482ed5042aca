"""A packed model: one file of weights in safetensors, and all else that inference needs as JSON in its header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from seqvision.digest import PREFIX
from seqvision.errors import UserError
from seqvision.files import write_bytes

SUFFIX = ".safetensors"
HEADER = "seqvision"  # the entry of the file's metadata


def write_packed(target: Path, held: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Writes the weights, and what a checkpoint holds besides them. Raises a `UserError` where that cannot be done."""
    apart = {name: value.clone().contiguous() for name, value in weights.items()}  # no two in one piece of memory
    # not written by safetensors itself, whose errors do not say what the system said
    write_bytes(target, save(apart, metadata={HEADER: json.dumps(held)}))


def read_packed(file: Path) -> dict[str, Any]:
    """The file's content in the form of a checkpoint.

    Raises:
        UserError: It is damaged, or no packed model of seqvision.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            metadata = opened.metadata() or {}
            weights = {f"{PREFIX}{name}": opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # no mapping
    except PermissionError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); you need the right to read it") from error
    except Exception as error:  # safetensors has an exception of its own for most damage, and others
        raise UserError(f"{file}: truncated or damaged ({error!s:.200}); copy the file again") from error
    if HEADER not in metadata:
        raise UserError(f"{file}: a safetensors file, but no model that `seqvision pack` wrote (no '{HEADER}' in it)")
    try:
        held = json.loads(metadata[HEADER])
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: its header is damaged ({error!s:.200}); copy the file again") from error
    return {HEADER: held, "state_dict": weights}
