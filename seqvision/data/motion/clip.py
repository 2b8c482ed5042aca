"""Drawn shapes set in motion: what a clip is, and clips by chance from (seed, split, index)."""

from dataclasses import dataclass

import numpy as np

from seqvision.data.scenes.generate import RGB
from seqvision.data.scenes.scene import COLOURS, Scene, SceneObject
from seqvision.errors import UserError

EVENTS = ("still", "left", "right", "up", "down", "grows", "shrinks", "turns_left", "turns_right")
SPLITS = ("train", "val", "test")
SHAPES = ("square", "triangle", "star", "heart", "cross", "moon", "diamond")  # a circle could turn unseen
RATE = 25.0  # frames a second

NEAR, FAR = 0.22, 0.78  # where a centre may go, as a share of the picture's side
SMALL, LARGE = 0.08, 0.2  # radii
_STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


@dataclass(frozen=True)
class Pose:
    """Where the moving shape is in a frame, how large, and how far it is turned (degrees, clockwise)."""

    x: float
    y: float
    radius: float
    tilt: float


@dataclass(frozen=True)
class Clip:
    """All that is needed to draw a clip and to know what happens in it.

    labels: for each frame what has happened to the moving shape since the frame before; the first frame is still.
    scene: what does not move, the ground with at most one more shape.
    """

    shape: str
    tint: tuple[int, int, int]
    poses: tuple[Pose, ...]
    labels: tuple[str, ...]
    scene: Scene


def make_clip(seed: int, index: int, split: str = "train", *, frames: int = 64) -> Clip:
    """The clip number `index` of a split, always the same for the same arguments.

    A shape stands still, moves, grows, shrinks or turns, for 7 to 16 frames each, at a steady pace drawn for each
    event, in any order that keeps it inside. No single frame says which: places, sizes and angles are the same for all.
    """
    if split not in SPLITS:
        raise UserError(f"moving scenes: no split {split!r}; expected one of {', '.join(SPLITS)}")
    if frames < 1:
        raise UserError(f"moving scenes: {frames} frames a clip; expected 1 or more")
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    shape, other = rng.choice(SHAPES, 2, replace=False)
    colour, its = rng.choice(COLOURS, 2, replace=False)
    x, y = rng.uniform(NEAR, FAR, 2)
    pose = Pose(float(x), float(y), float(rng.uniform(SMALL, LARGE)), float(rng.uniform(0, 360)))
    poses, labels = [pose], ["still"]
    while len(poses) < frames:
        event, steps, pace = _next_event(rng, pose, labels[-1])
        for _ in range(min(steps, frames - len(poses))):
            pose = _moved(pose, event, pace)
            poses.append(pose)
            labels.append(event)
    return Clip(
        shape=str(shape),
        tint=_tint(rng, str(colour)),
        poses=tuple(poses),
        labels=tuple(labels),
        scene=_scene(rng, str(other), str(its)),
    )


def _next_event(rng: np.random.Generator, pose: Pose, before: str) -> tuple[str, int, float]:
    """What happens next, for how many frames, and how much of it in one frame."""
    while True:
        event = str(rng.choice(EVENTS))
        for _ in range(8):  # some are hard to fit in; drawn once only, they would be rare
            steps, pace = int(rng.integers(7, 17)), _pace(rng, event)
            end = pose
            for _ in range(steps):
                end = _moved(end, event, pace)
            inside = min(end.x, end.y) >= NEAR and max(end.x, end.y) <= FAR and SMALL <= end.radius <= LARGE
            if event != before and inside:
                return event, steps, pace


def _pace(rng: np.random.Generator, event: str) -> float:
    """Degrees, a factor, or a share of the picture's side, in one frame."""
    if event.startswith("turns"):
        return float(rng.uniform(6, 14))
    if event in ("grows", "shrinks"):
        return float(rng.uniform(1.025, 1.055)) ** (1 if event == "grows" else -1)
    return float(rng.uniform(0.016, 0.035))


def _moved(pose: Pose, event: str, pace: float) -> Pose:
    """The shape one frame later."""
    right, down = _STEPS.get(event, (0, 0))
    radius = pose.radius * pace if event in ("grows", "shrinks") else pose.radius
    turned = {"turns_left": -pace, "turns_right": pace}.get(event, 0.0)
    return Pose(pose.x + right * pace, pose.y + down * pace, radius, (pose.tilt + turned) % 360)


def _scene(rng: np.random.Generator, shape: str, colour: str) -> Scene:
    """The ground, with a small shape on it in two of three clips."""
    x, y = rng.uniform(0.12, 0.88, 2)
    bystander = SceneObject(
        shape, colour, "small", "plain", float(x), float(y), 0.08, float(rng.uniform(0, 360)), _tint(rng, colour)
    )
    soft = rng.uniform(205, 246, 3)
    ends = [_near(rng, soft), _near(rng, soft - rng.uniform(0, 22))]
    objects = (bystander,) if rng.random() < 2 / 3 else ()
    return Scene(objects, (ends[0], ends[1]), float(rng.uniform(0, 360)), int(rng.integers(2**31)))


def _tint(rng: np.random.Generator, colour: str) -> tuple[int, int, int]:
    return _near(rng, np.asarray(RGB[colour], dtype=np.float64))


def _near(rng: np.random.Generator, rgb: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.clip(rgb + rng.uniform(-8, 8, 3), 0, 255).round().astype(int).tolist()
    return red, green, blue
