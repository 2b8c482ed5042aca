"""What a command does to the world outside: an audit hook that is asleep unless something is watched."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MARK = "seqvision_was_here"  # in every payload: what runs or makes it is seen by this name
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
STARTING = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn",
)  # fmt: skip
CHANGING = (
    "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "shutil.copyfile", "shutil.rmtree", "shutil.move", "shutil.copytree", "tempfile.mkdtemp", "tempfile.mkstemp",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
OWN = ["git", "-C", str(ROOT)]  # the only program that is started: for the commit in the record of an evaluation

_allowed: list[str] | None = None  # folders that may be written to, while something is watched
_events: list[str] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _allowed is not None and _is_forbidden(event, arguments):
        _events.append(f"{event} {str(arguments)[:200]}")


def _is_forbidden(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "subprocess.Popen" and list(arguments[1])[:3] == OWN:
        return False
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")) or event in STARTING:
        return True
    if event == "open":
        path, mode, flags = arguments
        writes = bool(isinstance(mode, str) and set(mode) & set("wax+")) or bool((flags or 0) & WRITING)
        return writes and _is_outside(path)
    if event in CHANGING:
        return any(_is_outside(each) for each in arguments[:2] if isinstance(each, str | bytes | Path))
    if event == "compile":
        return MARK in str(arguments[0])
    if event == "exec":  # of a file from elsewhere; what libraries make up for themselves has a name in brackets
        file = arguments[0].co_filename
        return not file.startswith(("<", sys.prefix, sys.base_prefix, str(ROOT)))
    return False


def _is_outside(path: Any) -> bool:
    if isinstance(path, int):
        return False  # opened before
    name = os.path.abspath(os.fsdecode(path))
    return name != os.devnull and not any(name.startswith(folder) for folder in _allowed or ())


@contextmanager
def watched(*folders: Path) -> Iterator[list[str]]:
    """The forbidden events within it as they come: connections, programs, foreign code, writing outside the folders."""
    global _allowed
    _events.clear()
    _allowed = [str(folder.resolve()) for folder in folders]
    try:
        yield _events
    finally:
        _allowed = None


sys.addaudithook(_hook)
