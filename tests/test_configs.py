"""Every choice that conf/ offers composes, and becomes the object that it names."""

from typing import Any

import pytest
import torch
from conf_choices import CHOICES, PATTERN, chosen, composed
from hydra.utils import instantiate
from omegaconf import DictConfig

from seqvision.cli.config import plain
from seqvision.cli.trainer import new_trainer
from seqvision.data import WordVocabulary
from seqvision.data.labelled.symbols import Symbols
from seqvision.models.translator import Source


@pytest.mark.few(50)
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
    """Parts of the network stand where the whole network stands; what comes in is of the kind that the data have."""
    if config.encoder is not None and "channels" in config.encoder:
        config.encoder.channels = [8] * len(config.encoder.channels)
    LOOKS[config.pattern](config)


def looks_at_a_picture(config: DictConfig) -> None:
    model = instantiate(config.model, vocabulary_size=7)
    features = torch.zeros(2, 3, 3, model.encoder.feature_size)
    assert model.output(model(features, torch.ones(2, 4, dtype=torch.long)).hidden).shape == (2, 4, 7)


def translates(config: DictConfig) -> None:
    model = instantiate(config.model, source_vocabulary_size=9, target_vocabulary_size=7)
    source = Source(torch.ones(2, 5, dtype=torch.long), torch.tensor([5, 3]))
    outputs = model(source, torch.ones(2, 4, dtype=torch.long))
    assert model.output(outputs.hidden).shape == (2, 4, 7)


def reads_a_sequence(config: DictConfig) -> None:
    front = config.front._target_.rpartition(".")[2]
    numbers = ("LinearFront", "MLPFront")
    sizes = {"EmbeddingFront": {"vocabulary_size": 11}, "PictureFront": {}}
    known = {"features": 6} if front in numbers else sizes[front]
    model = instantiate(config.model, classes=3, frames=known)
    if front == "PictureFront":
        side = config.encoder.image_size
        frames = torch.zeros(2, 5, config.encoder.in_channels, side, side, dtype=torch.uint8)
    else:
        frames = torch.zeros(2, 5, 6) if front in numbers else torch.ones(2, 5, dtype=torch.long)
    scores = model(frames, torch.tensor([5, 3]))
    if config.pattern == "labelling":
        assert scores[0].shape == (2, 5, 3)
    else:
        assert scores.shape == (2, 3)


def paints(config: DictConfig) -> None:
    sizes = {"classes": 3, "objects": 1, "pictures": {"channels": 1, "height": 6, "width": 8}}
    model = instantiate(config.model, **sizes)
    assert model(torch.zeros(2, 1, 6, 8), torch.tensor([0, 2])).nats.shape == (2,)


def walks(config: DictConfig) -> None:
    assert instantiate(config.model)(torch.zeros(3, 2)).shape == (3,)


def reads_a_picture(config: DictConfig) -> None:
    model = instantiate(config.model, classes=3, objects=2, pictures={"channels": 1, "height": 9, "width": 9})
    reading = model(torch.zeros(2, 1, 9, 9, dtype=torch.uint8), sample=True)
    assert reading.logits.shape == (2, 2 * model.looks, 3)


LOOKS = {
    "reading": reads_a_picture,
    "painting": paints,
    "surface": walks,
    "captioning": looks_at_a_picture,
    "translation": translates,
    "classification": reads_a_sequence,
    "labelling": reads_a_sequence,
}


def optimizer(config: DictConfig, group: str) -> None:
    made = instantiate(config.optimizer)([torch.nn.Parameter(torch.zeros(2, 2))])
    schedule = instantiate(config.scheduler)(made, 10)
    made.step(lambda: torch.zeros(()))  # a closure: some evaluate the loss themselves
    schedule.step()


