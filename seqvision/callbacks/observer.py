"""Callbacks that only observe a training, and must not be able to end it."""

import functools
import sys
from collections.abc import Callable
from typing import Any

from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only


class Observer(Callback):
    """A callback whose hooks cannot fail: an exception in one is reported once, and the training continues.

    Every `on_…` hook that a subclass defines is guarded. What decides about the training (checkpoints, stopping) is no
    observer.
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name, hook in list(vars(cls).items()):
            if name.startswith("on_") and callable(hook):
                setattr(cls, name, _guarded(hook))


def _guarded(hook: Callable[..., None]) -> Callable[..., None]:
    """The hook, its exceptions reported the first time that there is one."""

    @functools.wraps(hook)
    def guarded(self: Any, *arguments: Any, **settings: Any) -> None:
        try:
            hook(self, *arguments, **settings)
        except Exception as error:
            if not getattr(self, "_failure_reported", False):
                self._failure_reported = True
                report_failure(f"{type(self).__name__} failed, training continues without it", error)

    return guarded


@rank_zero_only
def report_failure(what: str, error: Exception) -> None:
    """One line about a failure that the training survives."""
    print(f"warning: {what} ({type(error).__name__}: {' '.join(str(error).split())[:300]})", file=sys.stderr)
