"""Where a run's data are: stored as absolute paths, and looked for beside the run where they are not there any more."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

_PATHS = ("path", "folder")  # keys of data that name a place, whether it is there yet or not
_MAYBE = ("files",)  # a folder, or a pattern of names


def store_absolute(config: DictConfig) -> None:
    """Makes the paths of a run's data absolute, so that they are found from every folder."""
    data = config.get("data")
    if OmegaConf.is_dict(data):
        _each_path(data, lambda key, path: path.absolute() if key in _PATHS or path.exists() else path)


def find_moved(data: Any, *, run_then: str, run_now: Path) -> None:
    """Puts paths of a run's data that lead nowhere to where the same data are beside the run, if they are there."""
    _each_path(data, lambda key, path: next(filter(Path.exists, [path, *beside(path, run_then, run_now)]), path))


def beside(path: Path, run_then: str, run_now: Path) -> list[Path]:
    """Where data may be that are not in their place any more: as far from the run's folder as when it was trained, for
    whole projects are moved, or in that folder, or next to it.

    run_then: the run's folder when it was trained, if that is known; run_now: where it is now.
    """
    alike = [Path(os.path.normpath(run_now / os.path.relpath(path, run_then)))] if run_then else []
    return [*alike, run_now / path.name, run_now.parent / path.name] if path.is_absolute() else []


def _each_path(node: Any, change: Callable[[str, Path], Path]) -> None:
    """Changes every path below a part of the configuration in place: a tree of OmegaConf or plain dictionaries."""
    for key in list(node):
        if OmegaConf.is_config(node) and OmegaConf.is_missing(node, key):
            continue
        value = node[key]
        if isinstance(value, dict | DictConfig):
            _each_path(value, change)
        elif key in (*_PATHS, *_MAYBE) and isinstance(value, str) and value:
            changed = str(change(key, Path(value)))
            if changed != value:
                node[key] = changed
