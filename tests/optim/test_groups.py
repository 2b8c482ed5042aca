"""Which parameters decay, and which learn slowly."""

from functools import partial

import pytest
import torch
from torch import nn

from seqvision.encoders import SmallCNN, TimmEncoder
from seqvision.errors import UserError
from seqvision.optim import Muon, build_optimizer, constant


def network() -> nn.Module:
    """Matrices, biases and gains; the encoder's last matrix is frozen."""
    encoder = nn.Sequential(nn.Conv2d(3, 2, 3), nn.GroupNorm(1, 2), nn.Linear(2, 2))
    encoder[2].weight.requires_grad_(False)
    return nn.ModuleDict({"encoder": encoder, "head": nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))})


def settings(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> tuple[float, float]:
    """The rate and the decay of a parameter."""
    (group,) = [group for group in optimizer.param_groups if any(p is parameter for p in group["params"])]
    return group["lr"], group["weight_decay"]


def test_gains_and_biases_do_not_decay_and_the_encoder_is_slow():
    model = network()
    encoder, head = model["encoder"], model["head"]
    make = partial(torch.optim.AdamW, lr=0.1, weight_decay=0.5)
    optimizer = build_optimizer(make, model, slow=encoder, slow_factor=0.01)
    assert settings(optimizer, head[0].weight) == (0.1, 0.5)
    assert settings(optimizer, head[0].bias) == settings(optimizer, head[1].weight) == (0.1, 0.0)
    assert settings(optimizer, encoder[0].weight) == (0.001, 0.5)
    assert settings(optimizer, encoder[1].weight) == settings(optimizer, encoder[0].bias) == (0.001, 0.0)


def test_each_trainable_parameter_once_and_no_frozen_one():
    model = network()
    optimizer = build_optimizer(partial(torch.optim.SGD, lr=0.1), model)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)


def test_schedule_keeps_the_slow_factor():
    model = network()
    optimizer = build_optimizer(partial(torch.optim.SGD, lr=0.1), model, slow=model["encoder"], slow_factor=0.5)
    scheduler = constant(optimizer, 10, warmup=0.1)
    assert settings(optimizer, model["encoder"][0].weight)[0] == 0.025  # half the rate, in the warm-up's half
    optimizer.step()
    scheduler.step()
    assert settings(optimizer, model["encoder"][0].weight)[0] == 0.05


def test_a_wholly_slow_or_frozen_model_has_no_empty_group():
    encoder = network()["encoder"]
    optimizer = build_optimizer(partial(torch.optim.SGD, lr=0.1), encoder, slow=encoder, slow_factor=0.1)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1 * 0.1] * 2


def looking() -> nn.Module:
    """An encoder of three stages, the first one frozen, deep inside a network."""
    encoder = SmallCNN(image_size=8, channels=(4, 4, 4), strides=(2, 1, 1), trainable=2)
    return nn.ModuleDict({"front": nn.ModuleDict({"encoder": encoder}), "head": nn.Linear(4, 2)})


def test_stages_learn_at_rates_that_fall_towards_the_pixels():
    model = looking()
    make = partial(torch.optim.AdamW, lr=0.1, weight_decay=0.5)
    optimizer = build_optimizer(make, model, slow=model["front"], slow_factor=0.5, layer_decay=0.8)
    _, second, last = model["front"]["encoder"].stages
    assert settings(optimizer, model["head"].weight) == (0.1, 0.5)
    assert settings(optimizer, last[0].convolution.weight) == pytest.approx((0.1 * 0.5 * 0.8, 0.5))
    assert settings(optimizer, last[0].norm.bias) == pytest.approx((0.1 * 0.5 * 0.8, 0.0))
    assert settings(optimizer, second[0].convolution.weight) == pytest.approx((0.1 * 0.5 * 0.8**2, 0.5))
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert all("rate_factor" not in group for group in optimizer.param_groups)


def test_every_parameter_of_a_ready_made_network_has_the_rate_of_its_stage():
    encoder = TimmEncoder("resnet10t", image_size=32, pooled=True)
    optimizer = build_optimizer(partial(torch.optim.SGD, lr=1.0), encoder, layer_decay=0.5)
    rates = {name: settings(optimizer, p)[0] for name, p in encoder.named_parameters()}
    assert {rate for name, rate in rates.items() if ".layer4." in f".{name}"} == {0.5}
    assert {rate for name, rate in rates.items() if ".layer1." in f".{name}"} == {0.5**4}
    assert min(rates.values()) == 0.5 ** len(encoder.stage_modules())
    assert rates[next(iter(rates))] == min(rates.values()), "the stem is slowest"


def test_layer_decay_without_an_encoder_is_refused():
    with pytest.raises(UserError, match=r"task.layer_decay=0.8: this model has no encoder.*leave it out"):
        build_optimizer(torch.optim.Adam, nn.Linear(2, 2), layer_decay=0.8)


@pytest.mark.parametrize("factor", [0.0, 1.5, -1.0])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(UserError, match=r"task.layer_decay is .*above 0 and at most 1"):
        build_optimizer(torch.optim.Adam, looking(), layer_decay=factor)


def test_muon_moves_matrices_and_leaves_tables_vectors_and_narrow_ones_to_adamw():
    torch.manual_seed(0)
    model = nn.ModuleDict(
        {
            "words": nn.Embedding(9, 8),
            "kernel": nn.Conv2d(4, 8, 3),
            "square": nn.Linear(8, 8),
            "narrow": nn.Linear(8, 3),
        }
    )
    optimizer = build_optimizer(partial(Muon, lr=0.1), model)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    by_muon = {name for name, p in model.named_parameters() if "momentum_buffer" in optimizer.state[p]}
    by_adamw = {name for name, p in model.named_parameters() if "exp_avg_sq" in optimizer.state[p]}
    assert by_muon == {"kernel.weight", "square.weight"}
    assert by_adamw == {name for name, _ in model.named_parameters()} - by_muon
