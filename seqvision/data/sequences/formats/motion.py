"""Moving scenes for frame labelling: made where they are missing, then read as any videos are."""

from collections.abc import Mapping
from pathlib import Path

from seqvision.data.motion import COUNTS, write_motion
from seqvision.data.sequences.formats.videos import read_videos
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.data.sequences.records import SequenceSet


def read_motion(
    folder: str | Path,
    *,
    reader: VideoReader | None = None,
    size: int = 32,
    frames: int = 64,
    counts: Mapping[str, int] = COUNTS,
    seed: int = 0,
    progress: bool = True,
    draw: bool = True,
) -> SequenceSet:
    """The clips in the folder, which is written by `write_motion` if it is not there yet, as `read_videos` reads it.

    draw: as in `write_motion`.
    """
    write_motion(folder, size=size, frames=frames, counts=counts, seed=seed, progress=progress, draw=draw)
    return read_videos(folder, reader=reader, progress=progress)
