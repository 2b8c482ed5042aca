"""What every test can ask for."""

import os
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what is slow
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks cases as slow beyond the number that `few` gives: every second, third, … of the list stays quick."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("few"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for alike in cases.values():
        mark = alike[0].get_closest_marker("few")
        assert mark is not None
        stride = ceil(len(alike) / mark.args[0])
        for number, item in enumerate(alike):
            if number % stride:
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """The folder of a real data set by name; the test is skipped, with the reason, where it is not on this machine."""
    root = Path(os.environ.get("SEQVISION_SHARED_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            pytest.skip(f"needs the real data set '{name}', not found in {root} (set SEQVISION_SHARED_DATA)")
        return folder

    return find


@pytest.fixture
def float64() -> Iterator[None]:
    """Double precision wherever a test names no type: two ways to the same numbers are then compared by what they
    compute, and not by how the processor at hand rounds.
    """
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def pretended() -> Iterator[Any]:
    """A pretended accelerator while the test runs, for the command line and Lightning too (tests/helpers)."""
    from pretended_device import PretendedDevice
    from pretended_trainer import register

    with PretendedDevice() as device:
        register()
        yield device


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as training leaves it, without the training: random weights that look at the picture.

    `best.ckpt` is a checkpoint of a captioner with attention; its data are a few drawn scenes in `scenes/`.
    """
    return make_run(tmp_path_factory.mktemp("run"), seed=0)


@pytest.fixture(scope="session")
def second_run(tmp_path_factory: pytest.TempPathFactory, tiny_run: Path) -> Path:
    """Another run on the data of `tiny_run`, with other weights."""
    return make_run(tmp_path_factory.mktemp("run"), seed=1, scenes=tiny_run / "scenes")


@pytest.fixture(scope="session")
def tiny_pictures(tiny_run: Path) -> list[Path]:
    """The scenes of the test split of `tiny_run`."""
    return sorted((tiny_run / "scenes" / "test").iterdir())


def make_run(folder: Path, *, seed: int, scenes: Path | None = None) -> Path:
    """The folder, with a checkpoint in it."""
    import torch
    from checkpoints import save_checkpoint
    from hydra import compose, initialize_config_dir
    from hydra.utils import instantiate

    from seqvision.cli.config import conf_dir, plain
    from seqvision.inference.checkpoint import contents

    changes = [
        f"run_dir={folder}",
        f"data.folder={scenes or folder / 'scenes'}",
        "data.counts={train: 40, val: 12, test: 12, combinations: 6}",
        "data.transform.size=32",
        "encoder.channels=[8, 16]",
        "encoder.strides=[2, 4]",
        "attention=dot",
        "attention.size=8",
        "rnn.hidden_size=32",
        "model.embedding_size=16",
        "decoding.max_length=12",
        f"seed={seed}",
    ]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=changes))
    data = instantiate(config["data"])
    generator = torch.Generator().manual_seed(seed)
    model = instantiate(config["model"], vocabulary_size=len(data.vocabulary))
    for parameter in model.parameters():
        if parameter.dim() > 1:  # strong enough for the pictures to make a difference
            parameter.data.normal_(std=2 * parameter[0].numel() ** -0.5, generator=generator)
    description: dict[str, Any] = {**config["model"], "vocabulary_size": len(data.vocabulary)}
    held = contents(config, description, data.held())
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    save_checkpoint({"seqvision": held, "state_dict": weights}, folder / "best.ckpt")
    return folder
