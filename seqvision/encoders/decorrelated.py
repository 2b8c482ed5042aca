"""Decorrelated batch normalisation: channels of a batch made independent of one another, not only of one size."""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seqvision.autocast import in_float32
from seqvision.errors import UserError

METHODS = ("zca", "newton")


class DecorrelatedBatchNorm(nn.Module):
    """The input with mean 0 and covariance I over the batch and all places, then each channel's gain and bias.

    Whitening is of the ZCA kind, x̂ = Σ^(-1/2) (x − μ), which of all whitenings stays nearest to x (Huang, Yang, Lang
    and Deng, 2018, Decorrelated Batch Normalization, equations 3 to 5), within groups of neighbouring channels. Like
    batch norm it uses the batch's μ and Σ in training, and their running averages in evaluation: those of Σ, which has
    no bias in small batches, and not of its root. Where several processes train together, μ and Σ are those of all of
    their samples, which a covariance needs more than a variance does.

    Args:
        channels: C
        group_size: channels that are whitened together; the largest divisor of C that is not above it. A batch should
            have many more samples (pictures times places) than that.
        method: "zca" by eigenvalues, exact; "newton" by Newton's iterations for Σ^(-1/2), which stop short of
            whitening the weakest directions and are quicker on a GPU (Huang, Zhou, Zhu, Liu and Shao, 2019, IterNorm,
            equations 5 to 7)
        iterations: of Newton's method
        eps: added to every variance: directions that hardly vary more are not blown up to 1
        momentum: the weight of a new batch in the running averages
        affine: gain and bias (`weight`, `bias`), 1 and 0 at first

    Shapes: (batch, C) or (batch, C, *places). Raises ValueError for a training batch of one sample.
    """

    running_mean: Tensor
    running_covariance: Tensor

    def __init__(
        self,
        channels: int,
        *,
        group_size: int = 16,
        method: str = "zca",
        iterations: int = 5,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__()
        if method not in METHODS:
            raise UserError(f"decorrelated norm: method is {method!r}; expected 'zca' or 'newton'")
        if group_size < 1 or iterations < 1:
            raise UserError(
                f"decorrelated norm: group_size is {group_size} and iterations {iterations}; expected 1 or more of each"
            )
        self.channels, self.method, self.iterations = channels, method, iterations
        self.group_size = next(size for size in range(min(group_size, channels), 0, -1) if channels % size == 0)
        self.eps, self.momentum = eps, momentum
        groups = channels // self.group_size
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_covariance", torch.eye(self.group_size).repeat(groups, 1, 1))

    def forward(self, x: Float[Tensor, "batch channels *places"]) -> Float[Tensor, "batch channels *places"]:
        return self._normalised(x).to(x.dtype)

    @in_float32
    def _normalised(self, x: Float[Tensor, "batch channels *places"]) -> Float[Tensor, "batch channels *places"]:
        channels_first = x.to(self.running_mean.dtype).transpose(0, 1)  # eigenvalues want more than half precision
        flat = channels_first.reshape(self.channels, -1)
        whitened = self.whiten(flat).reshape(self.channels, -1)
        if self.weight is not None and self.bias is not None:
            whitened = whitened * self.weight.unsqueeze(1) + self.bias.unsqueeze(1)
        return whitened.reshape(channels_first.shape).transpose(0, 1)

    def whiten(self, flat: Float[Tensor, "channels samples"]) -> Float[Tensor, "groups size samples"]:
        """The samples without mean and correlation, group by group; in training the running averages move."""
        if not self.training:
            centred = (flat - self.running_mean.unsqueeze(1)).unflatten(0, (-1, self.group_size))
            return self.inverse_root(self.running_covariance) @ centred
        several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        number = flat.new_tensor(flat.shape[1])
        samples = int(_SumOverRanks.apply(number)) if several else flat.shape[1]
        if samples < 2:
            raise ValueError(f"decorrelated norm: {samples} sample in training; expected at least two values a channel")
        mean = _SumOverRanks.apply(flat.sum(dim=1)) / samples if several else flat.mean(dim=1)
        centred = (flat - mean.unsqueeze(1)).unflatten(0, (-1, self.group_size))
        products = centred @ centred.mT
        covariance = (_SumOverRanks.apply(products) if several else products) / samples
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_covariance.lerp_(covariance * (samples / (samples - 1)), self.momentum)
        return self.inverse_root(covariance) @ centred

    def inverse_root(self, covariance: Float[Tensor, "groups size size"]) -> Float[Tensor, "groups size size"]:
        """(Σ + eps I)^(-1/2), as `method` says."""
        regular = covariance + self.eps * torch.eye(self.group_size, dtype=covariance.dtype, device=covariance.device)
        if self.method == "newton":
            return newton_inverse_root(regular, self.iterations)
        root: Tensor = _InverseRoot.apply(regular, self.eps)
        return root

    def extra_repr(self) -> str:
        how = f"newton, iterations={self.iterations}" if self.method == "newton" else "zca"
        return f"{self.channels}, group_size={self.group_size}, method={how}, eps={self.eps}, momentum={self.momentum}"


def newton_inverse_root(
    matrix: Float[Tensor, "groups size size"], iterations: int
) -> Float[Tensor, "groups size size"]:
    """Nearly Σ^(-1/2): P ← (3P − P³A)/2 from P = I with A = Σ/tr Σ, then P/√tr Σ (Huang et al., 2019, equations 5 to
    7). In the coupled form, Q = AP beside P, which comes to the same but does not pile up rounding errors (Higham,
    2008, Functions of Matrices, section 6.7).
    """
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    scaled = matrix / trace  # all eigenvalues in (0, 1]: the iterations converge
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
    root, times_matrix = one, scaled
    for _ in range(iterations):
        change = 1.5 * one - 0.5 * root @ times_matrix
        root, times_matrix = change @ root, times_matrix @ change
    return root / trace.sqrt()


class _SumOverRanks(torch.autograd.Function):
    """The sum over all processes, to which each one's share is as dear as the others': so is its gradient."""

    @staticmethod
    def forward(ctx: Any, share: Tensor) -> Tensor:
        total = share.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class _InverseRoot(torch.autograd.Function):
    """Σ^(-1/2) of symmetric positive matrices.

    Its derivative by the divided differences of λ^(-1/2) (Daleckii and Krein, 1965), which stay finite where two
    eigenvalues are equal; differentiating eigenvectors divides by λi − λj instead.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, smallest: float) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        roots = values.clamp(min=smallest).rsqrt()  # rounding may have made one negative
        ctx.save_for_backward(roots, vectors)
        return (vectors * roots.unsqueeze(-2)) @ vectors.mT

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        roots, vectors = ctx.saved_tensors
        row, column = roots.unsqueeze(-1), roots.unsqueeze(-2)
        # (λi^(-1/2) − λj^(-1/2)) / (λi − λj), written without the difference
        divided = -((row * column) ** 2) / (row + column)
        return vectors @ (divided * (vectors.mT @ gradient @ vectors)) @ vectors.mT, None
