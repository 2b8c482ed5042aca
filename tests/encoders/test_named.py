"""The named networks: as many weights as published, pictures of all sizes and colours, one step in every pattern."""

import copy
from functools import partial

import pytest
import timm
import torch
import torchvision
from torch import nn

from seqvision.attention import DotAttention
from seqvision.cli.config import conf_dir
from seqvision.encoders import (
    VGG,
    AlexNet,
    DenseNet,
    Encoder,
    FractalNet,
    Fusion,
    GoogLeNet,
    NASNet,
    NiN,
    PictureFront,
    PreActResNet,
    ResNet,
    ResNeXt,
    SENet,
    SmallCNN,
    SqueezeNet,
    StochasticDepthResNet,
    TimmEncoder,
    WideResNet,
)
from seqvision.errors import UserError
from seqvision.models import Captioner, FrameLabeller, SequenceClassifier
from seqvision.rnn import ElmanCell, Recurrent


def two(**settings) -> Fusion:
    own = {name: settings[name] for name in ("image_size", "in_channels") if name in settings}
    small = SmallCNN(channels=(8, 8), strides=(2, 2), **own)
    return Fusion({"small": small, "squeezenet": SqueezeNet(**own)}, join="gate", size=12, **settings)


CHOICES = {  # every choice of the group encoder, small where its family has sizes
    "alexnet": AlexNet,
    "vgg": partial(VGG, depth=11),
    "googlenet": GoogLeNet,
    "resnet": ResNet,
    "nin": NiN,
    "preact_resnet": PreActResNet,
    "wide_resnet": partial(WideResNet, depth=10, width=2),
    "resnext": ResNeXt,
    "stochastic_depth_resnet": StochasticDepthResNet,
    "senet": SENet,
    "fractalnet": partial(FractalNet, channels=(8, 12, 16)),
    "densenet": DenseNet,
    "squeezenet": SqueezeNet,
    "nasnet": partial(NASNet, cells=2, features=192),
    "fusion": two,
    "small_cnn": partial(SmallCNN, channels=(8, 8), strides=(2, 2)),
    "frame_cnn": partial(SmallCNN, channels=(4, 8), strides=(2, 1), norm="none", coordinates=False),
    "efficientnet_lite0": partial(TimmEncoder, "tf_efficientnet_lite0"),
    "timm": partial(TimmEncoder, "test_resnet"),
}
SMALLEST = {"alexnet": 63}  # others take 32 pixels


def build(name: str, **settings) -> Encoder:
    torch.manual_seed(0)
    return CHOICES[name](**{"image_size": SMALLEST.get(name, 32), **settings})


def test_every_choice_is_tried_here():
    assert {file.stem for file in (conf_dir() / "encoder").glob("*.yaml")} - {"none"} == set(CHOICES)


@pytest.mark.parametrize("in_channels", [3, 1])
@pytest.mark.parametrize("name", CHOICES)
def test_vectors_and_maps_of_small_and_large_pictures_teach_every_weight(name, in_channels):
    encoder = build(name, in_channels=in_channels)
    for size, pooled in ((encoder.image_size, in_channels == 3), (96, in_channels == 1)):
        images = torch.randint(0, 256, (2, 4 - in_channels, size, size), dtype=torch.uint8)  # grey for colour, and back
        encoder.pooled = pooled
        encoder.zero_grad(set_to_none=True)
        features = encoder(images)
        places = () if pooled else encoder.map_size(size)
        assert features.shape == (2, *places, encoder.feature_size)
        features.square().sum().backward()
        missing = [name for name, parameter in encoder.named_parameters() if parameter.grad is None]
        assert not missing, f"{missing[:3]} have no gradient"


@pytest.mark.parametrize("name", CHOICES)
def test_frozen_and_partly_frozen(name):
    encoder = build(name, pooled=True, trainable="none").train()
    images = torch.rand(2, 3, encoder.image_size, encoder.image_size)
    assert encoder.frozen
    assert torch.equal(encoder(images), encoder(images)), "no dropout, no drop-path, no statistics of the batch"
    before = copy.deepcopy(encoder.state_dict())
    encoder.set_trainable(1)
    learning = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    assert 0 < len(learning) < len(list(encoder.parameters()))
    encoder(images).square().sum().backward()
    torch.optim.SGD(encoder.parameters(), lr=0.1).step()
    after = encoder.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed & learning
    owners = {name.rpartition(".")[0] for name in learning}
    assert {name.rpartition(".")[0] for name in changed} <= owners, "statistics move only where weights do"


