"""An encoder that is a plain stack of stages."""

from jaxtyping import Float
from torch import Tensor, nn

from seqvision.encoders.base import Encoder


class StackEncoder(Encoder):
    """Features of the chosen stages of a network that runs one stage after the other.

    A subclass sets `network`, the stages up to the last chosen one, and `stages`, the chosen ones in order.
    """

    network: nn.ModuleList
    stages: tuple[int, ...]

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        found, x = [], pixels
        for index, stage in enumerate(self.network):
            x = stage(x)
            if index in self.stages:
                found.append(x)
        return found

    def stage_modules(self) -> list[list[nn.Module]]:
        return [list(stage.modules()) for stage in self.network]
