"""Shampoo and SOAP, of the package pytorch_optimizer."""

import importlib.util
from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer

from seqvision.errors import UserError


def shampoo(params: Iterable[Any], **settings: Any) -> Optimizer:
    """Shampoo (Gupta, Koren and Singer, 2018, algorithm 2): a gradient's tensor is multiplied along each of its k axes
    by the inverse 2k-th root of the sum of its outer products along that axis. Roots are of singular values: for small
    networks, and no vocabulary above some hundred words.

    settings: of `pytorch_optimizer.Shampoo`. UserError where the package is missing.
    """
    return _package("shampoo").Shampoo(params, **settings)


def soap(params: Iterable[Any], **settings: Any) -> Optimizer:
    """SOAP (Vyas et al., 2024, algorithm 3): Adam in the eigenbases of Shampoo's matrices, which are brought up to date
    every `precondition_frequency` steps. The first step only begins these matrices: no weight moves.

    settings: of `pytorch_optimizer.SOAP`. UserError where the package is missing.
    """
    return _package("soap").SOAP(params, **settings)


def _package(choice: str) -> Any:
    if importlib.util.find_spec("pytorch_optimizer") is None:
        raise UserError(
            f"optimizer={choice}: the package pytorch_optimizer is not installed. "
            "Type `pip install 'seqvision[preconditioned]'`, or choose another, e.g. optimizer=muon"
        )
    import pytorch_optimizer  # here: it takes seconds

    return pytorch_optimizer
