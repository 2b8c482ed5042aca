"""Sentences on a command line: as arguments, in files of lines, and on standard input as they come."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from seqvision.errors import UserError

_ENDINGS = "txt text csv tsv tab json jsonl ndjson gz bz2 xz zip tar srt vtt xml html md npy npz ckpt safetensors"
ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split(" "))


def given_lines(arguments: Sequence[str], *, text: bool, encoding: str) -> Iterator[Iterable[str]]:
    """The lines of each argument: of a file, of standard input for "-", which is read while it is written, or the
    argument itself, which everything is with `text`.
    """
    from seqvision.data.core.text import read_lines, text_lines

    for argument in arguments:
        if text:
            yield [argument]
        elif argument == "-":
            yield text_lines(sys.stdin.buffer, encoding=encoding)
        elif (file := file_of(argument)) is not None:
            yield read_lines(file, encoding, option="--encoding ")
        else:
            yield [argument]


def file_of(argument: str) -> Path | None:
    """The file that an argument names; None where it is a text.

    What exists is a file, whatever its name. What looks like a path, with a separator or the ending of a kind of file
    that is read here, and does not exist is a mistake.

    Raises:
        UserError: if there is no such file, or if it is a folder.
    """
    from seqvision.data.picture_kinds import PICTURE_SUFFIXES
    from seqvision.data.sequences.formats.video_files import VIDEO_SUFFIXES

    if os.path.isdir(argument):
        raise UserError(
            f"{argument}: a folder, expected a file of lines or a text; if it is a text, say so with --text"
        )
    if os.path.exists(argument):  # False, too, for what is longer than a file's name can be
        return Path(argument)
    separator = next((mark for mark in (os.sep, os.altsep) if mark and mark in argument), None)
    ending = os.path.splitext(argument)[1]
    if separator or ending.lower() in ENDINGS | PICTURE_SUFFIXES | VIDEO_SUFFIXES:
        why = f"the '{separator}'" if separator else f"its ending {ending}"
        raise UserError(
            f"{argument}: no such file; if it is a sentence, say so with --text ({why} makes it look like a path; "
            f"looked from {Path.cwd()})"
        )
    return None


def in_batches(sources: Iterable[Iterable[str]], most: int) -> Iterator[list[str]]:
    """The lines, as many at a time as have come, and at most so many: nobody waits for a batch to fill."""
    waiting: Queue[str | Exception | None] = Queue(maxsize=1000)

    def read() -> None:
        try:
            for lines in sources:
                for line in lines:
                    waiting.put(line)
            waiting.put(None)
        except Exception as error:  # raised again where the lines are used
            waiting.put(error)

    Thread(target=read, daemon=True).start()
    while True:
        came = [waiting.get()]
        with suppress(Empty):
            while len(came) < most:
                came.append(waiting.get_nowait())
        lines = [line for line in came if isinstance(line, str)]
        if lines:
            yield lines
        if isinstance(came[-1], Exception):
            raise came[-1]
        if came[-1] is None:
            return
