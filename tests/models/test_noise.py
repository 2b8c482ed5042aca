"""Noise put into whole networks: vanilla and inverted dropout, DropConnect of layers, their test-time outputs."""

from functools import partial

import pytest
import torch
from sequence_models import FEATURES, network
from torch import nn

from seqvision.attention import AdditiveAttention
from seqvision.encoders import PictureFront, SmallCNN, TimmEncoder
from seqvision.errors import UserError
from seqvision.losses import SequenceCrossEntropy
from seqvision.models import (
    DRAM,
    RAM,
    BernoulliPixels,
    Captioner,
    Draw,
    FrameLabeller,
    Noise,
    SequenceClassifier,
    Translator,
    WindowRead,
    WindowWrite,
)
from seqvision.models.noise import DropConnectConv2d, DropConnectLinear, VanillaDropout
from seqvision.models.translator import Source
from seqvision.rnn import ElmanCell, LSTMCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")

DRAWS = 1000
RNN = partial(Recurrent, ElmanCell, hidden_size=6, num_layers=2, dropout=0.5)
SMALL_CNN = {"channels": (6, 8), "strides": (2, 2)}


def mean_of(draw, number=DRAWS):
    """The mean of many draws, and five times its standard error."""
    with torch.no_grad():
        found = torch.stack([draw() for _ in range(number)])
    return found.mean(dim=0), 5 * found.std(dim=0) / number**0.5 + 1e-6


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_vanilla_and_inverted_dropout_agree_in_expectation(kind):
    """Of both the mean in training is what comes out in evaluation, and of vanilla dropout it is 1 − p times that of
    inverted dropout; its units in training are themselves or nothing.
    """
    torch.manual_seed(0)
    inverted = kind(0.3)
    holder = nn.Sequential(kind(0.3))
    Noise(dropout="vanilla").into(holder)
    (vanilla,) = holder
    assert isinstance(vanilla, VanillaDropout)
    x = torch.randn(2, 5, 4, 4) + 2
    once = vanilla(x)
    kept = once != 0
    torch.testing.assert_close(once[kept], x[kept])
    if kind is nn.Dropout2d:
        assert torch.equal(kept.all(dim=(2, 3)), kept.any(dim=(2, 3))), "whole channels"
    for layer, expected in ((inverted, x), (vanilla, 0.7 * x)):
        mean, error = mean_of(lambda layer=layer: layer(x))
        assert ((mean - expected).abs() < error).all()
        torch.testing.assert_close(layer.eval()(x), expected)


def layers(p=0.5):
    """A wide layer behind a ReLU, and a convolution, each with weights left out."""
    torch.manual_seed(1)
    linear, convolution = nn.Linear(200, 8), nn.Conv2d(20, 4, 3, padding=1, stride=2)
    of_linear, of_convolution = DropConnectLinear.of(linear, p), DropConnectConv2d.of(convolution, p)
    return [(linear, of_linear, torch.rand(3, 200)), (convolution, of_convolution, torch.rand(2, 20, 5, 5))]


@pytest.mark.parametrize("place", [0, 1])
def test_the_mean_weights_give_the_mean_of_what_dropconnect_draws(place):
    plain, layer, x = layers()[place]
    expected = plain(x)
    mean, error = mean_of(lambda: layer(x))
    assert ((mean - expected).abs() < error).all()
    assert not torch.equal(layer(x), layer(x)), "drawn anew whenever something goes through it"
    assert torch.equal(layer.eval()(x), expected)


@pytest.mark.parametrize("place", [0, 1])
def test_drawing_units_has_the_mean_and_the_variance_of_drawing_weights(place):
    """Wan's moments, and what they are for: behind a ReLU the mean of drawn units is that of drawn weights, where the
    mean weights' output is far off.
    """
    plain, layer, x = layers()[place]
    with torch.no_grad():
        by_weights = torch.stack([layer(x) for _ in range(DRAWS)])
        layer.gaussian = True
        by_units = torch.stack([layer(x) for _ in range(DRAWS)])
        by_mean = plain(x)
    torch.testing.assert_close(by_units.mean(dim=0), by_weights.mean(dim=0), atol=0.2 * float(by_weights.std()), rtol=0)
    ratio = by_units.var(dim=0) / by_weights.var(dim=0)
    assert ((ratio > 0.7) & (ratio < 1.4)).all()
    assert 0.93 < float(ratio.mean()) < 1.07
    truth = by_weights.relu().mean(dim=0)
    wrong_by_units = (by_units.relu().mean(dim=0) - truth).abs().mean()
    wrong_by_mean = (by_mean.relu() - truth).abs().mean()
    assert wrong_by_units < 0.25 * wrong_by_mean


