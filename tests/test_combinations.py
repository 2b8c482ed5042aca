"""Any choices together train, or are refused in a sentence: random draws over all groups of conf/."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from conf_choices import PATTERN
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from seqvision.callbacks import AtomicCheckpointIO
from seqvision.cli.config import check_overrides, conf_dir
from seqvision.cli.train import fit
from seqvision.cli.unused import unused_parts
from seqvision.errors import UserError
from seqvision.inference.checkpoint_file import FORMAT

# what torch, Lightning and Hydra say to their developers
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

PICTURES = ["data.reader.order=whole", "data.reader.size=32", "encoder=small_cnn", "encoder.image_size=32"]
WORLDS = {  # embedded data of each pattern, as small as they go
    "captions": [
        "pattern=captioning",
        "data.counts={train: 8, val: 2}",
        "data.transform.size=32",
    ],
    "rows": ["pattern=classification"],
    "pictures": ["pattern=classification", "front=pictures", *PICTURES, "encoder.in_channels=1", "encoder.pooled=true"],
    "clips": ["pattern=labelling", "data.frames=3", "data.counts={train: 8, val: 2}"],
    "numbers": ["pattern=translation", "data.sizes={train: 8, val: 2}"],
    "readings": ["pattern=reading"],
    "paintings": ["pattern=painting"],
}
NOT_DRAWN = {"pattern", "experiment", "data", "trainer", "logger", "cluster", "sweep"}  # no part of what is trained
TIED = {"task", "model", "front", "loss", "decoding", "vocabulary"}  # their choices belong to one pattern each
SEEING = {"captions", "pictures", "clips"}  # with an encoder, which may have learnt elsewhere
QUASI_NEWTON = {"newton", "bfgs", "lbfgs"}  # of all weights together, from one batch
STEPWISE = {"captions", "numbers", "readings", "paintings"}
ENCODERS = sorted(file.stem for file in (conf_dir() / "encoder").glob("*.yaml"))
ALSO = {  # choices of tied groups for other patterns than their own, and groups of which a world can do with some only
    "numbers": {"vocabulary": ["words", "subwords"], "decoding": ["greedy", "beam", "sample"], "encoder": ["none"]},
    "rows": {"encoder": ["none"], "wide": ["none"], "front": ["linear"], "augmentation": ["none", "noise"]},
    "pictures": {"front": ["pictures"], "wide": ["none"], "encoder": [each for each in ENCODERS if each != "none"]},
    "captions": {"decoding": ["beam", "diverse_beam", "greedy", "sample"], "loss": ["cross_entropy"]},
    "readings": {"encoder": ["none"]},
    "paintings": {"encoder": ["none"]},
}
FOREIGN: dict[str, set[str]] = {"rows": set(), "clips": {"noise"}}  # augmentations of other input than a world's
SETTINGS: dict[str, list[Any]] = {  # values beside choices, where there is such a key
    "encoder.norm": ["batch", "layer", "instance", "group", "decorrelated", None],
    "encoder.trainable": ["all", 1],
    "rnn.num_layers": [1, 2],
    "rnn.bidirectional": [True, False, False],
    "rnn.dropout": [0.0, 0.3],
    "rnn.locked": [True, False],
    "rnn.dropconnect": [0.0, 0.3],
    "rnn.backend": ["auto", "reference"],
    "task.layer_decay": [1.0, 1.0, 0.7],
    "task.encoder_lr_factor": [1.0, 0.1],
    "model.image_as": ["state", "input", "every_step"],
    "model.summary_as": ["state", "input", "every_step"],
    "model.tie_embeddings": [True, False],
    "model.conditional": [True, False],
    "model.changes": [True, False],
    "model.policy": ["learnt", "random", "centre"],
    "data.sort_by_length": [True, False],
    "data.window": [None, 2],
    "trainer.accumulate_grad_batches": [1, 2],
}
SMALL = {  # sizes that nothing here depends on
    **dict.fromkeys(("rnn.hidden_size", "front.size", "attention.size", "encoder.size"), 8),
    **dict.fromkeys(("model.embedding_size", "model.what", "model.where", "model.glimpse", "model.context"), 8),
    **dict.fromkeys(("model.hidden_size", "model.latent_size"), 8),
    **dict.fromkeys(("model.size", "model.looks", "model.steps"), 2),
    **{"model.coarse": 4, "model.multiply_adds": 20000, "encoder.cells": 2, "encoder.width": 1, "encoder.columns": 2},
    **{"decoding.max_length": 3, "encoder.grid": 1, "data.number_seed": 0, "augmentation.crop.area": [0.6, 1.0]},
}
CHOICES = {
    folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
    for folder in sorted(conf_dir().iterdir())
    if folder.is_dir() and folder.name not in NOT_DRAWN
}
NEEDS = {"efficientnet_lite0", "shampoo", "soap", "timm", "subwords"}  # an extra, a name, or a large download


def choices_of(world: str, group: str) -> list[str]:
    """The choices of a group that a world may be given."""
    pattern = WORLDS[world][0].partition("=")[2]
    own = [each for each in CHOICES[group] if group not in TIED or PATTERN.get((group, each), "captioning") == pattern]
    return ALSO.get(world, {}).get(group, own)


@cache
def unused(world: str) -> set[str]:
    """The groups that have no effect in a world."""
    return unused_parts(check_overrides(WORLDS[world], config_name="train"))


@st.composite
def combinations(draw: st.DrawFn) -> tuple[str, dict[str, str], dict[str, Any]]:
    """A world, choices that differ from its own in about a third of all groups, and values."""
    dice = draw(st.randoms(use_true_random=True))  # even draws, where hypothesis's own come again and again
    world = dice.choice(sorted(WORLDS))
    offered = {group: [each for each in choices_of(world, group) if each not in NEEDS] for group in CHOICES}
    chosen = {group: dice.choice(known) for group, known in offered.items() if known and dice.random() < 1 / 3}
    values = {key: dice.choice(known) for key, known in SETTINGS.items() if dice.random() < 1 / 4}
    # what is refused in a world need not be tried as often
    chosen = {group: choice for group, choice in chosen.items() if group not in unused(world) or dice.random() < 0.05}
    if world not in SEEING and dice.random() < 0.8:
        chosen.pop("transfer", None)
        values.pop("task.layer_decay", None)
        chosen = {group: choice for group, choice in chosen.items() if choice != "unfreezing"}
    if chosen.get("augmentation") in FOREIGN.get(world, {"noise", "shift"}) and dice.random() < 0.8:
        chosen.pop("augmentation")
    if chosen.get("callbacks") == "snapshots" and dice.random() < 0.8:
        chosen["scheduler"] = "restarts"
    if world in SEEING and chosen.get("transfer", "none") != "none":
        chosen["encoder"] = "efficientnet_lite0"  # whose weights come with pip
        if dice.random() < 0.8:
            values.pop("encoder.norm", None)
    if world in SEEING and chosen.get("encoder") == "none" and dice.random() < 0.8:
        chosen.pop("encoder")
    if world in STEPWISE and dice.random() < 0.8:
        values.pop("rnn.bidirectional", None)
    if world in STEPWISE and chosen.get("rnn") == "none" and dice.random() < 0.8:
        chosen.pop("rnn")
    if chosen.get("optimizer") in QUASI_NEWTON and dice.random() < 0.8:
        chosen.pop("preconditioner", None)
        for key in ("task.encoder_lr_factor", "task.layer_decay", "trainer.accumulate_grad_batches"):
            values.pop(key, None)
    return world, chosen, values


def composed(world: str, chosen: dict[str, str], values: dict[str, Any], folder: Path) -> DictConfig:
    """The configuration; a value is set where there is its key."""
    common = ["trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1"]
    more = ["trainer.log_every_n_steps=1", "data.num_workers=0", "data.batch_size=4", "data.evaluation_batch_size=2"]
    where = [f"run_dir={folder / 'run'}", f"cache={folder / 'cache'}"]
    choices = [f"{group}={choice}" for group, choice in chosen.items()]
    config = check_overrides([*WORLDS[world], *choices, *common, *more, *where], config_name="train")
    for key, value in {**SMALL, **values}.items():
        parent, _, last = key.rpartition(".")
        node = OmegaConf.select(config, parent)
        if isinstance(node, DictConfig) and last in node:
            node[last] = value
    if world == "captions" and config.encoder is not None and chosen.get("attention", "none") == "none":
        config.encoder.pooled = bool(values)
    if config.encoder is not None and "channels" in config.encoder:
        config.encoder.channels = [8] * len(config.encoder.channels)
    for name, place in (("scenes", "data.folder"), ("clips", "data.folder")):
        if OmegaConf.select(config, place) is not None:
            config.data.folder = str(folder / f"{name}-{world}")
    config.sweep = None
    return config


def tries(count: int, folder: Path) -> Counter[str]:
    """How that many draws ended: "trained", or what they were refused with."""
    ended: Counter[str] = Counter()

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # the first failure is told as it is: making it smaller would train a hundred more
        suppress_health_check=list(HealthCheck),
    )
    @given(combinations())
    def trained_or_refused(drawn: tuple[str, dict[str, str], dict[str, Any]]) -> None:
        try:
            fit(composed(*drawn, folder), command="")
            ended["trained"] += 1
        except UserError as refusal:
            if str(refusal).startswith("Error"):  # Hydra's words for what a class did not expect
                raise
            ended[str(refusal)] += 1

    trained_or_refused()
    return ended


@pytest.fixture
def kept_nowhere(monkeypatch):
    """Checkpoints are made, and not written."""

    def save(self: Any, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        assert checkpoint["seqvision"]["format"] == FORMAT

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", save)
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


def test_every_group_is_drawn_from_in_some_world():
    assert {folder.name for folder in conf_dir().iterdir() if folder.is_dir()} == set(CHOICES) | NOT_DRAWN
    for group in CHOICES:
        assert any(choices_of(world, group) for world in WORLDS), group


def check(ended: Counter[str], count: int, *, at_most: float) -> None:
    refused = count - ended["trained"]
    said = "\n".join(f"{number} {what}" for what, number in ended.most_common())
    assert sum(ended.values()) == count
    assert refused <= at_most * count, f"{refused} of {count} refused:\n{said}"


def test_a_few_combinations_train_or_are_refused_in_a_sentence(tmp_path, kept_nowhere):
    check(tries(4, tmp_path), 4, at_most=1)  # so few draws say nothing of the share


@pytest.mark.slow
def test_two_hundred_combinations_train_or_are_refused_in_a_sentence(tmp_path, kept_nowhere):
    check(tries(200, tmp_path), 200, at_most=0.2)
