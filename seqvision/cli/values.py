"""Values of the configuration beside what the parts that they are for say that they take."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from seqvision.errors import SettingError, UserError
from seqvision.names import text_of
from seqvision.signatures import arguments_of, expected_by, fits, names_path, parts

SINGLE = {  # the values of a configuration that belong to no part
    "seed": int,
    "run_dir": str,
    "start_from": str | None,
    "start_anew": list[str] | None,
    "resume": str | None,
    "normalise": str | None,
    "cache": str | None,
}


def check_single_values(config: Mapping[str, Any]) -> None:
    """Raises a `UserError` where a value of a plain configuration that is in no part has another kind or range."""
    for key, hint in SINGLE.items():
        if key in config and not fits(config[key], hint):
            raise UserError(f"{key} is {config[key]!r:.80}; expected {expected_by(hint, config[key])}")
    if not 0 <= config.get("seed", 0) < 2**63:
        raise UserError(f"seed is {config['seed']}; expected a whole number from 0 to 2**63 - 1")


def check_values(node: Any) -> None:
    """Nothing, if each value in a node of the configuration, and in the parts within, is of a kind that the part's
    signature names; else a `SettingError`. What a signature leaves open fits. A number given as a path, such as a
    folder 2024, becomes text in the node.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if not OmegaConf.is_config(node):
        return
    try:
        found = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException:
        return  # what is missing is said where it is needed
    for path, part in parts(found):
        hints = _hints_of(part)
        for key, value in part.items():
            if key not in hints or fits(value, hints[key]):
                continue
            if not (names_path(hints[key]) and isinstance(value, int | float)):
                raise SettingError(key, value, expected_by(hints[key], value))
            OmegaConf.update(node, f"{path}.{key}".lstrip("."), text_of(value))


def _hints_of(part: Any) -> dict[str, Any]:
    """The types of a part's settings; of a data module also those of the function that it calls with the rest."""
    from hydra.utils import get_object

    hints = settings_of(part["_target_"])[0]
    with suppress(Exception):  # as in settings_of
        function = part[get_object(part["_target_"]).reads_with]["_target_"]
        return {**settings_of(function)[0], **hints}
    return hints


def settings_of(target: str) -> tuple[dict[str, Any], bool]:
    """`arguments_of` what the target names; where that cannot be found, nothing and whatever there may be."""
    from hydra.utils import get_object

    try:
        return arguments_of(get_object(target))
    except Exception:  # of another's code, anything; the part itself will say what is wrong
        return {}, True
