"""Families of named networks: as many weights as published, what each has of its own, and what it does not have."""

from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn

from seqvision.encoders import (
    VGG,
    AlexNet,
    DenseNet,
    FractalNet,
    GoogLeNet,
    NASNet,
    NiN,
    PreActResNet,
    ResNet,
    ResNeXt,
    SENet,
    SqueezeNet,
    StochasticDepthResNet,
    WideResNet,
)
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")

# --- as published


def weights_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def documented(name: str) -> int:
    """The number of weights that torchvision's documentation gives, with 1,000 classes."""
    return torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]


def vgg_head() -> int:
    return (512 * 49 + 1) * 4096 + 4097 * 4096 + 4097 * 1000


PUBLISHED = [
    (AlexNet, documented("alexnet"), (256 * 36 + 1) * 4096 + 4097 * 4096 + 4097 * 1000),
    *((partial(VGG, depth=depth), documented(f"vgg{depth}_bn"), vgg_head()) for depth in (11, 13, 16, 19)),
    *((partial(VGG, depth=depth, norm=None), documented(f"vgg{depth}"), vgg_head()) for depth in (11, 13, 16, 19)),
    (GoogLeNet, documented("googlenet"), None),
    *((partial(ResNet, depth=depth), documented(f"resnet{depth}"), None) for depth in (18, 34, 50, 101, 152)),
    *((partial(StochasticDepthResNet, depth=depth), documented(f"resnet{depth}"), None) for depth in (18, 50)),
    (partial(WideResNet, depth=50, width=2), documented("wide_resnet50_2"), None),
    (partial(WideResNet, depth=101, width=2), documented("wide_resnet101_2"), None),
    (partial(WideResNet, depth=28, width=10), 36_479_194, 641 * 10),  # CIFAR-10's ten classes; the paper says 36.5 M
    (ResNeXt, documented("resnext50_32x4d"), None),
    (partial(ResNeXt, depth=101, group_width=8), documented("resnext101_32x8d"), None),
    (partial(ResNeXt, depth=101, groups=64), documented("resnext101_64x4d"), None),
    (partial(SENet, depth=50), 28_088_024, None),  # the paper: 28.1 M
    *((partial(DenseNet, depth=depth), documented(f"densenet{depth}"), None) for depth in (121, 161, 169, 201)),
    (partial(SqueezeNet, version=1.0), documented("squeezenet1_0"), 513 * 1000),
    (partial(SqueezeNet, version=1.1), documented("squeezenet1_1"), 513 * 1000),
    (NASNet, 5_289_978, None),  # the paper: 5.3 M
    (partial(NASNet, cells=6, features=4032), 88_753_150, None),  # the paper: 88.9 M
    (NiN, 966_986, 193 * 10),  # the authors' network for CIFAR-10
    (FractalNet, 33_724_618, 513 * 10),  # what others count for the 20 layers with ten classes
]


@pytest.mark.few(4)
@pytest.mark.parametrize(("make", "published", "head"), PUBLISHED)
def test_weights_are_as_many_as_published(make, published, head):
    """Those of the features and of the classifier that the paper puts on them; None: a linear layer, 1,000 classes."""
    with torch.device("meta"):
        encoder = make(image_size=224, pooled=True)
    assert weights_of(encoder) + (head or (encoder.feature_size + 1) * 1000) == published


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (partial(PreActResNet, depth=18), "resnetv2_18"),
        (partial(PreActResNet, depth=50), "resnetv2_50"),
        (partial(SENet, depth=18), "seresnet18"),
        (partial(SENet, depth=101), "seresnet101"),
    ],
)
def test_weights_are_as_many_as_in_timm(make, name):
    with torch.device("meta"):
        encoder, whole = make(image_size=224), timm.create_model(name)
    assert weights_of(encoder) + (encoder.feature_size + 1) * 1000 == weights_of(whole)


# --- what each has of its own


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("make", "smallest"),
    [(AlexNet, 63), (partial(VGG, depth=11), 32), (DenseNet, 29), (SqueezeNet, 17), (GoogLeNet, 15)],
)
def test_a_picture_that_is_too_small_is_refused_with_the_smallest_that_is_not(make, smallest):
    assert make(image_size=smallest).map_size() == (1, 1)
    with pytest.raises(UserError, match=rf"smallest size above it that works is {smallest}: set image_size"):
        make(image_size=smallest - 1)


