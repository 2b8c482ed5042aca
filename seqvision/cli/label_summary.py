"""What `seqvision label` says of a recording: a line for people, an entry for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqvision.inference.label_outputs import Labelled
from seqvision.inference.label_scores import LabelScores
from seqvision.wording import counted, in_line


def summary_line(labelled: Labelled, scores: LabelScores | None) -> str:
    in_frames = labelled.edges is None
    unit, digits = (" frames", 0) if in_frames else (" s", 1)
    length = counted(len(labelled), "frame") if labelled.edges is None else f"{float(labelled.edges[-1]):.1f} s"
    of_label = labelled.by_label()
    counts = [f"{in_line(name)} {count} ({total:.{digits}f}{unit})" for name, (count, total) in of_label.items()]
    line = f"{labelled.source}: {length}, {counted(len(labelled.found), 'segment')}: {', '.join(counts) or 'nothing'}"
    return line if scores is None else f"{line}; {scores.text}"


def summary_entry(labelled: Labelled, files: Sequence[Path], scores: LabelScores | None) -> dict[str, Any]:
    segments = [
        {"start": segment.start, "end": segment.stop, "label": segment.label, "probability": one.probability}
        for segment, one in zip(labelled.segments, labelled.found, strict=True)
    ]
    return {
        "id": str(labelled.source),
        "frames": len(labelled),
        "frame_rate": labelled.rate,
        "unit": "frames" if labelled.edges is None else "seconds",
        "segments": segments,
        "files": [str(path) for path in files],
        **({} if scores is None else {"scores": scores.values}),
    }
