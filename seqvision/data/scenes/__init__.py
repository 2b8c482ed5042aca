"""Data that need no download: drawn scenes, true sentences about them, a reader that tells true from false.

Here belongs all that makes and judges these scenes. NumPy and Pillow only: nothing here imports torch.
"""

from seqvision.data.scenes.captions import reference_captions
from seqvision.data.scenes.check import Verdict, check_caption, check_captions
from seqvision.data.scenes.draw import draw_scene
from seqvision.data.scenes.generate import HELD_OUT, SPLITS, make_scene
from seqvision.data.scenes.scene import COLOURS, SHAPES, SIZES, TEXTURES, Scene, SceneObject
from seqvision.data.scenes.write import COUNTS, read_scenes, write_sample, write_scenes

__all__ = [
    "Scene",
    "SceneObject",
    "make_scene",
    "draw_scene",
    "reference_captions",
    "check_caption",
    "check_captions",
    "Verdict",
    "write_scenes",
    "read_scenes",
    "write_sample",
    "COUNTS",
    "SPLITS",
    "HELD_OUT",
    "SHAPES",
    "COLOURS",
    "SIZES",
    "TEXTURES",
]
