"""What a run's folder may call when it is gone on with: its configuration is code, as any of Hydra's is."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from seqvision.errors import UserError

OWN = ("seqvision", "torch.optim", "torch.nn", "torchvision.transforms", "pytorch_lightning", "lightning")
# of this package, what runs a whole command is no part of a configuration
NO_PARTS = re.compile(r"seqvision\.(?:cli\.(?!sweep_figures\.)|.*__)")
# another key's value, or what the configurations of this project resolve
RESOLVED = re.compile(r"\$\{(?:[\w.@\[\]-]+|hydra:[\w.]+|now:[^{}$]*|oc\.env:SEQVISION_\w+(?:,[^{}$]*)?)\}")
TARGET = re.compile(r"_target_[\"']?\s*[:=]\s*[\"']?([^\s,}\"']+)")


def take_trust(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """(the modules of `--trust MODULE`, the other arguments); such modules are looked for in this folder too."""
    trust: list[str] = []
    others: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        option, equals, value = argument.partition("=")
        if option == "--trust":
            trust.append(value if equals else next(waiting, ""))
        else:
            others.append(argument)
    if "" in trust:
        raise UserError("--trust: expected a module, such as --trust my_networks")
    if trust and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return trust, others


def check_trusted(config: Any, trust: Sequence[str], where: str) -> None:
    """Raises a `UserError` where a configuration, plain and unresolved, would call or resolve something that is neither
    of this package, torch or Lightning, nor of the modules in `trust`.

    where: the file, for messages.
    """
    for key, text in _texts(config):
        if key.rpartition(".")[2] == "_target_":
            _check_target(text, trust, f"{where}: {key}")
        for start in re.finditer(r"\$\{", text):
            if RESOLVED.match(text, start.start()) is None:
                raise UserError(
                    f"{where}: {key} is {text[:80]!r}, an interpolation that this project does not use. A run's folder "
                    "is code (see SECURITY.md): if you know its author, put the value itself there"
                )


def modules_to_trust(config: Any) -> list[str]:
    """The modules that `--trust` has to name before a run with this plain configuration is gone on with."""
    found: dict[str, None] = {}
    for key, text in _texts(config):
        if key.rpartition(".")[2] == "_target_":
            try:
                _check_target(text, list(found), "")
            except UserError:
                found[text.rpartition(".")[0]] = None
    return list(found)


def check_overrides_trusted(overrides: Iterable[str], trust: Sequence[str], where: str) -> None:
    """The same for overrides of Hydra's command line. Raises a `UserError` for options of Hydra, too."""
    for override in overrides:
        if override.startswith("-"):
            raise UserError(f"{where}: holds the option {override[:80]}; expected overrides such as rnn=lstm")
        for found in TARGET.finditer(override):
            _check_target(found[1], trust, f"{where}: {override[:80]}")
        check_trusted({"overrides": override}, trust, where)


def _texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each text in a configuration, keys too, with where it is."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield key, str(name)
            yield from _texts(value, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _texts(value, f"{key}[{place}]")
    elif node is not None:
        yield key, str(node)


def _check_target(name: str, trust: Sequence[str], where: str) -> None:
    from hydra.utils import get_object

    if any(name.startswith(f"{module}.") for module in trust):
        return
    origin = ""
    if name.startswith(tuple(f"{module}." for module in OWN)) and not NO_PARTS.match(name):
        try:
            origin = f"{getattr(get_object(name), '__module__', '')}."
        except Exception:  # what cannot be found is said by whoever builds it
            return
    # itself defined there: not what one of these modules merely imported
    if not origin.startswith(tuple(f"{module}." for module in OWN)) or NO_PARTS.match(origin):
        module = name.rpartition(".")[0] or name
        raise UserError(
            f"{where} is '{name[:80]}', which is not of seqvision, torch or Lightning: nothing of it has run. A run's "
            f"folder is code (see SECURITY.md): if you know its author, allow it with --trust {module[:80]}"
        )