def captioner():
    encoder = SmallCNN(image_size=16, dropout=0.3, **SMALL_CNN)
    attention = partial(AdditiveAttention, size=4)
    return Captioner(encoder, RNN, vocabulary_size=9, embedding_size=5, attention=attention, dropout=0.3)


def caption_scores(model):
    return model.output(model(model.encode(torch.rand(2, 3, 16, 16)), torch.ones(2, 4, dtype=torch.long)).hidden)


def translator():
    both = partial(Recurrent, ElmanCell, hidden_size=6, bidirectional=True)
    sizes = {"source_vocabulary_size": 8, "target_vocabulary_size": 9}
    return Translator(both, RNN, embedding_size=5, attention=partial(AdditiveAttention, size=4), dropout=0.3, **sizes)


def translation_scores(model):
    source = Source(torch.ones(2, 3, dtype=torch.long), torch.tensor([3, 2]))
    return model.output(model(source, torch.ones(2, 4, dtype=torch.long)).hidden)


def clips(kind):
    front = partial(PictureFront, SmallCNN(image_size=16, pooled=True, **SMALL_CNN), size=5, dropout=0.2)
    return kind(front, RNN, classes=3, dropout=0.3)


def clip_scores(model):
    found = model(torch.rand(2, 3, 3, 16, 16), torch.tensor([3, 2]))
    return found[0] if isinstance(model, FrameLabeller) else found


def reader(kind):
    return kind(partial(Recurrent, LSTMCell, hidden_size=6), classes=3, pictures={"channels": 1}, dropout=0.3, looks=2)


def painter():
    rnn = partial(Recurrent, LSTMCell, hidden_size=6, num_layers=2, dropout=0.3)
    parts = {"read": partial(WindowRead, size=2), "write": partial(WindowWrite, size=2), "pixels": BernoulliPixels()}
    return Draw(rnn, rnn, **parts, steps=2, latent_size=3, pictures={"channels": 1, "height": 6, "width": 8})


PATTERNS = {
    "captioner": (captioner, caption_scores),
    "translator": (translator, translation_scores),
    "classifier": (partial(clips, SequenceClassifier), clip_scores),
    "labeller": (partial(clips, FrameLabeller), clip_scores),
    "reader": (partial(reader, RAM), lambda model: model(torch.rand(2, 1, 9, 9)).logits),
    "string reader": (partial(reader, DRAM), lambda model: model(torch.rand(2, 1, 30, 30)).logits),
    "painter": (painter, lambda model: model(torch.rand(2, 1, 6, 8).round(), None).nats),
}


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("settings", [{"dropout": "vanilla"}, {"dropconnect": 0.4}], ids=lambda each: next(iter(each)))
def test_every_pattern_draws_in_training_learns_and_keeps_its_weights_names(name, settings):
    make, scores = PATTERNS[name]
    torch.manual_seed(0)
    model = make()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(3)
    plain = scores(model.eval())
    Noise(**settings).into(model)
    assert model.state_dict().keys() == before.keys()
    torch.manual_seed(3)
    after = scores(model)
    if "dropconnect" in settings:
        torch.testing.assert_close(after, plain)
    else:
        assert not torch.allclose(after, plain), "scaled in evaluation"
    model.train()
    torch.manual_seed(4)
    first = scores(model)
    first.square().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert sum(p.grad is not None and bool((p.grad != 0).any()) for p in model.parameters()) > 4
    torch.manual_seed(4)
    assert torch.equal(scores(model), first), "seeded"
    torch.manual_seed(5)
    assert not torch.equal(scores(model), first)


