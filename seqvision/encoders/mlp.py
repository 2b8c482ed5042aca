"""A front of several fully connected layers: depth, activations and normalisation by themselves."""

from collections.abc import Callable

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from seqvision.encoders.fronts import LinearFront
from seqvision.errors import UserError

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}
NORMS: dict[str, Callable[[int], nn.Module]] = {"none": nn.Identity, "batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLPFront(LinearFront):
    """Features scaled by what is measured of them in training, then `depth` layers of `size` units, each linear,
    normalised, squashed and thinned out by dropout.

    scaling: of the features, see `LinearFront`.
    norm: "batch" over the frames of a batch that belong to a sequence (Ioffe and Szegedy, 2015), "layer" over the units
        of a frame (Ba, Kiros and Hinton, 2016), or "none".

    UserError for a depth below 1, or an activation or a norm that there is not.
    """

    def __init__(
        self,
        features: int,
        *,
        size: int = 128,
        depth: int = 2,
        activation: str = "relu",
        norm: str = "none",
        dropout: float | int = 0.0,
        scaling: str = "standard",
    ):
        super().__init__(features, size=None, scaling=scaling)
        if depth < 1 or activation not in ACTIVATIONS or norm not in NORMS:
            raise UserError(
                f"front: depth is {depth}, activation {activation!r} and norm {norm!r}; expected a depth of 1 or more, "
                f"one of {', '.join(ACTIVATIONS)}, and one of {', '.join(NORMS)}"
            )
        layers = [
            nn.Sequential(nn.Linear(inputs, size), NORMS[norm](size), ACTIVATIONS[activation](), nn.Dropout(dropout))
            for inputs in [features, *[size] * (depth - 1)]
        ]
        self.layers = nn.Sequential(*layers)
        self.output_size = size

    def forward(
        self, frames: Float[Tensor, "batch time features"], valid: Shaped[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time size"]:
        found = self.layers(super().forward(frames, valid)[valid])  # padding is no part of a batch's statistics
        vectors = found.new_zeros((*valid.shape, self.output_size))
        vectors[valid] = found
        return vectors
