"""What tells a checkpoint's weights from others and from damaged ones: a digest that a single flipped bit changes."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "model."  # of the network's weights in a training checkpoint


def digest_of(held: Mapping[str, Any], weights: "Mapping[str, Tensor]") -> str:
    """The SHA-256 of what a checkpoint holds of its model, its own `digest` aside, and of the names, types, shapes and
    bytes of the weights.
    """
    import torch

    found = hashlib.sha256(json.dumps({name: value for name, value in held.items() if name != "digest"}).encode())
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        found.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def nonfinite(weights: "Mapping[str, Tensor]") -> str | None:
    """The first of the weights that are infinite or not a number, None where all are finite."""
    floats = ((name, value) for name, value in weights.items() if value.is_floating_point())
    return next((name for name, value in floats if not value.isfinite().all()), None)


def seal(checkpoint: dict[str, Any]) -> None:
    """Writes the digest into a checkpoint of this project that is about to be saved; others are left as they are."""
    held = checkpoint.get("seqvision")
    if held:
        checkpoint["seqvision"] = {**held, "digest": digest_of(held, model_weights(checkpoint))}


def model_weights(checkpoint: Mapping[str, Any]) -> "dict[str, Tensor]":
    """The network's weights inside a training checkpoint."""
    state = checkpoint["state_dict"]
    return {name[len(PREFIX) :]: value for name, value in state.items() if name.startswith(PREFIX)}
