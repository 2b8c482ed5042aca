"""Sentences on a command line: as arguments, in files of lines, and on standard input as they come."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from seqvision.errors import UserError


def given_lines(arguments: Sequence[str], *, text: bool, encoding: str) -> Iterator[Iterable[str]]:
    """The lines of each argument: of a file, of standard input for "-", which is read while it is written, or the
    argument itself, which everything is with `text`.
    """
    from seqvision.data.parallel.lines import read_lines

    for argument in arguments:
        path = Path(argument)
        if text:
            yield [argument]
        elif argument == "-":
            sys.stdin.reconfigure(encoding=encoding)  # type: ignore[union-attr]  # a text stream, here
            yield sys.stdin
        elif " " not in argument and path.is_file():
            yield read_lines(path, encoding=encoding)
        elif " " not in argument and (path.suffix in (".txt", ".gz") or "/" in argument):
            raise UserError(f"{argument}: no such file; if it is a sentence, say so with --text")
        else:
            yield [argument]


def in_batches(sources: Iterable[Iterable[str]], most: int) -> Iterator[list[str]]:
    """The lines, as many at a time as have come, and at most so many: nobody waits for a batch to fill."""
    waiting: Queue[str | Exception | None] = Queue(maxsize=1000)

    def read() -> None:
        try:
            for lines in sources:
                for line in lines:
                    waiting.put(line.rstrip("\r\n"))
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
        if isinstance(came[-1], UnicodeDecodeError):
            raise UserError(f"standard input: not {came[-1].encoding}; say what it is with --encoding") from came[-1]
        if isinstance(came[-1], Exception):
            raise came[-1]
        if came[-1] is None:
            return
