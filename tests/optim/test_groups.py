"""Which parameters decay, and which learn slowly."""

from functools import partial

import torch
from torch import nn

from seqvision.optim import build_optimizer, constant


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
