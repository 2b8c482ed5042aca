"""Where the configuration lies, and from overrides to a resolved configuration with helpful errors."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationResolutionError,
    InterpolationToMissingValueError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)

from seqvision.cli.overrides import quoted
from seqvision.cli.unused import check_used
from seqvision.data.core.numerals import is_number
from seqvision.errors import UserError
from seqvision.signatures import suggestion


def conf_dir() -> Path:
    """The folder of the configuration: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def plain(node: Any) -> Any:
    """A part of the configuration as resolved plain data. UserError for a key that only the user can give."""
    if not OmegaConf.is_config(node):
        return node
    try:
        return OmegaConf.to_container(node, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise UserError(f"{error.full_key} is missing; add {error.full_key}=…") from error
    except InterpolationToMissingValueError as error:
        missing = str(error).partition("Missing mandatory value: ")[2].split()[0]
        raise UserError(f"{missing} is missing; add {missing}=…") from error
    except InterpolationKeyError as error:
        key, part = error.full_key, str(error.full_key).partition(".")[0]
        wanted = re.search(r"'([^']+)'", str(error))
        other = wanted[1].partition(".")[0] if wanted else "another part"
        raise UserError(
            f"{key} takes its value from {wanted[1] if wanted else 'a key'}, which is not there: these choices of "
            f"'{part}' and '{other}' do not go together. Write {key}=…, or choose another of the two "
            "(`seqvision train --help`)"
        ) from error
    except InterpolationResolutionError as error:
        found = re.search(r"Error trying to access ([\w.]+)", str(error))
        source = found[1] if found else "a key"
        raise UserError(
            f"{error.full_key} takes its value from {source}, which is not there, for "
            f"{source.rpartition('.')[0] or 'what should hold it'} is a single value or null. Leave that out"
        ) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: cannot be resolved ({' '.join(str(error).split()):.200})") from error


def config_hash(config: dict[str, Any]) -> str:
    """A short hash of a plain configuration without its run folder: equal configurations, equal hashes."""
    kept = {key: value for key, value in config.items() if key not in ("run_dir", "resume", "sweep")}
    folder = json.dumps(str(config.get("run_dir")))[1:-1]
    text = json.dumps(kept, sort_keys=True).replace(folder, "RUN")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _quoted(value: str) -> str:
    """A value in quotes; of a list or a mapping, the parts that hold a = sign."""
    parts = re.sub(r"(?<![^\s[{,:])[^][{},:\s\"'][^][{},\s\"']*=[^][{},\s\"']*", r'"\g<0>"', value)
    return parts if value[:1] in ("[", "{") and parts != value else f'"{value}"'


def check_overrides(overrides: list[str], *, config_name: str, search: str | None = None) -> DictConfig:
    """The configuration with these overrides, if they fit it; else a UserError that suggests what was meant."""
    from hydra.errors import HydraException, OverrideParseException

    for override in overrides:
        key, _, value = override.partition("=")
        if (
            (value in ("null", "", "true", "false") or is_number(value))
            and key[:1] not in "+~"
            and _is_group(key, search)
        ):
            names = _choices(key.partition("@")[0], search)
            hint = f"For none write {key}=none" if "none" in names else near_name("", names)
            raise UserError(f"{override}: expected the name of a choice. {hint}")
    extra = searched(search)
    with composing():
        try:
            config = composed(config_name, [*overrides, *extra])
            with open_dict(config):
                del config["hydra"]
            for override in overrides:
                _check_not_removed(override, config, search)
            check_used(config, overrides)
            return config
        except OverrideParseException as error:
            key, _, value = error.override.partition("=")
            reason = " ".join(str(error).partition("\n")[0].split())
            raise UserError(
                f"{error.override}: cannot be read ({reason}). Where a value holds blanks, brackets, commas, colons or "
                f"= signs, put quotes within quotes: '{key}={_quoted(value)}'"
            ) from error
        except (HydraException, OmegaConfBaseException) as error:

            def base() -> DictConfig:
                """The configuration with the choices alone, before any value."""
                choices = [each for each in overrides if _is_group(_name(each), search)]
                return composed(config_name, [*choices, *extra])

            reason = f"{error}\n{error.__cause__ or ''}"
            raise UserError(_explain(reason, overrides, base, search)) from error


def _check_not_removed(override: str, config: DictConfig, search: str | None) -> None:
    """Raises a `UserError` for `~part` where what is read of every configuration would be gone."""
    name = _name(override)
    if override.startswith("~") and name not in config and name in composed("train", []):
        names = _choices(name, search) if _is_group(name, search) else []
        others = f"another choice ({', '.join(names)})" if names else f"{name}=…"
        instead = f"{name}=none" if "none" in names else others
        raise UserError(f"{override}: every training reads '{name}', so it cannot be removed. Write {instead}")


def composed(config_name: str, overrides: list[str]) -> DictConfig:
    """The configuration with Hydra's own part, within `composing`; overrides with several values, which a cluster is
    given, are left out.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode

    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    mode = RunMode.MULTIRUN if any(each.startswith("+cluster=") for each in overrides) else RunMode.RUN
    return hydra.compose_config(config_name, overrides, run_mode=mode, from_shell=False)


def searched(folder: str | None) -> list[str]:
    """The override that lets Hydra look into a folder of one's own as well."""
    return [f"hydra.searchpath=[{quoted(f'file://{Path(folder).resolve()}')}]"] if folder else []


@contextmanager
def composing() -> Iterator[None]:
    """Hydra with the folder of the configuration, in the middle of one of its jobs too, where there is another."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    around = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
            yield
    finally:
        GlobalHydra.instance().hydra = around


def _explain(message: str, overrides: list[str], base: Callable[[], DictConfig], search: str | None) -> str:
    """The composition's complaint in one sentence, with the near key, group or choice."""
    choice = re.search(r"Could not (?:find|load) '([^']+)'", message)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        if group == "hydra/launcher":
            extra = "ray" if name.startswith("ray") else "slurm"
            return f"{group}={name}: not installed. pip install 'seqvision[{extra}]'"
        return f"{group}={name}: there is no such choice. {near_name(name, _choices(group, search))}"
    group = re.search(r"config group '([^']+)' does not exist", message)
    if group:
        override = next((each for each in overrides if _name(each).partition("@")[0] == group[1]), group[1])
        names = sorted(folder.name for folder in conf_dir().iterdir() if folder.is_dir())
        return f"{override}: there is no group of choices '{group[1]}'. {near_name(group[1], names)}"
    absent = re.search(r"Could not delete '([^'@]+)@([^']+)'", message)
    if absent:
        return _no_choice(f"~{absent[1]}@{absent[2]}", absent[1], absent[2], add="")
    wrong = re.search(
        r"Could not (override|delete from config\.|append to config\. An item is already at) '([^']+)'", message
    )
    if wrong:
        kind, key = wrong[1].split()[0], wrong[2]
        override = next((each for each in overrides if _name(each) == key), key)
        if kind == "append":
            return f"{override}: the configuration has a key '{key}' already. Write it without the +"
        if "@" in key:
            group, _, place = key.partition("@")
            return _no_choice(override, group, place, add=f"Add one with +{override}, or ")
        inner = re.search(r"full_key: (\S+)", message)
        key = inner[1] if inner and inner[1].startswith(f"{key}.") else key  # one within braces
        add = f" To add a new key on purpose, write +{override}" if kind == "override" else ""
        return f"{override}: the configuration has no key '{key}'. {near_key(key, base())}{add}"
    return " ".join(message.partition("\n")[0].split())


def _no_choice(override: str, group: str, place: str, *, add: str) -> str:
    said = f"{add}override a choice that is there: `seqvision train --info defaults` lists them"
    return f"{override}: the configuration makes no choice of '{group}' at '{place}'. {said[0].upper()}{said[1:]}"


def _name(override: str) -> str:
    """The key of an override, or the group."""
    return override.lstrip("+~").partition("=")[0]


def _is_group(name: str, search: str | None) -> bool:
    folders = [conf_dir(), *([Path(search)] if search else [])]
    return any((folder / name.partition("@")[0]).is_dir() for folder in folders)


def _choices(group: str, search: str | None) -> list[str]:
    """The names of a group's choices, those in a folder of one's own too."""
    folders = [conf_dir() / group, *([Path(search) / group] if search else [])]
    return sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})


