"""Several models that write one caption together."""

from collections.abc import Sequence
from math import log

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.decoding.protocol import Decodable, PyTree, StepOutput
from seqvision.decoding.search import working_precision
from seqvision.errors import UserError


class Ensemble:
    """A Decodable that gives each next word the mean of its members' probabilities.

    The members share a vocabulary. The features are a tuple or list with one entry a member, in their order. The
    attention is the mean over the members if all attend to equally many places, else None.
    """

    def __init__(self, models: Sequence[Decodable]):
        if len(models) == 0:
            raise UserError("Ensemble: found no models; give at least one")
        self.models = list(models)

    def start(self, features: PyTree) -> tuple[PyTree, PyTree]:
        """(memories, states), a tuple over the members each."""
        if not isinstance(features, tuple | list) or len(features) != len(self.models):
            found = f"{len(features)} entries" if isinstance(features, tuple | list) else type(features).__name__
            raise UserError(
                f"Ensemble: the features must be a tuple or list with one entry for each of the {len(self.models)} "
                f"models, found {found}; give every model the features of its own encoder"
            )
        begun = [model.start(own) for model, own in zip(self.models, features, strict=True)]
        return tuple(memory for memory, _ in begun), tuple(state for _, state in begun)

    def step(self, tokens: Int[Tensor, "batch beams"], state: PyTree, memory: PyTree) -> StepOutput:
        """The logarithm of the mean probabilities, which are normalised logits themselves."""
        outputs = [
            model.step(tokens, own_state, own_memory)
            for model, own_state, own_memory in zip(self.models, state, memory, strict=True)
        ]
        sizes = [output.logits.shape[-1] for output in outputs]
        if len(set(sizes)) > 1:
            raise UserError(
                f"Ensemble: the models' vocabularies have {', '.join(map(str, sizes))} entries, but the members of an "
                "ensemble must share one; take models that were trained with the same vocabulary"
            )
        logs = torch.stack([working_precision(output.logits).log_softmax(-1) for output in outputs])
        return StepOutput(
            logits=logs.logsumexp(0) - log(len(outputs)),
            state=tuple(output.state for output in outputs),
            attention=self._mean_attention([output.attention for output in outputs]),
        )

    @staticmethod
    def _mean_attention(weights: list[Tensor | None]) -> Float[Tensor, "batch beams places"] | None:
        known = [each for each in weights if each is not None]
        same = len(known) == len(weights) and len({each.shape for each in known}) == 1
        return torch.stack(known).mean(0) if same else None
