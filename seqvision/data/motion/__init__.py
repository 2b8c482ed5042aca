"""Data for frame labelling that need no download: drawn shapes set in motion, with what happens labelled per frame.

Here belongs all that makes these clips. NumPy and Pillow only: nothing here imports torch, or decodes a video.
"""

from seqvision.data.motion.clip import EVENTS, RATE, SPLITS, Clip, Pose, make_clip
from seqvision.data.motion.draw import draw_clip
from seqvision.data.motion.write import COUNTS, write_motion

__all__ = ["Clip", "Pose", "make_clip", "draw_clip", "write_motion", "EVENTS", "SPLITS", "RATE", "COUNTS"]
