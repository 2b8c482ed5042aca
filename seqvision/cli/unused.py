"""Choices that somebody made and that nothing of the run would make use of."""

import re
from collections.abc import Iterable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.errors import UserError

# groups that have an effect only where another part of the configuration refers to them
REFERRED = (
    "attention", "augmentation", "decoding", "encoder", "front", "loss", "optimizer", "penalty", "pooling", "rnn",
    "scheduler", "vocabulary", "wide",
)  # fmt: skip
_READ = ("monitor",)  # what the code looks for, though no file of the configuration need say it


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
    for override, part in added_parts(config, overrides).items():
        raise UserError(
            f"{override}: nothing of this run makes use of '{part}': the configuration has no part of that name, and "
            f"no value refers to it as ${{{part}}}. Leave it out, or name the part that is meant; `seqvision train "
            "--cfg job` lists them"
        )


def added_parts(config: DictConfig, overrides: Iterable[str]) -> dict[str, str]:
    """The parts that overrides with a + alone make up, by the first such override; without those that a value refers
    to, and without whole choices, which a group's files say.
    """
    raw: Any = OmegaConf.to_container(config, resolve=False)
    added = {override.lstrip("+").partition("=")[0]: override for override in overrides if override.startswith("+")}
    made_up: dict[str, str] = {}
    for key, override in added.items():
        part = key.partition(".")[0]
        others = [leaf for leaf in _leaves(raw.get(part), part) if not any(_within(leaf, each) for each in added)]
        is_choice = "@" in key or (key == part and isinstance(raw.get(part), dict) and "{" not in override)
        if part not in raw or others or is_choice or part in _READ:
            continue
        if not any(re.search(rf"\$\{{{re.escape(part)}\b", str(value)) for name, value in raw.items() if name != part):
            made_up[override] = part
    return made_up


def _leaves(node: Any, key: str) -> list[str]:
    if isinstance(node, dict) and node:
        return [leaf for name, value in node.items() for leaf in _leaves(value, f"{key}.{name}")]
    return [key]


def _within(key: str, part: str) -> bool:
    return key == part or key.startswith(f"{part}.")


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
