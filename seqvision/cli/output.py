"""Where results go: standard output, or a file that is there whole or not at all, in a folder that is made for it."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from seqvision.errors import UserError
from seqvision.files import open_atomic


@contextmanager
def open_output(path: str | Path | None) -> Iterator[IO[str]]:
    """A text file to write to: standard output without a path, else a file as `open_atomic` writes it.

    Raises `UserError` where it cannot be written; what was there before is then untouched.
    """
    if path is None:
        yield from _standard_output()
    else:
        with open_atomic(path) as file:
            yield file


def json_line(entry: Any) -> str:
    """A value as one line of JSON, escaped where it holds a name of a file that is no Unicode."""
    line = json.dumps(entry, ensure_ascii=False)
    try:
        line.encode()
    except UnicodeEncodeError:
        return json.dumps(entry)
    return line


def write_output(path: str | Path | None, text: str) -> None:
    """The text to the file, or to standard output."""
    with open_output(path) as file:
        file.write(text if text.endswith("\n") else text + "\n")


def _standard_output() -> Iterator[IO[str]]:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has left; without this, Python would fail once more when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise
    except OSError as error:
        if error.filename is not None:  # no stream has a name
            raise UserError(f"{error.filename}: {error.strerror}") from error
        raise UserError(f"standard output: cannot be written ({error.strerror or error})") from error
