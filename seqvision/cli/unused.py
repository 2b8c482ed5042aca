"""Choices that somebody made and that nothing of the run would make use of."""

import re
from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.errors import UserError

# groups that have an effect only where another part of the configuration refers to them
REFERRED = (
    "attention", "augmentation", "decoding", "encoder", "front", "loss", "optimizer", "penalty", "pooling", "rnn",
    "scheduler", "vocabulary",
)  # fmt: skip


def check_used(config: DictConfig, overrides: Iterable[str]) -> None:
    """Nothing, if each choice and value that the overrides make has an effect; else a UserError: whoever asks for
    attention must not be given the scores of a run without.
    """
    raw = OmegaConf.to_container(config, resolve=False)
    assert isinstance(raw, dict)
    used = _reached(raw)
    for override in overrides:
        key, _, value = override.partition("=")
        part = re.split(r"[.@]", key.lstrip("+"))[0]
        if part in REFERRED and part not in used and value not in ("none", "null"):
            raise UserError(
                f"{override}: nothing of this run makes use of '{part}', neither its task ({_choice(raw, 'task')}) nor "
                f"its network ({_choice(raw, 'model')}) nor its data. Leave it out"
            )


def _reached(raw: dict[Any, Any]) -> set[str]:
    """The parts that have an effect: those that are made anyway, what they refer to, what that refers to, …"""
    reached: set[str] = set()
    waiting = {str(part) for part in raw if part not in REFERRED}
    while waiting:
        part = waiting.pop()
        reached.add(part)
        waiting |= set(re.findall(r"\$\{(\w+)", str(raw.get(part)))) - reached
    return reached


def _choice(raw: dict[Any, Any], part: str) -> str:
    """What a part is, by its class."""
    return str((raw.get(part) or {}).get("_target_", "none")).rpartition(".")[2]
