"""Objects from the configuration; what the user can mend comes through as it was said."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from seqvision.cli.config import near_name
from seqvision.errors import UserError


def instantiate(node: Any, **arguments: Any) -> Any:
    """The object that a node of the configuration describes (`_target_`), or a partial of it.

    Raises the `UserError` that the object's own code raised, or one that names the object and the mistake.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate as build
    from pytorch_lightning.utilities.exceptions import MisconfigurationException

    try:
        return build(node, **arguments)
    except InstantiationException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, UserError):
                raise cause from None
            if isinstance(cause, MisconfigurationException):
                raise UserError(f"trainer: {cause} `seqvision doctor` lists the devices of this machine") from error
            if isinstance(cause, TypeError) and (said := _no_such_setting(str(cause), node)):
                raise UserError(said) from error
            cause = cause.__cause__ or cause.__context__
        raise UserError(" ".join(str(error).split())) from error


def _no_such_setting(reason: str, node: Any) -> str | None:
    """Which keys of the configuration the object that a TypeError is about does not take; None for another mistake."""
    from hydra.utils import get_object

    found = re.search(r"got an unexpected keyword argument '(\w+)'", reason)
    if found is None or not hasattr(node, "_get_root"):
        return None
    setting = found[1]
    for path, part in _parts(node._get_root()):
        if "_target_" not in part or setting not in part:
            continue
        takes = inspect.signature(get_object(part["_target_"])).parameters
        if setting in takes or any(each.kind is each.VAR_KEYWORD for each in takes.values()):
            continue
        wrong = [key for key in part if key not in takes and not key.startswith("_")]
        return (
            f"{path}: {part['_target_'].rpartition('.')[2]} has no setting {' and no '.join(wrong)}. "
            f"{near_name(setting, list(takes))} What an experiment says for another choice is left out by "
            f"{' '.join(f'~{path}.{key}' for key in wrong)}"
        )
    return None


def _parts(node: Any) -> Iterator[tuple[str, Any]]:
    """Each mapping in a configuration under its key, those near the top first."""
    level = [("", node)]
    while level:
        level = [(f"{path}.{key}".lstrip("."), inner) for path, part in level for key, inner in part.items()
                 if hasattr(inner, "items")]  # fmt: skip
        yield from level
