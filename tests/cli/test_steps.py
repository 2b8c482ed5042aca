"""A training whose length nobody set makes enough optimizer steps, and is validated as often as before."""

from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from seqvision.cli.steps import extend, open_ended


def trainer(**settings):
    known = {
        "limit_train_batches": 1.0,
        "accumulate_grad_batches": 1,
        "max_epochs": 20,
        "val_check_interval": 1.0,
        "check_val_every_n_epoch": 1,
        "fit_loop": SimpleNamespace(max_epochs=20),
    }
    return SimpleNamespace(**{**known, **settings})


@pytest.mark.parametrize(
    ("items", "batch_size", "settings", "epochs", "every"),
    [
        (3, 1, {}, 180, 9),  # 60 steps in 20 epochs: nine times as many
        (1600, 64, {}, 20, 1),  # 500 already
        (100, 64, {"accumulate_grad_batches": 2}, 500, 25),
        (1600, 64, {"limit_train_batches": 2}, 260, 13),
    ],
)
def test_epochs_are_as_many_as_the_steps_need(items, batch_size, settings, epochs, every):
    data = SimpleNamespace(dataset=lambda split, training: range(items), batch_size=batch_size)
    running = trainer(**settings)
    extend(running, data, 500)
    assert (running.fit_loop.max_epochs, running.check_val_every_n_epoch) == (epochs, every)
    assert epochs % every == 0, "the last epoch is validated"


def test_what_is_set_stays():
    config = OmegaConf.create({"default_epochs": 20, "trainer": {"max_epochs": "${default_epochs}", "max_steps": -1}})
    assert open_ended(config)
    assert not open_ended(OmegaConf.merge(config, {"trainer": {"max_epochs": 20}}))
    assert not open_ended(OmegaConf.merge(config, {"trainer": {"max_steps": 50}}))
