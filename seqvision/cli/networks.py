"""Whether the network that was chosen is one that the task can train."""

import inspect
from typing import Any, get_type_hints

from omegaconf import OmegaConf

from seqvision.cli.config import conf_dir
from seqvision.errors import UserError


def check_network(config: Any) -> None:
    """A UserError, before any data are read, where a network of this package is for another pattern's task; it names
    those that fit.
    """
    from hydra.utils import get_class

    network, task = (_class_of(config.get(part)) for part in ("model", "task"))
    wanted = get_type_hints(task).get("model") if task else None
    if network is None or not inspect.isclass(wanted) or issubclass(network, wanted):
        return
    if not network.__module__.startswith("seqvision."):
        return  # a network of one's own may have all that the task asks for
    nodes: dict[str, Any] = {file.stem: OmegaConf.load(file) for file in (conf_dir() / "model").glob("*.yaml")}
    fitting = sorted(name for name, node in nodes.items() if issubclass(get_class(node["_target_"]), wanted))
    raise UserError(
        f"model: {network.__name__} is not for this pattern, whose task {task.__name__} trains a {wanted.__name__}"
        + (f"; expected {' or '.join(f'model={name}' for name in fitting)}" if fitting else "")
    )


def _class_of(node: Any) -> Any:
    """The class that a node of the configuration names; None for anything else, which says itself what is wrong."""
    from hydra.utils import get_object

    try:
        found = get_object(node["_target_"])
    except Exception:  # no node, no target, or none that can be found
        return None
    return found if inspect.isclass(found) else None
