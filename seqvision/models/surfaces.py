"""Losses of two weights, whose whole landscape can be drawn, and the point that walks down one."""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.errors import UserError

Points = Float[Tensor, "*points 2"]
Heights = Float[Tensor, "*points"]


class Valley:
    """x² / 2 + condition · y² / 2, turned by `angle` degrees: the curvature across is `condition` times that along.

    Turned by 45°, both weights have the same curvature, and rates of their own help neither.
    """

    minima = ((0.0, 0.0),)

    def __init__(self, *, condition: int | float = 50.0, angle: int | float = 0.0):
        if condition <= 0:
            raise UserError(f"model.surface.condition is {condition}; expected a number above 0, such as 50")
        self.condition = condition
        self.turn = math.radians(angle)

    def __call__(self, points: Points) -> Heights:
        x, y = points.unbind(-1)
        along = math.cos(self.turn) * x + math.sin(self.turn) * y
        across = math.cos(self.turn) * y - math.sin(self.turn) * x
        return along.square() / 2 + self.condition * across.square() / 2


class Rosenbrock:
    """(1 − x)² + steepness · (y − x²)²: a bent valley with a flat bottom, its minimum at (1, 1) (Rosenbrock, 1960)."""

    minima = ((1.0, 1.0),)

    def __init__(self, *, steepness: int | float = 100.0):
        self.steepness = steepness

    def __call__(self, points: Points) -> Heights:
        x, y = points.unbind(-1)
        return (1 - x).square() + self.steepness * (y - x.square()).square()


class Saddle:
    """x² / 2 − y² / 2 + y⁴ / 4: flat at (0, 0) and no minimum there; these are at (0, 1) and (0, −1)."""

    minima = ((0.0, 1.0), (0.0, -1.0))

    def __call__(self, points: Points) -> Heights:
        x, y = points.unbind(-1)
        return x.square() / 2 - y.square() / 2 + y.pow(4) / 4


class Walker(nn.Module):
    """A point of two weights on a surface; the forward pass gives its height under each pull.

    surface: a callable from points (…, 2) to heights (…), with its `minima`. start: where the point begins.
    """

    def __init__(self, surface: Callable[[Tensor], Tensor], *, start: Sequence[int | float]):
        super().__init__()
        if len(start) != 2:
            raise UserError(f"model.start is {list(start)}; expected two numbers, such as [-2, 1]")
        self.surface = surface
        self.point = nn.Parameter(torch.tensor([float(place) for place in start]))

    def forward(self, pulls: Float[Tensor, "batch 2"]) -> Float[Tensor, " batch"]:
        """f(w) + pull · w: the loss of one example, whose gradient is the surface's and the pull."""
        heights: Tensor = self.surface(self.point) + pulls @ self.point
        return heights
