"""Objects from the configuration; what the user can mend comes through as it was said."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from seqvision.cli.config import near_name
from seqvision.cli.values import check_values, settings_of
from seqvision.errors import SettingError, UserError
from seqvision.signatures import parts

_DEVICES = re.compile(r"device|accelerator|GPU|CUDA|MPS|TPU|HPU", re.IGNORECASE)  # what such a complaint speaks of


def instantiate(node: Any, **arguments: Any) -> Any:
    """The object that a node of the configuration describes (`_target_`), or a partial of it.

    Raises the `UserError` that the object's own code raised, or one that names the object and the mistake, or a setting
    of the node that the arguments replace.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate as build
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    check_not_replaced(node, arguments)
    try:
        with placed(node):
            check_values(node)
            return build(node, **arguments)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, SettingError):
                raise UserError(f"{_place_of(cause, node)}{cause}") from None
            if isinstance(cause, UserError):
                raise cause from None
            if isinstance(cause, MisconfigurationException):
                devices = " `seqvision doctor` lists the devices of this machine" if _DEVICES.search(str(cause)) else ""
                raise UserError(f"{_full_key(node)}: {cause}{devices}") from error
            if isinstance(cause, TypeError) and (said := _no_such_setting(str(cause), node)):
                raise UserError(said) from error
            cause = cause.__cause__ or cause.__context__
        raise UserError(" ".join(str(error).split())) from error


def check_not_replaced(node: Any, names: Iterable[str]) -> None:
    """Raises a `UserError` where a node of the configuration has a setting of one of these names, which are those that
    the part is given by the code: the setting would have no effect.
    """
    for name in names:
        if hasattr(node, "keys") and name in node:
            key = f"{_full_key(node)}.{name}".lstrip(".")
            chosen = f"; choose it with {name}=… instead" if name in node._get_root() else ""
            raise UserError(
                f"{key} is {str(node[name])[:80]!r}, which has no effect: its value comes from other parts of the "
                f"training{chosen}. Remove {key}"
            )


def instantiate_each(node: Any, kind: type) -> list[Any]:
    """The objects of a group of named parts, such as `callbacks`, in their order; a part that is null is left out.

    Raises a `UserError` for what describes no part, or one of another kind.
    """
    objects = []
    for name, part in (node or {}).items():
        if not part:
            continue
        key = f"{_full_key(node)}.{name}"
        if not hasattr(part, "items") or "_target_" not in part:
            raise UserError(
                f"{key}: has no _target_, so it is not a {kind.__name__.lower()}. Expected one of "
                f"{', '.join(str(each) for each in node if each != name)}, or a new part with a _target_; "
                f"leave out {key}"
            )
        made = instantiate(part)
        if not isinstance(made, kind):
            raise UserError(f"{key}: {part['_target_']} is not a {kind.__name__.lower()}; expected another _target_")
        objects.append(made)
    return objects


@contextmanager
def placed(config: Any) -> Iterator[None]:
    """A `SettingError` becomes a UserError with the whole key of what it is about; so does a setting that a part, which
    was not complete when it was instantiated, does not take.
    """
    try:
        yield
    except SettingError as error:
        raise UserError(f"{_place_of(error, config)}{error}") from error
    except TypeError as error:
        if said := _no_such_setting(str(error), config):
            raise UserError(said) from error
        raise


def _full_key(node: Any) -> str:
    """Where a node of the configuration stands."""
    return str(node._get_full_key(None) or "") if hasattr(node, "_get_full_key") else ""


def _place_of(error: SettingError, node: Any) -> str:
    """The key, with a dot behind, of the part that has the setting of that value; nothing where none is known."""
    root = node._get_root() if hasattr(node, "_get_root") else {}
    for path, part in parts(root):
        if error.setting in part and part[error.setting] == error.found:
            return f"{path}.".lstrip(".")
    return ""


def _no_such_setting(reason: str, node: Any) -> str | None:
    """Which keys of the configuration the object that a TypeError is about does not take; None for another mistake."""
    twice = re.search(r"got multiple values for (?:keyword )?argument '(\w+)'", reason)
    found = twice or re.search(r"got an unexpected keyword argument '(\w+)'", reason)
    if found is None or not hasattr(node, "_get_root"):
        return None
    setting = found[1]
    for path, part in parts(node._get_root()):
        if not path or setting not in part:
            continue
        takes, others = settings_of(part["_target_"])
        if twice and setting in takes:
            return f"{path}.{setting} has no effect: its value comes from other parts of the training. Remove it"
        if setting in takes or others:
            continue
        wrong = [key for key in part if key not in takes and not key.startswith("_")]
        return (
            f"{path}: {part['_target_'].rpartition('.')[2]} has no setting {' and no '.join(wrong)}. "
            f"{near_name(setting, list(takes))} What an experiment says for another choice is left out by "
            f"{' '.join(f'~{path}.{key}' for key in wrong)}"
        )
    return None
