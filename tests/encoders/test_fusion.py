"""Several encoders in one: joined, each frozen or not, each kept in the cache by itself."""

import pickle
from collections import Counter

import pytest
import torch
from films import write_film
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from seqvision.data.sequences.readers.video import VideoReader
from seqvision.encoders import Encoder, FeatureCache, Fusion, PictureFront, ResNet, SmallCNN
from seqvision.encoders.cache import fingerprint
from seqvision.encoders.video_cache import VideoFeatureCache
from seqvision.errors import UserError
from seqvision.inference.build import build
from seqvision.inference.registry import NETWORKS


def one(seed: int, *, channels=(4, 6), strides=(2, 2), **settings) -> SmallCNN:
    torch.manual_seed(seed)
    return SmallCNN(**{"channels": channels, "strides": strides, "image_size": 16, "norm": "batch", **settings})


def pair(**settings) -> Fusion:
    """A fine map of 6 channels and a coarse one of 3."""
    torch.manual_seed(5)
    frozen = {"trainable": settings.pop("inner")} if "inner" in settings else {}
    return Fusion({"fine": one(0, **frozen), "coarse": one(1, channels=(4, 3), strides=(4, 4), **frozen)}, **settings)


IMAGES = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_pooled_vectors_stand_side_by_side():
    fusion = pair(pooled=True).eval()
    alone = [one(0, pooled=True).eval(), one(1, channels=(4, 3), strides=(4, 4), pooled=True).eval()]
    assert fusion.feature_size == 9
    assert torch.equal(fusion(IMAGES), torch.cat([each(IMAGES) for each in alone], dim=1))


def test_maps_meet_at_the_size_of_the_largest():
    fusion = pair().eval()
    fine, coarse = (each(IMAGES) for each in fusion.encoders.values())
    assert (fine.shape, coarse.shape) == ((3, 4, 4, 6), (3, 1, 1, 3))
    found = fusion(IMAGES)
    assert found.shape == (3, *fusion.map_size(), fusion.feature_size) == (3, 4, 4, 9)
    assert torch.equal(found[..., :6], fine)
    torch.testing.assert_close(found[..., 6:], coarse.expand(3, 4, 4, 3))


def test_a_grid_keeps_cells_in_order_for_every_encoder():
    cells = pair(pooled=True, grid=2).eval()(IMAGES).unflatten(1, (4, 9))
    fine = one(0, pooled=True, grid=2).eval()(IMAGES).unflatten(1, (4, 6))
    assert torch.equal(cells[..., :6], fine)


def test_projection_is_the_sum_of_each_ones_linear_layer():
    fusion = pair(join="project", size=5, pooled=True).eval()
    parts = [part(IMAGES) for part in fusion.parts()]
    expected = sum(
        layer(torch.nn.functional.layer_norm(part, part.shape[1:]))
        for layer, part in zip(fusion.join.projections, parts, strict=True)
    )
    torch.testing.assert_close(fusion(IMAGES), expected)
    assert fusion.feature_size == 5


def test_a_gate_decides_place_by_place_whom_to_hear():
    fusion = pair(join="gate", size=5).eval()
    assert fusion(IMAGES).shape == (3, 4, 4, 5)
    fusion.join.gate.weight.data.zero_()
    fusion.join.gate.bias.data.copy_(torch.tensor([0.0, 50.0]))  # the second alone
    before = fusion(IMAGES)
    fusion.encoders["fine"].stages[0][0].convolution.weight.data.add_(1.0)
    assert torch.equal(fusion(IMAGES), before)
    fusion.encoders["coarse"].stages[0][0].convolution.weight.data.mul_(-1.0)
    assert not torch.equal(fusion(IMAGES), before)


@pytest.mark.parametrize("join", ["concatenate", "project", "gate"])
def test_a_frozen_encoder_stays_while_its_neighbour_learns(join):
    torch.manual_seed(0)
    fusion = Fusion([one(0, trainable="none"), one(1)], join=join, size=5, pooled=True).train()
    assert not fusion.frozen
    before = {name: value.clone() for name, value in fusion.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in fusion.parameters() if p.requires_grad], lr=0.5)
    (fusion(IMAGES) * torch.arange(fusion.feature_size)).sum().backward()
    optimizer.step()
    changed = {name for name, value in fusion.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[1] for name in changed if name.startswith("encoders")} == {"1"}
    assert any("running_mean" in name for name in changed)
    assert any(name.startswith("join") for name in changed) == (join != "concatenate")


