"""JSON with one value replaced by another kind of value, or one key left out: every place with every replacement."""

import copy
from collections.abc import Iterator
from typing import Any

DEEP: Any = []
for _ in range(200):
    DEEP = [DEEP]
REPLACEMENTS: dict[str, Any] = {
    **{"null": None, "true": True, "negative": -1, "fraction": 0.5, "huge": 1e308, "endless": 10**400},
    **{"nan": float("nan"), "infinite": float("inf"), "text": "x", "half a letter": "\ud800", "markup": "<b>$\\x{"},
    **{"no text": "", "empty list": [], "list": [1, "x"], "empty object": {}, "object": {"_target_": "os.getcwd"}},
    **{"deep": DEEP, "folder above": "../../x"},
}


def damaged(whole: Any) -> Iterator[tuple[str, Any]]:
    """(what was done, the damaged copy)."""
    for path in _places(whole):
        where = ".".join(map(str, path)) or "all"
        for name, value in REPLACEMENTS.items():
            yield f"{where} {name}", _changed(whole, path, value)
        if path and isinstance(path[-1], str):
            yield f"{where} missing", _changed(whole, path)


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(node, dict | list):
        for key in node if isinstance(node, dict) else range(len(node)):
            yield from _places(node[key], (*path, key))


def _changed(whole: Any, path: tuple[Any, ...], *value: Any) -> Any:
    if not path:
        return value[0]
    made = copy.deepcopy(whole)
    part = made
    for key in path[:-1]:
        part = part[key]
    if value:
        part[path[-1]] = value[0]
    else:
        del part[path[-1]]
    return made
