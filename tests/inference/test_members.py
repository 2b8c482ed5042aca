"""Several answers of one network, and what their mean is worth."""

import numpy as np
import pytest
import torch
from sequence_models import PICTURES, described, save_run
from torchvision.transforms import v2

from seqvision.data import FeatureReader, VideoReader
from seqvision.errors import UserError
from seqvision.inference import LoadedClassifier, load_model
from seqvision.inference.members import SCALES, averaged, crop_views, members_of, spread_of


def loaded(folder, **settings):
    front = {"_target_": "seqvision.encoders.LinearFront", "size": 6}
    reader = FeatureReader(features=2, layout="time_first")
    return load_model(
        save_run(folder, "classification", {**described(front), **settings}, reader, ("a", "b")), LoadedClassifier
    )


def test_samples_differ_share_the_weights_and_average_to_their_expectation(tmp_path):
    own = loaded(tmp_path, dropout=0.5)
    members = members_of([own], "mc_dropout", samples=200)
    torch.manual_seed(0)
    frames, lengths = torch.randn(1, 5, 2), torch.tensor([5])
    found = [member.model(frames, lengths).softmax(dim=-1).detach().numpy() for member in members]
    assert len({round(float(each[0, 0]), 6) for each in found}) > 50
    assert all(a is b for a, b in zip(members[3].model.parameters(), own.model.parameters(), strict=True))
    assert not own.model.dropout.training
    again = own.model(frames, lengths).detach()
    assert torch.equal(again, own.model(frames, lengths))
    means, spreads = averaged(found)
    assert means[0][0] == pytest.approx(np.concatenate(found).mean(axis=0)[0])
    assert spread_of(means, spreads) == pytest.approx(100 * np.concatenate(found).std(axis=0)[means[0].argmax()])


@pytest.mark.parametrize(
    ("settings", "noisy"),
    [
        ({"dropout": 0.3}, True),
        ({"dropconnect": 0.3}, True),
        ({"rnn_dropout": 0.3, "num_layers": 2}, True),
        ({"rnn_dropout": 0.3}, False),  # between layers, of which there is one
        ({}, False),
    ],
)
def test_noise_is_dropout_dropconnect_and_what_stands_between_layers(tmp_path, settings, noisy):
    own = loaded(tmp_path)
    rnn = {"dropout": settings.pop("rnn_dropout", 0.0)}
    rnn |= {name: settings.pop(name) for name in ("dropconnect", "num_layers") if name in settings}
    own.model.rnn = type(own.model.rnn)(type(own.model.rnn.cells[0]), 6, 8, **rnn).eval()
    own.model.dropout.p = settings.get("dropout", 0.0)
    if not noisy:
        with pytest.raises(UserError, match=r"mc_dropout: .*best\.ckpt draws nothing"):
            members_of([own], "mc_dropout")
        return
    first, second = members_of([own], "mc_dropout", samples=2)
    frames, lengths = torch.randn(1, 5, 2), torch.tensor([5])
    assert not torch.equal(first.model(frames, lengths), second.model(frames, lengths))
    assert torch.equal(own.model(frames, lengths), own.model(frames, lengths))


def test_layers_with_dropconnect_are_sampled_by_weights_or_by_units(tmp_path):
    """Of the weights that are left out and of Wan's normal distribution the mean is much the same."""
    plain = loaded(tmp_path / "plain")
    with pytest.raises(UserError, match=r"dropconnect_gaussian: .* train it with noise\.dropconnect above 0"):
        members_of([plain], "dropconnect_gaussian")
    front = {"_target_": "seqvision.encoders.LinearFront", "size": 40}
    reader = FeatureReader(features=2, layout="time_first")
    noise = {"dropout": "inverted", "dropconnect": 0.5, "layers": ["front", "output"]}
    own = load_model(
        save_run(tmp_path / "noisy", "classification", described(front), reader, ("a", "b"), noise=noise),
        LoadedClassifier,
    )
    torch.manual_seed(0)
    frames, lengths = torch.randn(1, 5, 2), torch.tensor([5])
    means = {}
    for inference in ("mc_dropout", "dropconnect_gaussian"):
        members = members_of([own], inference, samples=300)
        found = [member.model(frames, lengths).detach().numpy() for member in members]
        assert len({round(float(each[0, 0]), 6) for each in found}) > 250
        means[inference] = np.mean(found, axis=0)
        error = np.std(found, axis=0) / 300**0.5
    assert (np.abs(means["mc_dropout"] - means["dropconnect_gaussian"]) < 6 * error).all()
    assert torch.equal(own.model(frames, lengths), own.model(frames, lengths))


