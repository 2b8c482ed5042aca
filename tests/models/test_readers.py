"""RAM and DRAM: what trains what, what they look at, and pictures of any size and shape."""

from functools import partial

import pytest
import torch

from seqvision.models import DRAM, RAM
from seqvision.models.reader import bounded
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LSTMCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")

CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, GRUCell]


def ram(cell=LayerNormElmanCell, **settings):
    torch.manual_seed(0)
    settings = {"classes": 5, "pictures": {"channels": 1}, "looks": 3, "size": 4, "scales": 2, **settings}
    return RAM(partial(Recurrent, cell, hidden_size=16), what=12, where=12, glimpse=16, **settings)


def dram(cell=LayerNormElmanCell, **settings):
    torch.manual_seed(0)
    settings = {"classes": 5, "pictures": {"channels": 1}, "objects": 2, "looks": 2, "size": 6, **settings}
    return DRAM(partial(Recurrent, cell, hidden_size=16), channels=(4,), glimpse=16, coarse=5, context=12, **settings)


@pytest.mark.parametrize("make", [ram, dram])
@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_reads(make, cell):
    model = make(cell)
    reading = model(torch.rand(3, 1, 11, 9), sample=True)
    looks = model.looks * model.objects
    assert reading.logits.shape == (3, looks, 5)
    assert reading.places.shape == (3, looks, 2)
    assert reading.log_p.shape == reading.baselines.shape == (3, looks)
    assert reading.places.abs().max() <= 1


@pytest.mark.parametrize("make", [ram, dram])
def test_the_classes_loss_sends_nothing_into_the_locator(make):
    model = make()
    reading = model(torch.rand(3, 1, 9, 9), sample=True)
    reading.logits.logsumexp(-1).sum().backward()
    assert all(parameter.grad is None for parameter in [*model.locator.parameters(), *model.baseline.parameters()])
    assert all(parameter.grad is not None for parameter in model.glimpse.parameters())


@pytest.mark.parametrize(
    ("make", "parts"), [(ram, ("locator",)), (dram, ("locator", "upper", "context", "begins"))], ids=["ram", "dram"]
)
def test_the_policy_trains_what_says_where_to_look_and_nothing_else(make, parts):
    model = make()
    model(torch.rand(3, 1, 9, 9), sample=True).log_p.sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert trained == {name for name, _ in model.named_parameters() if name.partition(".")[0] in parts}


@pytest.mark.parametrize("policy", ["learnt", "random", "centre"])
@pytest.mark.parametrize("make", [ram, dram])
def test_everything_that_can_learn_is_trained_by_some_loss(make, policy):
    model = make(policy=policy)
    reading = model(torch.rand(3, 1, 9, 9), sample=True)
    (reading.logits.logsumexp(-1).sum() + reading.log_p.sum() + reading.baselines.sum()).backward()
    idle = {n for n, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None}
    assert not idle


def test_the_log_density_is_that_of_what_was_drawn_and_not_of_where_the_edge_stopped_it():
    model = ram(spread=5.0)
    torch.manual_seed(1)
    reading = model(torch.rand(200, 1, 9, 9), sample=True)
    assert reading.places.abs().max() == 1
    density = torch.distributions.Normal(0.0, 5.0)
    # the first place's mean is the same for all, near the middle: its entropy is that of the whole Gaussian
    assert -reading.log_p[:, 0].mean().item() == pytest.approx(2 * float(density.entropy()), abs=0.3)


def test_what_is_beyond_the_edge_is_led_back_and_no_farther_away():
    value = torch.tensor([-1.5, -1.0, 0.3, 1.0, 1.5, 20.0], requires_grad=True)
    assert bounded(value).tolist() == pytest.approx([-1, -1, 0.3, 1, 1, 1])
    (up,) = torch.autograd.grad(bounded(value).sum(), value)  # descent makes the value smaller
    assert up.tolist() == [0, 1, 1, 1, 1, 1]
    (down,) = torch.autograd.grad(-bounded(value).sum(), value)
    assert down.tolist() == [-1, -1, -1, -1, 0, 0]


@pytest.mark.parametrize("make", [ram, dram])
def test_without_drawing_it_always_looks_at_the_same_places(make):
    model, pictures = make().eval(), torch.rand(3, 1, 9, 9)
    first, second = model(pictures), model(pictures)
    assert torch.equal(first.places, second.places)
    assert torch.equal(first.logits, second.logits)
    assert not torch.equal(first.places, model(pictures, sample=True).places)


def test_policies_that_nobody_learns_are_controls():
    pictures = torch.rand(50, 1, 9, 9)
    assert ram(policy="centre")(pictures).places.eq(0).all()
    places = ram(policy="random")(pictures).places
    assert places.std() == pytest.approx(3**-0.5, abs=0.05)


def test_a_learnt_spread_begins_where_it_is_told_to():
    model = ram(learn_spread=True, spread=0.3)
    _, log_spread = model.locator(torch.zeros(1, 16))
    torch.testing.assert_close(log_spread.exp(), torch.full((1, 2), 0.3), atol=0.02, rtol=0)
    model(torch.rand(3, 1, 9, 9), sample=True).log_p.sum().backward()
    assert model.locator.output.weight.grad[2:].abs().sum() > 0


@pytest.mark.parametrize("make", [ram, dram])
def test_colour_pictures_of_three_sizes_are_read_as_each_alone(make):
    model = make(pictures={"channels": 3}).eval()
    pictures = [torch.rand(3, *size) for size in ((12, 20), (25, 9), (1, 1))]  # one smaller than any look
    sizes = torch.tensor([picture.shape[1:] for picture in pictures])
    together = torch.zeros(3, 3, 25, 20)
    for row, picture in zip(together, pictures, strict=True):
        row[:, : picture.shape[1], : picture.shape[2]] = picture
    reading = model(together, sizes)
    for row, picture in enumerate(pictures):
        alone = model(picture.unsqueeze(0))
        torch.testing.assert_close(reading.logits[row], alone.logits[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(reading.places[row], alone.places[0], atol=1e-5, rtol=1e-4)


def test_the_upper_recurrence_alone_knows_the_coarse_picture():
    """With the same patches the coarse picture changes the places of looks and nothing else."""
    model = dram(policy="centre", scales=1).eval()
    pictures = torch.zeros(2, 1, 30, 30)
    pictures[1, :, :4] = 1.0  # far from the middle, where all looks go
    reading = model(pictures)
    torch.testing.assert_close(reading.logits[0], reading.logits[1])
    model.policy = "learnt"
    assert not torch.equal(*model(pictures).places)
