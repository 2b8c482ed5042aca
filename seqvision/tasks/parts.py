"""Parts of a task that belong to another pattern are refused before they are used."""

from typing import Any

from seqvision.errors import UserError


def fitting(part: Any, kinds: tuple[type, ...], *, group: str, choices: str) -> Any:
    """The part, if it is of a kind that the pattern can use, or a user's own; a `UserError` for one of this package's
    that is for another pattern, and for none.

    group: its group in the configuration; choices: what can be taken.
    """
    if isinstance(part, kinds) or not (part is None or type(part).__module__.startswith("seqvision.")):
        return part
    found = "none" if part is None else type(part).__name__
    raise UserError(f"{group}: {found} is not for this pattern; write {group}={choices}")
