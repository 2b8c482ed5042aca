"""Dot attention between the steps of a cell as one operation: the numbers of `DotAttention` and `cell.step`."""

import pytest
import torch

from seqvision.attention import DotAttention
from seqvision.errors import UserError
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, map_state, state_parts
from seqvision.rnn.gpu.attend import attend, supports
from seqvision.rnn.unroll import valid_steps

CELLS = [ElmanCell, LayerNormElmanCell, GRUCell, LSTMCell]
BATCH, TIME, INPUTS, UNITS, PLACES, VALUES = 3, 4, 2, 5, 6, 3


def problem(kind):
    torch.manual_seed(0)
    cell, attention = kind(INPUTS + VALUES, UNITS), DotAttention(UNITS, VALUES, size=4)
    for parameter in (*cell.parameters(), *attention.parameters()):
        torch.nn.init.normal_(parameter, std=0.7)
    x, values = torch.randn(BATCH, TIME, INPUTS), torch.randn(BATCH, PLACES, VALUES)
    return cell, attention, x, values, map_state(torch.randn_like, cell.initial_state(BATCH))


def by_steps(cell, attention, x, keys, values, state, lengths, seen):
    """The definition: ask with the last state, look, take a step; zeros past a sentence's length."""
    found = []
    for word in x.unbind(1):
        context, weights = attention(cell.output(state).unsqueeze(1), keys, values, seen)
        state = cell.step(cell.project(torch.cat([word, context.squeeze(1)], dim=1)), state)
        found.append((cell.output(state), context.squeeze(1), weights.squeeze(1)))
    past = torch.zeros(BATCH, TIME, dtype=torch.bool) if lengths is None else ~valid_steps(lengths, TIME)
    return [torch.stack(each, dim=1).masked_fill(past.unsqueeze(2), 0.0) for each in zip(*found, strict=True)]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("kind", CELLS)
def test_equals_attention_and_steps(kind, ragged):
    """Values and gradients of words, places, the first state and all weights; sentences and maps of several lengths,
    one of them of no places.
    """
    cell, attention, x, values, state = problem(kind)
    lengths, seen = (torch.tensor([4, 1, 2]), torch.tensor([6, 2, 0])) if ragged else (None, None)
    inputs = [each.requires_grad_() for each in (x, values, *state_parts(state))]
    upper = [torch.randn(BATCH, TIME, size) for size in (UNITS, VALUES, PLACES)]
    results = []
    for at_once in (True, False):
        keys = attention.keys(values)
        if at_once:
            found = list(attend(cell, attention.to_query, x, keys, values, state, lengths, seen)[:3])
        else:
            found = by_steps(cell, attention, x, keys, values, state, lengths, seen)
        total = sum((part * weight).sum() for part, weight in zip(found, upper, strict=True))
        parameters = [*cell.parameters(), *attention.parameters()]
        results.append([*found, *torch.autograd.grad(total, [*inputs, *parameters])])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_last_state_is_that_of_each_sentence_and_only_first_derivatives_are_given():
    cell, attention, x, values, state = problem(LayerNormElmanCell)
    found = attend(cell, attention.to_query, x, attention.keys(values), values, state, torch.tensor([4, 0, 2]))
    torch.testing.assert_close(found.last, torch.stack([found.states[0, 3], state[1], found.states[2, 1]]))
    with pytest.raises(UserError, match=r"rnn\.backend=reference"):
        torch.autograd.grad(found.states.sum(), cell.hidden_to_hidden.weight, create_graph=True)
    assert not supports(LayerNormLSTMCell(2, 3))  # the inputs' share is normalized with what is seen


def test_sixteen_launches_a_step_with_the_default_cell(pretended):
    """Forward and backward, of sentences and maps of several lengths; nothing waits."""
    totals = []
    for steps in (10, 20):
        cell, attention = (part.to(pretended.name) for part in problem(LayerNormElmanCell)[:2])
        x, values = torch.randn(BATCH, steps, INPUTS), torch.randn(BATCH, PLACES, VALUES)
        x, values, lengths, seen = (
            each.to(pretended.name) for each in (x, values, torch.tensor([steps, 1, 2]), torch.tensor([6, 2, 1]))
        )
        with pretended.counting() as counts:
            keys, before = attention.keys(values), cell.initial_state(BATCH)
            found = attend(cell, attention.to_query, x, keys, values, before, lengths, seen)
            sum(part.square().sum() for part in found[:3]).backward()
        assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")
        totals.append(counts.launches.total())
    assert totals[1] - totals[0] == 10 * 16, counts.lines("launches")
