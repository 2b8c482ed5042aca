"""A checkpoint of this project: what it holds, and the model that it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from seqvision.data import ImageTransform, Vocabulary, vocabulary_from_state
from seqvision.digest import model_weights
from seqvision.errors import UserError
from seqvision.inference.budget import Budget
from seqvision.inference.build import build
from seqvision.inference.checkpoint_file import (
    FORMAT,
    check_finite,
    check_plain,
    check_resolved,
    find_checkpoint,
    read_checkpoint,
)
from seqvision.inference.registry import NETWORKS
from seqvision.models import Captioner, Noise
from seqvision.signatures import expected_by, fits

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
    digest: str = field(default="", kw_only=True)  # over all that inference reads of the file

    @classmethod
    def parts(cls, held: dict[str, Any], model: Any) -> dict[str, Any]:
        """The pattern's own parts from a checkpoint's plain data; a `UserError` where they do not fit the network."""
        raise NotImplementedError

    def reading_as(self: LoadedT, changes: Mapping[str, Any]) -> LoadedT:
        """The same model, reading with other options of its reader; a `UserError` where it has none of them."""
        raise UserError(f"{self.path}: a model for {self.pattern} has no reader whose options could be changed")

    def trained_with(self, part: str, name: str, hint: Any, default: Any) -> Any:
        """A value of the configuration that it was trained with; the default where there is none.

        Raises a `UserError` where it is of another kind than `hint`.
        """
        value = (self.config.get(part) or {}).get(name)
        if value is None:
            return default
        if not fits(value, hint):
            raise UserError(f"{self.path}: {part}.{name} is {value!r:.80}; expected {expected_by(hint, value)}")
        return value

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        device: torch.device = next(self.model.parameters()).device
        return device


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
    """What a checkpoint carries besides the weights: plain data. parts: what `LoadedModel.parts` reads.

    Raises a `UserError` where something in it would be refused when the checkpoint is read.
    """
    held = {"format": FORMAT, "pattern": pattern, "config": config, "model": model, **parts}
    check_plain(held)
    check_resolved(held)
    return held


def load_captioner(path: str | Path, **how: Any) -> LoadedCaptioner:
    """The captioner in a checkpoint file or a run's folder; see `load_model`."""
    return load_model(path, LoadedCaptioner, **how)


def load_model(
    path: str | Path,
    kind: type[LoadedT],
    *,
    device: str | torch.device = "cpu",
    trust: Sequence[str] = (),
    allow_nonfinite: bool = False,
    reading: Mapping[str, Any] | None = None,
) -> LoadedT:
    """The network in a checkpoint file, or in a run's folder (its best, else its last checkpoint).

    Args:
        path: the file or folder.
        kind: the pattern's class.
        device: as torch names it, or "auto" for a GPU where there is one.
        trust: modules besides this package whose networks may be built.
        allow_nonfinite: whether weights may be infinite or not numbers at all.
        reading: options of its reader that shall be others than in training.

    Raises:
        UserError: for a file that is missing, damaged, of another format or pattern, that does not hold together, or
            that would run code.
    """
    place = find_device(device)
    file = find_checkpoint(path)
    checkpoint = read_checkpoint(file)
    held = checkpoint["seqvision"]
    found = pattern_of(checkpoint)
    if found != kind.pattern:
        raise UserError(f"{file}: a model for {found}, expected one for {kind.pattern}{_USED_BY.get(found, '')}")
    weights = model_weights(checkpoint)
    if not allow_nonfinite:
        check_finite(weights, file)
    try:
        with Budget(sum(value.nbytes for value in weights.values()), len(weights)):
            model = build(held["model"], NETWORKS, trust=trust)
        config = held["config"]
        if not isinstance(model, kind.network):
            raise UserError(f"holds a {type(model).__name__}, expected a {kind.network.__name__}")
        Noise(**held.get("noise", {})).into(model)
        parts = kind.parts(held, model)
        model.load_state_dict(weights)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{file}: the weights do not fit the model that the file describes ({reason:.300}); "
            "use the version of seqvision that wrote it, or take another copy"
        ) from error
    except Exception as error:  # a strange or damaged description makes any part of this fail
        raise UserError(
            f"{file}: what it says of its model cannot be used ({error!r:.300}); take another copy"
        ) from error
    loaded = kind(model.to(place).eval(), config, file, **parts, digest=held["digest"])
    return loaded.reading_as(reading) if reading else loaded


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
    """The device of that name, "auto" being a GPU where there is one, Apple's too; a UserError if this machine lacks
    it.
    """
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"--device {name}: not on this machine ({str(error).splitlines()[0]}); take cpu or auto. "
            "`seqvision doctor` lists what there is"
        ) from error
    return device
