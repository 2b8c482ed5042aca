"""Decorrelated batch norm: whitened in training, whitened by running averages in evaluation, with right gradients."""

import math
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from seqvision.encoders import DecorrelatedBatchNorm
from seqvision.encoders.decorrelated import newton_inverse_root
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")

CHANNELS = 12
MANY = {"method": "newton", "iterations": 30}  # enough to whiten all directions


def mixed(*shape: int, seed: int = 0) -> torch.Tensor:
    """Correlated channels of different sizes about different means, always by the same mixing: (batch, C, *places)."""
    mixing = torch.randn(CHANNELS, CHANNELS, generator=torch.Generator().manual_seed(99)) + 4 * torch.eye(CHANNELS)
    x = torch.randn(shape[0], CHANNELS, *shape[1:], generator=torch.Generator().manual_seed(seed))
    return torch.einsum("ij,bj...->bi...", mixing, x) + torch.arange(CHANNELS).view(-1, *[1] * len(shape[1:]))


def covariance(x: torch.Tensor) -> torch.Tensor:
    return torch.cov(x.transpose(0, 1).flatten(1), correction=0)


@pytest.mark.parametrize("settings", [{}, MANY], ids=["zca", "newton"])
@pytest.mark.parametrize("shape", [(16 * CHANNELS,), (3, 8, 8)], ids=["vectors", "maps"])
def test_in_training_a_batch_comes_out_with_covariance_one(settings, shape):
    x = mixed(*shape)
    assert (covariance(x) - torch.eye(CHANNELS)).abs().max() > 1
    y = DecorrelatedBatchNorm(CHANNELS, **settings)(x)
    assert y.shape == x.shape
    torch.testing.assert_close(y.transpose(0, 1).flatten(1).mean(1), torch.zeros(CHANNELS), atol=1e-4, rtol=0)
    torch.testing.assert_close(covariance(y), torch.eye(CHANNELS), atol=1e-3, rtol=0)


@pytest.mark.parametrize("settings", [{}, MANY], ids=["zca", "newton"])
def test_running_averages_whiten_new_pictures_of_the_same_kind(settings):
    norm = DecorrelatedBatchNorm(CHANNELS, **settings)
    for seed in range(100):
        norm(mixed(16 * CHANNELS, seed=seed))
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    y = norm.eval()(mixed(100_000, seed=1000))
    torch.testing.assert_close(covariance(y), torch.eye(CHANNELS), atol=5e-2, rtol=0)
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)
    one = mixed(1, seed=1000)
    assert norm(one).shape == one.shape, "evaluation takes a single sample"


def test_whitening_is_the_one_that_stays_nearest_and_goes_by_groups():
    x = mixed(1000)
    y = DecorrelatedBatchNorm(CHANNELS, group_size=5)(x)  # 4 divides 12, 5 does not
    sigma = covariance(x)[4:8, 4:8].double().numpy()
    import scipy.linalg

    expected = torch.from_numpy(scipy.linalg.inv(scipy.linalg.sqrtm(sigma))) @ (x - x.mean(0))[:, 4:8].T
    torch.testing.assert_close(y[:, 4:8].T, expected, atol=1e-3, rtol=1e-3)
    for block in range(3):
        inner = covariance(y)[4 * block : 4 * block + 4, 4 * block : 4 * block + 4]
        torch.testing.assert_close(inner, torch.eye(4), atol=1e-3, rtol=0)
    assert covariance(y)[0, 4:].abs().max() > 0.05, "across groups correlation stays"


