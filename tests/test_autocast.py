"""Mixed precision leaves alone what its rounding would change: recurrences, positions, divergences, log-densities."""

from typing import Any

import pytest
import torch
from painters import autoencoder, painter
from pretended_autocast import register
from small_patterns import SMALL, small_task, some
from torch import Tensor, nn

from seqvision.attention import WindowAttention
from seqvision.attention.filter_banks import WINDOW, filter_banks, put, take, window
from seqvision.autocast import in_float32
from seqvision.encoders import DecorrelatedBatchNorm
from seqvision.models.reader import Locator, log_density
from seqvision.rnn import Recurrent, state_parts
from seqvision.tasks import GlimpseReading

HALF = [torch.bfloat16, torch.float16]


def autocast(dtype: torch.dtype) -> torch.autocast:
    return torch.autocast("cpu", dtype=dtype)


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_what_comes_in_half_precision_is_made_single_and_autocast_is_back_afterwards(dtype):
    seen = []

    @in_float32
    def product(a: Tensor, *, pair: tuple[Tensor, int]) -> Tensor:
        seen.append((a.dtype, pair[0].dtype, pair[1]))
        return a @ pair[0]

    a = torch.randn(3, 3)
    assert product(a.to(dtype), pair=(a.to(dtype), 2)).dtype == dtype  # no autocast: as it is called
    with autocast(dtype):
        assert product(a.to(dtype), pair=(a, 2)).dtype == torch.float32
        assert (a @ a).dtype == dtype
        with pytest.raises(RuntimeError, match="shapes"):
            product(a, pair=(torch.randn(2, 2), 2))
        assert (a @ a).dtype == dtype
    assert seen[:2] == [(dtype, dtype, 2), (torch.float32, torch.float32, 2)]


@pytest.mark.parametrize("dtype", HALF, ids=str)
@pytest.mark.parametrize("side", [28, 300])
def test_the_windows_of_draw_lie_where_they_lie_without_autocast(side, dtype):
    """To the last bit, and so do its canvas and its bound; half precision would be 0.2 to 3.4 pixels off."""
    torch.manual_seed(0)
    model = painter(pictures={"channels": 1, "height": side, "width": side})
    nn.init.normal_(model.to_canvas.weight, std=0.1)
    images, noise = torch.rand(2, 1, side, side), torch.randn(2, model.steps, model.latent_size)
    expected = model(images, noise=noise, keep=True)
    with autocast(dtype):
        found = model(images, noise=noise, keep=True)
    assert all(map(torch.equal, state_parts(found.drawing.windows), state_parts(expected.drawing.windows)))
    assert torch.equal(found.nats, expected.nats)


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_geometry_is_exact_where_it_is_used_without_draw(dtype):
    torch.manual_seed(0)
    attention, locator = WindowAttention(8, 4), Locator(8, learnt=True)
    nn.init.normal_(attention.to_window.weight)
    nn.init.normal_(locator.output.weight)
    query, values = torch.randn(2, 3, 8), torch.randn(2, 36, 4)
    shape = {"size": 5, "height": 300, "width": 300}
    parameters, images = torch.randn(2, WINDOW), torch.rand(2, 1, 300, 300)

    def found() -> list[Tensor]:
        banks = filter_banks(window(parameters, **shape), **shape)
        patches = take(images, banks)
        mean, log_std = locator(query[:, 0])
        weights = attention(query, values, values)[1]
        return [*banks, patches, put(patches, banks), mean, log_std, log_density(mean + 0.3, mean, log_std), weights]

    expected = found()
    with autocast(dtype):
        assert all(map(torch.equal, found(), expected))