def test_vanilla_dropout_is_scaled_in_a_loaded_model(tmp_path):
    reader = FeatureReader(features=2, layout="time_first")
    front = {"_target_": "seqvision.encoders.LinearFront", "size": 6}
    models = {}
    for dropout in ("inverted", "vanilla"):
        noise = {"dropout": dropout, "dropconnect": 0.0, "layers": None}
        settings = {**described(front), "dropout": 0.5}
        folder = save_run(tmp_path / dropout, "classification", settings, reader, ("a", "b"), noise=noise)
        models[dropout] = load_model(folder, LoadedClassifier).model
    outputs = torch.randn(3, 8)
    for name, factor in (("inverted", 1.0), ("vanilla", 0.5)):
        assert torch.equal(models[name].dropout(outputs), factor * outputs)


def test_batch_statistics_stay_those_of_training(tmp_path):
    own = loaded(tmp_path, dropout=0.5)
    own.model.norm = torch.nn.BatchNorm1d(3).eval()
    (copied,) = members_of([own], "mc_dropout", samples=1)
    assert copied.model.dropout.training
    assert not copied.model.norm.training


@pytest.mark.parametrize(("name", "number"), [("ten_crop", 10), ("ten_crop_five_scales", 42)])
def test_views_are_the_corners_and_the_middle_and_their_mirror_images(name, number):
    views = list(crop_views(SCALES[name]))
    assert len(views) == number
    picture = torch.randint(256, (1, 3, 56, 80), dtype=torch.uint8)
    seen = {tuple(view(picture).flatten().tolist()) for view in views}
    assert len(seen) == number, "no view twice"
    assert all(view(picture).shape == picture.shape and view(picture).dtype == torch.uint8 for view in views)


def test_ten_crops_are_torchvisions():
    picture = torch.rand(1, 1, 64, 64)
    views = list(crop_views((256 / 224,)))
    crops = v2.functional.ten_crop(picture, [56, 56])
    order = [0, 2, 1, 3, 4]  # torchvision goes along rows
    for place, (plain, mirrored) in zip(order, zip(views[::2], views[1::2], strict=True), strict=True):
        expected = torch.nn.functional.interpolate(
            crops[place], (64, 64), mode="bilinear", align_corners=False, antialias=True
        )
        assert torch.allclose(plain(picture), expected, atol=1e-6)
        assert torch.allclose(mirrored(picture), expected.flip(-1), atol=1e-6)


def test_a_network_of_pictures_sees_each_view_and_one_of_features_has_none(tmp_path):
    reader = VideoReader(width=24, height=24)
    pictures = save_run(tmp_path / "p", "classification", described(PICTURES), reader, ("a", "b"))
    own = load_model(pictures, LoadedClassifier)
    members = members_of([own], "ten_crop")
    frames = torch.randint(256, (1, 2, 3, 24, 24), dtype=torch.uint8)
    lengths = torch.tensor([2])
    views = list(crop_views(SCALES["ten_crop"]))
    for member, view in zip(members, views, strict=True):
        assert torch.equal(member.model(frames, lengths), own.model(view(frames), lengths))
    features = loaded(tmp_path / "f")
    with pytest.raises(UserError, match=r"--inference: .*best\.ckpt sees no pictures"):
        members_of([features], "ten_crop")[0].model(torch.randn(1, 4, 2), torch.tensor([4]))
