"""How numbers of things, many names, and odd letters are said to a person."""

import re
from collections.abc import Sequence


def counted(number: int, noun: str, *, plural: str | None = None) -> str:
    """`1 recording`, `2 recordings`; where an s does not do it, `plural` is the word for several."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def folded(text: str) -> str:
    """The text without regard to capitals and blanks, to be compared."""
    return " ".join(text.lower().split())


def some_of(names: Sequence[str]) -> str:
    """The first six of the names, and of more how many there are."""
    return ", ".join(names[:6]) + (f", … {len(names)} in all" if len(names) > 6 else "")


_IN_LINE = {
    "\\": "\\\\",
    "\t": "\\t",
    "\n": "\\n",
    "\r": "\\r",
}  # what would end a cell or a line, and the escape itself
_WRITTEN = {written: letter for letter, written in _IN_LINE.items()}


def in_line(text: str) -> str:
    """The text as a cell of tab-separated output: backslashes, tabs and line ends as `\\\\`, `\\t`, `\\n`, `\\r`."""
    return "".join(_IN_LINE.get(letter, letter) for letter in text)


def from_line(cell: str) -> str:
    """The text that `in_line` made the cell of."""
    return re.sub(r"\\[\\tnr]", lambda found: _WRITTEN[found[0]], cell)


def visible(text: str) -> str:
    """The text with the characters that XML, subtitles and figures cannot hold as others that show them: ␀ for NUL"""
    return "".join(_shown(letter) for letter in text)


def _shown(letter: str) -> str:
    number = ord(letter)
    if number < 0x20 and letter not in "\t\n\r":
        return chr(0x2400 + number)
    return "\ufffd" if 0xD800 <= number <= 0xDFFF or number in (0xFFFE, 0xFFFF) else letter