def test_groups_of_one_are_batch_norm():
    x = mixed(40, 3, 3)
    batch, single = torch.nn.BatchNorm2d(CHANNELS), DecorrelatedBatchNorm(CHANNELS, group_size=1)
    for norm in (batch, single):
        torch.nn.init.uniform_(norm.weight, generator=torch.Generator().manual_seed(1))
        torch.nn.init.uniform_(norm.bias, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(single(x), batch(x), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(single.running_covariance.flatten(), batch.running_var)
    torch.testing.assert_close(single.eval()(x), batch.eval()(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("settings", [{}, {"method": "newton"}], ids=["zca", "newton"])
@pytest.mark.parametrize("shape", [(9, 6), (3, 6, 2, 2)], ids=["vectors", "maps"])
def test_gradients_are_those_of_finite_differences(settings, shape):
    norm = DecorrelatedBatchNorm(6, group_size=3, eps=1e-3, **settings).double()
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    gain, bias = (torch.rand(6, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def run(x, gain, bias):
        return torch.func.functional_call(norm, {"weight": gain, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x, gain, bias))
    norm.eval()
    assert torch.autograd.gradcheck(run, (x, gain, bias))


def test_equal_eigenvalues_have_a_gradient():
    """Derivatives of eigenvectors divide by the difference of eigenvalues; here all four are equal."""
    corners = torch.tensor([[i, j] for i in (-1.0, 1.0) for j in (-1.0, 1.0)], dtype=torch.float64, requires_grad=True)
    norm = DecorrelatedBatchNorm(2).double()
    torch.testing.assert_close(norm(corners), corners, atol=1e-4, rtol=0)
    assert torch.autograd.gradcheck(norm, (corners,))


def test_few_samples_stay_finite():
    """Fewer samples than channels: Σ has no inverse, and eps stands in."""
    x = torch.randn(2, CHANNELS, 1, 1, requires_grad=True)
    y = DecorrelatedBatchNorm(CHANNELS)(x)
    y.square().sum().backward()
    assert y.isfinite().all()
    assert x.grad.isfinite().all()


def test_half_precision_is_for_what_comes_in_and_out():
    norm = DecorrelatedBatchNorm(CHANNELS).float()
    x = mixed(400).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = norm(x)
    assert y.dtype == torch.bfloat16
    assert norm.running_covariance.dtype == torch.float32
    torch.testing.assert_close(covariance(y.double()), torch.eye(CHANNELS), atol=1e-2, rtol=0)


def test_newton_comes_nearer_with_every_iteration():
    """By its eigenvalues: 1, and one that starts at 1/100 of the trace."""
    matrix = torch.diag(torch.tensor([0.99, 0.01], dtype=torch.float64)).unsqueeze(0)
    wrong = [float(newton_inverse_root(matrix, count)[0, 1, 1] * math.sqrt(0.01) - 1) for count in (1, 3, 5, 8, 12)]
    assert wrong == sorted(wrong), "from below"
    assert wrong[2] < -0.1, "five iterations leave the weak direction short of whitened"
    assert abs(wrong[-1]) < 1e-6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "pca"}, "method is 'pca'; expected 'zca' or 'newton'"),
        ({"group_size": 0}, "group_size is 0 .*expected 1 or more"),
        ({"iterations": 0}, "iterations 0; expected 1 or more"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        DecorrelatedBatchNorm(4, **settings)


def test_a_training_batch_of_one_sample_is_refused():
    with pytest.raises(ValueError, match="1 sample in training"):
        DecorrelatedBatchNorm(4)(torch.zeros(1, 4, 1, 1))


def one_of_two(rank: int, settings: dict, folder: Path) -> None:
    """A process with a third of the batch, or with the rest."""
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2)
    norm = DecorrelatedBatchNorm(CHANNELS, group_size=4, **settings)
    x = mixed(9, 5, 5)[[slice(0, 3), slice(3, 9)][rank]].requires_grad_()
    y = norm(x)
    (y**3).sum().backward()
    torch.save({"y": y.detach(), "gradient": x.grad, "state": norm.state_dict()}, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, MANY], ids=["zca", "newton"])
def test_two_processes_whiten_by_all_of_their_samples(settings, tmp_path):
    """Outputs, gradients of the sum of both losses, and running averages are those of one process with all of it."""
    mp.start_processes(one_of_two, (settings, tmp_path), nprocs=2, start_method="fork")
    norm = DecorrelatedBatchNorm(CHANNELS, group_size=4, **settings)
    x = mixed(9, 5, 5).requires_grad_()
    y = norm(x)
    (y**3).sum().backward()
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    torch.testing.assert_close(torch.cat([first["y"], second["y"]]), y.detach(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.cat([first["gradient"], second["gradient"]]), x.grad, atol=1e-3, rtol=1e-3)
    for name, value in norm.state_dict().items():
        torch.testing.assert_close(first["state"][name], value, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(second["state"][name], first["state"][name], atol=0, rtol=0)
