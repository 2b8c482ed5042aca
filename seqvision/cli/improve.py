"""What to try where a model does not beat its baselines: commands that run as they stand."""

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

LONG = 500  # frames of a recording that is better trained in windows
MOST = 3  # commands that are named
_OF_A_RUN = ("hydra.run.dir", "resume", "run_dir")


def improvements(
    config: Mapping[str, Any], run: Mapping[str, Any], record: Mapping[str, Any] | None = None
) -> list[str]:
    """The two or three commands that most likely help, each with its reason.

    config: of the model. run: its run.json, whose command is begun anew; empty where there is none. record: its
    evaluation.
    """
    words = [word for word in shlex.split(str(run.get("command", ""))) if not word.startswith(_OF_A_RUN)]
    if words[:2] != ["seqvision", "train"]:
        words = ["seqvision", "train", f"pattern={config.get('pattern', 'captioning')}"]
    found = [
        f"{shlex.join(_changed(words, changes))}  # {reason}" for changes, reason in _changes(config, run, record or {})
    ]
    overrides = [word for word in words[2:] if "=" in word]
    found += [
        f"{shlex.join(['seqvision', 'check', *overrides])}  # whether it can learn at all, and what is amiss",
        f"{shlex.join(['seqvision', 'rate', *overrides])}  # another learning rate",
    ]
    return found[:MOST]


def _changes(
    config: Mapping[str, Any], run: Mapping[str, Any], record: Mapping[str, Any]
) -> Iterator[tuple[list[str], str]]:
    """(overrides, why), the most useful first."""
    from seqvision.data.module import ENOUGH_STEPS, WANTED_STEPS

    data, model = _part(config, "data"), _part(config, "model")
    front = _part(model, "front")
    encoder = _part(front, "encoder") or _part(model, "encoder")
    steps, an_epoch = run.get("steps"), run.get("steps_per_epoch")
    if steps is not None and steps < ENOUGH_STEPS and an_epoch:
        yield [f"trainer.max_epochs={math.ceil(WANTED_STEPS / an_epoch)}"], f"it made {steps} steps, which are few"
    sizes = record.get("sizes", {})
    length = sizes.get("frames", 0) / max(1, sizes.get("recordings", 1))
    if config.get("pattern") == "labelling" and not data.get("window") and length > LONG:
        yield ["data.window=250"], "more steps an epoch, each of a part of a recording"
    if _part(data, "reader").get("differences") is False and config.get("pattern") == "labelling":
        yield ["data.reader.differences=true"], "what moves is seen, and a background that stands still is not"
    if str(encoder.get("_target_", "")).endswith("SmallCNN"):
        own = ["attention=dot"] if config.get("pattern") == "captioning" else ["model.changes=true"]
        yield ["encoder=efficientnet_lite0", *own], "an encoder that knows photographs (needs the extra pretrained)"
    elif config.get("pattern") == "captioning" and not (
        model.get("tie_embeddings") and (model.get("dropout") or 0) >= 0.5
    ):
        yield ["model.tie_embeddings=true", "model.dropout=0.5"], "few captions are otherwise learnt by heart"
    if str(_part(model, "pooling").get("_target_", "")).endswith("LastPooling"):
        yield ["pooling=mean"], "what stands early in a sequence counts as much as its end"


def _part(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = node.get(name)
    return found if isinstance(found, Mapping) else {}


def _changed(words: list[str], changes: list[str]) -> list[str]:
    """The words of a command with these overrides in place of what they say of the same keys."""
    keys = {change.partition("=")[0] for change in changes}
    return [word for word in words if word.partition("=")[0] not in keys] + changes