def test_what_trains_can_be_said_for_all_and_taken_back():
    fusion = Fusion([one(0, trainable="none"), one(1)], join="project", size=5)
    first, second = fusion.encoders.values()
    assert (first.frozen, second.frozen, fusion.frozen) == (True, False, False)
    fusion.set_trainable("none")
    assert fusion.frozen
    fusion.set_trainable(1)
    learning = [name for name, parameter in fusion.named_parameters() if parameter.requires_grad]
    assert all(name.startswith(("encoders.0.stages.1", "encoders.1.stages.1", "join")) for name in learning)
    assert len(learning) == 2 * 3 + 2 * 4
    fusion.set_trainable("all")
    assert all(parameter.requires_grad for parameter in fusion.parameters())
    assert all(module.training for module in fusion.train().modules())
    fusion.set_trainable("each")
    assert (first.frozen, second.frozen) == (True, False)


def test_stages_of_all_stand_side_by_side_from_the_last():
    fusion = Fusion([one(0), one(1, channels=(4, 4, 4), strides=(2, 2, 1))], join="gate", size=3)
    stages = fusion.stage_modules()
    assert [sum(isinstance(m, torch.nn.Conv2d) for m in stage) for stage in stages] == [1, 2, 2]
    every = [m for stage in stages for m in stage if m._parameters]
    assert {id(m) for m in every} == {id(m) for m in fusion.modules() if m._parameters}


def test_one_normalisation_for_all_of_them():
    fusion = pair(norm="group", inner="none")
    kinds = {type(m).__name__ for m in fusion.modules() if "Norm" in type(m).__name__}
    assert kinds == {"GroupNorm"}
    assert fusion.frozen


# --- the cache


def load(path):
    with Image.open(path) as picture:
        return pil_to_tensor(picture)


class Counting:
    def __init__(self):
        self.read = Counter()

    def __call__(self, path):
        self.read[path.name] += 1
        return load(path)


@pytest.fixture
def paths(tmp_path):
    for index, image in enumerate(torch.cat([IMAGES, 255 - IMAGES])):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / f"{index}.png")
    return sorted(tmp_path.glob("*.png"))


def compute(folder, paths, encoder: Encoder, read=load):
    return FeatureCache(folder).compute(encoder, read, paths, split="train", transform_key="png", progress=False)


@pytest.mark.parametrize("join", ["concatenate", "project", "gate"])
@pytest.mark.parametrize("pooled", [True, False])
def test_kept_features_are_those_that_the_fusion_gives(join, pooled, tmp_path, paths):
    fusion = pair(join=join, size=5, pooled=pooled, trainable="none").eval()
    table = compute(tmp_path / "cache", paths, fusion)
    expected = fusion(torch.stack([load(path) for path in paths]))
    assert table.shape == expected.shape
    torch.testing.assert_close(table.batch([4, 1]), expected[[4, 1]])
    torch.testing.assert_close(pickle.loads(pickle.dumps(table))[2], expected[2])
    assert not table[0].requires_grad


def test_each_encoder_is_kept_by_itself(tmp_path, paths):
    """What one has computed alone, or in another fusion, is found again."""
    compute(tmp_path / "cache", paths, one(0, trainable="none", pooled=True))
    read = Counting()
    compute(tmp_path / "cache", paths, pair(inner="none", pooled=True), read)
    assert set(read.read) == {path.name for path in paths}, "the second encoder saw every picture"
    assert sum(read.read.values()) == len(paths) + 2, "the first none but one, for the shape"
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 2
    again = Counting()
    other = Fusion([one(1, channels=(4, 3), strides=(4, 4), trainable="none"), one(0, trainable="none")], pooled=True)
    compute(tmp_path / "cache", paths, other, again)
    assert sum(again.read.values()) == 2