@pytest.mark.few(1)
@pytest.mark.parametrize("make", [ResNet, PreActResNet, SENet, ResNeXt, StochasticDepthResNet, DenseNet])
def test_a_small_stem_keeps_four_times_as_many_places_a_side(make):
    with torch.device("meta"):
        large, small = make(image_size=64), make(image_size=64, stem="small")
    assert (large.map_size(), small.map_size()) == ((2, 2), (8, 8))
    first = next(module for module in small.modules() if isinstance(module, nn.Conv2d))
    assert (first.kernel_size, first.stride) == ((3, 3), (1, 1))
    assert weights_of(large) - weights_of(small) == first.out_channels * 3 * (49 - 9)
    assert small.pretrained() == "none"
    with pytest.raises(UserError, match="no ImageNet weights of it"):
        make(image_size=64, stem="small", weights="imagenet")


def test_a_small_stem_also_serves_several_stages():
    encoder = ResNet(image_size=32, stem="small", stages=(2, 4), in_channels=1)
    assert encoder(torch.rand(2, 1, 32, 32)).shape == (2, 4, 4, 128 + 512)


def test_blocks_are_left_out_more_and_more_often_and_only_in_training():
    encoder = StochasticDepthResNet(image_size=32, depth=34, drop_path=0.6, pooled=True)
    rates = [module.drop_prob for module in encoder.modules() if type(module).__name__ == "DropPath"]
    torch.testing.assert_close(torch.tensor(rates), 0.6 * torch.arange(1, 17) / 16)  # of 16 blocks, l/L
    plain = ResNet(image_size=32, depth=34, pooled=True)
    plain.load_state_dict(encoder.state_dict())
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(encoder.eval()(images), plain.eval()(images))
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics at rest, so that what differs is the drawing
            module.eval()
        elif type(module).__name__ == "DropPath":
            module.train()
    encoder.network.layer4[-1].bn2.weight.data.fill_(1.0)  # timm starts it at 0, where nothing would be left out
    first = encoder(images)
    assert not all(torch.equal(encoder(images), first) for _ in range(20))


@pytest.mark.slow
def test_vgg_takes_published_weights_with_their_classifier(tmp_path):
    """The file of the whole network, whose first layers of the classifier a network from scratch does not build."""
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in timm.create_model("vgg11").state_dict().items()}
    state = {name: torch.zeros(1).expand(shape) for name, shape in shapes.items()}
    state["features.0.weight"] = torch.rand(shapes["features.0.weight"])
    torch.save(state, tmp_path / "vgg11.pth")
    encoder = VGG(depth=11, norm=None, image_size=32, weights=str(tmp_path / "vgg11.pth"))
    assert torch.equal(encoder.network.features[0].weight, state["features.0.weight"])
    assert weights_of(encoder) == weights_of(VGG(depth=11, norm=None, image_size=32))


@pytest.mark.few(1)
@pytest.mark.parametrize("make", [ResNet, PreActResNet, WideResNet, ResNeXt, SENet])
def test_every_residual_network_can_leave_out_blocks(make):
    with torch.device("meta"):
        rates = [m.drop_prob for m in make(image_size=32, drop_path=0.3).modules() if type(m).__name__ == "DropPath"]
        assert not any(type(module).__name__ == "DropPath" for module in make(image_size=32).modules())
    assert rates == pytest.approx([0.3 * (block + 1) / len(rates) for block in range(len(rates))])
    with pytest.raises(UserError, match=r"encoder.drop_path is 1; expected a share from 0"):
        make(image_size=32, drop_path=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VGG(depth=12), "encoder.depth is 12; expected one of 11, 13, 16, 19"),
        (lambda: ResNet(depth=20), "encoder.depth is 20; expected one of 18, 26, 34"),
        (lambda: ResNet(stem="tiny"), "encoder.stem is 'tiny'; expected one of large, small"),
        (lambda: StochasticDepthResNet(drop_path=1), "encoder.drop_path is 1; expected a share from 0"),
        (lambda: WideResNet(depth=27), "encoder.depth is 27, encoder.width 4; expected .* 6 n \\+ 4"),
        (lambda: WideResNet(depth=50, width=3), "encoder.depth is 50, encoder.width 3; expected a depth of 50 or 101"),
        (lambda: WideResNet(stem="large"), "WideResNet 16-4: stem is 'large'"),
        (lambda: WideResNet(weights="imagenet"), "WideResNet 16-4: there are no ImageNet weights of it"),
        (lambda: ResNeXt(groups=16), "no ResNeXt with depth 50, groups 16, group_width 4; expected one of 50_32x4"),
        (lambda: SqueezeNet(version=2), "encoder.version is '2'; expected one of 1.0, 1.1"),
        (lambda: NASNet(cells=3), "encoder.cells is 3; expected one of 2, 4, 6"),
        (lambda: NASNet(features=1000), "encoder.features is 1000; expected a multiple of 96"),
        (lambda: NASNet(weights="imagenet"), r"NASNet-A \(4 @ 1056\): there are no ImageNet weights of it"),
    ],
)
def test_what_a_family_does_not_have_is_named(make, message):
    with pytest.raises(UserError, match=message):
        make()
