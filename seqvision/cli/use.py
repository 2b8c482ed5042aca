"""What a trained model is used with: the commands that a training ends with, which run as they stand."""

import shlex
from pathlib import Path
from typing import Any

USE = {  # by pattern: the command and its options
    "captioning": ("caption", "PICTURES"),
    "classification": ("classify", "FILES"),
    "labelling": ("label", "FILES"),
    "translation": ("translate", "SENTENCES"),
    "reading": ("read", "PICTURES"),
    "painting": ("draw", ""),
}
_OUTPUT = {"label": "labelled", "draw": "samples.png"}


def next_commands(pattern: str, run: Path, data: Any) -> list[str]:
    """The commands that use a run, score it and show it, with an item of its own data where that is a file or a text;
    none for a pattern that has no commands.
    """
    if pattern not in USE:
        return []
    model = run if (run / "best.ckpt").is_file() else run / "last.ckpt"
    if not model.exists():
        return []
    name, inputs = USE[pattern]
    words = ["seqvision", name, "--checkpoint", str(model)]
    if name in _OUTPUT:
        words += ["--output", _OUTPUT[name]]
    use = shlex.join(words)
    if inputs:
        use += " " + (_example(data) or inputs)
    split = [] if _has(data, "test") else ["--split", "val"]
    evaluate = shlex.join(["seqvision", "evaluate", "--checkpoint", str(model), *split])
    return [use, evaluate, shlex.join(["seqvision", "report", str(run)])]


def _has(data: Any, split: str) -> bool:
    return bool(len(data.records.get(split, ())))


def _example(data: Any) -> str | None:
    """An item that the model was not trained on, as an argument; None where the data are neither files nor texts."""
    record = data.records["test" if _has(data, "test") else "val"][0]
    item = getattr(record, "image", None) or getattr(record, "source", None)
    if isinstance(item, Path):
        return shlex.quote(str(item)) if item.is_file() else None
    return f"--text {shlex.quote(item)}" if isinstance(item, str) and not item.startswith("-") else None
