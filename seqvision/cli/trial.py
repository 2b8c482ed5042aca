"""A run's parts as `seqvision train` would make them, for commands that try something and leave no run behind."""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.checks import Learner


@dataclass(frozen=True)
class Trial:
    """A task that can learn, its data, some training batches on the device, and the training loader."""

    name: str
    learner: "Learner"
    data: Any
    device: Any
    batches: list[Any]
    loader: Any

    def few(self, number: int) -> Any:
        """A batch of so many training items far apart, unvaried."""
        from seqvision.data.loading import Item

        dataset = self.data.dataset("train", training=False)
        number = min(number, len(dataset))
        chosen = [place * len(dataset) // number for place in range(number)]
        return dataset.__getitems__([Item(place, place) for place in chosen]).to(self.device)


def add_override_options(to: argparse.ArgumentParser) -> None:
    """What stands for the run, and the options that every trial has."""
    to.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of `seqvision train`")
    to.add_argument("--config-dir", metavar="DIR", help="a folder of your own configuration files")
    to.add_argument("--format", choices=("text", "json"), default="text")
    to.add_argument("--output", metavar="FILE", help="write there instead of to standard output")


@contextlib.contextmanager
def trial(overrides: list[str], *, command: str, search: str | None = None, batches: int = 24) -> Iterator[Trial]:
    """The parts of the run that the overrides describe, built in a folder that is gone afterwards."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from seqvision.checks import Learner
    from seqvision.cli.build import build
    from seqvision.cli.config import check_overrides, conf_dir, plain, searched
    from seqvision.cli.overrides import assignment, with_paths
    from seqvision.cli.trainer import new_trainer

    for override in overrides:
        if "=" not in override and not override.startswith("~"):
            raise UserError(f"{command} {override}: expected overrides as of `seqvision train`, e.g. experiment=demo")
    overrides = with_paths(overrides)
    check_overrides(overrides, config_name="train", search=search)
    with tempfile.TemporaryDirectory(prefix="seqvision-") as folder:
        extra = searched(search)
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
            composed = compose("train", overrides=[*overrides, assignment("run_dir", folder), *extra])
        resolved = plain(composed)
        config: Any = OmegaConf.create(resolved)
        if config.resume:
            raise UserError(f"{command}: resume={config.resume} is a run that has begun; leave it out")
        one = {"devices": 1, "strategy": "auto", "num_nodes": 1, "max_epochs": -1, "max_steps": 1_000_000}
        config.trainer.update({**one, "enable_checkpointing": False, "enable_progress_bar": False})
        trainer = new_trainer(config.trainer, callbacks=[], logger=False)
        device = trainer.strategy.root_device
        # what building has to say is not the answer
        with contextlib.redirect_stdout(sys.stderr):
            task, data = build(config, resolved, device)
        task.trainer = trainer
        task.to(device)
        loader = data.train_dataloader()
        taken = list(_some(loader, batches, device))
        task.on_train_batch_start(taken[0], 0)
        learner = Learner(
            task, clip=config.trainer.get("gradient_clip_val"), context=trainer.precision_plugin.forward_context
        )
        name = f"{config.name} ({config.pattern})"
        yield Trial(name, learner, data, device, taken, loader)


def _some(loader: Any, number: int, device: Any, *, limit: float = 15.0) -> Iterator[Any]:
    """The first batches, as many as are read in the time."""
    begun = time.perf_counter()
    for place, batch in enumerate(loader):
        yield batch.to(device)
        if place + 1 == number or time.perf_counter() - begun > limit:
            break
