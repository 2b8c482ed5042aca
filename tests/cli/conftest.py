"""Commands run in this process, as `seqvision` would run them."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from seqvision.cli import main


class Outcome(NamedTuple):
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """`run("caption", "--checkpoint", path, …)`."""

    def command(*arguments: object) -> Outcome:
        capfd.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
        return Outcome(status, *capfd.readouterr())

    return command
