"""A checkpoint's file: where it is, how it is read as plain data and tensors, and what is refused."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqvision.digest import digest_of, model_weights, nonfinite
from seqvision.errors import UserError
from seqvision.inference.packed import SUFFIX, read_packed

FORMAT = 2
DEEPEST = 64  # levels of what a checkpoint holds besides weights
MOST = 5_000_000  # texts, numbers, lists and dictionaries in it
SIDES = ("size", "width", "height", "longest", "patch", "shape")  # of pictures and patches
LARGEST_SIDE = 8192  # pixels
DATA_WORDS = ("vocabulary", "source_vocabulary", "target_vocabulary", "classes", "symbols", "columns")


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint file that a path means: itself, or best.ckpt, else last.ckpt, in a run's folder."""
    path = Path(path)
    if path.is_dir():
        for name in ("best.ckpt", "last.ckpt", f"model{SUFFIX}"):
            if (path / name).is_file():
                return path / name
        raise UserError(f"{path}: no best.ckpt or last.ckpt in this folder; is it the folder of a run?")
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint; a run leaves best.ckpt and last.ckpt in its folder under runs/")
    return path


def read_checkpoint(file: Path, *, verify: bool = True) -> dict[str, Any]:
    """The file's content, as plain data and tensors only, with a format that this version knows.

    Raises:
        UserError: where it is damaged (by its digest, unless `verify` is false), or holds more than that.
    """
    checkpoint = read_packed(file) if file.suffix == SUFFIX and not zipfile.is_zipfile(file) else _unpickled(file)
    held = checkpoint.get("seqvision") if isinstance(checkpoint, dict) else None
    if not isinstance(held, dict) or "format" not in held:
        raise UserError(f"{file}: a torch file, but not a checkpoint of seqvision (no format number in it)")
    check_held(held, file)
    check_weights(checkpoint, file)
    if verify and held.get("digest") != digest_of(held, model_weights(checkpoint)):
        raise UserError(
            f"{file}: damaged: its weights or settings are not those that were saved (the digest does not match). Copy "
            "the file again or restore it from a backup" + _beside(file)
        )
    return checkpoint


def check_held(held: dict[str, Any], file: Path) -> None:
    """Raises a `UserError` where what a checkpoint holds besides weights is of another format, or no plain data."""
    if held["format"] != FORMAT or isinstance(held["format"], bool):
        older = isinstance(held["format"], int) and held["format"] < FORMAT
        raise UserError(
            f"{file}: checkpoint format {held['format']!r:.20}, this version reads format {FORMAT}; "
            f"use the {'older' if older else 'newer'} version of seqvision that wrote it"
            + (", or train the model again: format 1 has no digest that would show damage" if older else "")
        )
    config = held.get("config")
    if not isinstance(config, dict):
        raise UserError(f"{file}: no configuration in it; take another copy")
    for part in ("data", "decoding", "task"):
        if not isinstance(config.get(part), dict | None):
            raise UserError(f"{file}: config.{part} is {config[part]!r:.80}; expected a dictionary")
    try:
        check_plain(held)
        check_resolved(held)
        for part in ("transform", "reader"):
            check_sides(held.get(part), part)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def check_plain(held: dict[str, Any]) -> None:
    """Raises a `UserError` for what is neither text nor number, list nor dictionary, or for far too much of it."""
    level: list[Any] = [held]
    number = 0
    for _ in range(DEEPEST):
        within: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                if len({isinstance(key, str) for key in node}) > 1 or not all(_is_single(key) for key in node):
                    raise UserError("holds a dictionary whose keys are not all texts; take another copy")
                within += node.values()
            elif isinstance(node, list | tuple):
                within += node
            elif not _is_single(node):
                raise UserError(f"holds a {type(node).__name__} among its settings; expected plain data")
        number += len(within)
        if not within:
            return
        if number > MOST:
            raise UserError(f"its settings are more than {MOST:,} values; take another copy")
        level = within
    raise UserError(f"its settings are nested more than {DEEPEST} levels deep; take another copy")


