"""K-FAC stands before the optimiser of every pattern, and goes on from a checkpoint bit for bit."""

from collections.abc import Iterator

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from pytorch_lightning import Callback, Trainer

from seqvision.cli.config import conf_dir, plain
from seqvision.errors import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*was configured so validation"),
    pytest.mark.filterwarnings("ignore:.*number of training batches"),
]
SCENES = [
    "data.counts={train: 8, val: 2}",
    "data.transform.size=32",
    "encoder.channels=[8, 8]",
    "encoder.strides=[4, 4]",
]
PATTERNS = {  # an epoch of each is two batches, or three
    "captioning": [*SCENES, "attention=dot", "model.embedding_size=8", "data.batch_size=4"],
    "classification": ["rnn=elman", "rnn.dropconnect=0.2", "data.batch_size=700"],
    "labelling": [
        "rnn=lstm",
        "data.counts={train: 6, val: 2}",
        "encoder.channels=[8, 8]",
        "encoder.strides=[4, 4]",
        "data.batch_size=3",
    ],
    "translation": [
        "rnn=gru",
        "model.embedding_size=8",
        "data.sizes={train: 12, val: 2, test: 2}",
        "data.batch_size=6",
    ],
    "reading": ["model.looks=2", "data.batch_size=700"],
    "painting": ["model.steps=2", "model.latent_size=4", "data.batch_size=700"],
}


class Save(Callback):
    """A checkpoint after the first epoch."""

    def __init__(self, file):
        self.file = file

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.file, weights_only=False)


def parts(folder, pattern, *overrides) -> tuple:
    """The task and the data of a pattern, small."""
    own = [*PATTERNS[pattern], "rnn.hidden_size=8", f"run_dir={folder}", "cache=null"]
    if pattern in ("captioning", "labelling"):
        own.append(f"data.folder={folder / 'drawn'}")
    sgd = ["preconditioner=kfac", "optimizer=sgd", "optimizer.lr=0.02"]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=[f"pattern={pattern}", *own, *sgd, *overrides]))
    torch.manual_seed(0)
    data = instantiate(config["data"])
    model = instantiate(config["model"], **data.model_sizes())
    return instantiate(config["task"])(model, contents={}, **data.task_parts()), data


def trainer(folder, **settings) -> Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(
        accelerator="cpu",
        enable_model_summary=False,
        default_root_dir=folder,
        use_distributed_sampler=False,
        **{"max_epochs": 2, "limit_val_batches": 0, **quiet, **settings},
    )


def tensors(state) -> Iterator[torch.Tensor]:
    for kind in ("factors", "inverses"):
        for each in state[kind].values():
            yield from each


@pytest.mark.few(1)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_trains_every_pattern_and_goes_on_from_a_checkpoint_bit_for_bit(pattern, tmp_path):
    changes = ["preconditioner.factor_every=1", "preconditioner.invert_every=3"]
    task, data = parts(tmp_path, pattern, *changes)
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    trainer(tmp_path, callbacks=[Save(tmp_path / "half.ckpt")]).fit(task, datamodule=data)
    held = torch.load(tmp_path / "half.ckpt", weights_only=True)
    assert held["preconditioner"]["steps"] == held["global_step"]
    resumed, again = parts(tmp_path, pattern, *changes)
    trainer(tmp_path).fit(resumed, datamodule=again, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    for name, value in task.model.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(resumed.model.state_dict()[name], value), name
    kfac = task.preconditioner
    assert kfac.steps == 2 * held["global_step"]
    assert set(kfac.factors) == set(kfac.layers), "every layer was seen"
    assert any("hidden_to_hidden" in name for name in kfac.layers)
    trained = [p.numel() for p in task.model.parameters() if p.requires_grad]
    assert sum(p.numel() for layer in kfac.layers.values() for p in layer.parameters()) > 0.8 * sum(trained)
    for one, other in zip(tensors(kfac.state_dict()), tensors(resumed.preconditioner.state_dict()), strict=True):
        assert torch.equal(one, other)
    moved = [name for name, value in task.model.state_dict().items() if not torch.equal(value, start[name])]
    assert {f"{name}.weight" for name in kfac.layers} <= set(moved)


def test_fused_recurrences_are_taken_wherever_nothing_is_watched(tmp_path):
    task, data = parts(tmp_path, "classification", "preconditioner.factor_every=2", "rnn.dropconnect=0")
    backends = []
    task.model.rnn.register_forward_pre_hook(lambda module, _: backends.append(module.backend))
    trainer(tmp_path).fit(task, datamodule=data)
    assert backends == ["reference", "auto", "reference", "auto"]


def test_a_limit_of_its_own_stands_in_place_of_the_gradient_s(tmp_path):
    for clip, expected in (("1e-3", None), ("null", 0.5)):
        task, data = parts(tmp_path, "classification", f"preconditioner.kl_clip={clip}")
        runner = trainer(tmp_path, gradient_clip_val=0.5, max_epochs=1)
        runner.fit(task, datamodule=data)
        assert runner.gradient_clip_val == expected


def test_a_checkpoint_without_it_is_refused_and_one_for_use_does_not_carry_it(tmp_path):
    task, data = parts(tmp_path, "classification", "preconditioner=none")
    trainer(tmp_path, callbacks=[Save(tmp_path / "half.ckpt")], max_epochs=1).fit(task, datamodule=data)
    task, data = parts(tmp_path, "classification")
    with pytest.raises(UserError, match="written without one"):
        trainer(tmp_path).fit(task, datamodule=data, ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    runner = trainer(tmp_path, max_epochs=1)
    task, data = parts(tmp_path, "classification")
    runner.fit(task, datamodule=data)
    runner.save_checkpoint(tmp_path / "light.ckpt", weights_only=True)
    assert "preconditioner" not in torch.load(tmp_path / "light.ckpt", weights_only=True)


@pytest.mark.parametrize("optimizer", ["lbfgs", "bfgs", "newton"])
def test_what_has_a_curvature_of_its_own_is_refused(optimizer, tmp_path):
    task, data = parts(tmp_path, "classification", "rnn.hidden_size=4", "front.size=4")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        task.make_optimizer = instantiate(compose("train", overrides=[f"optimizer={optimizer}"]).optimizer)
    with pytest.raises(UserError, match="stands before first-order optimisers"):
        trainer(tmp_path).fit(task, datamodule=data)
