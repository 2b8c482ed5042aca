"""The data module that a path, or overrides as of `seqvision train`, describe."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.data import RecordData

LABELS = ("groundTruth", "labels", "annotations", "segments.csv", "segments.tsv")


def source_data(source: Sequence[str], *, command: str, layout: str) -> "RecordData":
    """The data module of `data=… data.KEY=VALUE …`, or of one path, which is then read as `data=LAYOUT`."""
    from hydra import compose, initialize_config_dir

    from seqvision.cli.config import check_overrides, conf_dir, plain
    from seqvision.cli.objects import instantiate

    paths = [argument for argument in source if "=" not in argument]
    if paths and len(source) > 1:
        raise UserError(
            f"{command} {' '.join(source)}: a path goes alone; to say more, write data={layout} data.path={paths[0]} …"
        )
    overrides = [f"data={layout}"] if paths else list(source)
    check_overrides(overrides, config_name="train")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("train", overrides=[*overrides, "augmentation=none"])
    config.run_dir = "."  # there is no run, whose folder Hydra would name
    if paths:
        config.data.path = paths[0]  # not as an override, where a blank in it would need quotes
    try:
        plain(config.data)
    except UserError as error:
        raise UserError(f"{command}: {error}") from error
    data: RecordData = instantiate(config.data)
    return data


def layout_of_sequences(path: Path) -> str | None:
    """The choice of `data` that reads a folder of videos, of features or of parallel text; None where it holds none.

    Files of lines in two languages that are called by a split, `train.de` and `train.en`, are parallel text.
    `features/` and `groundTruth/` are the layout of MS-TCN. Videos that all lie in folders of classes, with no file of
    labels, are clips with a class each; any others are videos with labels for their frames.
    """
    from seqvision.data.parallel.formats import is_parallel
    from seqvision.data.sequences.formats.video_files import VIDEO_SUFFIXES

    if is_parallel(path):
        return "parallel"
    if not path.is_dir():
        return "videos" if path.suffix.lower() in VIDEO_SUFFIXES else None
    if (path / "features").is_dir() and (path / "groundTruth").is_dir():
        return "features"
    suffixes = VIDEO_SUFFIXES - {".gif"}  # which may be a picture with a caption
    videos = [file for file in path.rglob("*") if file.suffix.lower() in suffixes]
    if not videos:
        return None
    classes = all(file.parent != path for file in videos) and not any((path / name).exists() for name in LABELS)
    return "clips" if classes else "videos"
