"""What a recurrent layer costs on a GPU: launches a step, no waits, no copies, no numbers from the host."""

import copy

import pytest
import torch
from pretended_autocast import register

from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent, state_parts
from seqvision.rnn.gpu.loop import loop

STEPS = {ElmanCell: 4, LayerNormElmanCell: 6, GRUCell: 9, LSTMCell: 12, LayerNormLSTMCell: 18}  # forward and backward


def counted(device, layer, cell, steps: int, lengths: list[int] | None):
    """What a pass and its backward pass cost on the device, and the gradients of the cell's weights."""
    x = torch.randn(3, steps, 4, generator=torch.Generator().manual_seed(0)).to(device.name).requires_grad_()
    given = None if lengths is None else torch.tensor(lengths).to(device.name)
    cell.zero_grad()
    with device.counting() as counts:
        outputs, last = layer(x, given)
        (outputs.square().sum() + sum(part.sum() for part in state_parts(last))).backward()
    return counts, [parameter.grad.cpu() for parameter in cell.parameters()]


@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("kind", STEPS)
def test_launches_of_a_step_in_both_directions(kind, ragged, pretended):
    """Those of ten steps more, and the gradients are those of the CPU."""
    torch.manual_seed(0)
    cell = kind(4, 5)
    here = copy.deepcopy(cell).to(pretended.name)
    totals = []
    for steps in (10, 20):
        lengths = [steps, 0, steps // 2] if ragged else None
        counts, found = counted(pretended, lambda x, n: loop(here, x, n, None, reverse=True), here, steps, lengths)
        assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")
        totals.append(counts.launches.total())
    assert totals[1] - totals[0] == 10 * STEPS[kind], counts.lines("launches")
    cell.zero_grad()
    x = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(0))
    outputs, last = loop(cell, x, torch.tensor([20, 0, 10]) if ragged else None, None, reverse=True)
    (outputs.square().sum() + sum(part.sum() for part in state_parts(last))).backward()
    for ours, theirs in zip(found, cell.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs.grad)


def test_the_default_network_takes_at_most_eight_launches_per_step_and_layer(pretended):
    """Of 50 steps, ragged, all of its own and of autograd's counted; it was 12 and, ragged, 20."""
    network = Recurrent(LayerNormElmanCell, 4, 5, num_layers=2).to(pretended.name)
    counts, _ = counted(pretended, network, network, 50, [50, 12, 0])
    assert counts.launches.total() <= 8 * 50 * 2, counts.lines("launches")
    assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")


@pytest.mark.parametrize("kind", [ElmanCell, GRUCell, LSTMCell])
def test_the_layers_of_torch_run_in_single_precision_and_wait_for_no_lengths(kind, pretended):
    """Under autocast as well; the number of launches does not grow with the steps."""
    register()
    network = Recurrent(kind, 4, 5).to(pretended.name)
    totals = []
    for steps in (10, 40):
        with torch.autocast("pretend", dtype=torch.bfloat16):
            counts, _ = counted(pretended, network, network, steps, [steps, 0, 3])
        assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")
        totals.append(counts.launches.total())
    assert totals[0] == totals[1]
