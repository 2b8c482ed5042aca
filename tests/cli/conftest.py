"""Commands run in this process, as `seqvision` would run them, and labellers for them."""

from collections.abc import Callable
from pathlib import Path
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


@pytest.fixture(scope="session")
def sensor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A forward-only labeller of tables with the columns x and y, without a clock."""
    from labellers import save_sensor

    return save_sensor(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def other_sensor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another labeller of the same tables, which names the classes in another order."""
    from labellers import CLASSES, save_sensor

    return save_sensor(tmp_path_factory.mktemp("run"), CLASSES[::-1], seed=9)


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labeller of the same tables that gives several labels a frame."""
    from labellers import save_sensor

    return save_sensor(tmp_path_factory.mktemp("run"), multilabel=True, thresholds=[0.4, 0.5, 0.5])


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labeller of small videos that looks in both directions."""
    from labellers import save_films

    return save_films(tmp_path_factory.mktemp("run"))
