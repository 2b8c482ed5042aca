"""Less noise: what the libraries say to developers, and a user can do nothing about."""

import logging
import warnings

_NOISE = [
    r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
    r".*does not have many workers.*",
    r".*exists and is not empty.*",
    r".*is smaller than the logging interval.*",
    r".*`weights_only` was not set.*",
    r".*module\(s\) in eval mode at the start of training.*",
    r".*Trying to infer the `batch_size` from an ambiguous collection.*",
]


def quieten() -> None:
    """Silences known harmless messages; everything else still comes through."""
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    for name, level in (
        ("pytorch_lightning.utilities.rank_zero", logging.WARNING),
        ("lightning_fabric.utilities.rank_zero", logging.WARNING),
        ("timm", logging.ERROR),
    ):
        logging.getLogger(name).setLevel(level)
