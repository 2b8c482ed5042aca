"""How numbers of things are said to a person."""


def counted(number: int, noun: str, *, plural: str | None = None) -> str:
    """`1 recording`, `2 recordings`; where an s does not do it, `plural` is the word for several."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
