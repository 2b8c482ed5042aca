"""The recurrence that looks: the numbers of attention and cell, step by step, whatever the batch."""

import copy

import pytest
import torch

from seqvision.attention import DotAttention
from seqvision.rnn import ElmanCell, LayerNormElmanCell
from seqvision.rnn.kernels import attend, supports_attention
from seqvision.rnn.kernels.build import load

CELLS = [ElmanCell, LayerNormElmanCell]
INPUT, HIDDEN, PLACES, KEY, VALUE = 3, 6, 5, 4, 7
pytestmark = pytest.mark.skipif(load("attend") is not None, reason=f"no fused recurrence here: {load('attend')}")


class Loop(torch.nn.Module):
    """Cell and attention, with weights that are not where they start."""

    def __init__(self, cell, fused: bool):
        super().__init__()
        self.cell = cell(INPUT + VALUE, HIDDEN)
        self.attention = DotAttention(HIDDEN, VALUE, size=KEY)
        self.fused = fused
        for parameter in self.parameters():
            torch.nn.init.normal_(parameter, std=0.6)

    def forward(self, x, values, before, lengths=None, seen=None):
        """States, contexts, weights and last state, zeros past a sequence's length; `seen` places count."""
        keys = self.attention.keys(values)
        if self.fused:
            return attend(self.cell, self.attention.to_query, x, keys, values, before, lengths, seen)
        columns, state = [], before
        for t, x_t in enumerate(x.unbind(1)):
            here = torch.ones(len(x), 1) if lengths is None else (t < lengths).unsqueeze(1)
            context, weights = (part.squeeze(1) for part in self.attention(state.unsqueeze(1), keys, values, seen))
            after = self.cell.step(self.cell.project(torch.cat([x_t, context], dim=-1)), state)
            state = torch.where(here.bool(), after, state)
            columns.append([part * here for part in (after, context, weights)])
        return *(torch.stack(column, dim=1) for column in zip(*columns, strict=True)), state


def given(batch: int, steps: int, dtype=torch.float64) -> list[torch.Tensor]:
    shapes = [(batch, steps, INPUT), (batch, PLACES, VALUE), (batch, HIDDEN)]
    return [torch.randn(*shape, dtype=dtype, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("seen", [None, [5, 1, 0, 3, 4]], ids=["all", "some"])
@pytest.mark.parametrize("lengths", [None, [4, 0, 7, 1, 7], [3, 2, 2, 1, 1]])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("cell", CELLS)
def test_values_and_gradients_are_those_of_the_loop(cell, dtype, lengths, seen):
    torch.manual_seed(0)
    fused = Loop(cell, fused=True).to(dtype)
    loop = copy.deepcopy(fused)
    loop.fused = False
    inputs = given(5, 7, dtype)
    limits = [None if some is None else torch.tensor(some) for some in (lengths, seen)]
    found, expected = (list(each(*inputs, *limits)) for each in (fused, loop))
    upper = [torch.randn_like(part) for part in expected]
    for each, results in ((fused, found), (loop, expected)):
        total = sum((part * u).sum() for part, u in zip(results, upper, strict=True))
        results += torch.autograd.grad(total, [*inputs, *each.parameters()])
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_by_finite_differences(cell):
    torch.manual_seed(1)
    model, lengths, seen = Loop(cell, fused=True).double(), torch.tensor([3, 0, 2]), torch.tensor([2, 5, 4])
    names, values = zip(*model.named_parameters(), strict=True)

    def outputs(x, places, before, *parameters):
        by_name = dict(zip(names, parameters, strict=True))
        return tuple(torch.func.functional_call(model, by_name, (x, places, before, lengths, seen)))

    assert torch.autograd.gradcheck(outputs, (*given(3, 3), *values))


def test_many_sequences_are_shared_out_and_nothing_is_mixed_up():
    """More than one share holds, and several threads: each sequence as if it were alone."""
    torch.manual_seed(2)
    model = Loop(LayerNormElmanCell, fused=True).double()
    x, values, before = given(45, 6)
    lengths, seen = torch.randint(0, 7, (45,)), torch.randint(0, PLACES + 1, (45,))
    together = model(x, values, before, lengths, seen)
    for i in range(45):
        alone = model(x[i : i + 1], values[i : i + 1], before[i : i + 1], lengths[i : i + 1], seen[i : i + 1])
        for part, whole in zip(alone, together, strict=True):
            torch.testing.assert_close(part[0], whole[i])


@pytest.mark.parametrize("used", range(4))
def test_any_of_the_results_may_go_unused(used):
    torch.manual_seed(3)
    fused = Loop(LayerNormElmanCell, fused=True).double()
    loop = copy.deepcopy(fused)
    loop.fused = False
    inputs = given(3, 4)
    gradients = [
        torch.autograd.grad(list(each(*inputs))[used].square().sum(), [*inputs, *each.parameters()], allow_unused=True)
        for each in (fused, loop)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs)


def test_places_that_do_not_count_weigh_nothing_and_are_not_read():
    """Whatever lies in the padding, NaN included, and however much of it there is."""
    torch.manual_seed(5)
    model, seen = Loop(LayerNormElmanCell, fused=True).double(), torch.tensor([2, 5, 0])
    x, values, before = given(3, 4)
    clean = model(x, values, before, None, seen)
    assert clean.weights[0, :, 2:].abs().max() == 0
    torch.testing.assert_close(clean.weights.sum(-1), torch.tensor([1.0, 1.0, 0.0]).double()[:, None].expand(3, 4))
    beyond = torch.arange(PLACES + 2) >= seen[:, None]
    dirty = torch.cat([values.detach(), values.detach()[:, :2]], 1).masked_fill(beyond[..., None], float("nan"))
    found = model(x, dirty.requires_grad_(), before, None, seen)
    assert torch.equal(found.states, clean.states)
    assert torch.equal(found.weights[..., :PLACES], clean.weights)
    (d_values,) = torch.autograd.grad(found.states.sum(), dirty)
    assert not d_values.isnan().any()


def test_without_gradients_nothing_is_kept():
    torch.manual_seed(4)
    model, inputs = Loop(LayerNormElmanCell, fused=True), given(2, 3, torch.float32)
    expected = model(*inputs)
    with torch.no_grad():
        found = model(*inputs)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.grad_fn is None
        assert torch.equal(ours, theirs)


def test_other_cells_are_left_to_the_loop():
    class Own(LayerNormElmanCell):
        """May compute something else."""

    assert supports_attention(LayerNormElmanCell(2, 3), torch.zeros(1))
    assert not supports_attention(Own(2, 3), torch.zeros(1))
    assert not supports_attention(LayerNormElmanCell(2, 3).half(), torch.zeros(1))
