"""One vector of a sequence: what padding holds, and how much there is of it, counts for nothing."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.models.pooling import AttentionPooling, LastPooling, MaxPooling, MeanPooling

pytestmark = pytest.mark.usefixtures("float64")

POOLINGS = [LastPooling, MeanPooling, MaxPooling, AttentionPooling]


@settings(max_examples=40, deadline=None)
@given(
    pooling=st.sampled_from(POOLINGS),
    directions=st.sampled_from([1, 2]),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    garbage=st.sampled_from([float("nan"), float("inf"), 1e30]),
)
def test_padding_changes_neither_values_nor_gradients(pooling, directions, lengths, padding, garbage):
    torch.manual_seed(0)
    pool = pooling(4, directions=directions).double()
    size, time = torch.tensor(lengths), max(lengths)
    x = torch.randn(len(lengths), time + padding, 4, dtype=torch.float64)
    valid = torch.arange(time + padding) < size.unsqueeze(1)
    results = []
    for outputs in (x[:, :time], torch.where(valid.unsqueeze(-1), x, garbage)):
        outputs = outputs.clone().requires_grad_()
        pool.zero_grad()
        pooled = pool(outputs, size)
        pooled.square().sum().backward()
        grads = [parameter.grad.clone() for parameter in pool.parameters()]
        results.append([pooled.detach(), outputs.grad[:, :time], *grads])
        assert not outputs.grad[:, :time][~valid[:, :time]].any()
        assert not outputs.grad[:, time:].any()
    for clean, dirty in zip(*results, strict=True):
        torch.testing.assert_close(clean, dirty)


def test_each_pooling_by_its_definition():
    outputs, lengths = torch.randn(2, 5, 6), torch.tensor([5, 3])
    last = LastPooling(6)(outputs, lengths)
    torch.testing.assert_close(last, torch.stack([outputs[0, 4], outputs[1, 2]]))
    both = LastPooling(6, directions=2)(outputs, lengths)
    torch.testing.assert_close(both[:, :3], last[:, :3])
    torch.testing.assert_close(both[:, 3:], outputs[:, 0, 3:], msg="the backward direction ends at the beginning")
    rows = list(zip(outputs, lengths.tolist(), strict=True))
    torch.testing.assert_close(MeanPooling(6)(outputs, lengths), torch.stack([x[:n].mean(0) for x, n in rows]))
    torch.testing.assert_close(MaxPooling(6)(outputs, lengths), torch.stack([x[:n].amax(0) for x, n in rows]))
    attention = AttentionPooling(6)
    weighted = [attention.score(x[:n]).softmax(0).mul(x[:n]).sum(0) for x, n in rows]
    torch.testing.assert_close(attention(outputs, lengths), torch.stack(weighted))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_one_frame_is_itself(pooling):
    outputs = torch.randn(3, 4, 6)
    torch.testing.assert_close(pooling(6)(outputs, torch.tensor([1, 1, 1])), outputs[:, 0])
