"""What pixels are taken relative to: measured of training, ImageNet's, or from a file of `data check`; whitening."""

import json

import pytest
import torch
from small_patterns import small_task, some

from seqvision.encoders import Fusion, LinearFront, ResNet, SmallCNN
from seqvision.encoders.fronts import whitening
from seqvision.encoders.statistics import IMAGENET, scale_pixels
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")


def pictures(channels=3):
    draws = torch.Generator().manual_seed(0)
    level = torch.tensor([40.0, 120.0, 200.0])[:channels, None, None]
    return (level + 25 * torch.randn(90, channels, 16, 16, generator=draws)).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("in_channels", [3, 1])
def test_measured_pixels_have_mean_0_and_deviation_1_a_channel(in_channels):
    encoder = SmallCNN(image_size=16, in_channels=in_channels, channels=[4], strides=[2])
    scale_pixels(encoder, "measured", pictures)
    pixels = encoder.prepare(pictures()).transpose(0, 1).flatten(1)
    torch.testing.assert_close(pixels.mean(dim=1), torch.zeros(in_channels), atol=1e-4, rtol=0)
    torch.testing.assert_close(pixels.std(dim=1), torch.ones(in_channels), atol=1e-3, rtol=0)
    held = SmallCNN(image_size=16, in_channels=in_channels, channels=[4], strides=[2])
    held.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(held(pictures()[:2]), encoder(pictures()[:2]))


def test_imagenet_a_file_and_every_part_of_a_fusion(tmp_path):
    small = {"image_size": 16, "channels": [4], "strides": [2]}
    fused = Fusion({"one": SmallCNN(**small), "two": SmallCNN(**small, in_channels=1)})
    scale_pixels(fused, "imagenet", pictures)
    assert fused.encoders["one"].mean.flatten().tolist() == pytest.approx(IMAGENET[0])
    assert float(fused.encoders["two"].mean) == pytest.approx(sum(IMAGENET[0]) / 3)
    assert fused.mean.flatten().tolist() == [0, 0, 0]
    file = tmp_path / "check.json"
    file.write_text(json.dumps({"channel_mean": [0.1, 0.2, 0.3], "channel_std": [0.4, 0.5, 0.6]}))
    scale_pixels(fused, str(file), pictures)
    assert fused.encoders["one"].std.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6])
    file.write_text(json.dumps({"channel_mean": [0.1], "channel_std": [0.0]}))
    with pytest.raises(UserError, match="data check"):
        scale_pixels(fused, str(file), pictures)


def test_weights_from_elsewhere_keep_their_own_scaling(tmp_path):
    torch.save(ResNet(depth=18, image_size=32, stem="small").state_dict(), tmp_path / "own.pt")
    encoder = ResNet(depth=18, image_size=32, stem="small", weights=str(tmp_path / "own.pt"))
    with pytest.raises(UserError, match="scaled in another way"):
        scale_pixels(encoder, "imagenet", pictures)
    with pytest.raises(UserError, match="no encoder that sees pixels"):
        scale_pixels(LinearFront(3), "measured", pictures)


@pytest.mark.parametrize("pattern", ["captioning", "labelling"])
def test_a_run_measures_its_training_pictures(pattern, tmp_path):
    task, data = small_task(pattern, tmp_path, "normalise=measured")
    encoder = task.model.encoder if pattern == "captioning" else task.model.front.encoder
    batch = some(data, 12)
    images = batch.images if pattern == "captioning" else batch.frames.flatten(0, 1)
    pixels = encoder.prepare(images).transpose(0, 1).flatten(1)
    assert float(pixels.mean(dim=1).abs().max()) < 0.2
    assert float((pixels.std(dim=1) - 1).abs().max()) < 0.2
    assert encoder.mean.flatten().tolist() != [0.5, 0.5, 0.5]


def correlated(frames=400, features=5):
    draws = torch.Generator().manual_seed(1)
    mixing = torch.randn(features, features, generator=draws)
    return torch.randn(frames, features, generator=draws) @ mixing + 7.0


@pytest.mark.parametrize("scaling", ["pca", "zca"])
def test_whitened_training_features_have_covariance_1(scaling):
    features = correlated()
    front = LinearFront(5, size=None, scaling=scaling)
    front.standardise(features)
    white = front.scaled(features)
    torch.testing.assert_close(white.mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(white.T @ white / len(white), torch.eye(5), atol=1e-3, rtol=0)
    held = LinearFront(5, size=None, scaling=scaling)
    held.load_state_dict(front.state_dict())
    torch.testing.assert_close(held.scaled(features), white)


def test_pca_is_in_order_of_variance_and_zca_stays_like_the_features():
    features = correlated()
    centred = features - features.mean(dim=0)
    pca, zca = (whitening(features, zca=turned, least=1e-6) for turned in (False, True))
    torch.testing.assert_close(zca, zca.T, atol=1e-5, rtol=0)
    lengths = pca.norm(dim=0)  # one over the deviation along each component
    assert bool((lengths[1:] >= lengths[:-1]).all())
    alike = [float(torch.corrcoef(torch.stack([white[:, 0], centred[:, 0]]))[0, 1]) for white in (centred @ zca,)]
    assert alike[0] > 0.5


def test_a_direction_without_variance_is_left_out_and_none_changes_nothing():
    features = torch.cat([correlated(), torch.full((400, 1), 3.0)], dim=1)
    front = LinearFront(6, size=None, scaling="zca")
    front.standardise(features)
    white = front.scaled(features)
    expected = torch.eye(6)
    expected[5, 5] = 0
    torch.testing.assert_close(white.T @ white / len(white), expected, atol=1e-3, rtol=0)
    plain = LinearFront(6, size=None, scaling="none")
    plain.standardise(features)
    assert torch.equal(plain.scaled(features), features)
    with pytest.raises(UserError, match=r"front\.scaling is 'whiten'"):
        LinearFront(6, scaling="whiten")


def test_rows_patches_and_whole_pictures_of_a_run_come_out_white(tmp_path):
    for reading in (["data.reader.order=patches", "data.reader.patch=4"], ["data.reader.order=rows"]):
        task, data = small_task("classification", tmp_path, "front.scaling=zca", *reading)
        front = task.model.front
        frames = data.sample_frames(front.wanted)
        white = front.scaled(frames)
        covariance = white.T @ white / len(white)
        kept = torch.diagonal(covariance) > 0.5
        assert int(kept.sum()) >= len(covariance) - 3  # the digits' corners are always empty
        off = covariance - torch.diag(torch.diagonal(covariance))
        assert float(off[kept][:, kept].abs().max()) < 0.05
