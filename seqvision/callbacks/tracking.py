"""Tracking a run elsewhere, on Weights & Biases or in TensorBoard: a tracker that fails is reported, never obeyed."""

import importlib.util
import json
import netrc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any, Literal
from urllib.parse import urlsplit

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import DummyExperiment, rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from seqvision.errors import UserError

Row = tuple[Tensor | None, str, str, tuple[str, ...]]  # picture, id, caption, references


def wandb_logger(*, offline: bool = False, **settings: Any) -> "TolerantWandbLogger":
    """A logger to Weights & Biases; `UserError` at once where wandb or, online, its key is missing.

    settings: as for `TolerantWandbLogger`.
    """
    if importlib.util.find_spec("wandb") is None:
        raise UserError(
            "logger=wandb: the package wandb is not installed. Type `pip install 'seqvision[wandb]'`, "
            "or go on without it: logger=csv"
        )
    import wandb

    known = wandb.setup().settings
    offline = offline or known.mode in ("offline", "dryrun")
    if not offline and known.mode != "disabled" and not _has_key(known):
        raise UserError(
            f"logger=wandb: no key for {known.base_url} (looked in WANDB_API_KEY, in netrc and in wandb's settings). "
            "Type `wandb login`, or keep the run on this machine and send it later with `wandb sync`: "
            "logger.wandb.offline=true, or go on without it: logger=csv"
        )
    return TolerantWandbLogger(offline=offline, **settings)


def tensorboard_logger(**settings: Any) -> TensorBoardLogger:
    """A logger to TensorBoard's event files; `UserError` where tensorboard is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "logger=tensorboard: the package tensorboard is not installed. "
            "Type `pip install 'seqvision[tensorboard]'`, or go on without it: logger=csv"
        )
    return TensorBoardLogger(**settings)


class TolerantWandbLogger(WandbLogger):
    """Lightning's `WandbLogger`, except that nothing that goes wrong in wandb stops or holds up the training.

    Where the server cannot be reached, the run is kept on this machine instead, to be sent with `wandb sync`. Any
    later failure is reported once.

    timeout: the seconds that the start of the run may take. finish_timeout: those that sending the rest at the
        end of the run may take; what was not sent is still on this machine.
    """

    def __init__(self, *, timeout: float = 5.0, finish_timeout: float = 60.0, **settings: Any):
        super().__init__(**settings)
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, wandb complains of it
        self.timeout = timeout
        self.finish_timeout = finish_timeout
        self._reported = False
        self._given_up = False

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The wandb run, or, where none could be started, something that takes all calls and does nothing."""
        if self._experiment is None and not self._given_up:
            self._experiment = self._begin()
        return DummyExperiment() if self._experiment is None else self._experiment

    def attempt(self, action: Callable[..., object], *arguments: Any) -> None:
        """Calls something of wandb, if there is a run; a failure is reported, the first time that there is one."""
        _ = self.experiment
        if self._given_up:
            return
        try:
            action(*arguments)
        except Exception as error:
            if not self._reported:
                self._reported = True
                _say("wandb failed, training goes on and this is not in its run", error)

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        self.attempt(super().log_metrics, metrics, step)

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        self.attempt(super().log_hyperparams, params)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self.attempt(super().after_save_checkpoint, checkpoint_callback)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._experiment is None:
            return
        self.attempt(super().finalize, status)
        self.attempt(self._experiment.finish, 0 if status == "success" else 1)
        self._id = self._wandb_init["id"] = self.version  # what is logged later goes to the same run
        self._experiment = None

    def _begin(self) -> Any:
        import wandb

        limits = wandb.Settings(init_timeout=self.timeout, finish_timeout=self.finish_timeout, console="off")
        # the mode is left to WANDB_MODE unless it is known here
        modes: list[Literal["offline"] | None] = ["offline"] if self._offline else [None, "offline"]
        for mode in modes:
            try:
                run = wandb.init(**self._wandb_init, settings=limits, mode=mode)
                run.define_metric("trainer/global_step")
                run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
                return run
            except Exception as error:
                self._given_up = mode == "offline"
                kept = "this run is not tracked" if self._given_up else "this run is kept offline for `wandb sync`"
                _say(f"wandb could not start, {kept}", error)
        return None


