"""What reads a picture by looking at small parts of it, one after the other: what all such networks share."""

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from seqvision.attention.glimpse import GlimpseSensor, Scene
from seqvision.autocast import in_float32
from seqvision.errors import expect_above_zero

Policy: TypeAlias = Literal["learnt", "random", "centre"]


class Reading(NamedTuple):
    """What a reader did and found, look by look.

    logits     scores of the classes after each look, (batch, looks, classes)
    places     where it looked: x and y from −1 to 1, (batch, looks, 2)
    log_p      the log-density of the drawn place, (batch, looks); zeros where nothing was drawn
    baselines  the reward that it expected before each look, (batch, looks)
    """

    logits: Tensor
    places: Tensor
    log_p: Tensor
    baselines: Tensor


class Locator(nn.Module):
    """The mean of the next place and the log of its spread, from a vector.

    spread: the standard deviation of a drawn place on either axis, half a picture's side being 1. learnt: the network
    says it for every look, `spread` being where it begins.
    """

    own_start = ("output",)  # looks begin in the middle

    def __init__(self, inputs: int, *, hidden_size: int = 128, spread: int | float = 0.1, learnt: bool = False):
        super().__init__()
        expect_above_zero(spread=spread)
        self.learnt = learnt
        self.hidden = nn.Linear(inputs, hidden_size)
        self.output = nn.Linear(hidden_size, 4 if learnt else 2)
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.zeros_(self.output.bias)
        self.log_spread = math.log(spread)

    @in_float32
    def forward(
        self, vector: Float[Tensor, "batch inputs"]
    ) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, "batch 2"]]:
        out = self.output(torch.relu(self.hidden(vector)))
        mean = bounded(out[:, :2])
        log_spread = self.log_spread + (out[:, 2:] if self.learnt else torch.zeros_like(mean))
        return mean, log_spread


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        ctx.save_for_backward(value)
        return value.clamp(-1, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (value,), (gradient,) = ctx.saved_tensors, gradients
        return gradient * ((value.abs() <= 1) | (value * gradient > 0))


def bounded(value: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The value, cut off at -1 and 1. Beyond these only gradients whose descent leads back pass: with a tanh, or where
    none passes, a place that once went to the edge would stay there.
    """
    out: Tensor = _Bounded.apply(value)
    return out


class Reader(nn.Module):
    """A picture in, scores of the classes of what is in it out, symbol after symbol.

    classes: how many there are. looks: how many an object gets. objects: how many labels a picture has at most, an end
    mark counted. sensor: what one look sees. policy: "learnt" by the locator; "random" places, drawn evenly; "centre"
    all the time: the controls.
    """

    classes: int
    looks: int
    objects: int
    policy: Policy
    sensor: GlimpseSensor

    def forward(
        self,
        pictures: Shaped[Tensor, "batch channels height width"],
        sizes: Int[Tensor, "batch 2"] | None = None,
        *,
        sample: bool = False,
    ) -> Reading:
        """What is read of pictures, whose height and width are `sizes` where they differ. sample: draws places."""
        raise NotImplementedError


class GlimpseReader(Reader):
    """A subclass says how a patch and its place change the state (`begin`, `look`); where to look next is decided here.

    `sample` draws places; without it the reader looks at the mean of each (of random ones there is no mean: they are
    drawn all the same). The classes' loss does not reach the locator, and the policy's trains the locator and what
    makes its vector, as far as a subclass lets it through; the baseline trains itself alone. Where the policy is not
    learnt neither locator nor baseline is trained.
    """

    locator: Locator
    baseline: nn.Linear

    def choose(self, inputs: int, *, policy: Policy, spread: int | float, learnt_spread: bool) -> None:
        """Makes what decides where to look, from a vector of so many inputs."""
        self.policy = policy
        self.locator = Locator(inputs, spread=spread, learnt=learnt_spread)
        self.baseline = nn.Linear(inputs, 1)
        for part in (self.locator, self.baseline):
            part.requires_grad_(policy == "learnt")

    def led(self) -> list[nn.Module]:
        """What stands before the locator and learns by the policy alone."""
        return []

    def begin(self, scene: Scene) -> tuple[Any, Float[Tensor, "batch vector"]]:
        """The state before the first look, and the vector that says where that goes."""
        raise NotImplementedError

    def look(
        self, patches: Float[Tensor, "batch scales channels size size"], places: Float[Tensor, "batch 2"], state: Any
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch vector"], Any]:
        """Scores of the classes, the vector that says where to look next, and the state, after one more look."""
        raise NotImplementedError

    def forward(
        self,
        pictures: Shaped[Tensor, "batch channels height width"],
        sizes: Int[Tensor, "batch 2"] | None = None,
        *,
        sample: bool = False,
    ) -> Reading:
        scene = self.sensor.scene(pictures, sizes)
        state, vector = self.begin(scene)
        rows = []
        for _ in range(self.looks * self.objects):
            places, log_p = self._place(vector, sample)
            baselines = self.baseline(vector.detach()).squeeze(1)
            scores, vector, state = self.look(self.sensor(scene, places), places, state)
            rows.append((scores, places, log_p, baselines))
        return Reading(*(torch.stack(column, dim=1) for column in zip(*rows, strict=True)))

    def _place(
        self, vector: Float[Tensor, "batch vector"], sample: bool
    ) -> tuple[Float[Tensor, "batch 2"], Float[Tensor, " batch"]]:
        nothing = vector.new_zeros(len(vector))
        if self.policy == "random":
            return torch.rand(len(vector), 2, device=vector.device) * 2 - 1, nothing
        if self.policy == "centre":
            return vector.new_zeros(len(vector), 2), nothing
        mean, log_spread = self.locator(vector)
        if not sample:
            return mean.detach(), nothing
        with torch.no_grad():
            drawn = mean + log_spread.exp() * torch.randn_like(mean)
        # the density is that of what was drawn, though one looks no further than the edge
        return drawn.clamp(-1, 1), log_density(drawn, mean, log_spread)


@in_float32
def log_density(
    drawn: Float[Tensor, "*#batch 2"], mean: Float[Tensor, "*#batch 2"], log_spread: Float[Tensor, "*#batch 2"]
) -> Float[Tensor, " *batch"]:
    """The log of a Gaussian's density with independent axes."""
    standard = (drawn - mean) / log_spread.exp()
    return (-0.5 * standard.square() - log_spread - 0.5 * math.log(2 * math.pi)).sum(dim=-1)
