"""Values of the configuration beside what the parts that they are for say that they take."""

import inspect
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from seqvision.cli.config import meant
from seqvision.errors import SettingError

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}
LISTS = (list, tuple, set, frozenset, *Sequence.__mro__[:-1])


def check_values(node: Any) -> None:
    """Nothing, if each value in a node of the configuration, and in the parts within, is of a kind that the part's
    signature names; else a `SettingError`. What a signature leaves open fits.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not OmegaConf.is_config(node):
        return
    try:
        found = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException:
        return  # what is missing is said where it is needed
    for _, part in parts(found):
        hints = settings_of(part["_target_"])[0]
        for key, value in part.items():
            if key in hints and not fits(value, hints[key]):
                raise SettingError(key, value, _expected(hints[key], value))


def settings_of(target: str) -> tuple[dict[str, Any], bool]:
    """(what a part says of its arguments, by their names; whether it takes others as well). A class that hands the rest
    on to those that it is made from takes theirs.
    """
    from hydra.utils import get_object

    try:
        made: Any = get_object(target)
        found: dict[str, Any] = {}
        for each in [vars(kind).get("__init__") for kind in made.__mro__[:-1]] if inspect.isclass(made) else [made]:
            if each is None:
                continue
            takes, hints = list(inspect.signature(each).parameters.values()), get_type_hints(each)
            takes = [one for one in takes if one.name != "self"]
            found = {**{one.name: hints.get(one.name, Any) for one in takes if one.kind not in _REST}, **found}
            if not any(one.kind is one.VAR_KEYWORD for one in takes):
                return found, False
    except Exception:  # of another's code, anything; the part itself will say what is wrong
        return {}, True
    return found, True


_REST = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def parts(node: Any) -> Iterator[tuple[str, Any]]:
    """Each mapping with a `_target_` in a configuration or in plain data, under its key, those near the top first."""
    level = [("", node)]
    while level:
        within: list[tuple[str, Any]] = []
        for path, part in level:
            if hasattr(part, "items"):
                if "_target_" in part:
                    yield path, part
                within += [(f"{path}.{key}".lstrip("."), value) for key, value in part.items()]
            elif isinstance(part, Sequence) and not isinstance(part, str):
                within += [(f"{path}[{place}]", value) for place, value in enumerate(part)]
        level = within


def fits(value: Any, hint: Any) -> bool:
    """Whether plain data may be given where a signature says `hint`; a part (with a `_target_`) fits anywhere."""
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return any(fits(value, each) for each in get_args(hint))
    if kind is Literal:
        return any(type(value) is type(each) and value == each for each in get_args(hint))
    if isinstance(value, dict) or kind in (Any, object) or isinstance(kind, TypeVar) or not isinstance(kind, type):
        return True
    if isinstance(value, list):
        return kind in LISTS and all(fits(each, inner) for each, inner in _inner(value, hint))
    if value is None:
        return kind is type(None)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int):
        return kind in (int, float)
    return issubclass(kind, (type(value), PurePath)) if isinstance(value, str) else kind is type(value)


def _inner(values: list[Any], hint: Any) -> Iterable[tuple[Any, Any]]:
    """Each value of a list with what the signature says of it."""
    said = get_args(hint) or (Any,)
    if get_origin(hint) is tuple and said[-1] is not Ellipsis:
        return zip(values, said, strict=False)
    return ((value, said[0]) for value in values)


def _expected(hint: Any, value: Any) -> str:
    """What a signature asks for, and what may have been meant, in words."""
    kinds = get_args(hint) if (get_origin(hint) or hint) in (Union, types.UnionType) else (hint,)
    choices = [str(each) for kind in kinds if get_origin(kind) is Literal for each in get_args(kind)]
    names = [NAMES[kind] for kind in kinds if kind in NAMES]
    names += ["a list" for kind in kinds if (get_origin(kind) or kind) in LISTS]
    names += [f"one of {', '.join(choices)}"] if choices else []
    near = meant(value, choices) if isinstance(value, str) else ""
    said = " or ".join(dict.fromkeys(names)) or "a part, with a _target_ of its own"
    return f"{said}. {near}" if near else said
