"""What every encoder shares: pixels made ready, features put into one form, stages frozen in one way."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from seqvision.encoders.average import average_pool
from seqvision.encoders.normalisation import Norm, swap_norms
from seqvision.errors import UserError

Trainable = str | int  # "all", "none", or the number of last stages

# Rec. 601 luma, what PIL's convert("L") uses
GREY = (0.299, 0.587, 0.114)


class Encoder(nn.Module):
    """A picture's features: a vector (B, C) if `pooled`, else a map (B, H', W', C).

    A subclass builds its network, defines `maps` and `stage_modules`, and ends its `__init__` with `complete`.

    Attributes:
        image_size: height and width in pixels that the encoder was built and tried for
        in_channels: 3 or 1, what the network itself sees; pictures of the other kind are converted
        feature_size: C
        grid: a pooled vector is the average over each cell of a grid x grid division, one cell after the other
            (1: one average over the whole map); 2 or more keeps roughly where things are
        mean, std: buffers (in_channels, 1, 1) for pixels in [0, 1]; part of the weights, stored with them
    """

    mean: Tensor
    std: Tensor
    feature_size: int

    def __init__(
        self,
        *,
        image_size: int,
        in_channels: int = 3,
        pooled: bool = False,
        grid: int = 1,
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
    ) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise UserError(f"encoder: in_channels is {in_channels}; expected 3 (colour) or 1 (grey)")
        if grid < 1 or (grid > 1 and not pooled):
            raise UserError(f"encoder: grid is {grid} with pooled={pooled}; a grid above 1 needs pooled=true")
        self.image_size, self.in_channels, self.pooled, self.grid = image_size, in_channels, pooled, grid
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, self._by_channel(values))
        self._frozen_modules: list[nn.Module] = []
        self._trainable: Trainable = "all"
        self._pretrained = False  # whether weights of the network's own normalisation are in it
        self._restored = False  # whether all weights are those of an encoder like this one
        self._keeps_statistics = False

    # --- what a subclass gives

    def maps(self, pixels: Float[Tensor, "batch channels height width"]) -> list[Tensor]:
        """The maps (B, C_i, H_i, W_i) that make the features, in the order of the network; the last sets the size."""
        raise NotImplementedError

    def stage_modules(self) -> list[list[nn.Module]]:
        """Every module of the network, containers included, by stage, the first stage next to the pixels."""
        raise NotImplementedError

    def complete(
        self,
        trainable: Trainable,
        *,
        weights: Mapping[str, Tensor] | None = None,
        norm: Norm | None = None,
    ) -> None:
        """Exchange the normalisation, try the network on one empty picture, learn the feature size, load `weights`,
        freeze stages.

        weights: the state dict of a whole encoder. norm: None for the network's own.
        """
        self.swap_norms(norm)
        try:
            maps = self._probe(self.image_size)
        except (RuntimeError, ValueError, AssertionError) as error:
            raise self.misfit(error) from error
        if any(m.dim() != 4 for m in maps):
            raise UserError(f"{self}: the network gives no feature map but {[tuple(m.shape) for m in maps]}")
        self._drop_unused()
        if weights is not None:
            try:
                self.load_state_dict(weights)
            except RuntimeError as error:
                raise UserError(f"{self}: the weights are those of an encoder with other settings: {error}") from error
            self._restored = True
        self.feature_size = sum(m.shape[1] for m in maps) * self.grid**2
        self.set_trainable(trainable)

    def swap_norms(self, norm: Norm | None) -> None:
        """From here on the network normalises in this way (see `make_norm`); None leaves it as it is.

        Refused where the network has weights from elsewhere, which fit the normalisation that they were learnt with.
        """
        if norm is not None and swap_norms(self, norm, what=str(self)) and self._pretrained:
            raise UserError(
                f"{self}: norm is {norm!r}, but the weights were learnt with another normalisation and would be worth "
                "nothing; set norm to null (the network's own), or weights to null (from scratch)"
            )

    def smallest_size(self) -> int | None:
        """The smallest picture above `image_size` that the network can take, up to 512 pixels, for error messages."""
        return next((size for size in range(self.image_size + 1, 513) if self.takes(size)), None)

    def misfit(self, error: Exception) -> UserError:
        """What to tell the user when the network cannot take `image_size`."""
        size = self.smallest_size()
        hint = f"the smallest size above it that works is {size}" if size else "no size up to 512 works"
        return UserError(
            f"{self}: pictures of {self.image_size} x {self.image_size} pixels do not fit this network ({error}); "
            f"{hint}: set image_size, or choose another network"
        )

    # --- what everyone uses

    def forward(self, images: Shaped[Tensor, "batch channels height width"]) -> Float[Tensor, "batch *places features"]:
        """Features of uint8 pictures, or of floats in [0, 1]."""
        maps = self.maps(self.prepare(images))
        if self.pooled:
            # one cell after the other, each with all channels
            cells = [average_pool(m, self.grid, self.grid) for m in maps]
            return torch.cat([cell.permute(0, 2, 3, 1).flatten(1) for cell in cells], dim=1)
        size = (maps[-1].shape[-2], maps[-1].shape[-1])
        maps = [m if m.shape[-2:] == size else average_pool(m, *size) for m in maps]
        return (maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)).permute(0, 2, 3, 1)

    def prepare(
        self, images: Shaped[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels2 height width"]:
        """Pixels as the network wants them: in [0, 1], its number of channels, minus the mean, over the deviation."""
        channels = images.shape[1]
        if channels not in (1, 3):
            raise ValueError(f"images of shape {tuple(images.shape)}: expected (batch, 3 or 1 channels, height, width)")
        pixels = images.to(self.mean.dtype)
        if images.dtype == torch.uint8:
            pixels = pixels / 255
        elif not images.is_floating_point():
            raise ValueError(f"images of {images.dtype}: expected uint8, or floats in [0, 1]")
        if channels == 1 and self.in_channels == 3:
            pixels = pixels.expand(-1, 3, -1, -1)
        elif channels == 3 and self.in_channels == 1:
            red, green, blue = pixels.unbind(1)
            pixels = (GREY[0] * red + GREY[1] * green + GREY[2] * blue).unsqueeze(1)
        # a tenth faster than the default layout on a CPU, and what tensor cores want
        return ((pixels - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def map_size(self, image_size: int | None = None) -> tuple[int, int]:
        """Height and width of the map (before pooling) for square pictures of `image_size` pixels."""
        height, width = self._probe(image_size or self.image_size)[-1].shape[-2:]
        return height, width

    @property
    def frozen_modules(self) -> list[nn.Module]:
        """The modules of the stages that do not train."""
        return list(self._frozen_modules)

    @property
    def frozen(self) -> bool:
        """True when no parameter trains, so that features may be computed once and kept."""
        return not any(parameter.requires_grad for parameter in self.parameters())

    def fixed(self) -> "Encoder | None":
        """The part of it that gives the same features in every epoch, which may be kept: all of a frozen encoder; None
        where there is no such part. `finish` does the rest.
        """
        return self if self.frozen else None

    def finish(self, features: Float[Tensor, "batch *places fixed"]) -> Float[Tensor, "batch *places features"]:
        """The encoder's features, from those of its `fixed` part."""
        return features

    def scale(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """From here on pixels, in [0, 1], are taken minus this mean and over this deviation, a value a channel."""
        self.mean.copy_(self._by_channel(mean))
        self.std.copy_(self._by_channel(std))

    def _by_channel(self, values: Sequence[float]) -> Float[Tensor, "channels 1 1"]:
        if len(values) != self.in_channels:  # a colour network's statistics used for grey, or one value for all
            values = [sum(values) / len(values)] * self.in_channels
        return torch.tensor([float(value) for value in values]).view(-1, 1, 1)

    @property
    def loaded(self) -> bool:
        """True when the weights came from a file or a package: no start of training's own making."""
        return self._pretrained or self._restored

    @property
    def trainable(self) -> Trainable:
        """What was last said of its training: "all", "none", "each" of a fusion, or the number of last stages."""
        return self._trainable

    @property
    def learning_stages(self) -> int:
        """How many stages train, those without parameters aside."""
        return sum(
            any(p.requires_grad for m in stage for p in m._parameters.values() if p is not None)
            for stage in self.stage_modules()
        )

    def set_trainable(self, trainable: Trainable) -> None:
        """Let "all", "none" or the last n stages train.

        A frozen stage gets no gradient and stays in evaluation mode whatever `train()` says: its batch norm neither
        uses nor updates batch statistics, its dropout is off.
        """
        self._trainable = trainable
        stages = self.stage_modules()
        learning = [i for i, stage in enumerate(stages) if any(m._parameters for m in stage)]  # not a pooling alone
        count = {"all": len(learning), "none": 0}.get(trainable, trainable) if isinstance(trainable, str) else trainable
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= len(learning):
            raise UserError(
                f"{self}: trainable is {trainable!r}; expected 'all', 'none' or a number of last stages from 0 to "
                f"{len(learning)}"
            )
        # the first of the stages that train; "all" has no border
        border = 0 if count == len(learning) else learning[-count] if count else len(stages)
        self._frozen_modules = [module for stage in stages[:border] for module in stage]
        for index, stage in enumerate(stages):
            for module in stage:
                for parameter in module.parameters(recurse=False):
                    parameter.requires_grad_(index >= border)
        self.train(self.training)

    def keep_statistics(self) -> None:
        """From here on batch norm takes the means and variances that it has kept, in training too, and leaves them as
        they are; its gains and biases go on learning. Weights that were learnt with those are not upset by the other
        ones of a small batch.
        """
        self._keeps_statistics = True
        self.train(self.training)

    def train(self, mode: bool = True) -> "Encoder":
        """Switch what is not frozen to training mode."""
        super().train(mode)
        if self._keeps_statistics:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.training = False
        for module in self._frozen_modules:
            module.training = False
        return self

    def pretrained(self) -> str:
        """Where ImageNet weights are: "packaged" (with pip), "downloaded" before, in the "hub" alone, "none" there are,
        or "each" of several encoders has its own.
        """
        return "none"

    def takes(self, image_size: int) -> bool:
        """True when the network can take pictures of this size."""
        try:
            self._probe(image_size)
        except (RuntimeError, ValueError, AssertionError):
            return False
        return True

    def __str__(self) -> str:
        return type(self).__name__

    @torch.enable_grad()
    def _drop_unused(self) -> None:
        """Take out layers that no feature goes through, such as a classifier's: stored, they would never learn."""
        called: set[nn.Module] = set()
        handles = [m.register_forward_pre_hook(lambda module, _: called.add(module)) for m in self.modules()]
        parameters = list(self.parameters())
        training = self.training
        self.eval()
        maps = self.maps(self.mean.new_zeros(1, self.in_channels, self.image_size, self.image_size))
        gradients = torch.autograd.grad(sum(m.sum() for m in maps), parameters, allow_unused=True)  # type: ignore[arg-type]
        self.train(training)
        for handle in handles:
            handle.remove()
        used = {parameter for parameter, gradient in zip(parameters, gradients, strict=True) if gradient is not None}

        def drop(parent: nn.Module) -> None:
            for name, module in list(parent.named_children()):
                mine = set(module.parameters())
                if mine and not mine & used and not called & set(module.modules()):
                    setattr(parent, name, nn.Identity())
                else:
                    drop(module)

        drop(self)

    @torch.no_grad()
    def _probe(self, image_size: int) -> list[Tensor]:
        training = self.training
        self.eval()
        try:
            return self.maps(self.mean.new_zeros(1, self.in_channels, image_size, image_size))
        finally:
            self.train(training)


def encoder_of(model: nn.Module) -> Encoder | None:
    """The encoder that a network looks with, a fusion being one; None where it has none."""
    return next((module for module in model.modules() if isinstance(module, Encoder)), None)
