"""Objects from the configuration; what the user can mend comes through as it was said."""

from typing import Any

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
            cause = cause.__cause__ or cause.__context__
        raise UserError(" ".join(str(error).split())) from error
