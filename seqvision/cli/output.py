"""Where results go: standard output, or a file that is there whole or not at all, in a folder that is made for it."""

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from seqvision.errors import UserError


@contextmanager
def open_output(path: str | Path | None) -> Iterator[IO[str]]:
    """A text file to write to: standard output without a path, else a draft that takes the file's name at the end; what
    is no file, a device or a pipe, is written to as it is.

    File names that are not Unicode come out as the bytes they are. Raises `UserError` where the file cannot be
    written; what was there before is then untouched.
    """
    if path is None:
        yield from _standard_output()
        return
    target = Path(path)
    if _is_special(target):
        with _written(target), _opened(target) as file:
            yield file
        return
    draft = _draft(target)
    try:
        with _written(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _opened(draft) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
    finally:
        with suppress(OSError):  # its folder may not be one
            draft.unlink(missing_ok=True)


def write_output(path: str | Path | None, text: str) -> None:
    """The text to the file, or to standard output."""
    with open_output(path) as file:
        file.write(text if text.endswith("\n") else text + "\n")


def save_output(path: Path, save: Callable[[Path], object]) -> None:
    """What `save` writes into a file of that name. `UserError` where it cannot be written."""
    with _written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path)


def expect_writable(*paths: str | Path | None) -> None:
    """Nothing, if files can be written there, in folders that are made where they are missing; else a `UserError`,
    before the work whose results would be lost. None stands for standard output.
    """
    for path in paths:
        if path is not None:
            target = Path(path)
            with _written(target):
                if target.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                target.parent.mkdir(parents=True, exist_ok=True)
                if not _is_special(target):
                    _draft(target).touch()
                    _draft(target).unlink()


def expect_folder(path: str | Path | None) -> None:
    """The folder is there from now on; a `UserError` where it cannot be made."""
    if path is not None:
        with _written(Path(path)):
            Path(path).mkdir(parents=True, exist_ok=True)


def _opened(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", errors="surrogateescape", newline="")


def _is_special(target: Path) -> bool:
    """Whether it is there and neither a file nor a folder: /dev/null, a pipe."""
    return target.exists() and not target.is_file() and not target.is_dir()


def _draft(target: Path) -> Path:
    """Beside the target, and of this process alone."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """What the system says against writing the target, as a sentence that names it."""
    try:
        yield
    except OSError as error:
        a_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a part of its path is a file, not a folder" if a_file else error.strerror or error
        raise UserError(
            f"{target}: cannot be written ({reason}); nothing of it was kept. "
            "Expected a place that you may write to, and that has room"
        ) from error


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