def check_resolved(node: Any, key: str = "") -> None:
    """Raises a `UserError` for a text with an interpolation: what is stored is what training resolved. Words of data
    (vocabularies, names of classes) may be any.
    """
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in DATA_WORDS or key.startswith(".config"):
                check_resolved(name, key)
                check_resolved(value, f"{key}.{name}")
    elif isinstance(node, list | tuple):
        for value in node:
            check_resolved(value, key)
    elif isinstance(node, str) and "${" in node:
        raise UserError(
            f"{key.lstrip('.')} holds {node[:80]!r}: a checkpoint keeps values as they were resolved in training, and "
            "nothing in it is resolved again. Expected a value without ${"
        )


def check_sides(settings: Any, part: str) -> None:
    """Raises a `UserError` where pictures would be made larger than memory is."""
    for name in SIDES if isinstance(settings, dict) else ():
        value = settings.get(name)
        for side in value if isinstance(value, list | tuple) else [value]:
            if isinstance(side, int | float) and not side <= LARGEST_SIDE:
                raise UserError(f"{part}.{name} is {side:,}; expected {LARGEST_SIDE:,} pixels at most")


def check_weights(checkpoint: dict[str, Any], file: Path) -> None:
    """Raises a `UserError` where the weights are missing, or not tensors whose bytes are in the file."""
    state = checkpoint.get("state_dict")
    if not isinstance(state, dict):
        raise UserError(f"{file}: no weights in it (no state_dict); take another copy")
    size = 0
    for name, value in state.items():
        plain = isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
        if not isinstance(name, str) or not plain or value.is_quantized:
            raise UserError(f"{file}: '{name!s:.80}' among its weights is no plain tensor; take another copy")
        size += value.numel() * value.element_size()
    if size > 4 * file.stat().st_size:  # views of a few numbers as a large tensor
        raise UserError(f"{file}: weights of {size:,} bytes in a smaller file; take another copy")


def check_finite(weights: dict[str, Tensor], file: Path) -> None:
    """Raises a `UserError` where a weight is infinite or not a number."""
    if name := nonfinite(weights):
        raise UserError(
            f"{file}: the weights in {name} are not finite: the training diverged, and its answers mean nothing. "
            "Take an earlier checkpoint, or train with a smaller optimizer.lr (--allow-nonfinite loads it)"
        )


def _is_single(value: Any) -> bool:
    return value is None or type(value) in (str, int, float, bool)


def _unpickled(file: Path) -> Any:
    """What torch reads of the file, where that is nothing but plain data and tensors."""
    try:
        if not zipfile.is_zipfile(file):
            raise _damaged(file)
        with zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise UserError(f"{file}: a compressed archive, which torch does not write; take another copy")
            if archive.testzip() is not None:  # the optimizer's state too, which no digest covers
                raise _damaged(file)
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{file}: refused: it holds more than plain data and tensors, and loading that could run code. "
            f"A checkpoint of seqvision never does ({str(error).splitlines()[0]})"
        ) from error
    except PermissionError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); you need the right to read it") from error
    except UserError:
        raise
    except Exception as error:  # of a damaged file torch says whatever its parsing ran into
        raise _damaged(file) from error


def _damaged(file: Path) -> UserError:
    """What to say of a file that torch cannot read, by how it begins: what torch says is for its developers."""
    with file.open("rb") as opened:
        begins = opened.read(2)
    what = "the file is empty"
    if begins:
        what = "the file is truncated or damaged" if begins == b"PK" else "not a checkpoint, or a damaged one"
    return UserError(f"{file}: {what}; take another copy{_beside(file)}")


def _beside(file: Path) -> str:
    """What to say of another checkpoint in the same folder."""
    beside = [name for name in ("best.ckpt", "last.ckpt") if name != file.name and file.with_name(name).is_file()]
    return f", or {beside[0]} beside it" if beside else ""
