"""Soft attention beside its equations, and over places that do not all count."""

from itertools import product

import pytest
import torch

from seqvision.attention import AdditiveAttention, DotAttention

pytestmark = pytest.mark.usefixtures("float64")

KINDS = [AdditiveAttention, DotAttention]


def given(kind):
    torch.manual_seed(0)
    attention = kind(query_size=4, value_size=3, size=5).double()
    return attention, torch.randn(3, 2, 4).double(), torch.randn(3, 6, 3).double()


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_context_are_those_of_the_equations(kind):
    """Bahdanau, Cho and Bengio (2015), appendix A.1.2, and the scaled product, one query and location at a time."""
    attention, queries, values = given(kind)
    context, weights = attention(queries, attention.keys(values), values)
    key, query = attention.to_key, attention.to_query
    for row, beam in product(range(3), range(2)):
        q = query.weight @ queries[row, beam] + query.bias
        keys = [key.weight @ value + key.bias for value in values[row]]
        if kind is AdditiveAttention:
            scores = torch.stack([attention.score.weight[0] @ torch.tanh(q + k) for k in keys])
        else:
            scores = torch.stack([q @ k / 5**0.5 for k in keys])
        shares = scores.exp() / scores.exp().sum()
        torch.testing.assert_close(weights[row, beam], shares)
        expected = sum(share * value for share, value in zip(shares, values[row], strict=True))
        torch.testing.assert_close(context[row, beam], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_places_past_the_length_are_as_if_they_were_not_there(kind):
    attention, query, values = given(kind)
    context, weights = attention(query, attention.keys(values), values, torch.tensor([6, 4, 1]))
    for row, length in enumerate([6, 4, 1]):
        part = values[row : row + 1, :length]
        alone = attention(query[row : row + 1], attention.keys(part), part)
        torch.testing.assert_close(context[row], alone[0][0])
        torch.testing.assert_close(weights[row, :, :length], alone[1][0])
        assert weights[row, :, length:].abs().sum() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_full_lengths_change_nothing(kind):
    attention, query, values = given(kind)
    keys = attention.keys(values)
    for ours, theirs in zip(
        attention(query, keys, values, torch.tensor([6, 6, 6])), attention(query, keys, values), strict=True
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_where_no_place_counts_nothing_is_seen_and_no_gradient_is_lost(kind):
    attention, query, values = given(kind)
    values.requires_grad_()
    context, weights = attention(query, attention.keys(values), values, torch.tensor([0, 2, 6]))
    assert context[0].abs().sum() == 0
    assert weights[0].abs().sum() == 0
    context.square().sum().backward()
    assert torch.isfinite(values.grad).all()
    assert values.grad[1, 2:].abs().sum() == 0
