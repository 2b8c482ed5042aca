"""The named networks: pictures of all sizes and colours, frozen and partly frozen, one step in every pattern."""

import copy
from functools import partial

import pytest
import torch
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


@pytest.mark.few(6)
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


@pytest.mark.few(3)
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


@pytest.mark.few(6)
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