@pytest.mark.parametrize("join", ["project", "gate"])
@pytest.mark.parametrize("shape", [{"pooled": True}, {"pooled": True, "grid": 2}, {}], ids=["pooled", "grid", "map"])
def test_where_only_the_join_learns_what_stands_before_it_is_kept(join, shape, tmp_path, paths):
    fusion = pair(inner="none", join=join, size=5, **shape)
    fixed = fusion.fixed()
    assert fixed is not None
    assert fixed.frozen
    assert not fusion.frozen
    assert fusion.join.kind == join, "the fusion itself stays what it is"
    table = compute(tmp_path / "cache", paths, fixed)
    pictures = torch.stack([load(path) for path in paths])
    torch.testing.assert_close(table.batch([4, 1]), fixed(pictures)[[4, 1]])
    expected, found = fusion(pictures), fusion.finish(table.batch(range(len(paths))))
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert all(parameter.grad is not None for parameter in fusion.join.projections.parameters())


def test_what_is_fixed_is_all_or_nothing_otherwise():
    for fusion in (pair(trainable="none", join="gate", pooled=True), pair(inner="none", pooled=True)):
        assert fusion.fixed() is fusion
        features = torch.randn(2, fusion.feature_size)
        assert fusion.finish(features) is features
    assert pair(join="gate").fixed() is None


def test_frames_whose_features_are_kept_go_through_the_join_that_learns():
    front = PictureFront(pair(inner="none", join="gate", size=5, pooled=True), size=4).eval()
    frames, valid = IMAGES[None], torch.tensor([[True, True, False]])
    features = front.encoder.fixed()(IMAGES)[None]
    torch.testing.assert_close(front(features, valid)[valid], front(frames, valid)[valid])


def test_a_fusion_that_learns_is_not_kept(tmp_path, paths):
    with pytest.raises(UserError, match="feature cache: Fusion is being trained"):
        compute(tmp_path / "cache", paths, pair(inner="none", join="project"))


def test_features_of_videos_are_kept_for_each_encoder(tmp_path):
    films = {"a": write_film(tmp_path / "a.mp4", 5), "b": write_film(tmp_path / "b.mp4", 3)}
    reader = VideoReader(width=16, height=16)

    def features(encoder):
        cache = VideoFeatureCache(tmp_path / "cache")
        return cache.features(encoder, reader.read_chunks, films, length=reader.length, reader_key="16", progress=False)

    fusion = pair(pooled=True, inner="none").eval()
    found = features(fusion)
    assert list(found) == ["a", "b"]
    assert len(found) == 2
    for name, path in films.items():
        torch.testing.assert_close(found[name], fusion(reader.read(path)), atol=1e-5, rtol=1e-5)
    count = len(list((tmp_path / "cache").glob("*.npy")))
    features(one(0, trainable="none", pooled=True))
    assert len(list((tmp_path / "cache").glob("*.npy"))) == count == 4


def test_parts_share_weights_and_are_what_the_encoder_alone_is():
    fusion = pair(pooled=True, inner="none")
    part = fusion.parts()[0]
    assert fingerprint(part) == fingerprint(one(0, pooled=True, trainable="none"))
    fusion.double()
    assert next(part.parameters()).dtype == torch.float64


def test_a_checkpoint_describes_it():
    description = {
        "_target_": "seqvision.encoders.Fusion",
        "encoders": {
            "a": {"_target_": "seqvision.encoders.SmallCNN", "image_size": 32, "weights": "gone.pth"},
            "b": {"_target_": "seqvision.encoders.ResNet", "image_size": 32, "norm": {"name": "group", "groups": 4}},
        },
        "join": "gate",
        "pooled": True,
    }
    made, again = build(description, NETWORKS), build(description, NETWORKS)
    again.load_state_dict(made.state_dict())
    assert isinstance(made.encoders["b"], ResNet)
    images = torch.rand(2, 1, 32, 32)
    assert torch.equal(made.eval()(images), again.eval()(images))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fusion([one(0)]), "encoder.encoders: 1 there; a fusion needs two or more"),
        (lambda: Fusion({"a": one(0), "b": None}), "encoder.encoders.b: NoneType, expected a single encoder"),
        (lambda: Fusion([one(0), pair()]), "encoder.encoders.1: Fusion, expected a single encoder"),
        (
            lambda: Fusion([one(0), one(0, image_size=32)]),
            r"for pictures of \[16, 32\] pixels; expected one",
        ),
        (lambda: pair(join="add"), "encoder.join is 'add'; expected one of concatenate, project, gate"),
        (lambda: pair(trainable=9), "trainable is 9; expected"),
    ],
)
def test_what_cannot_be_joined_is_named(make, message):
    with pytest.raises(UserError, match=message):
        make()
