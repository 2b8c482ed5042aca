"""Settings of the trainer that train or validate nothing, or have no effect, are refused before anything is built."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Timer

from seqvision.cli.monitored import check_score
from seqvision.cli.objects import instantiate
from seqvision.cli.trainer_settings import check_trainer, trainer_errors
from seqvision.cli.use import next_commands
from seqvision.errors import UserError


def config(*, callbacks=None, **trainer):
    return OmegaConf.create({"trainer": {"max_epochs": 2, **trainer}, "callbacks": callbacks or {"best": {"a": 1}}})


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("max_epochs", 0, "trainer.max_epochs is 0: nothing would be trained. Expected 1 or more"),
        ("max_steps", 0, "trainer.max_steps is 0: nothing would be trained. Expected 1 or more, or -1"),
        ("limit_train_batches", 0.0, "trainer.limit_train_batches is 0: nothing would be trained"),
        ("limit_val_batches", 0, "trainer.limit_val_batches is 0: no validation would choose best.ckpt"),
        ("fast_dev_run", True, "trainer.fast_dev_run is True: no validation would choose best.ckpt"),
        ("gradient_clip_val", -1, "trainer.gradient_clip_val is -1, which has no effect; expected 0 or null"),
        ("log_every_n_steps", -3, "trainer.log_every_n_steps is -3, which has no effect; expected 1 or more"),
        ("num_sanity_val_steps", -7, "trainer.num_sanity_val_steps is -7, which has no effect"),
        (
            "max_time",
            {"minutes": 0},
            "trainer.max_time is {'minutes': 0}: nothing would be trained. Expected a duration",
        ),
        ("max_time", "00:00:00:00", "trainer.max_time is 00:00:00:00: nothing would be trained"),
        ("devices", 99_999_999, "trainer.devices is 99999999: as many processes would train on"),
        ("devices", "1000", "trainer.devices is 1000: as many processes would train on"),
        ("min_epochs", 9, "trainer.min_epochs is 9, more than trainer.max_epochs=2"),
    ],
)
def test_what_trains_or_validates_nothing_is_refused(setting, value, said):
    with pytest.raises(UserError, match=re.escape(said)):
        check_trainer(config(**{setting: value}))


@pytest.mark.parametrize(
    "settings",
    [
        {"max_steps": -1, "limit_train_batches": 0.5, "limit_val_batches": 1, "gradient_clip_val": 0},
        {"max_epochs": -1, "check_val_every_n_epoch": 100},
        {"limit_val_batches": 0, "callbacks": {"best": None}},
        {"limit_val_batches": None, "min_epochs": 2, "num_sanity_val_steps": -1},
    ],
    ids=str,
)
def test_what_trains_is_taken_as_it_is(settings):
    taken = config(**settings)
    before = taken.copy()
    check_trainer(taken)
    assert taken == before


def test_a_validation_behind_the_last_epoch_is_moved_to_it(capsys):
    taken = config(check_val_every_n_epoch=10)
    check_trainer(taken)
    assert taken.trainer.check_val_every_n_epoch == 2
    assert "check_val_every_n_epoch=10 is more than trainer.max_epochs=2" in capsys.readouterr().err


def test_a_callback_cannot_monitor_what_is_not_logged():
    class Task:
        logged = ("val/loss", "val/accuracy")

    monitored = {"monitor": {"score": "val/loss"}, "callbacks": {"stop": {"monitor": "val/nope"}, "rate": None}}
    with pytest.raises(UserError, match=r"callbacks\.stop\.monitor is val/nope, .* expected one of val/loss, val/acc"):
        check_score(OmegaConf.create(monitored), Task())


def test_a_duration_may_be_a_mapping():
    trainer = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "max_time": {"minutes": 20}}
    made = instantiate(OmegaConf.create({"trainer": trainer}).trainer, _convert_="all", logger=False)
    (timer,) = [callback for callback in made.callbacks if isinstance(callback, Timer)]
    assert timer.time_remaining() == 1200


def test_what_lightning_refuses_within_a_training_is_a_sentence():
    said = r"^trainer\.val_check_interval: `val_check_interval` \(9\) must be less\. Lower it, or leave it null$"
    with pytest.raises(UserError, match=said), trainer_errors():
        raise ValueError(" `val_check_interval` (9) must be less. If you want to disable …")
    with pytest.raises(ValueError, match="other"), trainer_errors():
        raise ValueError("other")


def test_commands_name_a_checkpoint_that_is_there(tmp_path):
    data = SimpleNamespace(records={"test": [], "val": [None]})
    assert next_commands("translation", tmp_path, data) == []
    for name, model in (("last.ckpt", tmp_path / "last.ckpt"), ("best.ckpt", tmp_path)):
        (Path(tmp_path) / name).touch()
        use, evaluate, _ = next_commands("translation", tmp_path, data)
        assert f"--checkpoint {model} " in f"{use} "
        assert f"--checkpoint {model} --split val" in evaluate