def task(config: DictConfig, group: str) -> None:
    """The whole pattern: a task with the network and the loss that it trains."""
    if config.encoder is not None and "channels" in config.encoder:
        config.encoder.channels = [8] * len(config.encoder.channels)
    words = WordVocabulary.build(["a dog"])
    references = {"train": {"a": ("a dog",), "b": ("a cat",)}, "val": {"c": ("a cat",)}}
    sizes, parts = {
        "reading": ({"classes": 3, "pictures": {"channels": 1}}, {"symbols": Symbols("abc")}),
        "surface": ({}, {}),
        "painting": ({"pictures": {"channels": 1, "height": 6, "width": 8}}, {"symbols": None}),
        "captioning": ({"vocabulary_size": len(words)}, {"vocabulary": words, "references": references}),
        "translation": (
            {"source_vocabulary_size": 9, "target_vocabulary_size": len(words)},
            {"vocabulary": words, "references": references},
        ),
        "classification": ({"classes": 2, "frames": {"features": 6}}, {"classes": ("a", "b")}),
        "labelling": ({"classes": 2}, {"classes": ("a", "b"), "multilabel": False}),
    }[config.pattern]
    model = instantiate(config.model, **sizes)
    made = instantiate(config.task)(model, contents={}, **parts)
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
    assert new_trainer(config.trainer, logger=False, enable_checkpointing=False).max_epochs == 20


def experiment(config: DictConfig, group: str) -> None:
    if config.encoder is not None and config.encoder.get("weights"):
        config.encoder.weights = None  # a file that a test does not fetch
    for part, build in {"data": data, "optimizer": optimizer, "model": network, "decoding": built}.items():
        build(config, part)


def pattern(config: DictConfig, group: str) -> None:
    """A pattern is its task, and data that need nothing."""
    data(config, group)
    task(config, group)


def sweep(config: DictConfig, group: str) -> None:
    """Trials, and a figure that is made of what comes of them."""
    if config.sweep is not None:
        proposals = instantiate(config.sweep.strategy).propose([])
        assert all(override.partition("=")[1] for proposal in proposals for override in proposal.overrides)
        assert callable(instantiate(config.sweep.figure))


def transfer(config: DictConfig, group: str) -> None:
    """A row, and the stages of an encoder that it lets train, in the task and with the callbacks that it needs."""
    if config.transfer is None:
        return
    assert instantiate(config.transfer).check
    task(config, group)
    encoder = instantiate(config.encoder)
    assert encoder.learning_stages == {"none": 0}.get(config.encoder.trainable, config.encoder.trainable)
    if "unfreezing" in config.callbacks:
        assert 0 < len(config.callbacks.unfreezing.at) <= encoder.learning_stages


def monitor(config: DictConfig, group: str) -> None:
    """What decides which checkpoint is the best: a validation score, and whether more of it is better."""
    assert config.callbacks.best.monitor == config.monitor.score
    assert config.monitor.score.startswith("val/")
    assert config.callbacks.best.mode == config.monitor.mode
    assert config.monitor.mode == ("min" if config.monitor.score.endswith("loss") else "max")


def nothing(config: DictConfig, group: str) -> None:
    """A choice that is no object: it changes others, where the work is done."""
    assert group not in config


BUILD: dict[str, Any] = {
    "model": network,
    "rnn": network,
    "front": network,
    "pooling": network,
    "pattern": pattern,
    "attention": network,
    "encoder": network,
    "optimizer": optimizer,
    "scheduler": optimizer,
    "task": task,
    "vocabulary": vocabulary,
    "data": data,
    "augmentation": data,
    "trainer": trainer,
    "monitor": monitor,
    "experiment": experiment,
    "cluster": nothing,
    "sweep": sweep,
    "transfer": transfer,
}


def test_every_choice_belongs_to_a_pattern_that_has_it():
    assert set(PATTERN) <= set(CHOICES), "a choice that is listed is a file"
    assert {composed(f"pattern={name}").pattern for group, name in CHOICES if group == "pattern"} == set(LOOKS)


def test_an_unknown_key_of_a_part_is_refused():
    with pytest.raises(Exception, match="hiden_size"):
        composed("rnn.hiden_size=3")
