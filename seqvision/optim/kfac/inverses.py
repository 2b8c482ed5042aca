"""From two Kronecker factors to the inverse of their product with damping, in one of two ways.

A factor is a symmetric matrix, or a vector that is the diagonal of one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from seqvision.devices import widened


class Inverse:
    """`prepare` makes of the factors what `apply` multiplies a gradient with. Both in double precision where the device
    has it: a factor's smallest eigenvalues are far below its largest.
    """

    def prepare(self, a: Tensor, g: Tensor, damping: float) -> list[Tensor]:
        """What `apply` needs of A and G. torch.linalg.LinAlgError where they are not finite."""
        raise NotImplementedError

    def shapes(self, a: Tensor, g: Tensor) -> list[torch.Size]:
        """Those of what `prepare` gives."""
        raise NotImplementedError

    def apply(self, parts: Sequence[Tensor], gradient: Tensor, damping: float) -> Tensor:
        """The inverse times the gradient (outputs, inputs), as such a matrix."""
        raise NotImplementedError


class Factored(Inverse):
    """((A + π √λ I) ⊗ (G + √λ / π I))⁻¹: each factor has its share of the damping λ, in proportion to its size,
    π² = (tr A / dim A) / (tr G / dim G) (Martens and Grosse, 2015, section 6.3). Two Cholesky factorisations.
    """

    def prepare(self, a: Tensor, g: Tensor, damping: float) -> list[Tensor]:
        mean_a, mean_g = (_diagonal(factor).double().mean().clamp(min=1e-30) for factor in (a.cpu(), g.cpu()))
        pi = float((mean_a / mean_g).sqrt())
        root = damping**0.5
        return [_inverted(a, root * pi), _inverted(g, root / pi)]

    def shapes(self, a: Tensor, g: Tensor) -> list[torch.Size]:
        return [a.shape, g.shape]

    def apply(self, parts: Sequence[Tensor], gradient: Tensor, damping: float) -> Tensor:
        a, g = parts
        left = gradient * g.unsqueeze(1) if g.dim() == 1 else g @ gradient
        return left * a if a.dim() == 1 else left @ a


class Exact(Inverse):
    """(A ⊗ G + λ I)⁻¹, in the eigenbases of both: the gradient there, divided by (the product of the eigenvalues + λ)
    (Martens and Grosse, 2015, appendix B). Two eigendecompositions, some ten times as long as `Factored`.
    """

    def prepare(self, a: Tensor, g: Tensor, damping: float) -> list[Tensor]:
        return [*_eigen(a), *_eigen(g)]

    def shapes(self, a: Tensor, g: Tensor) -> list[torch.Size]:
        return [shape for factor in (a, g) for shape in (factor.shape[:1], factor.shape)]

    def apply(self, parts: Sequence[Tensor], gradient: Tensor, damping: float) -> Tensor:
        values_a, basis_a, values_g, basis_g = parts
        there = gradient if basis_g.dim() == 1 else basis_g.mT @ gradient
        there = there if basis_a.dim() == 1 else there @ basis_a
        there = there / (torch.outer(values_g, values_a) + damping)
        back = there if basis_g.dim() == 1 else basis_g @ there
        return back if basis_a.dim() == 1 else back @ basis_a.mT


def _diagonal(factor: Tensor) -> Tensor:
    return factor if factor.dim() == 1 else factor.diagonal()


def _precise(factor: Tensor) -> Tensor:
    return widened(factor)


def _inverted(factor: Tensor, damping: float) -> Tensor:
    precise = _precise(factor).clone()
    if factor.dim() == 1:
        return precise.add_(damping).reciprocal().to(factor.dtype)
    precise.diagonal().add_(damping)
    return torch.cholesky_inverse(torch.linalg.cholesky(precise)).to(factor.dtype)


def _eigen(factor: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors; of a diagonal itself and ones, which stand for a basis that nothing turns."""
    if factor.dim() == 1:
        return factor, torch.ones_like(factor)
    values, vectors = torch.linalg.eigh(_precise(factor))
    return values.clamp(min=0).to(factor.dtype), vectors.to(factor.dtype)
