"""Where the configuration lies, and from overrides to a resolved configuration with helpful errors."""

import hashlib
import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.errors import UserError


def conf_dir() -> Path:
    """The folder of the configuration: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def plain(node: Any) -> Any:
    """A part of the configuration as resolved plain data."""
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if OmegaConf.is_config(node) else node


def config_hash(config: dict[str, Any]) -> str:
    """A short hash of a plain configuration without its run folder: equal configurations, equal hashes."""
    kept = {key: value for key, value in config.items() if key not in ("run_dir", "resume")}
    text = json.dumps(kept, sort_keys=True).replace(str(config.get("run_dir")), "RUN")
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_overrides(overrides: list[str], *, config_name: str, search: str | None = None) -> None:
    """Nothing, if the overrides fit the configuration; else a UserError that suggests what was meant."""
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    extra = [f"hydra.searchpath=[file://{Path(search).resolve()}]"] if search else []
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        try:
            compose(config_name, overrides=[*overrides, *extra])
        except (HydraException, OmegaConfBaseException) as error:
            base = compose(config_name)
            raise UserError(_explain(str(error), overrides, base, search)) from error


def _explain(message: str, overrides: list[str], base: DictConfig, search: str | None) -> str:
    """The composition's complaint in one sentence, with the near key, group or choice."""
    choice = re.search(r"Could not find '([^']+)'", message)
    if choice:
        group, _, name = choice.group(1).rpartition("/")
        folders = [conf_dir() / group, *([Path(search) / group] if search else [])]
        if group == "hydra/launcher":
            extra = "ray" if name.startswith("ray") else "slurm"
            return f"{group}={name}: not installed. pip install 'seqvision[{extra}]'"
        names = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
        return f"{group}={name}: there is no such choice. {_near(name, names)}"
    key = re.search(r"Key '([^']+)' is not in struct|Could not override '([^']+)'", message)
    if key:
        for override in overrides:
            name = override.lstrip("+~").partition("=")[0]
            if not _has(base, name):
                return (
                    f"{override}: the configuration has no key '{name}'. {_near(name, _keys(base))} "
                    f"To add a new key on purpose, write +{override}"
                )
    return " ".join(message.split())


def _near(name: str, names: list[str]) -> str:
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:20])
    return f"There is: {shown}." if names else "See `seqvision train --cfg job` for all keys."


def _has(config: DictConfig, key: str) -> bool:
    return key in _keys(config) or (conf_dir() / key).is_dir()


def _keys(config: Any, prefix: str = "") -> list[str]:
    """All keys of a configuration with dots, inner ones too."""
    raw: Any = OmegaConf.to_container(config, resolve=False) if OmegaConf.is_config(config) else config
    found = []
    for key, value in raw.items() if isinstance(raw, dict) else ():
        found.append(f"{prefix}{key}")
        found += _keys(value, f"{prefix}{key}.")
    return found
