"""Names that a configuration gives, and the texts that they mean: YAML reads 0 as a number, where data hold "0"."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

# as YAML gives it; None where it is not given, or, within a list or a mapping, the name "null"
Name = str | int | float | None

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d{1,4})?", re.IGNORECASE)
# what YAML reads as these values
_WORDS: dict[object, tuple[str, ...]] = {
    True: ("true", "yes", "on"),
    False: ("false", "no", "off"),
    None: ("null", "~", ""),
}


def text_of(name: object) -> str:
    """The name as text: 0 is "0", True "true", None "null"; what is text stays as it is."""
    if name is None or isinstance(name, bool):
        return _WORDS[name][0]
    return str(name)


def meant(name: object, texts: Iterable[str]) -> list[str]:
    """Those of the texts that a name means, each once and in their order.

    A text means itself, however its letters are composed, and where it is not there the same number written otherwise.
    A number means all that have its value ("0", "0.0"), true, false and null the words that YAML reads so.
    """
    known = list(dict.fromkeys(texts))
    if isinstance(name, str):
        if name in known:
            return [name]
        if alike := [text for text in known if not text.isascii() and composed(text) == composed(name)]:
            return alike
    elif name is None or isinstance(name, bool):
        return [text for text in known if text.lower() in _WORDS[name]]
    value = _value(str(name))
    if value is None:
        return [text for text in known if text.lower() == str(name).lower()] if isinstance(name, float) else []
    return [text for text in known if _value(text) == value]


def one_meant(name: object, texts: Iterable[str]) -> str:
    """The first text that a name means, else the name as text."""
    return next(iter(meant(name, texts)), text_of(name))


def all_meant(names: Iterable[object], texts: Iterable[str]) -> list[str]:
    """The texts that any of the names means, and names that mean none of them as text."""
    known = list(dict.fromkeys(texts))
    return [text for name in names for text in meant(name, known) or [text_of(name)]]


def composed(name: str) -> str:
    """The name with composed letters (NFC): macOS writes ä as two code points, what is typed elsewhere has one."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def same_name(first: str, second: str) -> bool:
    """Whether both are one name of a file, however their letters are composed."""
    return composed(first) == composed(second)


def same_value(first: str, second: str) -> bool:
    """Whether two texts write the same number."""
    value = _value(first)
    return value is not None and value == _value(second)


def _value(text: str) -> Decimal | None:
    return Decimal(text) if len(text) < 400 and _NUMBER.fullmatch(text) else None
