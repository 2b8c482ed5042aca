"""One word swaps the normalisation throughout an encoder."""

import pytest
import timm
import torch
from torch import nn

from seqvision.encoders import (
    VGG,
    AlexNet,
    DecorrelatedBatchNorm,
    DenseNet,
    FractalNet,
    PreActResNet,
    ResNet,
    SmallCNN,
    TimmEncoder,
    make_norm,
    swap_norms,
)
from seqvision.encoders.normalisation import over_maps
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")

NORMS = {
    "batch": nn.BatchNorm2d,
    "layer": nn.GroupNorm,
    "instance": nn.InstanceNorm2d,
    "group": nn.GroupNorm,
    "decorrelated": DecorrelatedBatchNorm,
}
NETWORKS = {
    "resnet": lambda **s: ResNet(depth=18, **s),
    "preact": lambda **s: PreActResNet(depth=18, **s),
    "vgg": lambda **s: VGG(depth=11, **s),
    "fractal": lambda **s: FractalNet(channels=(8, 16), columns=2, **s),
    "alexnet": AlexNet,
    "small": lambda **s: SmallCNN(channels=(8, 16), strides=(2, 2), **s),
}


def norms(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(module, over_maps())]


@pytest.mark.few(4)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("norm", NORMS)
def test_every_normalisation_of_a_network_is_of_the_chosen_kind_and_trains(name, norm):
    torch.manual_seed(0)
    size = 64 if name == "alexnet" else 40 if norm == "instance" else 32  # which needs two places in the last map
    encoder = NETWORKS[name](image_size=size, pooled=True, norm=norm)
    found = norms(encoder)
    assert found
    assert all(isinstance(each, NORMS[norm]) for each in found)
    if norm == "layer":
        assert {each.num_groups for each in found} == {1}
    encoder(torch.rand(4, 3, size, size)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


def test_a_network_keeps_its_activations_and_its_number_of_normalisations():
    own, swapped = DenseNet(image_size=32), DenseNet(image_size=32, norm="group")
    relus = [sum(isinstance(m, nn.ReLU) for m in each.modules()) for each in (own, swapped)]
    assert len(norms(own)) == len(norms(swapped)) == 121
    assert relus[0] == relus[1] == 121


def test_a_network_without_any_gets_one_behind_each_convolution():
    plain, normed = VGG(depth=11, image_size=32, norm=None), AlexNet(image_size=64, norm="batch")
    assert not norms(plain)
    assert len(norms(normed)) == sum(isinstance(m, nn.Conv2d) for m in normed.modules()) == 5


def test_gain_and_bias_keep_their_values():
    """timm starts the last gain of each residual block at 0, so that the block does nothing at first."""
    network = timm.create_model("resnet18", num_classes=0)
    gains = [m.weight.clone() for m in norms(network)]
    assert swap_norms(network, "group", what="resnet18") == len(gains) == 20
    assert all(torch.equal(new.weight, old) for new, old in zip(norms(network), gains, strict=True))
    assert sum(not gain.any() for gain in gains) == 8


@pytest.mark.parametrize("norm", [None, "batch"])
def test_batch_norm_stays_as_it_is_with_its_weights(norm, tmp_path):
    network = timm.create_model("test_resnet")
    for module in norms(network):
        module.running_mean.uniform_()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    encoder = TimmEncoder("test_resnet", image_size=64, weights=str(tmp_path / "weights.pth"), norm=norm).eval()
    images = torch.rand(2, 3, 64, 64)
    expected = network.eval().forward_features(encoder.prepare(images)).permute(0, 2, 3, 1)
    torch.testing.assert_close(encoder(images), expected)


def test_weights_that_were_learnt_with_another_are_refused(tmp_path):
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"norm is 'group', but the weights were learnt with another .*weights to null"):
        TimmEncoder("test_resnet", image_size=64, weights=str(tmp_path / "weights.pth"), norm="group")


def test_weights_of_an_encoder_with_that_normalisation_fit(tmp_path):
    encoder = TimmEncoder("test_resnet", image_size=64, norm="decorrelated")
    encoder(torch.rand(8, 3, 64, 64))
    torch.save(encoder.state_dict(), tmp_path / "own.pth")
    again = TimmEncoder("test_resnet", image_size=64, norm="decorrelated", weights=str(tmp_path / "own.pth"))
    torch.testing.assert_close(again.state_dict(), encoder.state_dict(), rtol=0, atol=0)


def test_a_frozen_network_is_frozen_with_its_new_normalisation():
    encoder = ResNet(image_size=32, norm="decorrelated", trainable="none", pooled=True).train()
    images = torch.rand(4, 3, 32, 32)
    first = encoder(images)
    assert torch.equal(encoder(images), first)
    partly = ResNet(image_size=32, norm="decorrelated", trainable=1).train()
    partly(images)
    moved = {name for name, value in partly.named_buffers() if name.endswith("running_mean") and value.any()}
    assert moved
    assert all(name.startswith("network.layer4") for name in moved)


def test_instance_norm_says_which_picture_leaves_it_more_than_one_place():
    with pytest.raises(UserError, match=r"32 x 32 pixels .*smallest size above it that works is 33"):
        ResNet(image_size=32, norm="instance")


@pytest.mark.parametrize(("channels", "groups"), [(512, 32), (64, 32), (44, 22), (16, 8), (3, 1), (1, 1)])
def test_groups_divide_the_channels_and_hold_two_or_more(channels, groups):
    assert make_norm("group", channels).num_groups == groups


@pytest.mark.parametrize("kind", ["layer", "instance", "group"])
def test_a_picture_alone_is_normalised_as_in_company(kind):
    norm = make_norm(kind, 8)
    images = torch.randn(4, 8, 5, 5) * torch.arange(1, 5).view(-1, 1, 1, 1) + torch.arange(8).view(-1, 1, 1)
    normed = norm(images)
    torch.testing.assert_close(normed[2:3], norm(images[2:3]))
    groups = {"layer": 1, "instance": 8, "group": 4}[kind]
    together = normed.unflatten(1, (groups, -1)).flatten(2)
    torch.testing.assert_close(together.mean(2), torch.zeros(4, groups), atol=1e-5, rtol=0)
    torch.testing.assert_close(together.std(2, correction=0), torch.ones(4, groups), atol=1e-4, rtol=0)
    assert kind == "instance" or normed[:, 0].mean((1, 2)).abs().max() > 0.1, "one channel alone is not"


def test_settings_come_with_the_name():
    norm = make_norm({"name": "decorrelated", "method": "newton", "group_size": 4}, 8)
    assert (norm.method, norm.group_size) == ("newton", 4)
    assert make_norm({"name": "group", "groups": 4}, 64).num_groups == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_norm("spectral", 8), "encoder.norm is 'spectral'; expected one of batch, layer, instance"),
        (lambda: make_norm({"kind": "group"}, 8), "expected one of .*a mapping with such a name"),
        (lambda: make_norm({"name": "layer", "groups": 2}, 8), "{'groups': 2} does not fit 'layer'"),
        (
            lambda: TimmEncoder("vit_tiny_patch16_224", image_size=96, norm="group"),
            "normalises tokens, not maps .*leave norm null",
        ),
    ],
)
def test_what_cannot_be_is_explained(make, message):
    with pytest.raises(UserError, match=message):
        make()
