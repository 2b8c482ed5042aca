"""What a class or function says of its arguments, and whether plain data fit it."""

import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePath
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}
LISTS = (list, tuple, set, frozenset, *Sequence.__mro__[:-1])
MAPPINGS = (dict, *Mapping.__mro__[:-1])
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_REST = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def arguments_of(made: Callable[..., Any]) -> tuple[dict[str, Any], bool]:
    """(the type of each argument by its name, `Any` where none is said; whether it takes others as well). A class that
    hands the rest on to those that it is made from takes theirs, a function those of what it `hands_on_to`.
    """
    found: dict[str, Any] = {}
    for each in [vars(kind).get("__init__") for kind in made.__mro__[:-1]] if inspect.isclass(made) else _chain(made):
        if each is None:
            continue
        takes, hints = list(inspect.signature(each).parameters.values()), get_type_hints(each)
        takes = [one for one in takes if one.name != "self"]
        found = {**{one.name: hints.get(one.name, Any) for one in takes if one.kind not in _REST}, **found}
        if not any(one.kind is one.VAR_KEYWORD for one in takes):
            return found, False
    return found, True


def hands_on_to(receiver: Callable[..., Any]) -> Callable[[FunctionT], FunctionT]:
    """A decorator for a function that hands its `**options` on to another, so that `arguments_of` knows them too."""

    def marked(function: FunctionT) -> FunctionT:
        function.hands_on_to = receiver  # type: ignore[attr-defined]
        return function

    return marked


def _chain(made: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """A function, and those that it hands the rest of its arguments on to."""
    while made is not None:
        yield made
        made = getattr(made, "hands_on_to", None)  # type: ignore[assignment]


def required_by(made: Callable[..., Any]) -> list[str]:
    """The arguments without a default of a function, or of a class's own `__init__`."""
    takes = inspect.signature(made).parameters.values()
    return [one.name for one in takes if one.default is one.empty and one.kind not in _REST]


def fits(value: Any, hint: Any) -> bool:
    """Whether a value may be given where a signature says `hint`: plain data, in which what describes a part (with a
    `_target_`) fits anywhere, or an object.
    """
    kind = get_origin(hint) or hint
    if kind in (Union, types.UnionType):
        return any(fits(value, each) for each in get_args(hint))
    if kind is Literal:
        return any(type(value) is type(each) and value == each for each in get_args(hint))
    if kind in (Any, object) or isinstance(kind, TypeVar) or not isinstance(kind, type):
        return True
    if isinstance(value, dict):
        return "_target_" in value or (kind in MAPPINGS and _entries_fit(value, get_args(hint)))
    if isinstance(value, list):
        return kind in LISTS and all(fits(each, inner) for each, inner in _inner(value, hint))
    if value is None:
        return kind is type(None)
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int):
        return kind in (int, float)
    if isinstance(value, str):
        return issubclass(kind, (str, PurePath))
    return callable(value) if kind is Callable else isinstance(value, kind)


def names_path(hint: Any) -> bool:
    """Whether a signature that says `hint` takes a path."""
    return any(isinstance(each, type) and issubclass(each, PurePath) for each in (hint, *get_args(hint)))


def expected_by(hint: Any, value: Any) -> str:
    """What a signature asks for, and what may have been meant, in words."""
    kinds = get_args(hint) if (get_origin(hint) or hint) in (Union, types.UnionType) else (hint,)
    choices = [str(each) for kind in kinds if get_origin(kind) is Literal for each in get_args(kind)]
    names = [NAMES[kind] for kind in kinds if kind in NAMES]
    names += ["a list" for kind in kinds if (get_origin(kind) or kind) in LISTS]
    names += ["a mapping" for kind in kinds if (get_origin(kind) or kind) in MAPPINGS[:2]]
    names += [f"one of {', '.join(choices)}"] if choices else []
    near = suggestion(value, choices) if isinstance(value, str) else ""
    said = " or ".join(dict.fromkeys(names)) or "a part, with a _target_ of its own"
    return f"{said}. {near}" if near else said


def suggestion(name: str, names: Iterable[str]) -> str:
    """What may have been meant; nothing where no name is near."""
    near = get_close_matches(name, list(names), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else ""


def parts(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each mapping with a `_target_` in a configuration or in plain data, under its key, those near the top first.
    key: where the node itself is.
    """
    level = [(key, node)]
    while level:
        within: list[tuple[str, Any]] = []
        for path, part in level:
            if hasattr(part, "items"):
                if "_target_" in part:
                    yield path, part
                within += [(f"{path}.{name}".lstrip("."), value) for name, value in part.items()]
            elif isinstance(part, Sequence) and not isinstance(part, str):
                within += [(f"{path}[{place}]", value) for place, value in enumerate(part)]
        level = within


def _entries_fit(value: dict[Any, Any], hints: tuple[Any, ...]) -> bool:
    of_keys, of_values = hints or (Any, Any)
    return all(fits(key, of_keys) and fits(each, of_values) for key, each in value.items())


def _inner(values: list[Any], hint: Any) -> Iterable[tuple[Any, Any]]:
    """Each value of a list with what the signature says of it."""
    said = get_args(hint) or (Any,)
    if get_origin(hint) is tuple and said[-1] is not Ellipsis:
        return zip(values, said, strict=False)
    return ((value, said[0]) for value in values)
