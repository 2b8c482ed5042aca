"""The data that a checkpoint was trained on, read again from its own configuration, or others in their place."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from seqvision.cli.config import conf_dir
from seqvision.cli.objects import instantiate
from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.data import CaptionData, RecordData
    from seqvision.data.scenes import Scene


def stored_data(config: dict[str, Any] | None, changes: Sequence[str] = (), *, trust: Sequence[str] = ()) -> Any:
    """The data module of a checkpoint's configuration, changed by `key=value`, or of `files key=value …`.

    A checkpoint's word is not enough to run anything: besides the classes and functions of `seqvision.data` made for
    this, only those of the modules in `trust` are called. Raises `UserError` where it asks for something else.
    """
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    own = (config or {}).get("data")
    try:
        if changes and "=" not in changes[0]:
            node = _chosen(changes[0], changes[1:], own if isinstance(own, dict) else {})
        elif isinstance(own, dict):
            tree = OmegaConf.create(own)
            for change in changes:
                key, equals, value = change.partition("=")
                if not equals or OmegaConf.select(tree, key, default=_ABSENT) is _ABSENT:
                    near = get_close_matches(key, list(own), n=1)
                    hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(own)}"
                    raise UserError(f"--data {change}: the data have no key '{key}': {hint}")
                OmegaConf.update(tree, key, OmegaConf.create(f"value: {value}").value)
            node = OmegaConf.to_container(tree, resolve=True)  # type: ignore[assignment]
        else:
            raise UserError(
                "which data? Name them: --data files path=FOLDER, or a --checkpoint that was trained on them"
            )
        if "augmentation" in node:
            node["augmentation"] = None  # pictures as they are
        _check(node, trust)
        return instantiate(OmegaConf.create(node))
    except MissingMandatoryValue as error:
        raise UserError(f"--data {' '.join(changes)}: data.{error.key} is missing; add {error.key}=…") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"data: {' '.join(str(error).split())}") from error


def splits_of(data: "RecordData") -> dict[str, Sequence[Any]]:
    """All records by split, also of data sets that have nothing to train on."""
    try:
        found = data.read_splits()
        loose = [record for record in data.read() if record.split is None]
    except UserError as error:
        raise UserError(f"{error}\n  (other data than the checkpoint's: --data path=FOLDER)") from error
    return {**found, **({"all": loose} if loose else {})}


def split_records(splits: Mapping[str, Sequence[Any]], name: str) -> Sequence[Any]:
    """The records of a split, or of all with "all"; a UserError with the near name if there is none."""
    if name == "all":
        return [record for records in splits.values() for record in records]
    if name not in splits:
        near = get_close_matches(name, splits, n=1)
        counts = ", ".join(f"{split} ({len(records)})" for split, records in splits.items())
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UserError(f"--split {name}: the data have no such split.{hint} There is: {counts}; or all")
    return splits[name]


def scenes_of(data: "CaptionData") -> "dict[str, Scene] | None":
    """The drawn scenes behind the pictures, by id, where `scenes.json` lies beside the captions."""
    from seqvision.data.scenes import read_scenes

    place = getattr(data, "folder", None) or getattr(data, "path", None)
    if place is None:
        return None
    folder = place if place.is_dir() else place.parent
    return read_scenes(folder) if (folder / "scenes.json").is_file() else None


_ABSENT = object()


def _chosen(choice: str, changes: Sequence[str], own: dict[str, Any]) -> dict[str, Any]:
    """The node of `data=choice` with its keys set, reading as the checkpoint's `own` data were read."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    names = sorted(file.stem for file in (conf_dir() / "data").glob("*.yaml"))
    if choice not in names:
        near = get_close_matches(choice, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {' or '.join(names)}, or key=value"
        raise UserError(f"--data {choice}: there is no such choice: {hint}")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("train", overrides=[f"data={choice}", *(f"data.{change}" for change in changes)])
    for part in ("transform", "reader"):
        if part in own and part in config.data:
            config.data[part] = own[part]
    return OmegaConf.to_container(config.data, resolve=True, throw_on_missing=True)  # type: ignore[return-value]


def _check(node: Any, trust: Sequence[str]) -> None:
    """Nothing, if all that the node would call is made for reading data; else a UserError."""
    if isinstance(node, list):
        for entry in node:
            _check(entry, trust)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "_target_":
            if not _harmless(str(value)) and not any(str(value).startswith(module + ".") for module in trust):
                raise UserError(
                    f"the checkpoint's configuration asks for '{value}' to read its data, which is none of "
                    f"seqvision's: nothing of it has run. Name the data yourself (--data files path=FOLDER), or allow "
                    f"it with --trust {str(value).rpartition('.')[0] or value}"
                )
        else:
            _check(value, trust)


def _harmless(name: str) -> bool:
    """Whether it is what `seqvision.data` exports for configurations: a data module, a transform, a reader of frames, a
    vocabulary or how one is built, or a function that reads a set of sequences.
    """
    from seqvision import data
    from seqvision.data import Composer, ImageTransform, RecordData, Vocabulary, WholePictureReader
    from seqvision.data.sequences.readers.base import FrameReader
    from seqvision.data.sequences.records import SequenceSet

    room, _, last = name.removesuffix(".build").rpartition(".")
    if room != "seqvision.data" or last not in data.__all__:
        return False
    found = getattr(data, last)
    if name.endswith(".build"):
        return isinstance(found, type) and issubclass(found, Vocabulary)
    if isinstance(found, type):
        made_for_it = (RecordData, ImageTransform, FrameReader, WholePictureReader, Composer, Vocabulary)
        return issubclass(found, made_for_it)
    return getattr(found, "__annotations__", {}).get("return") is SequenceSet
