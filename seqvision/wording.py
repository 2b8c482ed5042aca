"""How numbers of things, and many names, are said to a person."""

from collections.abc import Sequence


def counted(number: int, noun: str, *, plural: str | None = None) -> str:
    """`1 recording`, `2 recordings`; where an s does not do it, `plural` is the word for several."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def some_of(names: Sequence[str]) -> str:
    """The first six of the names, and of more how many there are."""
    return ", ".join(names[:6]) + (f", … {len(names)} in all" if len(names) > 6 else "")
