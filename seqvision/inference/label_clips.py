"""The pieces of each label as videos, beside the other files of a labelled recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from seqvision.data import VideoReader
from seqvision.files import file_name, short_name
from seqvision.inference.label_outputs import Labelled, frame_edges


def write_clips(labelled: Labelled, folder: Path, reader: VideoReader) -> dict[str, Path]:
    """Cuts the video into pieces in the folder; each by the name that it gets beside the other files:
    `clips/LABEL/NAME_0001.mp4`, …
    """
    from seqvision.figures.video import cut_clips

    frames = len(labelled)
    edges = frame_edges(reader, labelled.source, frames)  # the video's own clock, whatever the other files count by
    in_its_time = replace(labelled, edges=np.arange(frames + 1) * reader.stride if edges is None else edges)
    pieces = cut_clips(labelled.source, in_its_time.segments, folder, on_truncated=reader.on_truncated)
    return {
        f"clips/{piece.parent.name}/{_flat(labelled.name)}_{piece.stem.rpartition('_')[2]}.mp4": piece
        for piece in pieces
    }


def clips_of(name: str) -> str:
    """A pattern that the names of a recording's pieces fit, and no others."""
    literal = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in _flat(name))
    return f"clips/*/{literal}_[0-9][0-9][0-9][0-9]*.mp4"


def _flat(name: str) -> str:
    return file_name(name) if "/" in name else short_name(name)
