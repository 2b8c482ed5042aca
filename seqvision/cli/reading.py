"""`--set`: reading options that make sense after training, for label, classify and evaluate."""

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from seqvision.errors import UserError

PREFIX = "data.reader."


def add_reading_options(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"read in another way than in training, e.g. {PREFIX}frame_rate=12, {PREFIX}on_truncated=keep, "
        f"{PREFIX}on_variable_rate=keep, {PREFIX}on_nan=zero; may be repeated",
    )


def reading_changes(arguments: argparse.Namespace) -> dict[str, Any]:
    """What --set says, by the names of the reader's options; empty for commands without it."""
    from seqvision.cli.stored_data import parsed

    found = {}
    for change in getattr(arguments, "set", ()):
        key, equals, value = change.partition("=")
        if not equals or not key.startswith(PREFIX):
            raise UserError(f"--set {change}: expected {PREFIX}OPTION=VALUE, such as {PREFIX}frame_rate=12")
        found[key.removeprefix(PREFIX)] = parsed(value, f"--set {key}")
    return found


@contextmanager
def advice_as_options() -> Iterator[None]:
    """Errors advise --set where they would advise a key of the configuration."""
    try:
        yield
    except UserError as error:
        raise UserError(as_options(str(error))) from error


def as_options(advice: str) -> str:
    """A sentence that names keys of the configuration, with the options of the command line in their place."""
    from seqvision.inference.sequences import READERS

    names = "|".join(sorted({name for kind in READERS.values() for name in kind.adjustable}))
    verbs = {"Set ": "Use ", "set ": "use "}
    return re.sub(
        rf"(?<![\w.-])([Ss]et )?(?<!--set )({re.escape(PREFIX)}(?:{names}))\b",
        lambda found: f"{verbs.get(found[1], '')}--set {found[2]}",
        advice,
    )
