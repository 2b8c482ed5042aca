"""A sweep whose trials Hydra's launcher starts: Slurm jobs, Ray tasks, processes of this machine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqvision.cli.config import composed, composing, searched
from seqvision.cli.overrides import assignment
from seqvision.cli.sweep import run_sweep
from seqvision.cli.trainings import Trainings, leave, train_trial
from seqvision.sweeps import Trial


def launch_sweep(overrides: list[str], *, config_name: str, search: str | None, command: str) -> bool:
    """Whether the command was one for a sweep; all of it is then done, each round's trials handed out together."""
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import open_dict

    overrides = [*overrides, *searched(search)]
    with composing():
        config = composed(config_name, overrides)
        if not config.sweep or "strategy" not in config.sweep:
            return False
        HydraConfig.instance().set_config(config)
        root = Path(str(config.hydra.run.dir)).resolve()
        config = composed(config_name, [*overrides, assignment("hydra.sweep.dir", root)])
        HydraConfig.instance().set_config(config)
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        start = _launcher(config, hydra.config_loader)
        with open_dict(config):
            config.run_dir = str(root)
        own = config.copy()
        with open_dict(own):
            del own["hydra"]
        run_sweep(own, config.hydra, command=command, runner=lambda trainings: _handed_out(trainings, start))
    return True


def _handed_out(
    trainings: Trainings, start: Callable[[list[list[str]]], Sequence[Any]]
) -> Callable[[Sequence[Trial]], Iterator[Trial]]:
    def run(trials: Sequence[Trial]) -> Iterator[Trial]:
        """The trials, once all have ended; for one whose process fell over, how is left in its folder."""
        jobs = [
            [*trainings.overrides(trial.overrides, trial.seed), assignment("hydra.sweep.subdir", trial.folder.name)]
            for trial in trials
        ]
        for trial, ended in zip(trials, start(jobs) if jobs else (), strict=True):
            try:
                _ = ended.return_value
            except Exception as error:  # whatever has become of it, the others are there
                leave(trial.folder, {"state": "failed", "message": " ".join(repr(error).split())})
            yield trial

    return run


def _launcher(config: DictConfig, config_loader: Any) -> Callable[[list[list[str]]], Sequence[Any]]:
    """What starts a job for each list of overrides and waits for them."""
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext

    from hydra._internal.callbacks import Callbacks  # isort: skip

    context = HydraContext(config_loader=config_loader, callbacks=Callbacks())
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=job, config=config)

    def start(jobs: list[list[str]]) -> Sequence[Any]:
        found: Sequence[Any] = launcher.launch(jobs, initial_job_idx=0)
        return found

    return start


def job(config: DictConfig) -> None:
    """One trial, in whatever process the launcher has started."""
    import shlex

    from hydra.core.hydra_config import HydraConfig

    overrides = list(HydraConfig.get().overrides.task)
    config.run_dir = str(Path(str(config.run_dir)).resolve())
    train_trial(config, shlex.join(["seqvision", "train", *overrides]))
