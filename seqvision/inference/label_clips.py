"""The pieces of each label as videos, beside the other files of a labelled recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from seqvision.data import VideoReader
from seqvision.files import temporary_folder
from seqvision.inference.label_folder import LabelFolder
from seqvision.inference.label_outputs import Labelled, frame_edges


def write_clips(labelled: Labelled, folder: LabelFolder, reader: VideoReader) -> list[Path]:
    """Cuts the video into `clips/LABEL/NAME_0001.mp4`, …; those of an earlier time are removed."""
    from seqvision.figures.video import cut_clips

    name = labelled.name.replace("/", "_")
    folder.clear(f"clips/*/{_literal(name)}_[0-9][0-9][0-9][0-9]*.mp4")
    folder.folder.mkdir(parents=True, exist_ok=True)
    found = []
    frames = len(labelled)
    edges = frame_edges(reader, labelled.source, frames)  # the video's own clock, whatever the other files count by
    in_its_time = replace(labelled, edges=np.arange(frames + 1) * reader.stride if edges is None else edges)
    with temporary_folder(folder.folder) as made:
        for piece in cut_clips(labelled.source, in_its_time.segments, made, on_truncated=reader.on_truncated):
            path = folder.path(f"clips/{piece.parent.name}/{name}_{piece.stem.rpartition('_')[2]}.mp4")
            path.parent.mkdir(parents=True, exist_ok=True)
            piece.replace(path)
            found.append(path)
    return found


def _literal(name: str) -> str:
    """A name as a pattern that means it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
