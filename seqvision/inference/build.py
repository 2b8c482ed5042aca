"""Objects from the plain description in a checkpoint, and from nothing else: a stranger's file cannot run code."""

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from seqvision.errors import UserError

# the rooms whose networks a checkpoint may name: no other module is even imported on a file's word
_ROOMS = ("seqvision.models", "seqvision.encoders", "seqvision.rnn", "seqvision.attention")
# what a checkpoint may name besides this package's own networks: harmless layers
_TORCH_CLASSES = {
    f"torch.nn.{name}": getattr(nn, name)
    for name in ("Identity", "Linear", "Dropout", "LayerNorm", "GroupNorm", "BatchNorm2d", "ReLU", "GELU", "Tanh")
}


def build(node: Any, *, trust: Sequence[str] = ()) -> Any:
    """What a description describes: dictionaries with `_target_` become objects, or partials with `_partial_`.

    Only networks (`torch.nn.Module` classes) of this package, a short list of torch's, and those of the modules in
    `trust` are built, nested entries included. Entries named `weights` are left out: a checkpoint brings its own.
    """
    if isinstance(node, list):
        return [build(entry, trust=trust) for entry in node]
    if not isinstance(node, dict):
        return node
    entries = {
        key: None if key == "weights" else build(value, trust=trust)
        for key, value in node.items()
        if key not in ("_target_", "_partial_")
    }
    if "_target_" not in node:
        return entries
    target = _resolve(str(node["_target_"]), trust)
    if node.get("_partial_"):
        return partial(target, **entries)
    try:
        return target(**entries)
    except TypeError as error:
        raise UserError(f"the description of '{node['_target_']}' does not fit this version ({error})") from error


def _resolve(name: str, trust: Sequence[str]) -> type[nn.Module]:
    """The network class of that name, if it may be built."""
    if name in _TORCH_CLASSES:
        return _TORCH_CLASSES[name]
    module_name, _, attribute = name.rpartition(".")
    trusted = [module for module in (*_ROOMS, *trust) if name.startswith(module + ".")]
    refusal = (
        f"the checkpoint asks for '{name}', which is not a network of seqvision: it is not built, and nothing of it "
        f"has run. If you know the file's author, allow it with --trust {module_name or name}"
    )
    if not trusted:
        raise UserError(refusal)
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"the checkpoint needs '{name}', which this version does not have ({error})") from error
    # the class itself must live in a trusted module: not something that such a module merely imported
    if not (
        isinstance(found, type)
        and issubclass(found, nn.Module)
        and any(f"{found.__module__}.".startswith(module + ".") for module in trusted)
    ):
        raise UserError(refusal)
    return found
