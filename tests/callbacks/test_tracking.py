"""Trackers for real, offline and against a dead server, and every failure that a run has to survive."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from pytorch_lightning import LightningModule, Trainer
from torch.utils.data import DataLoader
from wandb_offline import records, tables

from seqvision.callbacks import (
    ConfigurationRecord,
    Observer,
    Plot,
    PredictionTable,
    Table,
    TolerantCSVLogger,
    tensorboard_logger,
    wandb_logger,
)
from seqvision.callbacks.loggers import TolerantWandbLogger
from seqvision.errors import UserError

pytestmark = [  # Lightning's, of no concern here
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]

CONFIG = {"name": "t", "rnn": {"hidden_size": 8, "sizes": [1, 2]}, "resume": None}


class Task(LightningModule):
    """What the callbacks see of a task: samples and contents."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.contents = {"config": CONFIG}

    def train_dataloader(self):
        return DataLoader(torch.ones(4, 2), batch_size=2)

    val_dataloader = train_dataloader

    def training_step(self, batch, _):
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val/loss", self.layer(batch).square().mean())

    def validation_samples(self, count):
        caption = f"caption | {self.global_step}\n<b>*two*</b>"
        rows = [(Image.new("RGB", (4, 3), (50, 0, 9)), f"{i}.png", caption, 0.25, "one\ntwo") for i in range(count)]
        table = Table("predictions", ("image", "id", "caption", "p", "references"), rows)
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 2])
        return [table, Plot("curve", figure)]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(logger, folder: Path, task: Task | None = None, **settings) -> Trainer:
    """A run of two epochs with two steps each."""
    trainer = Trainer(
        accelerator="cpu",
        logger=logger,
        callbacks=[ConfigurationRecord(), PredictionTable(**settings)],
        max_epochs=2,
        log_every_n_steps=1,
        num_sanity_val_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(task or Task())
    return trainer


class TestWandb:
    @pytest.mark.slow
    def test_offline_run_holds_curves_configuration_and_predictions(self, wandb, tmp_path, monkeypatch):
        config: dict = {}
        finalize = TolerantWandbLogger.finalize

        def look_first(self, status):
            # asked of the run, not of its file: wandb writes the configuration a moment later, and this run is shorter
            if self._experiment is not None:
                config.update(dict(self._experiment.config))
            finalize(self, status)

        monkeypatch.setattr(TolerantWandbLogger, "finalize", look_first)
        logger = wandb_logger(offline=True, project="p", name="n", save_dir=tmp_path, finish_timeout=20.0)
        fit(logger, tmp_path, count=2)
        file = next(tmp_path.glob("wandb/offline-run-*/*.wandb"))
        waited = time.monotonic() + 20  # wandb's own process writes the file, and may still be at it
        history = records(file)
        while sum("val/loss" in row for row in history) < 2 and time.monotonic() < waited:
            time.sleep(0.2)
            history = records(file)
        assert config["rnn"] == {"hidden_size": 8, "sizes": [1, 2]}
        assert "resume" in config
        steps = {row["trainer/global_step"] for row in history if "train/loss" in row}
        assert steps == {0, 1, 2, 3}
        assert sum("val/loss" in row for row in history) == 2
        rows = [row["val/predictions/nrows"] for row in history if "val/predictions/nrows" in row]
        assert rows == [2, 2]  # none from the sanity check
        found = tables(file)
        assert [name for name, _ in found] == ["val/predictions"] * 2
        contents = [content for _, content in found]
        assert contents[0]["columns"] == ["image", "id", "caption", "p", "references"]
        image, *rest = contents[0]["data"][1]
        assert rest == ["1.png", "caption | 2\n<b>*two*</b>", 0.25, "one\ntwo"]
        assert (image["_type"], image["width"], image["height"]) == ("image-file", 4, 3)
        plots = [row["val/curve/width"] for row in history if "val/curve/width" in row]
        assert plots == [220, 220]

    def test_second_run_in_a_folder_continues_the_first_and_one_elsewhere_is_its_own(self, wandb, tmp_path):
        for name in ("a", "a", "b"):
            fit(wandb_logger(offline=True, project="p", save_dir=tmp_path / name), tmp_path)
            assert wandb.run is None
            time.sleep(1.0)  # wandb names its folders by the second
        ids = {name: [each.name[-8:] for each in tmp_path.glob(f"{name}/wandb/offline-run-*")] for name in "ab"}
        kept = {name: (tmp_path / name / "wandb_id.txt").read_text().strip() for name in "ab"}
        assert ids == {"a": [kept["a"]] * 2, "b": [kept["b"]]}
        assert kept["a"] != kept["b"]

    def test_missing_key_is_said_at_once_with_three_ways_out(self, wandb, monkeypatch):
        with pytest.raises(UserError) as error:
            wandb_logger(project="p")
        for way in ("wandb login", "logger.wandb.offline=true", "logger=csv"):
            assert way in str(error.value)
        monkeypatch.setenv("WANDB_MODE", "offline")
        wandb.teardown()
        assert wandb_logger(project="p")._offline

    @pytest.mark.parametrize("place", ["environment", "netrc"])
    def test_key_is_found_where_wandb_looks(self, wandb, monkeypatch, tmp_path, place):
        monkeypatch.setenv("WANDB_BASE_URL", "https://tracker.example")
        if place == "environment":
            monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        else:
            (tmp_path / "netrc").write_text("machine tracker.example login user password " + "a" * 40)
        wandb.teardown()
        assert isinstance(wandb_logger(project="p"), TolerantWandbLogger)

    def test_failing_calls_are_reported_once_and_training_goes_on(self, wandb, tmp_path, monkeypatch, capsys):
        def fail(*_, **__):
            raise OSError("no space left on device")

        monkeypatch.setattr(wandb.Run, "log", fail)
        monkeypatch.setattr(wandb.Run, "finish", fail)
        trainer = fit(wandb_logger(offline=True, project="p", save_dir=tmp_path), tmp_path)
        assert trainer.global_step == 4
        assert capsys.readouterr().err.count("warning: wandb failed") == 1
        monkeypatch.undo()

    def test_a_run_that_cannot_begin_at_all_is_reported_and_training_goes_on(
        self, wandb, tmp_path, monkeypatch, capsys
    ):
        modes = []

        def fail(*_, mode, **__):
            modes.append(mode)
            raise wandb.errors.CommError("unreachable\nat all")

        monkeypatch.setattr(wandb, "init", fail)
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        wandb.teardown()
        trainer = fit(wandb_logger(project="p", save_dir=tmp_path), tmp_path)
        assert trainer.global_step == 4
        assert modes == [None, "offline"]
        said = capsys.readouterr().err.splitlines()
        assert [line.partition(" (")[0] for line in said] == [
            "warning: wandb could not start, this run is kept offline for `wandb sync`",
            "warning: wandb could not start, this run is not tracked",
        ]
        assert "CommError: unreachable at all" in said[0]

    @pytest.mark.slow
    def test_dead_server_costs_seconds_and_not_the_run(self, wandb, tmp_path):
        program = (
            "from pathlib import Path; import importlib.util, sys\n"
            f"spec = importlib.util.spec_from_file_location('t', {str(__file__)!r})\n"
            "t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)\n"
            f"folder = Path({str(tmp_path)!r})\n"
            "trainer = t.fit(t.wandb_logger(project='p', save_dir=folder), folder)\n"
            "print('steps', trainer.global_step)\n"
        )
        environment = {**os.environ, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "a" * 40}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert time.monotonic() - begun < 60
        assert "steps 4" in done.stdout, done.stderr
        assert done.stderr.count("this run is kept offline") == 1
        assert list(tmp_path.glob("wandb/offline-run-*/files/media/table/val/*.json"))


@pytest.mark.parametrize(("package", "make"), [("wandb", wandb_logger), ("tensorboard", tensorboard_logger)])
def test_missing_package_names_what_to_install(package, make, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else found(name, *a))
    with pytest.raises(UserError, match=rf"pip install 'seqvision\[{package}\]'.*logger=csv"):
        make()


def test_tensorboard_event_file_holds_curves_configuration_and_samples(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is an extra: pip install 'seqvision[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(tensorboard_logger(save_dir=tmp_path, name="", version=""), tmp_path, count=2)
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0, "images": 0}).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [0, 1, 2, 3]
    texts = events.Tensors("val/predictions/text_summary")
    assert [event.step for event in texts] == [2, 4]
    lines = texts[-1].tensor_proto.string_val[0].decode().splitlines()
    assert lines[0] == "| id | caption | p | references |"
    assert lines[3] == r"| 1.png | caption \| 4 / &lt;b>\*two\*&lt;/b> | 0.25 | one / two |"
    assert sorted(events.Tags()["images"]) == ["val/curve", "val/predictions/0.png", "val/predictions/1.png"]
    image = events.Images("val/predictions/1.png")[-1]
    assert (image.width, image.height, image.step) == (4, 3, 4)
    configuration = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert json.loads(configuration) == CONFIG


