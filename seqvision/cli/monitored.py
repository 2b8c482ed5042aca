"""The score that chooses the best checkpoint: one that there will be, and a way in which it is better."""

from typing import Any

from seqvision.errors import UserError
from seqvision.signatures import suggestion


def check_mode(config: Any) -> None:
    """A UserError, before anything is built, where `monitor.mode` is none of the two that there are, or takes the
    lowest accuracy for the best.
    """
    monitor = config.get("monitor") or {}
    mode, score = monitor.get("mode", "max"), str(monitor.get("score"))
    if mode == "min" and score.endswith(("accuracy", "f1")):
        raise UserError(
            f"monitor.score is {score} and monitor.mode is min: the worst epoch would be kept. Add monitor.mode=max"
        )
    if mode not in ("max", "min"):
        raise UserError(
            f"monitor.mode is {mode}; expected max, where more of {config.monitor.get('score', 'the score')} is "
            "better, or min, where less is"
        )


def check_score(config: Any, task: Any) -> None:
    """A UserError, before anything is trained, where validation does not log `monitor.score`, or what a callback has
    for its `monitor`. A task that does not say what it logs is taken at its word.
    """
    monitored = {"monitor.score": (config.get("monitor") or {}).get("score")}
    for name, callback in (config.get("callbacks") or {}).items():
        monitored[f"callbacks.{name}.monitor"] = (callback or {}).get("monitor")
    for key, score in monitored.items():
        if score is None or not task.logged or str(score).startswith("train/") or score in task.logged:
            continue
        near = suggestion(str(score), task.logged)
        raise UserError(
            f"{key} is {score}, which validation does not log; expected one of {', '.join(task.logged)}"
            + (f". {near}" if near else "")
        )
