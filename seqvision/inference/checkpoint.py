"""A checkpoint of this project: what it holds, how it is read, and what is refused."""

import hashlib
import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from seqvision.data import ImageTransform, Vocabulary, vocabulary_from_state
from seqvision.errors import UserError
from seqvision.inference.build import build
from seqvision.models import Captioner, Noise

FORMAT = 1


LoadedT = TypeVar("LoadedT", bound="LoadedModel")


@dataclass(frozen=True)
class LoadedModel:
    """A trained network ready for use, in evaluation mode, with the parts that its pattern needs: a subclass a pattern.

    pattern: what its checkpoints call it; network: the class that its description must become.
    """

    pattern: ClassVar[str]
    network: ClassVar[type[nn.Module]]

    model: Any
    config: dict[str, Any]
    path: Path

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        """The pattern's own parts from a checkpoint's plain data; a `UserError` where they do not fit the network."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def digest(self) -> str:
        """What tells its file from others: the beginning of its SHA-256."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]


@dataclass(frozen=True)
class LoadedCaptioner(LoadedModel):
    """A captioner with its vocabulary and the transform of its validation."""

    pattern: ClassVar[str] = "captioning"
    network: ClassVar[type[nn.Module]] = Captioner

    vocabulary: Vocabulary
    transform: ImageTransform

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        vocabulary = vocabulary_from_state(held["vocabulary"])
        vocabulary.check_fits(model.vocabulary_size)
        return {"vocabulary": vocabulary, "transform": ImageTransform.from_settings(held["transform"])}


def contents(
    config: dict[str, Any], model: dict[str, Any], parts: dict[str, Any], *, pattern: str = "captioning"
) -> dict[str, Any]:
    """What a checkpoint carries besides the weights: plain data. parts: what `LoadedModel.parts` reads."""
    return {"format": FORMAT, "pattern": pattern, "config": config, "model": model, **parts}


def load_captioner(
    path: str | Path, *, device: str | torch.device = "cpu", trust: Sequence[str] = ()
) -> LoadedCaptioner:
    """The captioner in a checkpoint file or a run's folder; see `load_model`."""
    return load_model(path, LoadedCaptioner, device=device, trust=trust)


def load_model(
    path: str | Path, kind: type[LoadedT], *, device: str | torch.device = "cpu", trust: Sequence[str] = ()
) -> LoadedT:
    """The network in a checkpoint file, or in a run's folder (its best, else its last checkpoint).

    device: as torch names it, or "auto" for a GPU where there is one. trust: modules besides this package whose
    networks may be built. Raises `UserError` for a file that is missing, truncated, of another format or pattern, that
    does not hold together, or that would run code.
    """
    place = find_device(device)
    file = find_checkpoint(path)
    checkpoint = read_checkpoint(file)
    held = checkpoint["seqvision"]
    found = pattern_of(checkpoint)
    if found != kind.pattern:
        raise UserError(f"{file}: a model for {found}, expected one for {kind.pattern}{_USED_BY.get(found, '')}")
    try:
        model = build(held["model"], trust=trust)
        config = held["config"]
        if not isinstance(model, kind.network):
            raise UserError(f"holds a {type(model).__name__}, expected a {kind.network.__name__}")
        Noise(**held.get("noise", {})).into(model)
        parts = kind.parts(held, model)
        model.load_state_dict(model_weights(checkpoint))
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{file}: the weights do not fit the model that the file describes ({reason:.300}); "
            "use the version of seqvision that wrote it, or take another copy"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # a strange or damaged description makes any part of this fail
        raise UserError(f"{file}: what it says of its model cannot be used ({error!r}); take another copy") from error
    return kind(model.to(place).eval(), config, file, **parts)


def pattern_of(checkpoint: dict[str, Any]) -> str:
    """The pattern that a checkpoint was trained for."""
    return str(checkpoint["seqvision"].get("pattern", "captioning"))


_USED_BY = {
    "captioning": "; use `seqvision caption`",
    "classification": "; use `seqvision classify`",
    "labelling": "; use `seqvision label`",
    "translation": "; use `seqvision translate`",
    "reading": "; use `seqvision read`",
    "painting": "; use `seqvision draw`",
}


def find_device(name: str | torch.device) -> torch.device:
    """The device of that name, "auto" being a GPU where there is one; a UserError if this machine lacks it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"--device {name}: not on this machine ({str(error).splitlines()[0]}); take cpu or auto. "
            "`seqvision doctor` lists what there is"
        ) from error
    return device


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
        raise _damaged(file) from error
    except PermissionError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); you need the right to read it") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        raise _damaged(file) from error
    held = checkpoint.get("seqvision") if isinstance(checkpoint, dict) else None
    if not isinstance(held, dict) or "format" not in held:
        raise UserError(f"{file}: a torch file, but not a checkpoint of seqvision (no format number in it)")
    if held["format"] != FORMAT:
        age = "older" if isinstance(held["format"], int) and held["format"] < FORMAT else "newer"
        raise UserError(
            f"{file}: checkpoint format {held['format']}, this version reads format {FORMAT}; "
            f"use the {age} version of seqvision that wrote it"
        )
    return checkpoint


def _damaged(file: Path) -> UserError:
    """What to say of a file that torch cannot read, by how it begins: what torch says is for its developers."""
    with file.open("rb") as opened:
        begins = opened.read(2)
    what = "the file is empty"
    if begins:
        what = "the file is truncated or damaged" if begins == b"PK" else "not a checkpoint, or a damaged one"
    beside = [name for name in ("best.ckpt", "last.ckpt") if name != file.name and file.with_name(name).is_file()]
    return UserError(f"{file}: {what}; take another copy" + (f", or {beside[0]} beside it" if beside else ""))


def model_weights(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The model's state dict inside a training checkpoint."""
    prefix = "model."
    if not isinstance(checkpoint.get("state_dict"), dict):
        raise UserError("no weights in it (no state_dict); take another copy")
    return {key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)}