class TestNothingThatOnlyObservesEndsATraining:
    def test_samples_that_fail(self, tmp_path, capsys):
        class Failing(Task):
            def validation_samples(self, count):
                raise RuntimeError("no such\npicture")

        pytest.importorskip("tensorboard")
        trainer = fit(tensorboard_logger(save_dir=tmp_path, name="", version=""), tmp_path, Failing())
        assert trainer.global_step == 4
        said = capsys.readouterr().err
        assert said.count("warning: PredictionTable failed, training continues without it") == 1
        assert "(RuntimeError: no such picture)" in said

    def test_a_task_with_nothing_to_show_and_a_module_that_knows_no_samples(self, tmp_path, capsys):
        class Silent(Task):
            validation_samples = None

        pytest.importorskip("tensorboard")
        fit(tensorboard_logger(save_dir=tmp_path, name="", version=""), tmp_path, Silent())
        assert "warning" not in capsys.readouterr().err

    @pytest.mark.parametrize("make", [TolerantCSVLogger, tensorboard_logger])
    def test_a_logger_that_cannot_write(self, tmp_path, capsys, make):
        (tmp_path / "file").write_text("no folder")
        trainer = fit(make(save_dir=tmp_path / "file", name="", version=""), tmp_path)
        assert trainer.global_step == 4
        assert capsys.readouterr().err.count("could not start, this run is not in it (FileExistsError") == 1

    @pytest.mark.parametrize("make", [TolerantCSVLogger, tensorboard_logger])
    def test_a_logger_whose_disk_is_full(self, tmp_path, capsys, monkeypatch, make):
        def fail(*_, **__):
            raise OSError(28, "No space left on device")

        logger = make(save_dir=tmp_path, name="", version="")
        for name in ("log_metrics", "save", "add_scalar", "add_text", "flush"):
            monkeypatch.setattr(logger.experiment, name, fail, raising=False)
        assert fit(logger, tmp_path).global_step == 4
        assert capsys.readouterr().err.count("failed, training goes on and this is not in its run") == 1

    def test_every_hook_of_an_observer_is_guarded(self, capsys):
        class Watching(Observer):
            def on_train_start(self, trainer, pl_module):
                raise OSError("disk full")

            def on_train_end(self, trainer, pl_module):
                raise OSError("disk full")

        watching = Watching()
        watching.on_train_start(None, None)
        watching.on_train_end(None, None)
        assert capsys.readouterr().err.splitlines() == [
            "warning: Watching failed, training continues without it (OSError: disk full)"
        ]

    def test_an_interruption_is_no_failure(self):
        class Interrupted(Observer):
            def on_train_start(self, trainer, pl_module):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Interrupted().on_train_start(None, None)
