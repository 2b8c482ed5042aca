"""Overrides as Hydra reads them: paths reach it as values, whatever letters they hold."""

import os
import re
from pathlib import Path
from typing import Any

from seqvision.errors import UserError

PATHS = ("resume", "start_from", "run_dir", "cache", "path", "folder", "files", "dir", "weights")  # last parts of keys
_MADE = ("run_dir", "hydra.run.dir", "hydra.sweep.dir")  # folders that need not exist
_OPTIONS = {
    name: long
    for long, short in (("--config-dir", "-cd"), ("--config-name", "-cn"), ("--config-path", "-cp"))
    for name in (long, short)
}


def quoted(text: object) -> str:
    """The text in quotes, so that Hydra's grammar and OmegaConf's interpolations give back the very text."""
    escaped = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", str(text))
    return _in_quotes(escaped)


def assignment(key: str, value: object) -> str:
    """`key=value` that gives the key this very text."""
    return f"{key}={quoted(value)}"


def path_value(text: str) -> str:
    """The path that a user means by the value of an override: as it is written, or in Hydra's quotes."""
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and not Path(text).exists():
        parsed = _parsed(f"path={text}")
        return parsed if isinstance(parsed, str) else text
    return text


def with_paths(arguments: list[str]) -> list[str]:
    """The arguments; paths among them that Hydra would not take, or take for something else, in quotes.

    What names a file or folder that is there is that path, and so is every value of a key for a run's folder. An
    option and its value become one argument, `--config-dir=x=1`, which nobody can take for an override.
    """
    found, rest = [], iter(arguments)
    for each in rest:
        value = next(rest, None) if each in _OPTIONS else None
        found.append(_with_path(each) if value is None else f"{_OPTIONS[each]}={value}")
    return found


def resume_path(arguments: list[str]) -> Path | None:
    """The run or sweep that the arguments go on with."""
    found = [each.partition("=")[2] for each in arguments if each.startswith("resume=")]
    return Path(path_value(found[-1])) if found and found[-1] not in ("", "null") else None


def value_of(argument: str) -> Any:
    """The value of an override as plain data."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(argument).value()


def check_folder(folder: Path) -> None:
    """A `UserError` for the one name that Hydra's own record of a run's folder cannot hold."""
    if "${" in str(folder.absolute()):
        raise UserError(f"{folder.absolute()}: a run's folder cannot have ${{ in its path; rename it")


def _with_path(argument: str) -> str:
    key, equals, value = argument.partition("=")
    name = key.lstrip("+")
    if not equals or value in ("", "null") or key[:1] in "-~" or name.rpartition(".")[2] not in PATHS:
        return argument
    if name == "resume":
        return f"{key}={quoted(path_value(value))}"
    if name in _MADE:  # often of other values and of the time: ${name}, ${now:%Y}
        return argument if isinstance(_parsed(argument), str) else f"{key}={_in_quotes(value)}"
    as_it_is = _parsed(argument) == value and "${" not in value
    return argument if as_it_is or not os.path.lexists(value) else f"{key}={quoted(value)}"


def _parsed(argument: str) -> Any:
    """The value as Hydra reads it; None where it cannot, or reads several."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        found = OverridesParser.create().parse_override(argument)
    except HydraException:
        return None
    return None if found.is_sweep_override() else found.value()


def _in_quotes(text: str) -> str:
    """The text in Hydra's quotes: backslashes count only before a quote."""
    return '"' + re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + ('\\"' if found[2] else ""), text) + '"'
