"""Layers whose curvature has two Kronecker factors: what goes in and what comes back, as rows of two matrices.

The gradient of a layer's weights is W' = Σ_r g_r a_rᵀ over all rows r at which the layer is used: the batch's items,
the steps of a recurrence, the places of a convolution. a_r is what went in, with a 1 behind it where there is a bias,
and g_r the gradient of the summed loss with respect to what came out.
"""

from collections import Counter
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from seqvision.rnn import DropConnect


class Layer:
    """A module and the sums of one step's rows: Σ a aᵀ and Σ g gᵀ, or their diagonals, and the number of rows.

    A row with g = 0 exactly is none: padding, and what no loss has seen. A side longer than `max_size` keeps the
    diagonal alone.
    """

    module: nn.Module
    sides: tuple[int, int]  # numbers in a and in g
    diagonal: tuple[bool, bool]

    def __init__(self, module: nn.Module, sides: tuple[int, int], *, max_size: int):
        self.module = module
        self.sides = sides
        self.diagonal = (sides[0] > max_size, sides[1] > max_size)
        self._heard: list[tuple[Tensor, Tensor]] = []
        self._sums: list[Tensor] | None = None
        self._waiting = 0

    def hear(self, x: Tensor, gradient: Tensor) -> None:
        """Takes in one call's input and the gradient of its output."""
        self._heard.append((x, gradient))
        self._waiting += gradient.numel()
        if self._waiting > 2**22:  # steps of a recurrence are summed together; large maps are not kept that long
            self._digest()

    def take(self, like: Tensor) -> list[Tensor]:
        """The sums of all that was heard since the last time: of a, of g, and the number of rows, as tensors."""
        self._digest()
        sums, self._sums = self._sums, None
        return self._zeros(like) if sums is None else sums

    def _zeros(self, like: Tensor) -> list[Tensor]:
        shapes = [(n,) if thin else (n, n) for n, thin in zip(self.sides, self.diagonal, strict=True)]
        return [like.new_zeros(shape) for shape in [*shapes, ()]]

    @torch.no_grad()
    def _digest(self) -> None:
        if not self._heard:
            return
        pairs = [self.rows(x, gradient) for x, gradient in self._heard]
        self._heard, self._waiting = [], 0
        inputs, gradients = (torch.cat(column) for column in zip(*pairs, strict=True))
        gradients = gradients.to(torch.promote_types(gradients.dtype, torch.float32))
        there = gradients.any(dim=1)
        outer = self._outer(gradients, thin=self.diagonal[1])
        sums = [self.input_sum(inputs, there, gradients), outer, there.sum().to(gradients)]
        self._sums = sums if self._sums is None else [a + b for a, b in zip(self._sums, sums, strict=True)]

    def rows(self, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """One call's a, or what they are made of, and g, a row each."""
        raise NotImplementedError

    def input_sum(self, inputs: Tensor, there: Bool[Tensor, " rows"], like: Tensor) -> Tensor:
        """Σ a aᵀ over the rows that are there."""
        a = inputs.to(like.dtype) * there.unsqueeze(1)
        if self.sides[0] > a.shape[1]:
            a = torch.cat([a, there.unsqueeze(1).to(a)], dim=1)
        return self._outer(a, thin=self.diagonal[0])

    @staticmethod
    def _outer(rows: Float[Tensor, "rows side"], *, thin: bool) -> Tensor:
        return rows.square().sum(dim=0) if thin else rows.mT @ rows

    def parameters(self) -> list[nn.Parameter]:
        """The weight and, where it is trained, the bias."""
        bias = self.module.bias if hasattr(self.module, "bias") else None
        return [p for p in (self.module.weight, bias) if isinstance(p, nn.Parameter) and p.requires_grad]

    def gradient(self) -> Float[Tensor, "outputs inputs"] | None:
        """The weights' gradient as a matrix, the bias's in its last column; None if there is none."""
        weight, *bias = (p.grad for p in self.parameters())
        if weight is None:
            return None
        matrix = weight.flatten(1)
        return torch.cat([matrix, *(b.unsqueeze(1) for b in bias if b is not None)], dim=1) if bias else matrix

    def put(self, matrix: Float[Tensor, "outputs inputs"]) -> None:
        """Writes such a matrix where the gradient stood."""
        weight, *bias = self.parameters()
        assert weight.grad is not None
        weight.grad.copy_(matrix[:, : weight[0].numel()].reshape(weight.shape))
        for each in bias:
            assert each.grad is not None
            each.grad.copy_(matrix[:, -1])


class LinearLayer(Layer):
    """A matrix, at every step or place where it is used: a recurrence's own as well."""

    module: nn.Linear

    def __init__(self, module: nn.Linear, *, max_size: int):
        sides = (module.in_features + _trained(module.bias), module.out_features)
        super().__init__(module, sides, max_size=max_size)

    def rows(self, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return x.reshape(-1, x.shape[-1]), gradient.reshape(-1, gradient.shape[-1])


class ConvolutionLayer(Layer):
    """A filter bank: each place is a row, the patch under the filters is a (Grosse and Martens, 2016)."""

    module: nn.Conv2d

    def __init__(self, module: nn.Conv2d, *, max_size: int):
        sides = (module.weight[0].numel() + _trained(module.bias), module.out_channels)
        super().__init__(module, sides, max_size=max_size)

    def rows(self, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        conv = self.module
        around = conv._reversed_padding_repeated_twice if isinstance(conv.padding, str) else [0, 0, 0, 0]
        padding = (0, 0) if isinstance(conv.padding, str) else conv.padding
        patches = F.unfold(F.pad(x, around), conv.kernel_size, conv.dilation, padding, conv.stride)
        return patches.mT.flatten(0, 1), gradient.flatten(2).mT.flatten(0, 1)


class EmbeddingLayer(Layer):
    """A table of vectors: a is 1 at the word and 0 elsewhere, so that Σ a aᵀ is diagonal, the words' frequencies."""

    module: nn.Embedding

    def __init__(self, module: nn.Embedding, *, max_size: int):
        super().__init__(module, (module.num_embeddings, module.embedding_dim), max_size=max_size)
        self.diagonal = (True, self.diagonal[1])

    def rows(self, x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return x.reshape(-1), gradient.reshape(-1, gradient.shape[-1])

    def input_sum(self, inputs: Tensor, there: Bool[Tensor, " rows"], like: Tensor) -> Tensor:
        return like.new_zeros(self.sides[0]).index_add_(0, inputs, there.to(like))

    def gradient(self) -> Float[Tensor, "outputs inputs"] | None:
        return None if self.module.weight.grad is None else self.module.weight.grad.mT

    def put(self, matrix: Float[Tensor, "outputs inputs"]) -> None:
        assert self.module.weight.grad is not None
        self.module.weight.grad.copy_(matrix.mT)


KINDS: dict[type[nn.Module], Callable[..., Layer]] = {  # exactly these: a subclass may compute something else
    nn.Linear: LinearLayer,
    DropConnect: LinearLayer,
    nn.Conv2d: ConvolutionLayer,
    nn.Embedding: EmbeddingLayer,
}


def find_layers(model: nn.Module, *, max_size: int) -> tuple[dict[str, Layer], dict[str, int]]:
    """The model's layers by name; and, by module, the number of trainable parameters that are in none: gains, tables
    that are an output layer's matrix as well, filters in groups.
    """
    uses = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    layers, rest = {}, {}
    for name, module in model.named_modules():
        trained = [p for p in module.parameters(recurse=False) if p.requires_grad]
        kind = KINDS.get(type(module))
        if isinstance(module, nn.Conv2d) and (module.groups > 1 or module.padding_mode != "zeros"):
            kind = None
        if kind and any(p is module.weight for p in trained) and all(uses[id(p)] == 1 for p in trained):
            layers[name] = kind(module, max_size=max_size)
        elif trained:
            rest[name or type(model).__name__] = sum(p.numel() for p in trained)
    return layers, rest


def _trained(bias: Tensor | None) -> int:
    return int(bias is not None and bias.requires_grad)
