"""From a clip to its frames, anti-aliased."""

import numpy as np
from PIL import Image, ImageDraw

from seqvision.data.motion.clip import Clip, Pose
from seqvision.data.scenes.draw import OUTLINES, draw_scene

SUPERSAMPLING = 4


def draw_clip(clip: Clip, size: int = 32) -> np.ndarray:
    """The frames, uint8 (time, size, size, 3), red green blue."""
    ground = draw_scene(clip.scene, size).astype(np.float32)
    tint = np.asarray(clip.tint, dtype=np.float32)
    frames = np.empty((len(clip.poses), size, size, 3), dtype=np.uint8)
    for number, pose in enumerate(clip.poses):
        if number and pose == clip.poses[number - 1]:
            frames[number] = frames[number - 1]
            continue
        covered = _mask(clip.shape, pose, size)
        frames[number] = ground + (tint - ground) * covered + 0.5
    return frames


def _mask(shape: str, pose: Pose, size: int) -> np.ndarray:
    """How much of each pixel the shape covers, float32 (size, size, 1), 0 to 1."""
    scale = size * SUPERSAMPLING
    angle = np.deg2rad(pose.tilt)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = (OUTLINES[shape] @ turn * pose.radius + (pose.x, pose.y)) * scale
    inside = Image.new("L", (scale, scale))
    ImageDraw.Draw(inside).polygon([tuple(corner) for corner in corners.tolist()], fill=255)
    return np.asarray(inside.reduce(SUPERSAMPLING), dtype=np.float32)[:, :, None] / 255
