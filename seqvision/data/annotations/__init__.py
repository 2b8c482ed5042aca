"""What happens when, as people write it down: segments of video with labels, read from and written to the files of
annotation tools, and turned into labels of frames and back."""

from seqvision.data.annotations.annotations import Annotations
from seqvision.data.annotations.read import is_annotation, read_annotations
from seqvision.data.annotations.segments import Segment, frames_to_segments, in_seconds, segments_to_frames
from seqvision.data.annotations.write import write_subtitles
from seqvision.data.annotations.write_boris import write_boris_project, write_boris_table
from seqvision.data.annotations.write_elan import write_elan

__all__ = [
    "Segment",
    "Annotations",
    "read_annotations",
    "is_annotation",
    "segments_to_frames",
    "frames_to_segments",
    "in_seconds",
    "write_subtitles",
    "write_elan",
    "write_boris_project",
    "write_boris_table",
]
