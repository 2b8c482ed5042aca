"""Clips as files in the layout of action segmentation, so that the readers of real videos serve."""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.motion.clip import EVENTS, RATE, SPLITS, Clip, make_clip
from seqvision.data.motion.draw import draw_clip
from seqvision.data.progress import tracked
from seqvision.data.scenes.write import is_written, not_drawn
from seqvision.errors import UserError
from seqvision.files import atomic_folder

VERSION = 1  # goes up whenever the same settings give other clips
COUNTS: Mapping[str, int] = {"train": 240, "val": 40, "test": 60}
SETTINGS = "motion.json"


def write_motion(
    folder: str | Path,
    *,
    size: int = 32,
    frames: int = 64,
    counts: Mapping[str, int] = COUNTS,
    seed: int = 0,
    progress: bool = True,
    draw: bool = True,
) -> Path:
    """The folder, holding `clips/train_0000.npz`, … (`frames` and their `rate`), `groundTruth/train_0000.txt`, …,
    `mapping.txt`, `splits/train.split1.bundle`, … and `motion.json`.

    A folder that already holds these very clips is left as it is. The folder appears whole or not at all, also when
    several processes write it at once.

    draw: whether what is not there yet is drawn.

    Raises UserError if something else is in its place, or if nothing is there that may be drawn.
    """
    folder = Path(folder)
    settings = {"version": VERSION, "size": size, "frames": frames, "counts": dict(counts), "seed": seed}
    if any(split not in SPLITS for split in counts):
        raise UserError(f"counts: splits are {', '.join(SPLITS)}; found {', '.join(counts)}")
    if is_written(folder, settings, SETTINGS, "moving scenes"):
        return folder
    if not draw:
        raise not_drawn(folder, "moving scenes")

    with atomic_folder(folder) as draft:
        names = [(split, index) for split in counts for index in range(counts[split])]
        clips = [make_clip(seed, index, split, frames=frames) for split, index in names]
        for inside in ("clips", "groundTruth", "splits"):
            (draft / inside).mkdir()
        stems = [f"{split}_{index:04}" for split, index in names]
        _draw_all(clips, [draft / "clips" / f"{stem}.npz" for stem in stems], size, progress)
        for stem, clip in zip(stems, clips, strict=True):
            _write(draft / "groundTruth" / f"{stem}.txt", clip.labels)
        for split in counts:
            listed = [f"{stem}.txt" for stem, (own, _) in zip(stems, names, strict=True) if own == split]
            _write(draft / "splits" / f"{split}.split1.bundle", listed)
        _write(draft / "mapping.txt", [f"{place} {event}" for place, event in enumerate(EVENTS)])
        (draft / SETTINGS).write_text(json.dumps({"settings": settings}), encoding="utf-8")

    if not is_written(folder, settings, SETTINGS, "moving scenes"):
        raise UserError(f"{folder}: another process wrote something else there meanwhile; run again")
    return folder


def _draw_all(clips: list[Clip], paths: list[Path], size: int, progress: bool) -> None:
    def draw(clip: Clip, path: Path) -> None:
        np.savez_compressed(path, frames=draw_clip(clip, size), rate=np.float64(RATE))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(draw, clips, paths)
        for _ in tracked(done, total=len(clips), description="Drawing clips", show=progress):
            pass


def _write(path: Path, lines: Any) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
