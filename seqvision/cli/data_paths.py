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


def find_moved(data: Any, *, trained_in: str | None, now_in: Path) -> None:
    """Puts paths that lead nowhere to where the same data are seen from the run's folder, if they are there.

    trained_in: the run's folder when it was trained; now_in: where it is now.
    """

    def found(key: str, path: Path) -> Path:
        if path.exists():
            return path
        seen = [now_in / os.path.relpath(path, trained_in)] if trained_in and path.is_absolute() else []
        beside = [folder / path.name for folder in (now_in, now_in.parent)]
        relative = [] if path.is_absolute() else [folder / path for folder in (now_in, *now_in.parents)]
        return next((place.resolve() for place in (*seen, *relative, *beside) if place.exists()), path)

    _each_path(data, found)


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
