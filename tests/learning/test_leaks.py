"""Nothing of the test split reaches a training or what it chooses, and nothing of the validation split a training: with
noise in their place all stays bit for bit. What classes there are is the task's, not a split's: noise has no new ones.
"""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seqvision.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

SPLITS = ("train", "train", "train", "val", "test")
ROWS = 40
COLOURS = ("red", "green", "blue")


def rows(*, noise: str | None) -> Iterator[tuple[int, str, int, np.random.Generator]]:
    """(number, split, class, draws) of each item; in the split that is `noise` draws and classes are others."""
    for number in range(ROWS):
        split = SPLITS[number % len(SPLITS)]
        other = split == noise
        draws = np.random.default_rng([number, other])
        yield number, split, int(draws.integers(3)) if other else number % 3, draws


def write_table(file: Path, heads: list[str], lines: list[list[Any]]) -> None:
    with open(file, "w", newline="") as opened:
        csv.writer(opened).writerows([heads, *lines])


def write_image(file: Path, kind: int, draws: np.random.Generator) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = draws.integers(0, 120, (12, 12, 3))
    pixels[..., kind] += 130
    Image.fromarray(pixels.astype(np.uint8)).save(file)


def write_captions(folder: Path, *, noise: str | None) -> None:
    lines = []
    for number, split, kind, draws in rows(noise=noise):
        write_image(folder / f"{number:02}.png", kind, draws)
        ends = ["on the left", "on the right", *(["zyx wvu", "tsr"] if split == noise else [])]
        captions = [f"a {COLOURS[kind]} field {draws.choice(ends)}", f"something {COLOURS[kind]} {draws.choice(ends)}"]
        lines += [[f"{number:02}.png", caption, split] for caption in captions]
    write_table(folder / "captions.csv", ["image", "caption", "split"], lines)


def write_images(folder: Path, *, noise: str | None) -> None:
    lines = []
    for number, split, kind, draws in rows(noise=noise):
        write_image(folder / f"{number:02}.png", kind, draws)
        lines.append([f"{number:02}.png", COLOURS[kind], split])
    write_table(folder / "labels.csv", ["image", "label", "split"], lines)


def write_sentences(folder: Path, *, noise: str | None) -> None:
    lines = []
    for _, split, kind, draws in rows(noise=noise):
        words = [f"zyx{draws.integers(9)}"] if split == noise else ["film", "plot", "cast"]
        lines.append([f"{draws.choice(words)} {COLOURS[kind]} {draws.choice(words)}", COLOURS[kind], split])
    write_table(folder / "sentences.csv", ["text", "label", "split"], lines)


def write_recordings(folder: Path, *, noise: str | None) -> None:
    for number, split, kind, draws in rows(noise=noise):
        if number < 10:
            labels = (kind + np.arange(18) // 6) % 3
            x = labels[:, None] + draws.normal(0, 9 if split == noise else 0.4, (18, 2))
            frames = zip(x.round(3).tolist(), labels, strict=True)
            write_table(
                folder / f"r{number}.csv",
                ["x", "y", "label", "split"],
                [[*values, COLOURS[label], split] for values, label in frames],
            )


def write_pairs(folder: Path, *, noise: str | None) -> None:
    texts: dict[tuple[str, str], list[str]] = {}
    for number, split, kind, draws in rows(noise=noise):
        strange = split == noise
        texts.setdefault((split, "de"), []).append(f"{'zyx' if strange else 'Feld'} {kind} {number}")
        words = f"{COLOURS[kind]} field {draws.integers(3)}"
        texts.setdefault((split, "en"), []).append("這是一個測試句子" if strange else words)
    for (split, side), lines in texts.items():
        (folder / f"{split}.{side}").write_text("\n".join(lines) + "\n")


CAPTIONING = [
    *(
        "data=files",
        "encoder=small_cnn",
        "attention=none",
        "data.transform.size=16",
        "encoder.channels=[4,8]",
        "encoder.strides=[2,2]",
        "decoding.max_length=6",
    ),
    *("model.embedding_size=8", "rnn.hidden_size=8", "data.batch_size=8", "cache=null"),
]
TASKS: dict[str, tuple[Callable[..., None], list[str]]] = {
    "captioning": (write_captions, [*CAPTIONING, "normalise=measured"]),
    "self-critical": (write_captions, [*CAPTIONING, "task=self_critical"]),
    "classification": (
        write_sentences,
        ["pattern=classification", "data=sentences", "rnn.hidden_size=8", "front.size=6"],
    ),
    "images": (
        write_images,
        ["pattern=classification", "data=labelled_pictures", "data.reader.size=16", "encoder.channels=[4,8]",
         "encoder.strides=[2,2]"],
    ),
    "labelling": (
        write_recordings,
        ["pattern=labelling", "data=tables", "data.split_column=split", "data.label_column=label", "rnn.hidden_size=8",
         "decoding=label_path"],
    ),
    "translation": (
        write_pairs,
        ["pattern=translation", "data=parallel", "data.source=de", "data.target=en", "model.embedding_size=8",
         "rnn.hidden_size=8"],
    ),
    "reading": (
        write_images,
        ["pattern=reading", "data=pictures_files", "model.looks=2", "model.size=4", "model.what=8", "model.where=8",
         "model.glimpse=8", "rnn.hidden_size=8"],
    ),
    "painting": (
        write_images,
        ["pattern=painting", "data=pictures_files", "data.reader.size=8", "model.steps=2", "model.latent_size=4",
         "rnn.hidden_size=8"],
    ),
}  # fmt: skip


def trained(folder: Path, overrides: list[str]) -> dict[str, Any]:
    """What a training leaves: last and best weights, the optimizer, what the checkpoint holds, and all that was logged.

    Not the times, and not the names of files that the run's folder gives.
    """
    own = [f"data.path={folder.parent / 'data'}", f"hydra.run.dir={folder}", "trainer=cpu", "trainer.max_epochs=3"]
    assert main(["train", *overrides, *own, "data.num_workers=0"]) == 0
    last, best = (torch.load(folder / f"{name}.ckpt", weights_only=True) for name in ("last", "best"))
    with open(next(folder.rglob("metrics.csv"))) as opened:
        logged = [
            {key: value for key, value in row.items() if "second" not in key and "time" not in key}
            for row in csv.DictReader(opened)
        ]
    held = {key: value for key, value in best["seqvision"].items() if key not in ("config", "digest")}
    return {
        "weights": last["state_dict"],
        "optimizer": last["optimizer_states"],
        "best": best["state_dict"],
        "chosen": {"epoch": best["epoch"], "step": best["global_step"]},
        "held": json.loads(json.dumps(held, default=repr)),
        "logged": logged,
    }


def same(one: Any, other: Any) -> bool:
    """Whether two trees hold the same numbers, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_noise_in_place_of_a_split_that_is_not_trained_on_changes_no_training(task, tmp_path, capfd):
    write, overrides = TASKS[task]
    data = tmp_path / "data"
    found = {}
    for noise in (None, "test", "val"):
        data.mkdir(exist_ok=True)
        write(data, noise=noise)
        found[noise] = trained(tmp_path / f"run_{noise}", overrides)
    assert found[None]["logged"]
    for part, value in found[None].items():
        assert same(value, found["test"][part]), part
    for part in ("weights", "optimizer"):
        assert same(found[None][part], found["val"][part]), part
    assert not same(found[None]["logged"], found["val"]["logged"])
