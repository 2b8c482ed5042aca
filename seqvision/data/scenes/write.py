"""Scenes as files, in the layouts that other data sets come in, so that the ordinary readers serve."""

import csv
import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from seqvision.data.core.json_values import read_object
from seqvision.data.progress import tracked
from seqvision.data.scenes.captions import reference_captions
from seqvision.data.scenes.draw import draw_scene
from seqvision.data.scenes.generate import SPLITS, make_scene
from seqvision.data.scenes.scene import Scene
from seqvision.errors import UserError
from seqvision.files import atomic_folder

_AGAIN = "Delete the folder, and it is drawn again."
VERSION = 2  # goes up whenever the same settings give other pictures or other sentences
COUNTS: Mapping[str, int] = {"train": 6000, "val": 400, "test": 400, "combinations": 400}


def write_scenes(
    folder: str | Path,
    *,
    size: int = 64,
    counts: Mapping[str, int] = COUNTS,
    captions: int = 5,
    seed: int = 0,
    progress: bool = True,
    draw: bool = True,
) -> Path:
    """The folder, holding `<split>/00000.png`, … , `captions.json` (Karpathy's layout) and `scenes.json`.

    A folder that already holds these very scenes is left as it is. The folder appears whole or not at all, also when
    several processes write it at once.

    draw: whether what is not there yet is drawn.

    Raises UserError if something else is in its place, or if nothing is there that may be drawn.
    """
    folder = Path(folder)
    settings = {"version": VERSION, "size": size, "counts": dict(counts), "captions": captions, "seed": seed}
    if any(split not in SPLITS for split in counts):
        raise UserError(f"counts: splits are {', '.join(SPLITS)}; found {', '.join(counts)}")
    if is_written(folder, settings, "scenes.json", "scenes"):
        return folder
    if not draw:
        raise not_drawn(folder, "scenes")

    with atomic_folder(folder) as draft:
        names = [(split, index) for split in SPLITS for index in range(counts.get(split, 0))]
        scenes = [make_scene(seed, index, split) for split, index in names]
        for split in counts:
            (draft / split).mkdir()
        _draw_all(scenes, [draft / split / f"{index:05}.png" for split, index in names], size, progress)
        images = [
            {
                "filepath": split,
                "filename": f"{index:05}.png",
                "split": split,
                "sentences": [{"raw": sentence} for sentence in reference_captions(scene, captions, seed)],
            }
            for (split, index), scene in zip(names, scenes, strict=True)
        ]
        _dump(draft / "captions.json", {"dataset": "scenes", "images": images})
        _dump(
            draft / "scenes.json",
            {
                "settings": settings,
                "scenes": {f"{s}/{i:05}.png": scene.to_dict() for (s, i), scene in zip(names, scenes, strict=True)},
            },
        )

    if not is_written(folder, settings, "scenes.json", "scenes"):
        raise UserError(f"{folder}: another process wrote something else there meanwhile; run again")
    return folder


def read_scenes(folder: str | Path) -> dict[str, Scene]:
    """The scenes of a written folder by picture name, e.g. "test/00003.png"."""
    path = Path(folder) / "scenes.json"
    if not path.is_file():
        raise UserError(f"{path}: not found; captions can be judged only on a folder that write_scenes made")
    try:
        return {name: Scene.from_dict(scene) for name, scene in read_object(path, _AGAIN)["scenes"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: damaged, or no scenes that this version draws ({error!r:.120}). {_AGAIN}") from None


def write_sample(folder: str | Path, *, number: int = 24, size: int = 64, seed: int = 7) -> Path:
    """The folder, holding a few scenes in Flickr8k's style: `Images/` and `captions.txt` (CSV `image,caption`)."""

    with atomic_folder(folder) as draft:
        scenes = [make_scene(seed, index) for index in range(number)]
        names = [f"scene_{index:02}.png" for index in range(number)]
        (draft / "Images").mkdir()
        _draw_all(scenes, [draft / "Images" / name for name in names], size, progress=False, compress_level=9)
        with open(draft / "captions.txt", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["image", "caption"])
            for name, scene in zip(names, scenes, strict=True):
                writer.writerows([name, sentence] for sentence in reference_captions(scene, seed=seed))

    return Path(folder)


def not_drawn(folder: Path, what: str) -> UserError:
    """What to say where drawn data are missing, and only the user may have them drawn."""
    return UserError(
        f"{folder}: no {what} there (looked from {Path.cwd()}), and none are drawn on a checkpoint's word. Draw them "
        f"with --data folder={folder}"
    )


def is_written(folder: Path, settings: Mapping[str, Any], name: str, what: str) -> bool:
    """True if the folder holds `what` (scenes), made with these settings, false if nothing is there yet.

    name: the file in which the settings are kept. UserError if something else is there.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not (folder / name).is_file():
        raise UserError(f"{folder}: not empty and no folder of {what} (no {name}); name another folder for the {what}")
    found = read_object(folder / name, _AGAIN).get("settings")
    found = found if isinstance(found, dict) else {}
    differing = [key for key in settings if found.get(key) != settings[key]]
    if not differing:
        return True
    differences = [f"{key} {found.get(key)!r}" for key in differing]
    expected = [f"{key} {settings[key]!r}" for key in differing]
    raise UserError(
        f"{folder}: holds {what} made with {', '.join(differences)}; expected {', '.join(expected)}. "
        f"Name another folder, or delete this one and it is written again: rm -r {folder}"
    )


def _draw_all(scenes: list[Scene], paths: list[Path], size: int, progress: bool, compress_level: int = 1) -> None:
    def draw(scene: Scene, path: Path) -> None:
        Image.fromarray(draw_scene(scene, size)).save(path, compress_level=compress_level)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(draw, scenes, paths)
        for _ in tracked(done, total=len(scenes), description="Drawing scenes", show=progress):
            pass


def _dump(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")
