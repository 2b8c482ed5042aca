"""The captioner seen from its two sides: whole captions in training, a step at a time in decoding."""

from functools import partial

import pytest
import torch
from step_by_step import scores, step_by_step
from torch import nn

from seqvision.attention import AdditiveAttention, DotAttention
from seqvision.decoding import GreedySearch
from seqvision.decoding.protocol import tree_map
from seqvision.encoders import SmallCNN
from seqvision.errors import UserError
from seqvision.models import Captioner
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent, map_state

pytestmark = pytest.mark.usefixtures("float64")

WORDS = 9
CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell]
ATTENTIONS = [None, partial(AdditiveAttention, size=6), partial(DotAttention, size=6)]
PLACES = ["state", "input", "every_step"]


def captioner(
    cell=GRUCell, attention=None, *, num_layers=1, hidden_size=7, pooled=False, rnn=None, **settings
) -> Captioner:
    """A small network in evaluation mode."""
    torch.manual_seed(0)
    encoder = SmallCNN(image_size=8, channels=(4, 4), strides=(2, 2), pooled=pooled)
    rnn = partial(Recurrent, cell, **{"hidden_size": hidden_size, "num_layers": num_layers, **(rnn or {})})
    model = Captioner(encoder, rnn, vocabulary_size=WORDS, embedding_size=5, attention=attention, **settings)
    for name, parameter in model.rnn.named_parameters():
        if name.endswith("bias"):  # zeros would hide a forgotten one
            nn.init.normal_(parameter)
    return model.eval()


