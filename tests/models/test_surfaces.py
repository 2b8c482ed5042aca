"""Surfaces have the minima and curvatures that they say, and a walker's gradient is the surface's and the pull."""

import pytest
import torch

from seqvision.errors import UserError
from seqvision.models import Rosenbrock, Saddle, Valley, Walker

pytestmark = pytest.mark.usefixtures("float64")

SURFACES = [Valley(), Valley(condition=9, angle=30), Rosenbrock(), Saddle()]


def hessian(surface, point):
    return torch.autograd.functional.hessian(lambda w: surface(w), torch.tensor(point))


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: type(surface).__name__)
def test_minima_are_minima(surface):
    for minimum in surface.minima:
        gradient = torch.autograd.functional.jacobian(surface, torch.tensor(minimum))
        torch.testing.assert_close(gradient, torch.zeros(2))
        assert torch.linalg.eigvalsh(hessian(surface, minimum)).min() > 0


@pytest.mark.parametrize("angle", [0, 30, 45])
def test_a_turned_valley_has_the_same_curvatures(angle):
    curvatures = torch.linalg.eigvalsh(hessian(Valley(condition=20, angle=angle), (0.3, -1.0)))
    torch.testing.assert_close(curvatures, torch.tensor([1.0, 20.0]), rtol=1e-4, atol=1e-4)
    if angle == 45:
        turned = hessian(Valley(condition=20, angle=45), (0.0, 0.0))
        torch.testing.assert_close(turned[0, 0], turned[1, 1])


def test_a_saddle_is_flat_in_its_middle_and_falls_to_both_sides():
    curvatures = torch.linalg.eigvalsh(hessian(Saddle(), (0.0, 0.0)))
    torch.testing.assert_close(curvatures, torch.tensor([-1.0, 1.0]))


def test_pulls_add_to_the_gradient_and_their_mean_counts():
    pulls = torch.tensor([[1.0, -2.0], [3.0, 0.0]])
    walker = Walker(Valley(condition=4), start=[1.0, 1.0])
    walker(pulls).mean().backward()
    torch.testing.assert_close(walker.point.grad, torch.tensor([1.0 + 2.0, 4.0 - 1.0]))


def test_wrong_settings_are_said():
    with pytest.raises(UserError, match="two numbers"):
        Walker(Valley(), start=[1, 2, 3])
    with pytest.raises(UserError, match="above 0"):
        Valley(condition=-1)
