"""Sequences to a class or to a label a frame: by windows, steps or as one, and whatever lies behind their ends."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import CELLS, FEATURES, network

from seqvision.encoders import LinearFront
from seqvision.models import FrameLabeller, SequenceClassifier
from seqvision.models.pooling import AttentionPooling, LastPooling, MaxPooling, MeanPooling
from seqvision.models.sequences import with_changes
from seqvision.rnn import LayerNormElmanCell, NoRecurrence

pytestmark = pytest.mark.usefixtures("float64")

POOLINGS = [LastPooling, MeanPooling, MaxPooling, AttentionPooling]


@settings(max_examples=20, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    pooling=st.sampled_from(POOLINGS),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    garbage=st.sampled_from([float("nan"), float("inf"), 1e30]),
    changes=st.booleans(),
)
def test_padding_changes_no_class_and_no_gradient(cell, pooling, bidirectional, lengths, padding, garbage, changes):
    model = network(SequenceClassifier, cell, pooling=pooling, bidirectional=bidirectional, changes=changes).double()
    results = [
        gradients_of(model, model(frames, size).square().sum())
        for frames, size in clean_and_dirty(lengths, padding, garbage)
    ]
    for clean, dirty in zip(*results, strict=True):
        torch.testing.assert_close(clean, dirty)


@settings(max_examples=20, deadline=None)
@given(
    cell=st.sampled_from([*CELLS, None]),
    bidirectional=st.booleans(),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    padding=st.integers(0, 3),
    garbage=st.sampled_from([float("nan"), float("inf"), 1e30]),
)
def test_padding_changes_no_label_and_no_gradient(cell, bidirectional, lengths, padding, garbage):
    model = network(bidirectional=bidirectional) if cell is None else network(cell=cell, bidirectional=bidirectional)
    if cell is None:
        model = FrameLabeller(
            partial(LinearFront, size=5), NoRecurrence, classes=3, frames={"features": FEATURES}
        ).eval()
    model = model.double()
    results = []
    for frames, size in clean_and_dirty(lengths, padding, garbage):
        logits, _ = model(frames, size)
        valid = torch.arange(frames.shape[1]) < size.unsqueeze(1)
        results.append([logits[valid], *gradients_of(model, logits[valid].square().sum())])
    for clean, dirty in zip(*results, strict=True):
        torch.testing.assert_close(clean, dirty)


def clean_and_dirty(lengths, padding, garbage):
    """The frames with zeros behind the ends, and with more padding that is full of garbage."""
    draws = torch.Generator().manual_seed(1)
    size, time = torch.tensor(lengths), max(lengths)
    frames = torch.randn(len(lengths), time + padding, FEATURES, dtype=torch.float64, generator=draws)
    valid = (torch.arange(time + padding) < size.unsqueeze(1)).unsqueeze(-1)
    return [(torch.where(valid, frames, 0.0)[:, :time], size), (torch.where(valid, frames, garbage), size)]


def gradients_of(model, loss):
    model.zero_grad()
    loss.backward()
    return [loss.detach(), *(parameter.grad.clone() for parameter in model.parameters())]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", [SequenceClassifier, FrameLabeller])
def test_rows_of_a_batch_do_not_know_of_each_other(cell, kind):
    model = network(kind, cell, bidirectional=True)
    frames, lengths = torch.randn(5, 9, FEATURES), torch.tensor([9, 1, 4, 9, 6])
    together = scores_of(model, frames, lengths)
    order = torch.tensor([3, 1, 4, 0, 2])
    mixed = scores_of(model, frames[order], lengths[order])
    for place, row in enumerate(order.tolist()):
        torch.testing.assert_close(mixed[place], together[row], atol=1e-5, rtol=1e-5)
    for row, length in enumerate(lengths.tolist()):
        (alone,) = scores_of(model, frames[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(alone, together[row], atol=1e-5, rtol=1e-5)


def scores_of(model, frames, lengths):
    scores = model(frames, lengths)
    if isinstance(model, SequenceClassifier):
        return list(scores)
    return [row[:length] for row, length in zip(scores[0], lengths.tolist(), strict=True)]


@pytest.mark.parametrize("changes", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_windows_of_any_size_equal_one_pass(cell, changes):
    model = network(cell=cell, num_layers=2, changes=changes)
    frames = torch.randn(2, 13, FEATURES)
    whole, last = model(frames, torch.tensor([13, 13]))
    for size in (1, 5, 13):
        state, parts = None, []
        for part in frames.split(size, dim=1):
            logits, state = model(part, torch.tensor([part.shape[1]] * 2), state)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)
    assert model.forward_only
    assert not network(bidirectional=True).forward_only
    assert len(last) == 2 + changes, "the last frame is part of the state"


def test_changes_are_differences_and_the_frame_itself_is_kept():
    frames = torch.tensor([[[1.0], [3.0], [2.0]]])
    assert with_changes(frames)[0].tolist() == [[1, 4], [3, 8], [2, -4]]
    assert with_changes(frames, torch.tensor([[2.0]]))[0, 0].tolist() == [1, -4]


def test_without_a_recurrence_each_frame_is_alone():
    model = FrameLabeller(partial(LinearFront, size=5), NoRecurrence, classes=3, frames={"features": FEATURES})
    frames, lengths = torch.randn(1, 6, FEATURES), torch.tensor([6])
    before, state = model(frames, lengths)
    frames[0, 3] += 1
    after, _ = model(frames, lengths)
    assert state == ()
    assert (before != after).any(-1).nonzero().tolist() == [[0, 3]]
    assert model.forward_only


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_shared_weights_is_the_sum_over_steps(cell):
    """One set of weights for all steps: its gradient is the sum of those of a copy for each step."""
    torch.manual_seed(0)
    shared, steps = cell(3, 4).double(), 6
    copies = [cell(3, 4).double() for _ in range(steps)]
    for copy in copies:
        copy.load_state_dict(shared.state_dict())
    x = torch.randn(2, steps, 3, dtype=torch.float64)
    weights = torch.randn(2, steps, 4, dtype=torch.float64)

    def loss_of(cells):
        state = shared.initial_state(2)
        outputs = []
        for x_t, one in zip(x.unbind(1), cells, strict=True):
            state = one.step(one.project(x_t), state)
            outputs.append(one.output(state))
        return (torch.stack(outputs, dim=1) * weights).sum()

    loss_of([shared] * steps).backward()
    loss_of(copies).backward()
    apart = [dict(copy.named_parameters()) for copy in copies]
    for name, parameter in shared.named_parameters():
        each = [named[name].grad for named in apart if named[name].grad is not None]
        torch.testing.assert_close(parameter.grad, torch.stack(each).sum(0))
        assert len({tuple(part.flatten().tolist()) for part in each}) == len(each), "every step has a share of its own"


@pytest.mark.few(3)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", [SequenceClassifier, FrameLabeller])
def test_a_batch_can_be_memorised(cell, kind):
    torch.manual_seed(0)
    model = network(kind, cell, hidden_size=16).train()
    frames, lengths = torch.randn(6, 8, FEATURES), torch.tensor([8, 8, 5, 3, 8, 6])
    valid = torch.arange(8) < lengths.unsqueeze(1)
    targets = torch.randint(3, (6,) if kind is SequenceClassifier else (6, 8))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    for _ in range(100):
        scores = model(frames, lengths)
        scores, wanted = (scores, targets) if kind is SequenceClassifier else (scores[0][valid], targets[valid])
        loss = torch.nn.functional.cross_entropy(scores, wanted)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert (scores.argmax(-1) == wanted).all(), f"loss {loss:.3f}"


def test_dropout_is_off_in_evaluation():
    model = network(SequenceClassifier, LayerNormElmanCell, dropout=0.5)
    frames, lengths = torch.randn(2, 4, FEATURES), torch.tensor([4, 2])
    assert torch.equal(model(frames, lengths), model(frames, lengths))
    model.train()
    assert not torch.equal(model(frames, lengths), model(frames, lengths))
