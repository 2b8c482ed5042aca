"""The data that a checkpoint was trained on, read again from its own configuration, or others in their place."""

import copy
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from seqvision.cli.config import conf_dir
from seqvision.cli.data_paths import beside
from seqvision.errors import UserError
from seqvision.inference.build import build
from seqvision.inference.registry import DATA
from seqvision.signatures import arguments_of

if TYPE_CHECKING:
    from seqvision.data import CaptionData, RecordData
    from seqvision.data.scenes import Scene
    from seqvision.inference import LoadedModel


def stored_data(
    model: "LoadedModel | None",
    changes: Sequence[str] = (),
    *,
    trust: Sequence[str] = (),
    reading: Mapping[str, Any] | None = None,
) -> Any:
    """The data module that a model was trained with, changed by `key=value`, or of `files key=value …`.

    A checkpoint's word is not enough to run or to write anything: its description is plain data, from which `build`
    makes what is registered for reading data, and drawn data that are not there are not drawn.

    Args:
        model: whose data are meant; None where the changes name all.
        changes: what the user says of the data.
        trust: modules whose own classes and functions may be used as well.
        reading: options of the reader of sequences that shall be others than in training.

    Raises:
        UserError: where a description asks for something else, or does not fit.
    """
    own = (model.config if model else {}).get("data")
    own = copy.deepcopy(own) if isinstance(own, dict) else {}
    for change in changes:
        if change.startswith("reader.") and hasattr(model, "reader"):
            raise UserError(f"--data {change}: the model would go on to read in another way; say --set data.{change}")
    if changes and "=" not in changes[0]:
        node, drawn = _chosen(changes[0], changes[1:], own), True
    elif own and model:
        _locate(own, lambda path: _places(path, model))
        elsewhere = {change.partition("=")[0] for change in changes} & {"path", "folder"}
        if elsewhere and "take" in own:
            own["take"] = None  # so many of the data that the model was trained on
        node = _changed(own, changes)
        drawn = "folder" in elsewhere
    else:
        raise UserError("which data? Name them: --data files path=FOLDER, or a --checkpoint that was trained on them")
    _set_reader(node, reading or {})
    if "augmentation" in node:
        node["augmentation"] = None  # pictures as they are
    if not drawn and "draw" in _hints(node):
        node["draw"] = False
    try:
        return build(node, DATA, trust=trust, key="data")
    except UserError as error:
        raise UserError(f"{error}\n  (other data than the checkpoint's: --data files path=FOLDER)") from error
    except Exception as error:  # of a strange description anything
        raise UserError(f"data: what the checkpoint says of its data cannot be used ({error!r:.300})") from error


def splits_of(data: "RecordData") -> dict[str, Sequence[Any]]:
    """All records by split that `take` leaves, also of data sets that have nothing to train on."""
    try:
        found = data.taken(data.read_splits())
        loose = [record for record in data.read() if record.split is None]
    except UserError as error:
        raise UserError(f"{error}\n  (other data than the checkpoint's: --data path=FOLDER)") from error
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError) as error:
        raise UserError(f"data: cannot be read as they are described ({error!r:.300}); see --data") from error
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


def _changed(node: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """The description of data with single values changed by `key=value`, keys with dots leading into parts."""
    for change in changes:
        key, equals, value = change.partition("=")
        *parents, last = key.split(".")
        part: Any = node
        for name in parents:
            part = part.get(name) if isinstance(part, dict) else None
        if not equals or not isinstance(part, dict) or last not in part:
            near = get_close_matches(key, list(node), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(node)}"
            raise UserError(f"--data {change}: the data have no key '{key}': {hint}")
        part[last] = parsed(value, f"--data {key}")
    return node


def _set_reader(node: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """One reader for frames and for what finds their labels, changed as the model's own reader has been."""
    reader, read = node.get("reader"), node.get("read")
    if not isinstance(reader, dict):
        if changes:
            raise UserError(f"--set data.reader.{next(iter(changes))}: these data have no reader of sequences")
        return
    node["reader"] = {**reader, **changes}
    if isinstance(read, dict) and "reader" in read:
        read["reader"] = node["reader"]


def parsed(text: str, key: str) -> Any:
    """A value as the user wrote it, in the language of configurations; what is in it is not resolved."""
    from omegaconf import OmegaConf
    from yaml import YAMLError

    try:
        found: Any = OmegaConf.to_container(OmegaConf.create(f"value: {text}"))
    except (YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{key}={text}: cannot be read ({reason:.200}); put quotes around it") from error
    return found["value"]


def _chosen(choice: str, changes: Sequence[str], own: dict[str, Any]) -> dict[str, Any]:
    """The node of `data=choice` with its keys set, reading as the checkpoint's `own` data were read."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    names = sorted(file.stem for file in (conf_dir() / "data").glob("*.yaml"))
    if choice not in names:
        near = get_close_matches(choice, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"expected {' or '.join(names)}, or key=value"
        raise UserError(f"--data {choice}: there is no such choice: {hint}")
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
            config = compose("train", overrides=[f"data={choice}", *(f"data.{change}" for change in changes)])
        node: Any = OmegaConf.to_container(config.data, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        key = str(error.full_key or error.key).removeprefix("data.")
        raise UserError(f"--data {' '.join([choice, *changes])}: data.{key} is missing; add {key}=…") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"--data {choice}: {' '.join(str(error).split())}") from error
    return {**node, **{part: own[part] for part in ("transform", "reader") if part in own and part in node}}


def _locate(node: dict[str, Any], places: Callable[[Path], Sequence[Path]]) -> None:
    """Puts where they are now into the places that a description of data names: as it is, else the first of the other
    places for it that is there. Raises a `UserError` for what is neither file nor folder.
    """
    for key, hint in _hints(node).items():
        place = node.get(key)
        if not isinstance(place, str) or Path not in get_args(hint):
            continue
        try:
            found = next((path for path in (Path(place), *places(Path(place))) if path.exists()), Path(place))
            special = found.exists() and not found.is_file() and not found.is_dir()
        except (OSError, ValueError) as error:
            raise UserError(f"data.{key} is {place[:80]!r}: no path of this machine ({error})") from error
        if special:
            raise UserError(f"data.{key} is {place}: neither a file nor a folder; nothing is read from there")
        node[key] = place if found == Path(place) else str(found)


def _places(path: Path, model: "LoadedModel") -> list[Path]:
    """Where a model's data may be besides the path that it names."""
    run = model.path.resolve().parent
    return [*(root / path for root in (run, *run.parents)), *beside(path, str(model.config.get("run_dir") or ""), run)]


def _hints(node: dict[str, Any]) -> dict[str, Any]:
    """What a data module, and the function that it reads with, say of their arguments, by their names."""
    read = node.get("read")
    targets = [read.get("_target_") if isinstance(read, dict) else None, node.get("_target_")]
    found = [DATA.find(target) for target in targets if isinstance(target, str)]
    return {key: hint for each in found if each is not None for key, hint in arguments_of(each)[0].items()}
