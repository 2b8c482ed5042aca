"""Fractional pooling: regions of one or two pixels, drawn in training, the same in evaluation."""

from functools import partial

import pytest
import torch
from torch import nn

from seqvision.encoders import FractionalMaxPool, PictureFront, SmallCNN
from seqvision.errors import UserError
from seqvision.models import Captioner, FrameLabeller, SequenceClassifier
from seqvision.rnn import ElmanCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")

CNN = {"image_size": 24, "channels": (6, 8, 8), "strides": (1.41, 1.41, 2), "pool": "fractional"}


def test_regions_are_two_by_two_pixels_one_or_two_apart_the_same_for_all_channels():
    torch.manual_seed(0)
    side = 12
    rows = torch.arange(float(side)).view(1, 1, side, 1).expand(4, 3, side, side)
    found = FractionalMaxPool(1.41)(rows)  # the largest of a region is its lower row
    assert found.shape == (4, 3, 8, 8)
    lower = found[:, :, :, 0]
    assert torch.equal(lower, lower[:, :1].expand_as(lower)), "channels share their regions"
    assert set(lower.diff(dim=-1).flatten().tolist()) == {1.0, 2.0}
    assert torch.equal(lower[..., -1], torch.full((4, 3), side - 1.0)), "to the last row"
    assert len({tuple(picture.tolist()) for picture in lower[:, 0]}) > 1, "each picture its own"
    again = FractionalMaxPool(1.41)(rows)
    assert not torch.equal(found, again)


@pytest.mark.parametrize("ratio", [1.05, 1.26, 1.41, 1.6, 1.9, 1.99, 2])
def test_every_pixel_is_in_a_region(ratio):
    """And the regions' grid is as large as the ratio says, their sides 2 or 3."""
    torch.manual_seed(0)
    for side in range(2, 24):
        for pool in (FractionalMaxPool(ratio), FractionalMaxPool(ratio).eval()):
            single = torch.eye(side).expand(20, side, side)  # a map for each row, in which that row alone is 1
            found = pool(single.reshape(20, side, side, 1).expand(-1, -1, -1, side))
            assert found.shape[2:] == (int(side / ratio),) * 2
            seen = found.amax(dim=(2, 3))
            assert (seen == 1).all(), f"a side of {side}"
            rows = found.sum(dim=1)[..., 0]  # how many rows each region has
            assert set(rows.flatten().tolist()) <= {2.0, 3.0}


def test_in_evaluation_a_picture_has_one_answer_whatever_is_beside_it():
    torch.manual_seed(0)
    pool = FractionalMaxPool(1.41).eval()
    images = torch.rand(5, 3, 17, 17)
    once = pool(images)
    torch.manual_seed(1)
    assert torch.equal(pool(images), once)
    assert torch.equal(torch.cat([pool(image.unsqueeze(0)) for image in images]), once)
    torch_s_own = nn.FractionalMaxPool2d(2, output_ratio=1 / 1.41).eval()
    assert not torch.equal(torch_s_own(images), torch_s_own(images)), "what this one is for"


@pytest.mark.parametrize("kind", [SequenceClassifier, FrameLabeller, Captioner])
def test_fixed_in_evaluation_and_learning_in_every_pattern(kind):
    torch.manual_seed(0)
    rnn = partial(Recurrent, ElmanCell, hidden_size=6)
    if kind is Captioner:
        model = Captioner(SmallCNN(**CNN), rnn, vocabulary_size=7, embedding_size=5)
        images, words = torch.rand(2, 3, 24, 24), torch.ones(2, 3, dtype=torch.long)

        def scores():
            return model.output(model(model.encode(images), words).hidden)
    else:
        model = kind(partial(PictureFront, SmallCNN(pooled=True, **CNN), size=5), rnn, classes=3)
        frames = torch.rand(2, 2, 3, 24, 24)

        def scores():
            found = model(frames, torch.tensor([2, 1]))
            return found[0] if kind is FrameLabeller else found

    first = scores()
    assert not torch.equal(scores(), first)
    first.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    model.eval()
    assert torch.equal(scores(), scores())


@pytest.mark.parametrize("pool", ["stride", "max", "average"])
def test_maps_are_of_one_size_however_they_became_smaller(pool):
    encoder = SmallCNN(image_size=28, channels=(4, 4, 4), strides=(2, 2, 2), pool=pool)
    assert encoder.map_size() == (4, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": "median"}, "pool is 'median'; expected one of stride, max, average, fractional"),
        ({"strides": (1.5, 2), "pool": "max"}, r"strides \[1.5, 2\] with pool=max; expected whole numbers, or"),
        ({"strides": (3, 2), "pool": "fractional"}, "a ratio of 3; expected one above 1, at most 2"),
        ({"drop_path": 0.5}, "drop_path is 0.5 with 0 residual blocks; .* set encoder.blocks to 2 or more"),
        ({"drop_path": 1.0, "blocks": 2}, "drop_path is 1.0 with 2 residual blocks"),
    ],
)
def test_what_does_not_go_together_is_named(settings, message):
    with pytest.raises(UserError, match=message):
        SmallCNN(**{"channels": (4, 4), "strides": (2, 2), **settings})


def test_residual_blocks_are_left_out_more_and_more_often_and_only_in_training():
    torch.manual_seed(0)
    encoder = SmallCNN(image_size=16, channels=(4, 4), strides=(2, 2), blocks=3, drop_path=0.4, pooled=True)
    rates = [module.drop_prob for module in encoder.modules() if type(module).__name__ == "DropPath"]
    torch.testing.assert_close(torch.tensor(rates), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    plain = SmallCNN(image_size=16, channels=(4, 4), strides=(2, 2), blocks=3, pooled=True)
    plain.load_state_dict(encoder.state_dict())
    images = torch.rand(3, 3, 16, 16)
    assert not torch.equal(encoder(images), encoder(images))
    assert torch.equal(encoder.eval()(images), plain.eval()(images))


def test_the_mean_of_what_is_left_out_is_what_is_there_in_evaluation():
    torch.manual_seed(0)
    encoder = SmallCNN(image_size=16, channels=(4, 4), strides=(2, 2), blocks=2, drop_path=0.4)
    drop = [module for module in encoder.modules() if type(module).__name__ == "DropPath"][-1]
    residuals = torch.full((10_000, 2, 1, 1), 3.0)
    drawn = drop.train()(residuals)
    assert set(drawn.unique().tolist()) == {0.0, 3.0 / (1 - 0.4)}
    assert torch.equal(drawn[:, 0], drawn[:, 1]), "a block is left out for an image as a whole"
    error = drawn[:, 0].std() / 10_000**0.5
    assert (drawn[:, 0].mean() - 3.0).abs() < 5 * error
    assert torch.equal(drop.eval()(residuals), residuals)
