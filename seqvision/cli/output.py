"""Where results go: standard output, or a file that is there whole or not at all."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from seqvision.errors import UserError


@contextmanager
def open_output(path: str | Path | None) -> Iterator[IO[str]]:
    """A text file to write to: standard output without a path, else a draft that takes the file's name at the end.

    File names that are not Unicode come out as the bytes they are. Raises `UserError` where the file cannot be
    written; what was there before is then untouched.
    """
    if path is None:
        yield from _standard_output()
        return
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        raise UserError(
            f"{target}: cannot be written ({error.strerror or error}); nothing of it was kept. "
            "Expected a folder that exists, that you may write to, and that has room"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


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
        raise UserError(f"standard output: cannot be written ({error.strerror or error})") from error
