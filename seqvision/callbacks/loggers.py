"""Loggers for metrics.csv, TensorBoard and Weights & Biases: one that fails is reported once and ends no training."""

import importlib.util
import netrc
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal
from urllib.parse import urlsplit

from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.loggers.logger import DummyExperiment, rank_zero_experiment
from pytorch_lightning.utilities import rank_zero_only

from seqvision.callbacks.observer import report_failure
from seqvision.errors import UserError
from seqvision.files import write_text

ID_FILE = "wandb_id.txt"


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


def tensorboard_logger(**settings: Any) -> "TolerantTensorBoardLogger":
    """A logger to TensorBoard's event files; `UserError` where tensorboard is missing."""
    if importlib.util.find_spec("tensorboard") is None:
        raise UserError(
            "logger=tensorboard: the package tensorboard is not installed. "
            "Type `pip install 'seqvision[tensorboard]'`, or go on without it: logger=csv"
        )
    return TolerantTensorBoardLogger(**settings)


class Tolerant:
    """Beside one of Lightning's loggers: its calls cannot fail; the first failure is reported."""

    tracker = ""
    _reported = False
    _given_up = False

    @property
    def experiment(self) -> Any:
        """The tracker's own object, or, where none can be made, something that takes all calls and does nothing."""
        if not self._given_up:
            try:
                return super().experiment  # type: ignore[misc]
            except Exception as error:
                self._given_up = True
                report_failure(f"{self.tracker} could not start, this run is not in it", error)
        return DummyExperiment()

    def attempt(self, action: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """Calls something of the tracker; a failure is reported, the first time that there is one."""
        try:
            action(*arguments, **settings)
        except Exception as error:
            if not self._reported:
                self._reported = True
                report_failure(f"{self.tracker} failed, training goes on and this is not in its run", error)

    @rank_zero_only
    def log_metrics(self, *arguments: Any, **settings: Any) -> None:
        self.attempt(super().log_metrics, *arguments, **settings)  # type: ignore[misc]

    @rank_zero_only
    def log_hyperparams(self, *arguments: Any, **settings: Any) -> None:
        self.attempt(super().log_hyperparams, *arguments, **settings)  # type: ignore[misc]

    @rank_zero_only
    def save(self) -> None:
        self.attempt(super().save)  # type: ignore[misc]

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.attempt(super().finalize, status)  # type: ignore[misc]

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self.attempt(super().after_save_checkpoint, checkpoint_callback)  # type: ignore[misc]


class TolerantCSVLogger(Tolerant, CSVLogger):
    """Lightning's `CSVLogger`: the curves in metrics.csv."""

    tracker = "metrics.csv"


class TolerantTensorBoardLogger(Tolerant, TensorBoardLogger):
    """Lightning's `TensorBoardLogger`."""

    tracker = "tensorboard"


class TolerantWandbLogger(Tolerant, WandbLogger):
    """Lightning's `WandbLogger`, except that nothing that goes wrong in wandb stops or holds up the training.

    Where the server cannot be reached, the run is kept on this machine instead, to be sent with `wandb sync`. Any
    later failure is reported once. The run's id is kept in `save_dir`, so that a training which is resumed there
    continues the same W&B run.

    timeout: the seconds that the start of the run may take. finish_timeout: those that sending the rest at the
        end of the run may take; what was not sent is still on this machine.
    """

    tracker = "wandb"

    def __init__(self, *, timeout: float = 5.0, finish_timeout: float = 60.0, **settings: Any):
        super().__init__(**settings)
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, wandb complains of it
        self.timeout = timeout
        self.finish_timeout = finish_timeout

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The wandb run, or, where none could be started, something that takes all calls and does nothing."""
        if self._experiment is None and not self._given_up:
            self._experiment = self._begin()
        return DummyExperiment() if self._experiment is None else self._experiment

    def attempt(self, action: Callable[..., object], *arguments: Any, **settings: Any) -> None:
        """As of every tolerant logger; without a run nothing is called."""

        def in_a_run() -> None:
            _ = self.experiment
            if not self._given_up:
                action(*arguments, **settings)

        super().attempt(in_a_run)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if self._experiment is None:
            return
        super().finalize(status)
        self.attempt(self._experiment.finish, 0 if status == "success" else 1)
        self._experiment = None

    def _begin(self) -> Any:
        import wandb

        self._id = self._wandb_init["id"] = self._wandb_init["id"] or self._kept_id()
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
                report_failure(f"wandb could not start, {kept}", error)
                with suppress(Exception):
                    wandb.teardown()  # its service still holds the id, and would wait for the run that did not start
        return None

    def _kept_id(self) -> str:
        """The id of the run that was begun in this folder; of a new one otherwise, written before the run starts."""
        file = Path(self.save_dir or ".") / ID_FILE
        try:
            kept = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
            if kept:
                return kept
            kept = token_hex(4)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, kept + "\n")
        except (OSError, UserError, UnicodeDecodeError) as error:
            report_failure(
                f"{file}: the id of the W&B run could not be kept; resumed, this run becomes a new one", error
            )
            kept = token_hex(4)
        return kept


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
