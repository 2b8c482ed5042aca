"""λR(W): its value, and what it leaves alone."""

import pytest
import torch
from painters import autoencoder, painter
from torch import nn

from seqvision.encoders import TorchvisionEncoder
from seqvision.losses import ElasticNet
from seqvision.losses.penalty import weights_of

pytestmark = pytest.mark.usefixtures("float64")


def test_it_is_the_sum_over_matrices_and_filters():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3), nn.Linear(3, 3).requires_grad_(False))
    weights = [model[0].weight, model[2].weight]
    expected = sum(0.2 * float(w.detach().abs().sum()) + 0.7 * float(w.detach().square().sum()) for w in weights)
    penalty = ElasticNet(l1=0.2, l2=0.7)(model)
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx(expected, rel=1e-5)
    for weight in weights:
        assert torch.allclose(weight.grad, 0.2 * weight.sign() + 1.4 * weight.detach())
    assert model[1].weight.grad is None
    assert model[0].bias.grad is None


@pytest.mark.parametrize("make", [painter, autoencoder])
def test_a_first_canvas_and_learnt_states_are_no_weights(make):
    model = make()
    found = weights_of(model)
    layers = {f"{name}.weight" for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    assert found.keys() == layers
    assert model.start.dim() > 1
    penalty = ElasticNet(l2=1.0)(model)
    model.start.data.fill_(3.0)
    assert torch.equal(ElasticNet(l2=1.0)(model), penalty)


def test_gains_of_any_shape_are_no_weights():
    with torch.device("meta"):
        encoder = TorchvisionEncoder("convnext_tiny", image_size=32)
    gains = {name for name, value in encoder.named_parameters() if name.endswith("layer_scale")}
    assert gains
    assert all(dict(encoder.named_parameters())[name].dim() > 1 for name in gains)
    assert not gains & weights_of(encoder).keys()
    assert all(
        value.dim() == 1 or name in gains | weights_of(encoder).keys() for name, value in encoder.named_parameters()
    )


def test_matrices_of_torch_under_their_own_names_are_weights():
    model = nn.ModuleDict({"rnn": nn.LSTM(2, 3), "attention": nn.MultiheadAttention(4, 2, add_bias_kv=True)})
    found = weights_of(model).keys()
    assert found == {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "attention.in_proj_weight", "attention.out_proj.weight"}