def near_key(key: str, config: Any) -> str:
    """What may have been meant: a key of that name deeper in the same part, a neighbour, else whatever is near."""
    keys, (parent, _, last) = _keys(config), key.rpartition(".")
    beside = [name.rpartition(".")[2] for name in keys if name.rpartition(".")[0] == parent]
    beside = [name for name in beside if not name.startswith("_")]
    if not parent or not beside:
        return near_name(key, keys)
    same = [name for name in keys if name.startswith(f"{key.partition('.')[0]}.") and name.endswith(f".{last}")]
    near = same or [f"{parent}.{name}" for name in get_close_matches(last, beside, n=3, cutoff=0.6)]
    return f"Did you mean {' or '.join(near)}?" if near else f"In '{parent}' there is: {', '.join(beside)}."


def near_name(name: str, names: Sequence[str]) -> str:
    """What may have been meant, or what there is."""
    if near := suggestion(name, names):
        return near
    shown = ", ".join(names[:20])
    return f"There is: {shown}." if names else "See `seqvision train --cfg job` for all keys."


def _keys(config: Any, prefix: str = "") -> list[str]:
    """All keys of a configuration with dots, inner ones too."""
    raw: Any = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    found = []
    for key, value in raw.items() if isinstance(raw, dict) else ():
        found.append(f"{prefix}{key}")
        found += _keys(value, f"{prefix}{key}.")
    return found
