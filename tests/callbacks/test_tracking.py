"""Trackers for real, offline and against a dead server, and every failure that a run has to survive."""

import importlib.util
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader

from seqvision.callbacks import ConfigurationRecord, PredictionTable, tensorboard_logger, wandb_logger
from seqvision.callbacks.tracking import TolerantWandbLogger
from seqvision.data import ImageTransform
from seqvision.errors import UserError

pytestmark = [  # Lightning's, of no concern here
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
]

CONFIG = {"name": "t", "rnn": {"hidden_size": 8, "sizes": [1, 2]}, "resume": None}


class Task(LightningModule):
    """What the callbacks see of a task: predictions and contents."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.contents = {"config": CONFIG}
        self.predictions = []

    def training_step(self, batch, _):
        loss = self.layer(batch).square().mean()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val/loss", self.layer(batch).square().mean())

    def on_validation_epoch_end(self):
        self.predictions = [
            SimpleNamespace(id=f"{i}.png", caption=f"caption {i} | {self.global_step}", references=("one", "two"))
            for i in range(3)
        ]

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Data(LightningDataModule):
    """Three pictures, of which one has no file."""

    def __init__(self, folder: Path):
        super().__init__()
        for i in range(2):
            Image.new("RGB", (4, 4), (i, 50, 100)).save(folder / f"{i}.png")
        self.records = {"val": [SimpleNamespace(id=f"{i}.png", image=folder / f"{i}.png") for i in range(3)]}
        self.image_transform = ImageTransform(size=4)

    def train_dataloader(self):
        return DataLoader(torch.ones(4, 2), batch_size=2)

    val_dataloader = train_dataloader


def fit(logger, folder: Path, **settings) -> Trainer:
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
    trainer.fit(Task(), datamodule=Data(folder))
    return trainer


@pytest.fixture
def wandb(monkeypatch, tmp_path):
    """The module, with no credentials in reach and all that it writes in a temporary folder."""
    module = pytest.importorskip("wandb", reason="wandb is an extra: pip install 'seqvision[wandb]'")
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for place in ("DIR", "DATA_DIR", "CACHE_DIR", "CONFIG_DIR"):
        monkeypatch.setenv(f"WANDB_{place}", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    module.teardown()  # it remembers the environment
    yield module
    module.teardown()


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
        files = sorted(tmp_path.glob("wandb/offline-run-*/files/media/table/val/*.json"))
        contents = [json.loads(file.read_text()) for file in files]
        assert contents[0]["columns"] == ["picture", "id", "caption", "references"]
        captions = {row[2] for table in contents for row in table["data"]}
        assert captions == {"caption 0 | 2", "caption 1 | 2", "caption 0 | 4", "caption 1 | 4"}
        assert contents[0]["data"][0][3] == "one\ntwo"

    def test_second_run_of_a_process_is_a_run_of_its_own(self, wandb, tmp_path):
        for _ in range(2):
            fit(wandb_logger(offline=True, project="p", save_dir=tmp_path), tmp_path)
            assert wandb.run is None
        assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 2

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


def test_tensorboard_event_file_holds_curves_configuration_and_predictions(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is an extra: pip install 'seqvision[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(tensorboard_logger(save_dir=tmp_path, name="", version=""), tmp_path, count=3)
    events = EventAccumulator(str(tmp_path), size_guidance={"scalars": 0, "tensors": 0, "images": 0}).Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [0, 1, 2, 3]
    texts = events.Tensors("val/predictions/text_summary")
    assert [event.step for event in texts] == [2, 4]
    text = texts[-1].tensor_proto.string_val[0].decode()
    assert r"| 2.png | caption 2 \| 4 | one / two |" in text
    assert [f"val/predictions/{i}.png" in events.Tags()["images"] for i in range(3)] == [True, True, False]
    configuration = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    assert json.loads(configuration) == CONFIG


def records(file: Path) -> list[dict]:
    """The history in wandb's own file: records in blocks as LevelDB's log has them."""
    from wandb.proto import wandb_internal_pb2

    data, place, parts = file.read_bytes(), 7, b""
    history = []
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # too little left of the block for another header
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind not in (1, 4):  # whole, or the last part
            continue
        record = wandb_internal_pb2.Record()
        record.ParseFromString(parts)
        parts = b""
        if record.WhichOneof("record_type") == "history":
            history.append(
                {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            )
    return history
