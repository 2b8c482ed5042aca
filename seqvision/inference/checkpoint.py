"""A checkpoint of this project: what it holds, how it is read, and what is refused."""

import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqvision.data import ImageTransform, Vocabulary, vocabulary_from_state
from seqvision.errors import UserError
from seqvision.inference.build import build
from seqvision.models import Captioner

FORMAT = 1


@dataclass(frozen=True)
class LoadedCaptioner:
    """A captioner ready for use: in evaluation mode, with its vocabulary and the transform of its validation."""

    model: Captioner
    vocabulary: Vocabulary
    transform: ImageTransform
    config: dict[str, Any]
    path: Path


def contents(
    config: dict[str, Any], model: dict[str, Any], vocabulary: Vocabulary, transform: ImageTransform
) -> dict[str, Any]:
    """What a checkpoint carries besides the weights, as plain data."""
    return {
        "format": FORMAT,
        "config": config,
        "model": model,
        "vocabulary": vocabulary.state(),
        "transform": transform.settings(),
    }


def load_captioner(
    path: str | Path, *, device: str | torch.device = "cpu", trust: Sequence[str] = ()
) -> LoadedCaptioner:
    """The captioner in a checkpoint file, or in a run's folder (its best, else its last checkpoint).

    Raises `UserError` for a file that is missing, truncated, of another format, or that would run code.
    """
    file = find_checkpoint(path)
    checkpoint = read_checkpoint(file)
    held = checkpoint["seqvision"]
    vocabulary = vocabulary_from_state(held["vocabulary"])
    model = build(held["model"], trust=trust)
    if not isinstance(model, Captioner):
        raise UserError(f"{file}: holds a {type(model).__name__}, expected a Captioner")
    vocabulary.check_fits(model.vocabulary_size)
    try:
        model.load_state_dict(model_weights(checkpoint))
    except RuntimeError as error:
        raise UserError(f"{file}: the weights do not fit the model that the file describes: {error}") from error
    transform = ImageTransform.from_settings(held["transform"])
    return LoadedCaptioner(model.to(device).eval(), vocabulary, transform, held["config"], file)


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint file that a path means: itself, or best.ckpt, else last.ckpt, in a run's folder."""
    path = Path(path)
    if path.is_dir():
        for name in ("best.ckpt", "last.ckpt"):
            if (path / name).is_file():
                return path / name
        raise UserError(f"{path}: no best.ckpt or last.ckpt in this folder; is it the folder of a run?")
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; a run leaves best.ckpt and last.ckpt in its folder under runs/")
    return path


def read_checkpoint(file: Path) -> dict[str, Any]:
    """The file's content, unpickled as plain data and tensors only, with a format that this version knows."""
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if zipfile.is_zipfile(file):
            raise UserError(
                f"{file}: refused: it holds more than plain data and tensors, and loading that could run code. "
                f"A checkpoint of seqvision never does ({str(error).splitlines()[0]})"
            ) from error
        raise UserError(f"{file}: not a checkpoint, or a damaged one; take another copy") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{file}: cannot be read, the file seems truncated or damaged ({str(error).splitlines()[0]}); "
            "take another copy, or last.ckpt of the same run"
        ) from error
    held = checkpoint.get("seqvision") if isinstance(checkpoint, dict) else None
    if not isinstance(held, dict) or "format" not in held:
        raise UserError(f"{file}: a torch file, but not a checkpoint of seqvision (no format number in it)")
    if held["format"] != FORMAT:
        age = "newer" if held["format"] > FORMAT else "older"
        raise UserError(
            f"{file}: checkpoint format {held['format']}, this version reads format {FORMAT}; "
            f"use the {age} version of seqvision that wrote it"
        )
    return checkpoint


def model_weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The model's state dict inside a training checkpoint."""
    prefix = "model."
    return {key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)}
