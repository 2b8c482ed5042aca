"""Objects from the plain description in a checkpoint, and from nothing else: a stranger's file cannot run code.

A description is dictionaries, lists, texts and numbers. Nothing in it is resolved, and only registered classes and
functions are called, after every argument in it has been compared with their signatures.
"""

import importlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from seqvision.errors import UserError
from seqvision.inference.registry import Registry
from seqvision.signatures import arguments_of, expected_by, fits, parts, required_by, suggestion

LARGEST = 2**31 - 1  # of a description's whole numbers, seeds aside
Targets = dict[str, Callable[..., Any]]


def build(node: Any, registry: Registry, *, trust: Sequence[str] = (), key: str = "model") -> Any:
    """What a description describes: dictionaries with `_target_` become objects, or partials with `_partial_`.

    Entries named `weights` are left out: a checkpoint brings its own.

    Args:
        node: plain data, see `plain_data`.
        registry: what may be built.
        trust: modules whose own classes and functions may be built as well.
        key: where the description is, for messages.

    Raises:
        UserError: where it names anything else, or has arguments that what it names does not take; nothing has been
            called then.
    """
    _check_values(node, key)
    described = list(parts(node, key))
    targets = {path: _target(part["_target_"], path, registry, trust) for path, part in described}
    for path, part in described:
        _check_arguments(part, targets, path)
    return _made(node, key, targets)


def _check_values(node: Any, key: str) -> None:
    """Raises a `UserError` for a text with an interpolation in it, and for a number that no description has."""
    if isinstance(node, dict):
        for name, value in node.items():
            _check_values(value, f"{key}.{name}")
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            _check_values(value, f"{key}[{place}]")
    elif isinstance(node, str) and "${" in node:
        raise UserError(
            f"{key} is {_shown(node)}: a checkpoint holds what was resolved in training, and nothing in it is resolved "
            "again. Expected a value without ${"
        )
    elif isinstance(node, float) and not math.isfinite(node):
        raise UserError(f"{key} is {node}; expected a finite number")
    elif isinstance(node, int) and abs(node) > (2**64 if "seed" in key else LARGEST):
        raise UserError(f"{key} is {_shown(node)}; expected a number up to {LARGEST:,}")


def _target(name: Any, key: str, registry: Registry, trust: Sequence[str]) -> Callable[..., Any]:
    """The class or function of that name, if it may be built."""
    found: Any = registry.find(name) if isinstance(name, str) else None
    if found is not None:
        return found
    module, _, attribute = str(name).rpartition(".")
    refusal = (
        f"{key}: the checkpoint asks for {_shown(name)}, which is not {registry.what}: it is not built, and nothing of "
        f"it has run. If you know the file's author, allow it with --trust {module or name}"
    )
    if not any(f"{name}".startswith(f"{each}.") for each in trust):
        raise UserError(refusal)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(f"{key}: the checkpoint needs '{name}', which was not found ({error})") from error
    # itself defined in a trusted module: not something that such a module merely imported
    origin = f"{getattr(found, '__module__', '')}."
    if not callable(found) or not any(origin.startswith(f"{each}.") for each in trust):
        raise UserError(refusal)
    return found


def _check_arguments(part: dict[str, Any], targets: Targets, key: str) -> None:
    """Raises a `UserError` where a part gives arguments that its target does not take, or lacks some."""
    name, target = part["_target_"], targets[key]
    takes, others = arguments_of(target)
    lacking = [] if part.get("_partial_") else required_by(target)
    reads_with = getattr(target, "reads_with", "")  # of a data module, the argument that it calls with the rest
    if (read := targets.get(f"{key}.{reads_with}")) is not None:
        takes = {**arguments_of(read)[0], **takes}
        lacking += [each for each in required_by(read) if each not in part[reads_with]]
    for argument, value in part.items():
        if argument == "_partial_" and isinstance(value, bool):
            continue
        if argument in ("_target_", "weights"):
            continue
        if argument not in takes and (not others or not str(argument).isidentifier() or str(argument)[0] == "_"):
            raise UserError(f"{key}: '{name}' takes no {_shown(argument)}. {suggestion(str(argument), takes)}".rstrip())
        if not fits(value, takes.get(argument, Any)):
            raise UserError(f"{key}.{argument} is {_shown(value)}; expected {expected_by(takes[argument], value)}")
    if missing := [argument for argument in lacking if argument not in part]:
        raise UserError(f"{key}: '{name}' needs {' and '.join(missing)}, which the checkpoint does not give")


def _made(node: Any, key: str, targets: Targets) -> Any:
    """The objects, the inner ones first."""
    if isinstance(node, list | tuple):
        return [_made(value, f"{key}[{place}]", targets) for place, value in enumerate(node)]
    if not isinstance(node, dict):
        return node
    entries = {
        name: None if name == "weights" else _made(value, f"{key}.{name}", targets)
        for name, value in node.items()
        if name not in ("_target_", "_partial_")
    }
    if "_target_" not in node:
        return entries
    takes, _ = arguments_of(targets[key])
    for name, value in entries.items():
        if not fits(value, takes.get(name, Any)):
            raise UserError(f"{key}.{name} is a {type(value).__name__}, which '{node['_target_']}' does not take there")
    return partial(targets[key], **entries) if node.get("_partial_") else targets[key](**entries)


def _shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = f"{value:,}" if isinstance(value, int) and abs(value) < 10**30 else f"{value!r:.2000}"
    return text if len(text) <= 80 else f"{text[:77]}…"