class ConfigurationRecord(Callback):
    """Hands the whole resolved configuration to every tracker, once, at the start."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        config: Any = pl_module.contents["config"]  # type: ignore[index]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
                # as text: TensorBoard's own table of settings wants a made-up score beside it
                logger.experiment.add_text("configuration", indent(json.dumps(config, indent=2), " " * 4))
            elif isinstance(logger, TolerantWandbLogger):
                logger.log_hyperparams(config)


class PredictionTable(Callback):
    """Pictures with the network's captions and people's, in every tracker, after each validation.

    count: how many pictures, the first by name. They are shown as the network sees them.
    """

    def __init__(self, count: int = 32, key: str = "val/predictions"):
        self.count = count
        self.key = key
        self._pictures: dict[str, Tensor | None] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loggers = [one for one in trainer.loggers if isinstance(one, (TolerantWandbLogger, TensorBoardLogger))]
        if trainer.sanity_checking or not trainer.is_global_zero or not loggers:
            return
        rows = self._rows(trainer, pl_module)
        for logger in loggers:
            if isinstance(logger, TensorBoardLogger):
                self._to_tensorboard(logger, rows, trainer.global_step)
            else:
                logger.attempt(self._to_wandb, logger.experiment, rows, trainer.global_step)

    def _rows(self, trainer: Trainer, task: Any) -> list[Row]:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        shown = task.predictions[: self.count]
        if any(one.id not in self._pictures for one in shown):
            files = {record.id: record.image for record in data.records["val"]}
            for one in shown:
                self._pictures[one.id] = _picture(data.image_transform, files.get(one.id))
        return [(self._pictures[one.id], one.id, one.caption, one.references) for one in shown]

    def _to_wandb(self, run: Any, rows: list[Row], step: int) -> None:
        import wandb

        table = wandb.Table(columns=["picture", "id", "caption", "references"])
        for picture, id, caption, references in rows:
            pixels = None if picture is None else wandb.Image(picture.permute(1, 2, 0).numpy())
            table.add_data(pixels, id, caption, "\n".join(references))
        run.log({self.key: table, "trainer/global_step": step})

    def _to_tensorboard(self, logger: TensorBoardLogger, rows: list[Row], step: int) -> None:
        lines = ["| id | caption | references |", "|---|---|---|"]
        for picture, id, caption, references in rows:
            lines.append("| " + " | ".join(_cell(text) for text in (id, caption, " / ".join(references))) + " |")
            if picture is not None:
                logger.experiment.add_image(f"{self.key}/{id}", picture, step)
        logger.experiment.add_text(self.key, "\n".join(lines), step)


def _picture(transform: Callable[[Path], Tensor], file: Path | None) -> Tensor | None:
    """The picture's pixels, or None where the data has only its features."""
    try:
        return None if file is None else transform(file)
    except UserError:
        return None


def _cell(text: str) -> str:
    """A text inside a cell of a Markdown table."""
    return text.replace("|", "\\|")


@rank_zero_only
def _say(what: str, error: Exception) -> None:
    """One line about a failure that the run survives."""
    print(f"warning: {what} ({type(error).__name__}: {' '.join(str(error).split())[:300]})", file=sys.stderr)


def _has_key(settings: Any) -> bool:
    """Whether wandb will find credentials for its server without asking."""
    if settings.api_key or settings.identity_token_file:
        return True
    places = [os.environ["NETRC"]] if "NETRC" in os.environ else ["~/.netrc", "~/_netrc"]
    for place in places:
        try:
            entry = netrc.netrc(os.path.expanduser(place)).authenticators(urlsplit(settings.base_url).hostname or "")
        except (OSError, netrc.NetrcParseError):
            continue
        if entry:
            return True
    return False
