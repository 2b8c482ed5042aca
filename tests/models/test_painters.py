"""DRAW and its control: the bound and its parts, whatever cell, pictures and windows."""

import itertools
import math

import pytest
import torch
from painters import SMALL, autoencoder, painter
from sequence_models import CELLS
from torch.distributions import Bernoulli, Normal, kl_divergence

from seqvision.attention.filter_banks import window
from seqvision.errors import UserError
from seqvision.models import BernoulliPixels, GaussianPixels, Posterior

pytestmark = pytest.mark.usefixtures("float64")

KINDS = {"window": painter, "whole": lambda **settings: painter(window=None, **settings), "vae": autoencoder}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def pictures(number=3, channels=1, height=6, width=6):
    torch.manual_seed(0)
    return torch.bernoulli(torch.rand(number, channels, height, width))


def estimated(model, given, samples):
    """The importance-weighted estimate, with the draws as a batch each."""
    return model.importance_weighted(given, noise=(model.noise(len(given)) for _ in range(samples)))


@every_kind
def test_the_parts_are_those_of_the_distributions_that_they_name(kind):
    model = kind()
    torch.nn.init.normal_(model.start)
    given = pictures()
    bound = model(given)
    posterior = Normal(bound.posterior.mean, bound.posterior.log_deviation.exp())
    prior = Normal(torch.zeros(()), torch.ones(()))
    torch.testing.assert_close(bound.kl, kl_divergence(posterior, prior).sum(-1))
    drawn = bound.posterior.latents
    ratio = (prior.log_prob(drawn) - posterior.log_prob(drawn)).sum((1, 2))
    torch.testing.assert_close(bound.posterior.log_ratio(), ratio)
    likelihood = Bernoulli(logits=bound.drawing.canvas).log_prob(given).sum((1, 2, 3))
    torch.testing.assert_close(bound.log_likelihood, likelihood)
    torch.testing.assert_close(-bound.nats, likelihood - bound.kl.sum(1))


@every_kind
def test_what_it_saw_is_drawn_from_the_latents_that_it_understood(kind):
    model = kind()
    bound = model(pictures(), keep=True)
    drawing = model.draw(bound.posterior.latents, keep=True)
    for ours, theirs in zip(drawing[:2], bound.drawing[:2], strict=True):
        torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(drawing.canvases[:, -1], drawing.canvas)
    assert drawing.canvases.shape == (3, model.steps, *model.shape)


def test_the_mean_of_the_log_ratio_is_minus_the_kl():
    mean, log_deviation = torch.tensor([[[0.3, -1.0]]]), torch.tensor([[[-0.5, 0.2]]])
    noise = torch.randn(200_000, 1, 2, generator=torch.Generator().manual_seed(0))
    drawn = Posterior(*(part.expand_as(noise) for part in (mean, log_deviation)), mean + log_deviation.exp() * noise)
    assert float(drawn.log_ratio().mean()) == pytest.approx(-float(drawn.kl()[0].sum()), abs=0.01)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("window", [3, None])
def test_any_cell_and_any_depth_learns(cell, window):
    torch.manual_seed(1)
    model = painter(cell=cell, window=window, num_layers=2)
    assert model.begin_at(torch.full(model.shape, 0.3)) is None
    given = pictures()
    model(given).nats.mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    moved = [name for name, p in model.named_parameters() if p.grad.abs().sum() > 0]
    assert "start" in moved
    assert "to_canvas.weight" in moved
    assert "decoder_start.values.0" in moved


@pytest.mark.few(1)
@every_kind
def test_pictures_can_be_learnt_by_heart(kind):
    torch.manual_seed(2)
    model = kind(hidden_size=32)
    given = torch.zeros(4, 1, 6, 6)
    given[0, :, :3], given[1, :, 3:], given[2, :, :, :3], given[3, :, 2:4] = 1.0, 1.0, 1.0, 1.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        loss = model(given).nats.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        nats = torch.stack([model(given).nats for _ in range(30)]).mean()
        mean = model.reconstruct(given)[1].canvas.sigmoid()
    assert nats < 0.4 * 36 * math.log(2)  # without looking, 36 fair coins a picture
    assert ((mean > 0.5) == given.bool()).float().mean() > 0.95


@pytest.mark.few(1)
@every_kind
def test_the_bound_lies_below_the_importance_weighted_estimate(kind):
    torch.manual_seed(3)
    model = kind()
    given = pictures(8)
    with torch.no_grad():
        bound = torch.stack([-model(given).nats for _ in range(100)]).mean(0)
        few = torch.stack([estimated(model, given, 4) for _ in range(25)]).mean(0)
        many = estimated(model, given, 200)
        one = torch.stack([estimated(model, given, 1) for _ in range(100)]).mean(0)
    assert bound.mean() < few.mean() < many.mean() + 0.05
    torch.testing.assert_close(one.mean(), bound.mean(), atol=0.3, rtol=0)


