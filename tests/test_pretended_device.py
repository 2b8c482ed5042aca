"""The pretended accelerator refuses what a GPU refuses, computes what the CPU computes, and counts what costs."""

import copy
import io

import pytest
import torch
from pretended_device import Float64OnDevice, MixedDevices, PretendedDevice
from torch import nn


def network() -> nn.Module:
    torch.manual_seed(0)
    tied = nn.Linear(5, 5)
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), tied, nn.Tanh(), tied)


def trained(model: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return {name: value.cpu() for name, value in model.state_dict().items()}


def test_training_on_it_gives_the_numbers_of_the_cpu(pretended):
    x = torch.randn(6, 4)
    expected = trained(network(), x)
    model = network().to(pretended.name)
    assert isinstance(model[2].weight, nn.Parameter)
    assert model[2].weight is model[4].weight  # tied parameters stay one
    found = trained(model, x.to(pretended.name))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_what_is_saved_can_be_loaded_without_the_device(pretended):
    model = network().to(pretended.name)
    file = io.BytesIO()
    torch.save({"weights": model.state_dict(), "parameters": list(copy.deepcopy(model).parameters())}, file)
    file.seek(0)
    kept = torch.load(file, weights_only=True)
    assert kept["weights"]["0.weight"].device.type == "cpu"
    assert kept["weights"]["0.weight"].equal(model[0].weight.detach().cpu())
    assert isinstance(kept["parameters"][0], nn.Parameter)


@pytest.mark.parametrize("call", [
    lambda here, there: here + there,
    lambda here, there: torch.stack([here.sum(), there.sum()]),
    lambda here, there: here.matmul(there),
    lambda here, there: there.add_(here),
    lambda here, there: there.sum().add_(here.sum()),
    lambda here, there: there[here.long()],
    lambda here, there: here.normal_(generator=torch.Generator()),
])  # fmt: skip
def test_devices_do_not_mix(pretended, call):
    here, there = torch.zeros(3, device=pretended.name), torch.zeros(3)
    with pytest.raises(MixedDevices):
        call(here, there)


def test_numbers_of_the_host_may_go_along(pretended):
    here = torch.ones(3, device=pretended.name)
    with pretended.counting() as counts:
        found = torch.where(here > 0, here * torch.tensor(2.0), 0.0) + 1
        found[found > 5] = 0.0
        torch.full((), 2.0, device=pretended.name)
    assert counts.totals() | {"launches": 0} == {"launches": 0, "waits": 0, "blocking": 0, "copies": 0}
    assert found.tolist() == [3.0, 3.0, 3.0]


def test_double_precision_is_refused_unless_asked_for(pretended):
    with pytest.raises(Float64OnDevice):
        torch.ones(3, device=pretended.name).double()
    with pytest.raises(Float64OnDevice):
        torch.ones(3, dtype=torch.float64).to(pretended.name)
    pretended.float64 = True
    assert torch.ones(3, dtype=torch.float64).to(pretended.name).sum().item() == 3


def test_inference_mode_is_no_way_round(pretended):
    with torch.inference_mode(), pretended.counting() as counts:
        here = torch.ones(3, 4).to(pretended.name)
        assert torch.nn.functional.linear(here, here).to("cpu").equal(torch.full((3, 3), 4.0))
    assert counts.totals() == {"launches": 1, "waits": 1, "blocking": 1, "copies": 0}


def test_waits_are_counted_by_line(pretended):
    x = torch.arange(6.0, device=pretended.name)
    reads = [
        lambda: x.sum().item(),
        lambda: bool((x > 0).all()),
        lambda: x.tolist(),
        lambda: x.cpu(),
        lambda: x[x > 2],
        lambda: x.nonzero(),
        lambda: x.masked_select(x > 2),
        lambda: x.equal(x),
        lambda: x.multinomial(1),
    ]
    for read in reads:
        with pretended.counting() as counts:
            read()
        assert counts.totals()["waits"] == 1, counts.lines("waits")
        ((line, _),) = counts.waits
        assert line == f"test_pretended_device.py:{read.__code__.co_firstlineno}"


def test_a_copy_blocks_unless_it_is_from_pinned_memory_and_said_so(pretended):
    plain, pinned = torch.ones(4), torch.ones(4).pin_memory()
    assert pinned.is_pinned()
    assert not plain.is_pinned()
    with pretended.counting() as counts:
        pinned.to(pretended.name, non_blocking=True)
        pinned[1:].to(pretended.name, non_blocking=True)
    assert (counts.totals()["copies"], counts.totals()["blocking"]) == (2, 0)
    with pretended.counting() as counts:
        plain.to(pretended.name, non_blocking=True)
        pinned.to(pretended.name)
        torch.tensor([1.0, 2.0], device=pretended.name)
        torch.ones(4, device=pretended.name)[torch.tensor([0])]
    assert (counts.totals()["copies"], counts.totals()["blocking"]) == (0, 4)


def test_launches_are_operators_and_not_views(pretended):
    x = torch.ones(3, 4, device=pretended.name)
    with pretended.counting() as counts:
        x.t().unsqueeze(0).detach()[0, 1:].expand(3, 3)
        torch.empty(3, device=pretended.name)
    assert counts.totals()["launches"] == 0, counts.lines("launches")
    with pretended.counting() as counts:
        (x.t() @ x).tanh_()
    assert counts.totals()["launches"] == 2


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_networks_are_one_launch_each_way(pretended, kind):
    torch.manual_seed(0)
    layer, x = kind(3, 4, batch_first=True), torch.randn(2, 5, 3)
    layer(x)[0].sum().backward()
    expected = layer.weight_hh_l0.grad.clone()
    layer.zero_grad()
    here, layer = x.to(pretended.name), layer.to(pretended.name)
    with pretended.counting() as counts:
        layer(here)[0].sum().backward()
    assert sum(number for (_, name), number in counts.launches.items() if name.startswith("cudnn")) == 2
    assert layer.weight_hh_l0.grad.cpu().equal(expected)


def test_after_the_block_the_device_is_gone():
    with PretendedDevice() as device:
        assert torch.ones(1, device=device.name).item() == 1
    with pytest.raises((RuntimeError, NotImplementedError)):
        torch.ones(1, device=device.name)
