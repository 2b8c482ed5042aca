"""What holds for every encoder: shapes, pixels, colours, freezing, restoring."""

import copy

import pytest
import torch

from seqvision.encoders import Encoder, SmallCNN, TimmEncoder, TorchvisionEncoder
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")

TIMM = ["resnet18", "tf_efficientnet_lite0", "mobilenetv3_small_100", "convnext_atto", "vit_tiny_patch16_224"]
SLOW_TIMM = ["densenet121", "regnetx_002", "swin_tiny_patch4_window7_224", "xception41", "hrnet_w18_small"]
TORCHVISION = ["squeezenet1_1", "alexnet"]
SLOW_TORCHVISION = ["googlenet", "shufflenet_v2_x0_5", "mnasnet0_5"]
NETWORKS = [
    SmallCNN,
    *[(TimmEncoder, name) for name in TIMM],
    *[pytest.param((TimmEncoder, name), marks=pytest.mark.slow) for name in SLOW_TIMM],
    *[(TorchvisionEncoder, name) for name in TORCHVISION],
    *[pytest.param((TorchvisionEncoder, name), marks=pytest.mark.slow) for name in SLOW_TORCHVISION],
]


def make(kind, **settings) -> Encoder:
    torch.manual_seed(0)
    return kind[0](kind[1], **settings) if isinstance(kind, tuple) else kind(**settings)


def pictures(size: int, channels: int, batch: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (batch, channels, size, size), dtype=torch.uint8, generator=torch.Generator())


@pytest.mark.few(6)
@pytest.mark.parametrize(("size", "channels", "pooled"), [(32, 3, True), (96, 1, False)])
@pytest.mark.parametrize("kind", NETWORKS, ids=lambda kind: kind[1] if isinstance(kind, tuple) else kind.__name__)
def test_features_have_the_promised_size_and_every_weight_learns(kind, size, channels, pooled):
    if "alexnet" in str(kind):
        size = max(size, 64)  # its smallest is 63
    encoder = make(kind, image_size=size, in_channels=channels, pooled=pooled)
    features = encoder(pictures(size, channels))
    places = () if pooled else encoder.map_size()
    assert features.shape == (2, *places, encoder.feature_size)
    features.square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert not encoder.frozen


@pytest.mark.parametrize("kind", [SmallCNN, (TimmEncoder, "resnet18"), (TorchvisionEncoder, "squeezenet1_1")])
def test_bytes_and_floats_give_the_same_features(kind):
    encoder = make(kind, image_size=64).eval()
    images = pictures(64, 3)
    assert torch.equal(encoder(images), encoder(images / 255))


def test_pixels_are_scaled_and_normalised_once():
    encoder = make((TimmEncoder, "resnet18"), image_size=32)
    white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(encoder.prepare(white)[0, :, 5, 5], expected)


def test_grey_pictures_look_to_a_colour_network_like_grey_colour_pictures():
    encoder = SmallCNN(image_size=32).eval()
    grey = pictures(32, 1)
    torch.testing.assert_close(encoder(grey), encoder(grey.expand(-1, 3, -1, -1)))


def test_a_grey_network_sees_a_colour_picture_by_its_brightness():
    encoder = SmallCNN(image_size=32, in_channels=1).eval()
    grey = pictures(32, 1)
    torch.testing.assert_close(encoder(grey), encoder(grey.expand(-1, 3, -1, -1)), atol=1e-5, rtol=1e-4)
    green, blue = torch.zeros(2, 1, 3, 32, 32)
    green[:, 1], blue[:, 2] = 1, 1
    assert encoder.prepare(green).mean() > encoder.prepare(blue).mean()


@pytest.mark.parametrize(
    ("images", "message"),
    [(torch.zeros(1, 4, 32, 32), "expected \\(batch, 3 or 1"), (torch.zeros(1, 3, 32, 32).int(), "expected uint8")],
)
def test_what_is_no_picture_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        SmallCNN(image_size=32)(images)


def statistics(encoder: Encoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in encoder.named_buffers() if "running" in name}