@pytest.mark.slow
def test_the_importance_weighted_estimate_finds_the_true_likelihood():
    """A picture of four pixels, whose likelihood can be had by summing over a grid of the two latent numbers."""
    torch.manual_seed(4)
    model = autoencoder(pictures={"channels": 1, "height": 2, "width": 2}, latent_size=2).double()
    given = pictures(2, height=2, width=2).double()
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    prior = Normal(0.0, 1.0).log_prob(grid).sum(1) + 2 * math.log(14 / 280)
    with torch.no_grad():
        canvas = model.draw(grid.unsqueeze(1)).canvas
        truth = torch.stack(
            [(prior + model.pixels.log_likelihood(each.expand_as(canvas), canvas)).logsumexp(0) for each in given]
        )
        estimate = estimated(model, given, 3000)
    torch.testing.assert_close(estimate, truth, atol=0.02, rtol=0)


@every_kind
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 6, 6), (1, 5, 9), (3, 8, 4)])
def test_colours_and_any_shape(kind, channels, height, width):
    model = kind(pictures={"channels": channels, "height": height, "width": width})
    given = pictures(2, channels, height, width)
    assert model(given).nats.shape == (2,)
    drawing = model.sample(5, keep=True)
    assert drawing.canvas.shape == (5, channels, height, width)
    assert drawing.canvases.shape == (5, model.steps, channels, height, width)


def test_channels_share_the_window():
    model = painter(pictures={**SMALL, "channels": 3})
    assert model.write.numbers == 5 + 3 * 9
    drawing = model.sample(2, keep=True)
    assert all(part.shape == (2, model.steps) for part in drawing.windows)
    assert (drawing.windows.stride > 0).all()
    assert (drawing.windows.deviation > 0).all()


def test_windows_are_those_of_the_strokes():
    model = painter(steps=1)
    latents = torch.randn(2, 1, 5)
    said, _ = model.decoder.step(latents[:, 0], model.decoder_start(2))
    _, stroke = model.to_canvas(said).split(model.sizes, dim=1)
    where = window(stroke[:, :5], size=3, height=6, width=6)
    for ours, theirs in zip(model.draw(latents, keep=True).windows, where, strict=True):
        torch.testing.assert_close(ours[:, 0], theirs)


@every_kind
def test_samples_follow_the_generator(kind):
    model = kind()
    draw = lambda seed: model.sample(2, generator=torch.Generator().manual_seed(seed)).canvas  # noqa: E731
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


@every_kind
def test_a_class_changes_what_is_seen_and_what_is_painted(kind):
    torch.manual_seed(5)
    model = kind(classes=3, conditional=True)
    given, noise = pictures(1), torch.randn(1, model.steps, 5)
    labels = [torch.tensor([label]) for label in (0, 1, 2, -1)]
    for first, second in itertools.combinations(labels, 2):
        seen = [model.look(given, label, noise, keep=False)[0].mean for label in (first, second)]
        painted = [model.draw(noise, label).canvas for label in (first, second)]
        assert not torch.allclose(*seen)
        assert not torch.allclose(*painted)
    torch.testing.assert_close(model.draw(noise, None).canvas, model.draw(noise, labels[-1]).canvas)


def test_without_being_told_classes_mean_nothing():
    model = painter(classes=3)
    latents = torch.randn(1, 4, 5)
    assert torch.equal(model.draw(latents, torch.tensor([0])).canvas, model.draw(latents, torch.tensor([2])).canvas)


def test_a_class_of_what_has_none_is_refused():
    with pytest.raises(UserError, match=r"conditional=true: the data have no classes"):
        painter(conditional=True)
    with pytest.raises(UserError, match=r"several labels a picture"):
        painter(conditional=True, classes=3, objects=2)


def test_pictures_of_several_sizes_are_refused():
    with pytest.raises(UserError, match=r"data\.reader\.size"):
        painter(pictures={"channels": 1, "height": None, "width": None})


@every_kind
def test_interpolation_begins_with_one_picture_and_ends_with_the_other(kind):
    model = kind(classes=3, conditional=True)
    given, labels = pictures(2), torch.tensor([0, 2])
    way = model.interpolate(*given, labels, number=5).canvas
    _, ends = model.reconstruct(given, labels)
    torch.testing.assert_close(way[[0, -1]], ends.canvas)
    assert way.shape == (5, 1, 6, 6)


@pytest.mark.parametrize("learnt", [True, False])
def test_gaussian_pixels_are_a_normal_distribution(learnt):
    pixels = GaussianPixels(0.3, learnt=learnt)
    given, canvas = pictures(2, 3), torch.rand(2, 3, 6, 6)
    expected = Normal(canvas, 0.3).log_prob(given).sum((1, 2, 3))
    torch.testing.assert_close(pixels.log_likelihood(given, canvas), expected)
    assert pixels.log_deviation.requires_grad == learnt


@every_kind
def test_gaussian_pixels_are_trained(kind):
    model = kind(pixels=GaussianPixels(learnt=True))
    model(torch.rand(2, 1, 6, 6)).nats.sum().backward()
    assert model.pixels.log_deviation.grad.abs() > 0


@pytest.mark.parametrize("pixels", [BernoulliPixels(), GaussianPixels()])
def test_the_first_canvas_can_stand_for_a_mean_picture(pixels):
    model = painter(pixels=pixels)
    mean = torch.linspace(0.02, 0.9, 36).reshape(1, 6, 6)
    model.begin_at(mean)
    torch.testing.assert_close(model.pixels.mean(model.start.detach()), mean)
