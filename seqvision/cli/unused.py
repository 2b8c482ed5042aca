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
    unused = unused_parts(config)
    for override in overrides:
        key, _, value = override.partition("=")
        part = re.split(r"[.@]", key.lstrip("+"))[0]
        if part in unused and value not in ("none", "null"):
            raise UserError(
                f"{override}: nothing of this run makes use of '{part}', neither its task ({_choice(config, 'task')}) "
                f"nor its network ({_choice(config, 'model')}) nor its data. Leave it out"
            )


def unused_parts(config: DictConfig) -> set[str]:
    """The groups that nothing refers to of what is made anyway, nor what that refers to, and so on."""
    raw: Any = OmegaConf.to_container(config, resolve=False)
    reached: set[str] = set()
    waiting = {str(part) for part in raw if part not in REFERRED}
    while waiting:
        part = waiting.pop()
        reached.add(part)
        waiting |= set(re.findall(r"\$\{(\w+)", str(raw.get(part)))) - reached
    return set(REFERRED) - reached


def _choice(config: DictConfig, part: str) -> str:
    """What a part is, by its class."""
    return str((config.get(part) or {}).get("_target_", "none")).rpartition(".")[2]
