"""The window on a map: what it reads, and that the words' loss moves it."""

import pytest
import torch

from seqvision.attention import WindowAttention
from seqvision.attention.filter_banks import filter_banks, read, window
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")


def attention(size=3):
    torch.manual_seed(0)
    return WindowAttention(6, 5, size=size).double()


def test_each_beam_reads_its_own_window_of_its_picture():
    look = attention()
    torch.nn.init.normal_(look.to_window.weight, std=0.5)
    queries, values = torch.randn(2, 4, 6).double(), torch.randn(2, 49, 5).double()
    context, weights = look(queries, look.keys(values), values)
    parameters = look.to_window(queries[1, 2])[None]
    where = window(parameters, size=3, height=7, width=7)._replace(gain=torch.ones(1).double())
    patch = read(values[1].T.reshape(1, 5, 7, 7), where, size=3)
    expected = torch.relu(look.to_context(torch.cat([patch.flatten(1), parameters], dim=1)))
    assert torch.allclose(context[1, 2], expected[0])
    banks = filter_banks(where, size=3, height=7, width=7)
    assert torch.allclose(weights[1, 2].reshape(7, 7), banks.rows[0].mean(0)[:, None] * banks.columns[0].mean(0))
    assert torch.allclose(weights.sum(dim=2), torch.ones(2, 4).double())


def test_what_is_seen_moves_the_window():
    look = attention()
    values = torch.randn(2, 36, 5).double()
    context, _ = look(torch.randn(2, 1, 6).double(), look.keys(values), values)
    context.square().sum().backward()
    assert look.to_window.weight.grad.abs().min() > 0


@pytest.mark.parametrize(("places", "lengths"), [(12, None), (9, torch.tensor([4, 9]))])
def test_a_sentence_is_no_map(places, lengths):
    look = attention()
    values = torch.randn(2, places, 5).double()
    with pytest.raises(UserError, match="attention=window reads square maps"):
        look(torch.randn(2, 1, 6).double(), values, values, lengths)