def batch(size: int = 3, time: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of a 2 × 2 map, and words."""
    torch.manual_seed(1)
    return torch.randn(size, 2, 2, 4), torch.randint(WORDS, (size, time))


@pytest.mark.parametrize("image_as", PLACES)
@pytest.mark.parametrize("attention", ATTENTIONS, ids=["none", "additive", "dot"])
@pytest.mark.parametrize("cell", CELLS)
def test_teacher_forcing_equals_step_by_step(cell, attention, image_as):
    model = captioner(cell, attention, image_as=image_as, num_layers=2)
    features, tokens = batch()
    whole = model(features, tokens)
    logits, weights = step_by_step(model, features, tokens)
    torch.testing.assert_close(model.output(whole.hidden), logits, atol=1e-5, rtol=1e-5)
    assert (whole.attention is None) == (attention is None)
    if attention is not None:
        torch.testing.assert_close(whole.attention, weights, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 6))


@pytest.mark.parametrize("image_as", PLACES)
@pytest.mark.parametrize("attention", ATTENTIONS, ids=["none", "additive", "dot"])
def test_what_a_pass_leaves_out_it_leaves_out_at_the_images_step_too(attention, image_as):
    """Locked dropout between layers and DropConnect: one draw for a caption, however its steps are run."""
    noise = {"num_layers": 2, "dropout": 0.5, "locked": True, "dropconnect": 0.5, "backend": "reference"}
    model = captioner(LSTMCell, attention, image_as=image_as, rnn=noise).train()
    features, tokens = batch()
    torch.manual_seed(2)
    whole = model.output(model(features, tokens).hidden)
    torch.manual_seed(2)
    torch.testing.assert_close(step_by_step(model, features, tokens)[0], whole)
    assert not torch.allclose(model.eval().output(model(features, tokens).hidden), whole, atol=1e-2)


@pytest.mark.parametrize("image_as", PLACES)
@pytest.mark.parametrize("attention", ATTENTIONS, ids=["none", "additive", "dot"])
def test_picture_and_words_so_far_matter_and_later_words_do_not(attention, image_as):
    model = captioner(attention=attention, image_as=image_as)
    features, tokens = batch()
    logits = scores(model, features, tokens)
    assert (scores(model, features.flip(0), tokens) - logits)[0].abs().amax(-1).min() > 1e-6
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % WORDS
    difference = (scores(model, features, changed) - logits).abs().amax(-1)
    assert difference[:, :3].max() == 0
    assert difference[:, 3:].min() > 0


@pytest.mark.parametrize("pooled", [False, True])
def test_map_and_vector_are_read_without_attention(pooled):
    model = captioner(pooled=pooled)
    features = model.encode(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))
    assert scores(model, features, torch.ones(2, 4, dtype=torch.long)).shape == (2, 4, WORDS)


def test_attention_needs_a_map():
    with pytest.raises(UserError, match="pooled=false"):
        captioner(attention=ATTENTIONS[1], pooled=True)


@pytest.mark.parametrize("attention", ATTENTIONS, ids=["none", "additive", "dot"])
@pytest.mark.parametrize("image_as", PLACES)
def test_beams_share_the_memory_and_go_their_own_ways(attention, image_as):
    model = captioner(LSTMCell, attention, image_as=image_as)
    features, tokens = batch(size=2, time=3)
    memory, state = model.start(features)
    tree_map(lambda tensor: assert_leads(tensor, 2), tuple(part for part in memory if part is not None))
    tree_map(lambda tensor: assert_leads(tensor, 2, 1), state)
    wide = map_state(lambda part: part.expand(-1, 3, -1), state)
    together = model.step(tokens, wide, memory)
    for beam in range(3):
        alone = model.step(tokens[:, beam : beam + 1], state, memory)
        torch.testing.assert_close(together.logits[:, beam : beam + 1], alone.logits)
        if attention is not None:
            torch.testing.assert_close(together.attention[:, beam : beam + 1], alone.attention)


def assert_leads(tensor: torch.Tensor, *sizes: int) -> torch.Tensor:
    assert tensor.shape[: len(sizes)] == sizes
    return tensor


def test_tied_embeddings_are_one_matrix():
    model = captioner(tie_embeddings=True)
    assert model.output.weight is model.embedding.weight
    assert sum(p.numel() == WORDS * 5 for p in model.parameters()) == 1
    features, tokens = batch()
    scores(model, features, tokens).sum().backward()
    assert model.embedding.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("attention", ATTENTIONS, ids=["none", "additive", "dot"])
class TestScheduledSampling:
    def test_next_to_never_equals_teacher_forcing(self, attention):
        model = captioner(attention=attention)
        features, tokens = batch()
        forced, sampled = model(features, tokens), model(features, tokens, sampling_probability=1e-12)
        torch.testing.assert_close(sampled.hidden, forced.hidden, atol=1e-5, rtol=1e-5)
        if attention is not None:
            torch.testing.assert_close(sampled.attention, forced.attention, atol=1e-5, rtol=1e-5)

    def test_always_feeds_the_networks_own_words(self, attention, monkeypatch):
        model = captioner(attention=attention)
        features, tokens = batch()
        drawn = []
        draw = torch.Tensor.argmax  # of scores that hold the draw
        monkeypatch.setattr(torch.Tensor, "argmax", lambda *a, **k: drawn.append(draw(*a, **k)) or drawn[-1])
        sampled = model(features, tokens, sampling_probability=1.0)
        own = torch.stack([tokens[:, 0], *drawn], dim=1)
        assert own.shape == tokens.shape
        assert (own != tokens).any()
        torch.testing.assert_close(sampled.hidden, model(features, own).hidden, atol=1e-5, rtol=1e-5)


def test_more_padding_changes_nothing():
    model = captioner(attention=ATTENTIONS[1])
    features, tokens = batch()
    wider = torch.cat([tokens, torch.zeros(3, 4, dtype=torch.long)], dim=1)
    torch.testing.assert_close(scores(model, features, wider)[:, :6], scores(model, features, tokens))


@pytest.mark.parametrize("attention", [None, ATTENTIONS[2]], ids=["none", "dot"])
def test_a_batch_of_pictures_can_be_memorised(attention):
    model = captioner(LayerNormElmanCell, attention, hidden_size=24).train()
    images = torch.randint(256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(2)).to(torch.uint8)
    captions = [(4, 5, 6), (4, 6), (7,), (8, 5, 5, 4)]
    tokens = nn.utils.rnn.pad_sequence([torch.tensor([1, *words, 2]) for words in captions], batch_first=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        logits = scores(model, model.encode(images), tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = GreedySearch(max_length=6)(model, model.encode(images))
    assert [best.tokens for best, *_ in found] == captions