def test_the_divergence_and_the_density_of_an_autoencoder_belong_to_the_same_numbers():
    """log p(z) - log q(z | x) at the mean of each latent number, where the noise is zero, has a closed form."""
    torch.manual_seed(0)
    model = autoencoder()
    images = torch.rand(3, 1, 6, 6)
    with autocast(torch.bfloat16):
        posterior, _ = model.reconstruct(images)
        ratio, kl = posterior.log_ratio(), posterior.kl()
    mean, log_std = (part.detach().double() for part in posterior[:2])
    torch.testing.assert_close(ratio.double(), (log_std - 0.5 * mean.square()).sum((1, 2)), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        kl.double(), (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(2), rtol=1e-5, atol=1e-5
    )


def test_a_decorrelated_norm_whitens_in_single_precision_and_hands_on_what_it_got():
    torch.manual_seed(0)
    norm, x = DecorrelatedBatchNorm(4), torch.randn(64, 4).bfloat16()
    with autocast(torch.bfloat16):
        out = norm(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float().T.cov(correction=0), torch.eye(4), atol=0.02, rtol=0)


@pytest.mark.few(3)
@pytest.mark.parametrize("backend", ["auto", "reference"])
@pytest.mark.parametrize("pattern", SMALL)
def test_every_task_under_autocast(pattern, backend, tmp_path):
    """Recurrences give single precision, places and densities too, and the loss is that without autocast to 2 %."""
    task, data = small_task(pattern, tmp_path)
    for module in task.model.modules():
        if isinstance(module, Recurrent):
            module.backend = backend
    loses_no_more_than_two_percent(task, some(data, 4), "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", SMALL)
def test_every_task_under_the_autocast_of_cuda(pattern, tmp_path, pretended):
    """The same by CUDA's lists of what runs in which precision, and by the paths that a GPU takes."""
    register()
    task, data = small_task(pattern, tmp_path)
    task.to(pretended.name)
    loses_no_more_than_two_percent(task, some(data, 4).to(pretended.name), "pretend")


def test_the_windows_of_draw_are_those_without_autocast_by_the_rules_of_cuda(pretended):
    register()
    torch.manual_seed(0)
    model = painter(pictures={"channels": 1, "height": 28, "width": 28}).to(pretended.name)
    nn.init.normal_(model.to_canvas.weight, std=0.1)
    images, noise = (each.to(pretended.name) for each in (torch.rand(2, 1, 28, 28), torch.randn(2, model.steps, 5)))
    expected = model(images, noise=noise, keep=True)
    with torch.autocast("pretend", dtype=torch.bfloat16):
        found = model(images, noise=noise, keep=True)
    pairs = zip(state_parts(found.drawing.windows), state_parts(expected.drawing.windows), strict=True)
    assert all(ours.cpu().equal(theirs.cpu()) for ours, theirs in pairs)
    assert found.nats.cpu().equal(expected.nats.cpu())


def loses_no_more_than_two_percent(task: Any, batch: Any, device: str) -> None:
    """The loss under autocast is that without it to 2 %, recurrences and places stay single, gradients are numbers."""
    seen: list[torch.dtype] = []
    for module in task.model.modules():
        if isinstance(module, Recurrent):
            keep_types(module, seen)
    if isinstance(task, GlimpseReading):
        task.model.register_forward_hook(lambda _, __, out: seen.extend([out.places.dtype, out.log_p.dtype]))
    losses = {}
    for enabled in (False, True):
        torch.manual_seed(1)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=enabled):
            total, count = task.judged(batch)
        total.backward()
        losses[enabled] = float(total.detach() / count)
    assert losses[True] == pytest.approx(losses[False], rel=0.02)
    assert seen
    assert set(seen) == {torch.float32}
    assert all(p.grad is None or (p.grad.dtype == p.dtype and p.grad.isfinite().all()) for p in task.parameters())


def keep_types(module: Recurrent, seen: list[torch.dtype]) -> None:
    """Puts the types of all that the network hands out, by a pass or by a step, into the list."""

    def watched(function):
        def run(*args, **kwargs):
            out, state = function(*args, **kwargs)
            seen.extend(part.dtype for part in (out, *state_parts(state)))
            return out, state

        return run

    module.forward, module.step = watched(module.forward), watched(module.step)
