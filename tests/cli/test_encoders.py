"""The table of encoders: every choice, with figures that are those of the networks."""

import json
import subprocess
import sys

import pytest
import torch

from seqvision.cli import encoders
from seqvision.cli.config import conf_dir
from seqvision.encoders import VGG, AlexNet, ResNet, SmallCNN
from seqvision.encoders.survey import measured, smallest_picture, survey


def figures(run, *arguments) -> dict:
    found = run("encoders", *arguments, "--format", "json")
    assert found.status == 0, found.err
    return {row["name"]: row for row in json.loads(found.out)}


@pytest.mark.slow
def test_every_choice_has_its_row(run):
    found = run("encoders")
    assert found.status == 0
    listed = {line.split()[0] for line in found.out.splitlines()[1:] if line}
    offered = {file.stem for file in (conf_dir() / "encoder").glob("*.yaml")}
    assert offered - {"none", "timm"} <= listed
    assert "6,953,856" in found.out  # DenseNet-121 without its classifier


def test_figures_of_known_networks(run):
    """Operations as the papers and torchvision give them for 224 pixels: 1.8 and 0.7 billion, with the classifiers."""
    rows = figures(run, "resnet", "alexnet", "efficientnet_lite0", "--size", "224")
    assert rows["resnet"]["multiply_adds"] == 1_813_561_344
    assert rows["alexnet"]["multiply_adds"] == 655_566_528
    assert rows["resnet"]["parameters"] == 11_689_512 - 513_000
    assert rows["resnet"]["map_size"] == [7, 7]
    assert (rows["resnet"]["smallest"], rows["alexnet"]["smallest"]) == (1, 63)
    assert (rows["resnet"]["feature_size"], rows["alexnet"]["feature_size"]) == (512, 256)
    assert rows["efficientnet_lite0"]["pretrained"] == "packaged"


def test_a_picture_that_is_too_small_has_no_figures(run):
    row = figures(run, "alexnet", "--size", "32")["alexnet"]
    assert (row["multiply_adds"], row["map_size"]) == (None, None)
    assert "too small" in run("encoders", "alexnet", "--size", "32").out


@pytest.mark.slow
def test_values_may_be_given(run):
    rows = figures(run, "resnet", "senet", "encoder.depth=50", "encoder.in_channels=1")
    assert rows["resnet"]["parameters"] == 25_557_032 - 2_049_000 - 2 * 64 * 49
    assert rows["senet"]["feature_size"] == 2048
    assert figures(run, "timm", "encoder.name=test_resnet")["timm"]["feature_size"] > 0
    joined = figures(run, "fusion", "encoder@encoder.encoders.second=resnet", "encoder.join=gate")["fusion"]
    assert (joined["feature_size"], joined["pretrained"]) == (256, "each")


def test_shapes_alone_tell_what_the_network_itself_would():
    with torch.device("meta"):
        shapes = survey(ResNet(image_size=64), 64)
    assert shapes == survey(ResNet(image_size=64), 64)


def test_multiply_adds_are_those_of_the_convolutions():
    encoder = SmallCNN(channels=(8, 16), strides=(2, 2), image_size=32)
    assert measured(encoder, 32) == (16 * 16 * 9 * 3 * 8 + 8 * 8 * 9 * 8 * 16, (8, 8))
    assert encoder.training


@pytest.mark.slow
def test_the_smallest_picture_is_the_one_below_which_none_is_taken():
    encoder = AlexNet(image_size=224)
    assert [size for size in range(1, 225) if encoder.takes(size)] == list(range(smallest_picture(encoder), 225))
    assert smallest_picture(VGG(depth=11, image_size=224)) == 32
    assert smallest_picture(SmallCNN(image_size=64)) == 1
    encoder.image_size = 40
    assert smallest_picture(encoder) is None


def test_weights_that_were_downloaded_before_are_found(tmp_path, monkeypatch):
    encoder = AlexNet(image_size=64)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub._hub_dir", None)
    assert encoder.pretrained() == "hub"
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth").touch()
    assert encoder.pretrained() == "downloaded"
    resnet = ResNet(image_size=64)
    assert resnet.pretrained() == "hub"
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda repo, name: str(tmp_path / name))
    assert resnet.pretrained() == "downloaded"


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnt"], "encoders resnt: there is no such encoder; did you mean resnet"),
        (["none"], "encoders none: there is no such encoder"),
        (["resnet", "encoder.deph=50"], "Did you mean encoder.depth?"),
        (["resnet", "encoder.depth=51"], "encoder.depth is 51; expected one of 18"),
        (["timm"], "encoder.name is missing; add encoder.name=…"),
        (["resnet", "--size", "0"], "--size: 0 is not 1 or more"),
    ],
)
def test_what_cannot_be_listed_is_named(run, arguments, message):
    found = run("encoders", *arguments)
    assert found.status == 2
    assert message in found.err


def test_help_and_completion_wait_for_no_torch():
    script = (
        "import os, sys\nfrom seqvision.cli import main\n"
        "try: main(['encoders', '--help'])\nexcept SystemExit as end: assert not end.code\n"
        "print([name for name in ('torch', 'numpy', 'hydra', 'omegaconf', 'timm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: seqvision encoders")
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_shell_completes_names(run, monkeypatch):
    line = "seqvision encoders sq"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert run("-sc", "query=bash").out.split() == ["squeezenet"]
    assert "resnet" in encoders.choices()
