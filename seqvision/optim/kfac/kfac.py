"""K-FAC: gradients multiplied by the inverse of an approximate Fisher matrix, before any first-order optimiser."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqvision.errors import UserError
from seqvision.optim.closures import compares_losses
from seqvision.optim.kfac.inverses import Factored, Inverse
from seqvision.optim.kfac.layers import Layer, find_layers
from seqvision.optim.kfac.ranks import broadcast, number_of_ranks, own_rank, owners, sum_over_ranks
from seqvision.rnn.reference import reference_loops


class KFAC:
    """Turns the gradient ∇W of every layer into ν F⁻¹ ∇W, F being the layer's share of the Fisher matrix (Martens and
    Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature", 2015):

        F = 1/N Σ_n vec(W'_n) vec(W'_n)ᵀ ≈ A ⊗ G,  W'_n = Σ_r g_r a_rᵀ,
        A = 1/R Σ_r a_r a_rᵀ,  G = 1/N Σ_r g_r g_rᵀ,  F⁻¹ vec(∇W) = vec(G⁻¹ ∇W A⁻¹).

    n are the batch's N items over which the loss is a mean, r the R rows at which the layer is used: items, steps of a
    recurrence, places of a convolution. The rows' shares of a gradient are taken as independent of each other and, as
    everywhere, a of g: then F = 1/N Σ_r E[a aᵀ] ⊗ E[g gᵀ], which is A ⊗ G as above, factors summed over the steps. For
    recurrences this is Martens, Ba and Johnson, "Kronecker-factored Curvature Approximations for Recurrent Neural
    Networks" (2018), section 3.5.1, for convolutions Grosse and Martens (2016). Layers are independent of each other,
    too. The g are gradients of the loss itself, so that any loss will do: the empirical Fisher matrix.

    Both factors are running averages, A ← ε A + (1 − ε) A_batch with ε = min(decay, 1 − 1/k) in the k-th update, in
    several processes of the sums over all of them; a layer's inverse is computed by one of the processes and sent to
    the others. What is no matrix between vectors (gains of a normalisation, learnt states) keeps its gradient.

    damping: λ, by which the curvature is at least taken in every direction. inverse: how it enters, `Factored` by
        default.
    decay: of the running averages.
    factor_every, invert_every: in which optimiser steps factors and inverses are brought up to date. Only in the
        former do recurrences run their reference loop, where the cells' matrices can be watched.
    kl_clip: κ: ν = min(1, √(κ / Σ α² v·∇W)) over all layers, v = F⁻¹ ∇W and α the rate, so that a step changes the
        predictions by about κ/2 nats at most (Ba, Grosse and Martens, 2017, section 5). None: ν = 1.
    max_size: a longer side of a matrix, a vocabulary say, has the diagonal of its factor alone.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        damping: int | float = 1e-2,
        decay: int | float = 0.95,
        factor_every: int = 5,
        invert_every: int = 10,
        kl_clip: int | float | None = 1e-3,
        max_size: int = 2048,
        inverse: Inverse | None = None,
    ):
        if not damping > 0 or not 0 <= decay < 1 or factor_every < 1 or invert_every < 1:
            raise UserError(
                f"preconditioner: damping is {damping}, decay {decay}, factor_every {factor_every}, invert_every "
                f"{invert_every}; expected a damping above 0, a decay of 0 or more and below 1, and whole numbers of "
                "steps, 1 or more"
            )
        self.model = model
        self.damping, self.decay, self.kl_clip = float(damping), float(decay), kl_clip
        self.factor_every, self.invert_every = factor_every, invert_every
        self.inverse = Factored() if inverse is None else inverse
        self.layers, self.rest = find_layers(model, max_size=max_size)
        if not self.layers:
            raise UserError("preconditioner=kfac: the model has no trained layer with a matrix; leave it out")
        self.steps = 0
        self.updates: dict[str, int] = dict.fromkeys(self.layers, 0)
        self.factors: dict[str, list[Tensor]] = {}
        self.inverses: dict[str, list[Tensor]] = {}

    @staticmethod
    def check(optimizer: Optimizer, *, precision: str) -> None:
        """UserError where it cannot stand before this optimiser, or in this precision (Lightning's name)."""
        if compares_losses(optimizer):
            raise UserError(
                f"preconditioner=kfac stands before first-order optimisers, found {type(optimizer).__name__}, which "
                "has a curvature of its own; take optimizer=sgd (or momentum, adam, …), or preconditioner=none"
            )
        if precision in ("16-mixed", "16"):
            raise UserError(
                f"trainer.precision={precision}: float16's gradients are scaled, and preconditioner=kfac learns from "
                "gradients as they are; expected 32-true or bf16-mixed"
            )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """What runs the network within, and is differentiated later, is seen in the steps that update the factors."""
        if self.steps % self.factor_every:
            yield
            return
        with ExitStack() as stack:
            stack.enter_context(reference_loops(self.model))
            for layer in self.layers.values():
                stack.callback(layer.module.register_forward_hook(partial(_listen, layer)).remove)
            yield

    @torch.no_grad()
    def precondition(
        self,
        groups: Sequence[dict[str, Any]],
        *,
        count: Tensor,
        parts: int = 1,
        penalty: Callable[[nn.Module], Tensor] | None = None,
    ) -> None:
        """Replaces the gradients of all layers: those of the mean loss, over all ranks and accumulated batches.

        groups: an optimiser's, for their rates. count: N. parts: batches that were accumulated, by whose number each
        loss was divided before it was differentiated. penalty: of the weights, beside the mean loss: the one gradient
        that may reach a layer through which nothing went.
        """
        self._follow(count.device)
        if self.steps % self.factor_every == 0:
            self._update_factors(count, parts, penalty)
        if self.steps % self.invert_every == 0:
            self._invert()
        self.steps += 1
        rates = {id(parameter): float(group["lr"]) for group in groups for parameter in group["params"]}
        turned, products = [], []
        for name, inverse in self.inverses.items():
            layer = self.layers[name]
            gradient = layer.gradient()
            if gradient is not None:
                natural = self.inverse.apply(inverse, gradient.to(inverse[0].dtype), self.damping)
                turned.append((layer, natural))
                products.append(rates.get(id(layer.parameters()[0]), 0.0) ** 2 * (natural * gradient).sum())
        length = float(torch.stack(products).sum()) if products else 0.0
        clip = 1.0 if self.kl_clip is None or length <= self.kl_clip else (self.kl_clip / length) ** 0.5
        for layer, natural in turned:
            layer.put(natural.mul_(clip))

    def _update_factors(self, count: Tensor, parts: int, penalty: Callable[[nn.Module], Tensor] | None) -> None:
        first = next(p for layer in self.layers.values() for p in layer.parameters())
        like = first.to(torch.promote_types(first.dtype, torch.float32))
        sums = iter(sum_over_ranks([part for layer in self.layers.values() for part in layer.take(like)]))
        for (name, layer), a, g, rows in zip(self.layers.items(), sums, sums, sums, strict=True):
            if not rows:
                self._check_unseen(name, layer, penalty)
                continue
            new = [a / rows, g * (parts**2 / count.to(g).clamp(min=1))]
            self.updates[name] += 1
            keep = min(self.decay, 1 - 1 / self.updates[name])
            old = self.factors.get(name, new)
            self.factors[name] = [kept.lerp(fresh, 1 - keep) for kept, fresh in zip(old, new, strict=True)]

    def _check_unseen(self, name: str, layer: Layer, penalty: Callable[[nn.Module], Tensor] | None) -> None:
        """A UserError where a layer has a gradient, though it saw none, that is not the penalty's."""
        gradients = [parameter.grad for parameter in layer.parameters()]
        if not any(gradient is not None and gradient.any() for gradient in gradients):
            return
        if penalty is not None:
            with torch.enable_grad():
                known = torch.autograd.grad(penalty(self.model), layer.parameters(), materialize_grads=True)
            pairs = zip(gradients, known, strict=True)
            if all(found is None or torch.allclose(found, of.to(found), 1e-3, 1e-8) for found, of in pairs):
                return
        raise UserError(
            f"preconditioner=kfac: '{name}' has a gradient, but nothing was seen of what goes through it: it is "
            "computed elsewhere than in its module. A large vocabulary's scores are with loss.scores_at_once=1e12"
        )

    def _invert(self) -> None:
        names = list(self.factors)
        costs = [sum(len(f) ** 3 if f.dim() == 2 else len(f) for f in self.factors[name]) for name in names]
        whose = owners(costs, number_of_ranks())
        for rank in range(number_of_ranks()):
            mine = [name for name, owner in zip(names, whose, strict=True) if owner == rank]
            made = [self._inverse_of(name) if rank == own_rank() else self._room_for(name) for name in mine]
            sent = iter(broadcast([part for each in made for part in each], rank))
            for name, each in zip(mine, made, strict=True):
                self.inverses[name] = [next(sent) for _ in each]

    def _inverse_of(self, name: str) -> list[Tensor]:
        a, g = self.factors[name]
        try:
            return self.inverse.prepare(a, g, self.damping)
        except torch.linalg.LinAlgError as error:
            what = "are finite" if bool(a.isfinite().all() and g.isfinite().all()) else "are not finite: it diverges"
            raise UserError(
                f"preconditioner=kfac: the factors of '{name}' cannot be inverted in step {self.steps}, they {what}. "
                "Lower optimizer.lr or preconditioner.kl_clip, or raise preconditioner.damping"
            ) from error

    def _room_for(self, name: str) -> list[Tensor]:
        a, g = self.factors[name]
        return [a.new_empty(shape) for shape in self.inverse.shapes(a, g)]

    def summary(self) -> str:
        """Which share of the model's parameters it turns, and what it leaves."""
        seen = sum(p.numel() for layer in self.layers.values() for p in layer.parameters())
        left = ", ".join(f"{name} ({number:,})" for name, number in self.rest.items())
        share = 100 * seen / (seen + sum(self.rest.values()))
        return f"K-FAC: {len(self.layers)} layers, {share:.1f} % of the parameters" + (f"; without {left}" * bool(left))

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, as plain data and tensors."""
        return {
            "steps": self.steps,
            "updates": dict(self.updates),
            "factors": {name: [f.clone() for f in each] for name, each in self.factors.items()},
            "inverses": {name: [f.clone() for f in each] for name, each in self.inverses.items()},
        }

    def load_state_dict(self, state: dict[str, Any] | None) -> None:
        """Goes on from there. UserError where there is none, or the layers are others."""
        if state is None:
            raise UserError(
                "preconditioner=kfac: the checkpoint to resume from was written without one; go on without it, or "
                "begin a new run with start_from=…"
            )
        if set(state["updates"]) != set(self.layers):
            other = sorted(set(state["updates"]) ^ set(self.layers))
            raise UserError(
                f"preconditioner=kfac: the checkpoint's layers are not the model's (differing: {', '.join(other)}); "
                "begin a new run with start_from=…"
            )
        self.steps, self.updates = state["steps"], dict(state["updates"])
        self.factors, self.inverses = dict(state["factors"]), dict(state["inverses"])

    def _follow(self, device: torch.device) -> None:
        """To where the model is: a checkpoint is read before that is known."""
        for kept in (self.factors, self.inverses):
            kept.update({name: [part.to(device) for part in each] for name, each in kept.items()})


def _listen(layer: Layer, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
    """Hears the input together with the output's gradient, once that is known; what nobody differentiates, never."""
    if output.requires_grad:
        x = inputs[0].detach()
        output.register_hook(lambda gradient: layer.hear(x, gradient.detach()))