@pytest.mark.parametrize(
    "kind", [(TimmEncoder, "resnet18"), (TimmEncoder, "mobilenetv3_small_100"), (TorchvisionEncoder, "resnet18")]
)
def test_a_frozen_encoder_stays_the_same_whatever_happens_around_it(kind):
    encoder = make(kind, image_size=32, pooled=True, trainable="none")
    assert encoder.frozen
    model = torch.nn.Sequential(encoder, torch.nn.Linear(encoder.feature_size, 2)).train()
    before = copy.deepcopy(encoder.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    features = []
    for _ in range(2):
        optimizer.zero_grad()
        model(pictures(32, 3, batch=4)).sum().backward()
        optimizer.step()
        features.append(encoder(pictures(32, 3, batch=1)))  # one picture: batch statistics would fail
    torch.testing.assert_close(encoder.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(*features)


def test_the_last_stages_train_and_the_first_keep_their_statistics():
    encoder = make((TimmEncoder, "resnet18"), image_size=32, trainable=2).train()
    weights, before = copy.deepcopy(encoder.state_dict()), statistics(encoder)
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(pictures(32, 3, batch=4)).square().sum().backward()
    optimizer.step()
    after = statistics(encoder)
    for name in before:
        trains = name.startswith(("network.layer3", "network.layer4"))
        assert torch.equal(before[name], after[name]) is not trains, name
    for name, parameter in encoder.named_parameters():
        trains = name.startswith(("network.layer3", "network.layer4"))
        assert parameter.requires_grad is trains
        assert trains or torch.equal(weights[name], parameter), name
    for name in ("network.layer3.1.bn2.weight", "network.layer4.1.bn2.weight"):
        assert not torch.equal(weights[name], encoder.state_dict()[name])
    assert not encoder.frozen


def test_what_trains_can_be_changed_later():
    encoder = make((TimmEncoder, "resnet18"), image_size=32, trainable="none")
    encoder.set_trainable("all")
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    assert all(module.training for module in encoder.modules())
    encoder.set_trainable(0)
    assert encoder.frozen


@pytest.mark.parametrize(("name", "count"), [("resnet18", 5), ("tf_efficientnet_lite0", 5), ("alexnet", 3)])
def test_one_trainable_stage_trains_something(name, count):
    encoder = make((TorchvisionEncoder if name == "alexnet" else TimmEncoder, name), image_size=64, trainable=1)
    assert 0 < sum(parameter.requires_grad for parameter in encoder.parameters()) < len(list(encoder.parameters()))
    with pytest.raises(UserError, match=rf"trainable is 9; expected 'all', 'none' or a number .* 0 to {count}"):
        encoder.set_trainable(9)


def test_a_misspelt_choice_of_what_trains_is_named():
    with pytest.raises(UserError, match="trainable is 'last'; expected 'all', 'none' or a number"):
        SmallCNN(trainable="last")


@pytest.mark.parametrize("kind", [SmallCNN, (TimmEncoder, "test_resnet"), (TorchvisionEncoder, "squeezenet1_1")])
def test_an_encoder_is_restored_from_its_state_alone(kind):
    extra = {} if kind is SmallCNN else {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    encoder = make(kind, image_size=64, **extra).train()
    encoder(pictures(64, 3, batch=4))  # moves the batch statistics
    restored = kind[0](kind[1], image_size=64) if isinstance(kind, tuple) else kind()
    restored.load_state_dict(encoder.state_dict())
    images = pictures(64, 3)
    assert torch.equal(restored.eval()(images), encoder.eval()(images))
    assert torch.equal(restored.mean, encoder.mean)


def test_a_copy_freezes_its_own_modules():
    encoder = copy.deepcopy(make((TimmEncoder, "resnet18"), image_size=32, trainable="none")).train()
    assert not any(module.training for module in encoder.network.modules())


def test_a_grid_tells_where_things_are():
    encoder = SmallCNN(image_size=32, pooled=True, grid=2).eval()
    maps = SmallCNN(image_size=32).eval()
    maps.load_state_dict(encoder.state_dict())
    images = pictures(32, 3)
    cells = encoder(images).unflatten(1, (2, 2, -1))
    torch.testing.assert_close(cells[:, 0, 1], maps(images)[:, :2, 2:].mean((1, 2)))
    assert encoder.feature_size == 4 * maps.feature_size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_channels": 4}, "in_channels is 4; expected 3"),
        ({"grid": 2}, "grid is 2 with pooled=False"),
        ({"norm": "bach"}, "norm is 'bach'; expected one of batch, layer, instance, group, decorrelated"),
        ({"channels": (8, 8)}, "must have one entry a stage"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        SmallCNN(**settings)


def test_64_pixels_become_an_8_by_8_map():
    encoder = SmallCNN()
    assert encoder.map_size() == (8, 8)
    assert encoder.map_size(96) == (12, 12)


def test_coordinates_let_a_uniform_picture_have_places():
    uniform = torch.full((1, 3, 64, 64), 99, dtype=torch.uint8)

    def spread(coordinates: bool) -> torch.Tensor:
        torch.manual_seed(0)
        features = SmallCNN(channels=(8, 8, 8), strides=(2, 2, 2), coordinates=coordinates, norm="none")(uniform)
        return features[0, 3, 3] - features[0, 4, 4]  # the middle, out of reach of the zero padding

    assert not spread(coordinates=False).any()
    assert spread(coordinates=True).any()


def test_blocks_add_depth_and_dropout_drops_only_in_training():
    encoder = SmallCNN(channels=(8, 16), strides=(2, 2), blocks=(1, 3), norm="batch", dropout=0.5)
    assert [len(stage) for stage in encoder.stages] == [1, 3]
    images = pictures(32, 3)
    assert (encoder.train()(images) == 0).all(dim=(1, 2)).any()
    assert torch.equal(encoder.eval()(images), encoder(images))
