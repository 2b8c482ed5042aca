"""Frames of any kind to vectors: each frame by itself, statistics of training only, padding of no account."""

import pytest
import torch

from seqvision.encoders import EmbeddingFront, LinearFront, MLPFront, PictureFront, SmallCNN
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")


def everywhere(frames):
    return torch.ones(frames.shape[:2], dtype=torch.bool)


def test_features_are_taken_relative_to_training():
    front = LinearFront(3, size=None)
    training = torch.randn(500, 3) * torch.tensor([1.0, 20.0, 1e-9]) + torch.tensor([5.0, -3.0, 7.0])
    front.standardise(training)
    made = front(training.unsqueeze(0), everywhere(training.unsqueeze(0)))[0]
    torch.testing.assert_close(made.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(made[:, :2].std(0, correction=0), torch.ones(2))
    assert front.deviation[2] == 1, "what never varies in training is not blown up by its rounding errors"
    assert front.output_size == 3
    held = LinearFront(3, size=None)
    held.load_state_dict(front.state_dict())
    assert torch.equal(held.mean, front.mean), "the statistics travel in the checkpoint"


def test_a_linear_layer_follows_the_statistics():
    front = LinearFront(3, size=4)
    front.standardise(torch.randn(50, 3))
    frames = torch.randn(2, 5, 3)
    expected = front.linear((frames - front.mean) / front.deviation)
    assert torch.equal(front(frames, everywhere(frames)), expected)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_garbage_past_the_length_reaches_no_gradient(garbage):
    front = LinearFront(3, size=4)
    frames = torch.randn(2, 5, 3)
    valid = torch.arange(5) < torch.tensor([[5], [2]])
    gradients = []
    for given in (frames, torch.where(valid.unsqueeze(-1), frames, garbage)):
        front.zero_grad()
        front(given, valid)[valid].square().sum().backward()
        gradients.append(front.linear.weight.grad.clone())
    torch.testing.assert_close(*gradients)


def test_hidden_words_are_hidden_whole_and_only_in_training():
    front = EmbeddingFront(20, size=8, word_dropout=0.5)
    words = torch.randint(20, (4, 50))
    torch.manual_seed(0)
    zero = front(words, everywhere(words)) == 0
    assert 0.35 < zero.all(-1).float().mean() < 0.65
    assert torch.equal(zero.any(-1), zero.all(-1))
    front.eval()
    assert torch.equal(front(words, everywhere(words)), front.embedding(words))


def small_front(**settings):
    torch.manual_seed(0)
    return PictureFront(SmallCNN(image_size=8, channels=(4, 4), strides=(2, 2), pooled=True), size=5, **settings)


def test_pictures_go_through_the_encoder_one_by_one():
    front = small_front().eval()
    frames = torch.randint(256, (2, 5, 3, 8, 8), dtype=torch.uint8)
    valid = torch.arange(5) < torch.tensor([[5], [2]])
    made = front(frames, valid)
    for row, place in valid.nonzero().tolist():
        alone = front.linear(front.norm(front.encoder(frames[row, place].unsqueeze(0))))
        torch.testing.assert_close(made[row, place], alone[0])
    other = frames.clone()
    other[1, 2:] = 255
    assert torch.equal(front(other, valid)[valid], made[valid]), "padding does not reach the encoder"


def test_few_pictures_at_once_are_as_good_as_all():
    front, few = small_front().eval(), small_front(at_once=3).eval()
    frames = torch.randint(256, (1, 10, 3, 8, 8), dtype=torch.uint8)
    seen = []
    few.encoder.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    with torch.no_grad():
        torch.testing.assert_close(few(frames, everywhere(frames)), front(frames, everywhere(frames)))
    assert seen == [3, 3, 3, 1]


def test_features_made_before_skip_the_encoder():
    front = small_front().eval()
    frames = torch.randint(256, (1, 4, 3, 8, 8), dtype=torch.uint8)
    features = front.encode(frames, torch.arange(4))
    torch.testing.assert_close(front(features, everywhere(frames)), front(frames, everywhere(frames)))


def test_an_encoder_with_a_map_is_refused():
    with pytest.raises(UserError, match=r"one vector; set encoder\.pooled=true"):
        PictureFront(SmallCNN(image_size=8, channels=(4, 4), strides=(2, 2), pooled=False))


def test_layers_are_as_many_and_as_wide_as_asked_and_squash():
    front = MLPFront(3, size=5, depth=4, activation="tanh")
    weights = [module.weight.shape for module in front.modules() if isinstance(module, torch.nn.Linear)]
    assert weights == [(5, 3), (5, 5), (5, 5), (5, 5)]
    frames = 100 * torch.randn(2, 6, 3)
    assert front(frames, everywhere(frames)).abs().max() <= 1
    linear = MLPFront(3, size=5, depth=2, activation="linear")
    first, second = (layer[0] for layer in linear.layers)
    torch.testing.assert_close(linear(frames, everywhere(frames)), second(first(frames)))


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_padding_is_no_part_of_a_layers_statistics(norm):
    torch.manual_seed(0)
    front = MLPFront(3, size=4, norm=norm)
    frames = torch.randn(2, 5, 3)
    valid = torch.arange(5) < torch.tensor([[5], [2]])
    made = [front(given, valid)[valid] for given in (frames, torch.where(valid.unsqueeze(-1), frames, 1e9))]
    assert torch.equal(*made)


def test_batch_norm_makes_units_comparable_and_layer_norm_frames():
    frames = torch.randn(1, 64, 3) * torch.tensor([1.0, 5.0, 25.0])
    for norm, over in (("batch", 0), ("layer", 1)):
        made = MLPFront(3, size=16, depth=1, activation="linear", norm=norm)(frames, everywhere(frames))[0]
        torch.testing.assert_close(made.std(over, correction=0), torch.ones(made.shape[1 - over]), atol=1e-2, rtol=0)


def test_what_there_is_not_is_said():
    with pytest.raises(UserError, match="tanh, relu, sigmoid, linear"):
        MLPFront(3, activation="soft")
