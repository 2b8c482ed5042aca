"""What a model offers in order to be decoded, what decoding returns, and how a model's state is picked apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

PyTree = Any  # Tensor | None | tuple, named tuple, list or dict of PyTrees


class StepOutput(NamedTuple):
    """One step of a model for every beam of every picture."""

    logits: Float[Tensor, "batch beams vocabulary"]  # unnormalised
    state: PyTree  # every tensor (batch, beams, ...)
    attention: Float[Tensor, "batch beams places"] | None = None  # this step's weights, if the model attends


@runtime_checkable
class Decodable(Protocol):
    """A model that writes one token at a time. Put it in evaluation mode first; decoding leaves the mode alone."""

    def start(self, features: PyTree) -> tuple[PyTree, PyTree]:
        """(memory, state): memory is the picture's share (batch, ...), computed once and shared by all beams;
        the state is that of a single beam (batch, 1, ...)."""

    def step(self, tokens: Int[Tensor, "batch beams"], state: PyTree, memory: PyTree) -> StepOutput:
        """Scores of the next token after `tokens`, with the new state."""


@dataclass(frozen=True)
class Hypothesis:
    """One caption. `log_probability` is the model's own, whatever rule (temperature, diversity) chose the tokens."""

    tokens: tuple[int, ...]  # without start and end
    score: float  # what the list is ordered by, among the finished and among the unfinished
    log_probability: float  # natural logarithm, summed over the tokens, the end included if finished
    finished: bool  # the end was reached; False: it could not be, or nothing was allowed any more
    attention: Float[Tensor, "steps places"] | None = None  # on the CPU; one row a token, one for the end if finished


def tree_map(function: Callable[[Tensor], Tensor], tree: PyTree) -> PyTree:
    """The same tree with every tensor replaced by `function(tensor)`; None stays None."""
    if tree is None:
        return None
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {key: tree_map(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(tree_map(function, value) for value in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(tree_map(function, value) for value in tree)
    raise TypeError(f"a state or memory holds tensors, None, tuples, lists and dicts; found {type(tree).__name__}")


def first_tensor(tree: PyTree) -> Tensor | None:
    """The first tensor of a tree, or None where there is none; tells the number of pictures and the device."""
    if isinstance(tree, Tensor):
        return tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, tuple | list) else ()
    return next((found for child in children if (found := first_tensor(child)) is not None), None)


def select_rows(tree: PyTree, rows: Int[Tensor, " kept"]) -> PyTree:
    """The tree for some of the pictures: every tensor (batch, ...) becomes (kept, ...)."""
    return tree_map(lambda tensor: tensor.index_select(0, rows), tree)


def select_beams(tree: PyTree, parents: Int[Tensor, "batch beams"]) -> PyTree:
    """The tree in which beam k of picture b goes on from `parents[b, k]`: (batch, old, ...) to (batch, beams, ...)."""
    batch, beams = parents.shape
    offsets = torch.arange(batch, device=parents.device).unsqueeze(1)

    def select(tensor: Tensor) -> Tensor:
        # one index_select over flattened rows: several times faster than gather with an index as big as the state
        picked = (parents + offsets * tensor.shape[1]).flatten()
        return tensor.flatten(0, 1).index_select(0, picked).unflatten(0, (batch, beams))

    return tree_map(select, tree)