def captioner(encoder: Encoder) -> nn.Module:
    rnn = partial(Recurrent, ElmanCell, hidden_size=6)
    return Captioner(encoder, rnn, vocabulary_size=7, embedding_size=5, attention=partial(DotAttention, size=4))


def loss_of(model: nn.Module, size: int, channels: int) -> torch.Tensor:
    if isinstance(model, Captioner):
        features = model.encode(torch.rand(2, channels, size, size))
        scores = model.output(model(features, torch.ones(2, 4, dtype=torch.long)).hidden)
        return nn.functional.cross_entropy(scores.flatten(0, 1), torch.arange(8) % 7)
    found = model(torch.rand(2, 2, channels, size, size), torch.tensor([2, 1]))
    scores = found[0].flatten(0, 1) if isinstance(model, FrameLabeller) else found
    return nn.functional.cross_entropy(scores, torch.arange(len(scores)) % 3)


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("pattern", ["captioner", "classifier", "labeller"])
@pytest.mark.parametrize(
    ("size", "channels"),
    [
        (None, 3),  # the smallest
        pytest.param(None, 1, marks=pytest.mark.slow),
        pytest.param(96, 3, marks=pytest.mark.slow),
        pytest.param(96, 1, marks=pytest.mark.slow),
    ],
)
def test_one_step_in_every_pattern(pattern, name, size, channels):
    settings = {"image_size": size} if size else {}
    encoder = build(name, pooled=pattern != "captioner", in_channels=channels, **settings)
    rnn = partial(Recurrent, ElmanCell, hidden_size=6)
    model = {
        "captioner": captioner,
        "classifier": lambda each: SequenceClassifier(partial(PictureFront, each, size=5), rnn, classes=3),
        "labeller": lambda each: FrameLabeller(partial(PictureFront, each, size=5), rnn, classes=3),
    }[pattern](encoder).train()
    before = [parameter.detach().clone() for parameter in encoder.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = loss_of(model, encoder.image_size, channels)
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in encoder.parameters())
    optimizer.step()
    assert any(not torch.equal(old, new) for old, new in zip(before, encoder.parameters(), strict=True))


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


@pytest.mark.parametrize(("make", "published", "head"), PUBLISHED)
def test_weights_are_as_many_as_published(make, published, head):
    """Those of the features and of the classifier that the paper puts on them; None: a linear layer, 1,000 classes."""
    with torch.device("meta"):
        encoder = make(image_size=224, pooled=True)
    assert weights_of(encoder) + (head or (encoder.feature_size + 1) * 1000) == published


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


@pytest.mark.parametrize(
    ("make", "smallest"),
    [(AlexNet, 63), (partial(VGG, depth=11), 32), (DenseNet, 29), (SqueezeNet, 17), (GoogLeNet, 15)],
)
def test_a_picture_that_is_too_small_is_refused_with_the_smallest_that_is_not(make, smallest):
    assert make(image_size=smallest).map_size() == (1, 1)
    with pytest.raises(UserError, match=rf"smallest size above it that works is {smallest}: set image_size"):
        make(image_size=smallest - 1)


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
    # the first of the 16 blocks is always there; the paper begins at 1/L, timm at 0
    torch.testing.assert_close(torch.tensor(rates), 0.6 * torch.arange(1, 16) / 15)
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
    assert not torch.equal(encoder(images), encoder(images))


def test_the_cells_that_a_smaller_nasnet_lacks_are_passed_by():
    """Behind N = 4 normal cells the reduction sees the fourth and the third."""
    network = build("nasnet", cells=4).network
    made, seen = {}, []
    for name in ("cell_2", "cell_3"):
        getattr(network, name).register_forward_hook(lambda module, _, output, name=name: made.update({name: output}))
    network.reduction_cell_0.register_forward_pre_hook(lambda module, inputs: seen.extend(inputs))
    network.forward_features(torch.rand(2, 3, 32, 32))
    assert seen[0] is made["cell_3"]
    assert seen[1] is made["cell_2"]


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


@pytest.mark.parametrize("make", [ResNet, PreActResNet, WideResNet, ResNeXt, SENet])
def test_every_residual_network_can_leave_out_blocks(make):
    with torch.device("meta"):
        rates = [m.drop_prob for m in make(image_size=32, drop_path=0.3).modules() if type(m).__name__ == "DropPath"]
        assert not any(type(module).__name__ == "DropPath" for module in make(image_size=32).modules())
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.3)
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