def test_dropout_between_recurrent_layers_is_scaled_too():
    torch.manual_seed(0)
    for locked in (False, True):
        rnn = Recurrent(ElmanCell, 3, 40, num_layers=2, dropout=0.5, locked=locked, backend="reference")
        Noise(dropout="vanilla").into(rnn)
        seen = []
        project = rnn.cells[1].project
        rnn.cells[1].project = lambda x, project=project, seen=seen: (seen.append(x), project(x))[1]
        x = torch.randn(2, 6, 3)
        rnn.train()(x)
        rnn.eval()(x)
        training, evaluation = seen
        kept = training != 0
        assert 0.3 < float(kept.float().mean()) < 0.7
        torch.testing.assert_close(training[kept], 2 * evaluation[kept])
        assert torch.equal(kept.all(dim=1), kept.any(dim=1)) is locked


def test_recurrences_attention_and_frozen_stages_stay_as_they_are():
    torch.manual_seed(0)
    encoder = TimmEncoder("test_resnet", image_size=32, pooled=False, trainable=1)
    model = Captioner(encoder, RNN, vocabulary_size=9, embedding_size=5, attention=partial(AdditiveAttention, size=4))
    Noise(dropconnect=0.5).into(model)
    kinds = (DropConnectLinear, DropConnectConv2d)
    changed = {name for name, module in model.named_modules() if isinstance(module, kinds)}
    assert {"output", "to_state"} <= changed
    assert not any(name.startswith(("rnn.", "attention.")) for name in changed)
    of_encoder = [model.get_submodule(name) for name in changed if name.startswith("encoder.")]
    assert of_encoder
    assert all(p.requires_grad for module in of_encoder for p in module.parameters())
    assert len(of_encoder) < sum(isinstance(module, nn.Conv2d) for module in encoder.modules())


def test_layers_can_be_chosen_and_unknown_ones_are_named():
    model = network(SequenceClassifier)
    Noise(dropconnect=0.5, layers=["output"]).into(model)
    assert isinstance(model.output, DropConnectLinear)
    assert type(model.front.linear) is nn.Linear
    with pytest.raises(UserError, match=r"noise.layers: the model has no part 'head'; its parts are front, dropout"):
        Noise(dropconnect=0.5, layers=["head"]).into(network(SequenceClassifier))
    with pytest.raises(UserError, match=r"but rnn has no linear layer .*take rnn\.dropconnect"):
        Noise(dropconnect=0.5, layers=["rnn"]).into(network(SequenceClassifier))
    with pytest.raises(UserError, match=r"noise.dropout is 'inverse'"):
        Noise(dropout="inverse")
    with pytest.raises(UserError, match=r"noise.dropconnect is 1"):
        Noise(dropconnect=1)


def test_nothing_changes_by_default():
    model = network(SequenceClassifier, dropout=0.5)
    kinds = [type(module) for module in model.modules()]
    Noise().into(model)
    assert [type(module) for module in model.modules()] == kinds


def test_a_large_vocabulary_in_pieces_sees_the_weights_that_are_left():
    torch.manual_seed(0)
    output = DropConnectLinear(6, 50, p=0.5)
    hidden, targets, valid = torch.randn(3, 4, 6), torch.randint(50, (3, 4)), torch.arange(12)
    found = []
    for scores_at_once in (10**6, 100):
        torch.manual_seed(2)
        loss = SequenceCrossEntropy(scores_at_once=scores_at_once)(hidden, targets, valid, output)
        (gradient,) = torch.autograd.grad(loss, output.weight)
        found.append((loss.detach(), gradient))
    torch.testing.assert_close(found[0], found[1])
    assert 0.3 < float((found[0][1] == 0).float().mean()) < 0.7


def test_features_still_come_in():
    model = network(SequenceClassifier, dropout=0.5)
    Noise(dropout="vanilla", dropconnect=0.3).into(model)
    assert model.train()(torch.randn(2, 5, FEATURES), torch.tensor([5, 3])).shape == (2, 3)
