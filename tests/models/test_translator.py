"""The translator seen from its two sides, with sentences of different lengths; what padding must not change."""

from functools import partial

import pytest
import torch
from step_by_step import scores, step_by_step
from torch import nn

from seqvision.attention import AdditiveAttention, DotAttention
from seqvision.decoding import BeamSearch, Ensemble, GreedySearch
from seqvision.models import Source, Translator
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LayerNormLSTMCell, LSTMCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")

READ, WORDS = 8, 9
CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, LayerNormLSTMCell, GRUCell]
ATTENTIONS = [None, partial(AdditiveAttention, size=6), partial(DotAttention, size=6)]
NAMES = ["none", "additive", "dot"]
PLACES = ["state", "input", "every_step"]


def translator(
    cell=GRUCell, attention=None, *, num_layers=1, hidden_size=7, bidirectional=True, backend="auto", **settings
) -> Translator:
    """A small network in evaluation mode."""
    torch.manual_seed(0)
    rnn = partial(Recurrent, cell, hidden_size=hidden_size, num_layers=num_layers, backend=backend)
    model = Translator(
        partial(rnn, bidirectional=bidirectional),
        rnn,
        source_vocabulary_size=READ,
        target_vocabulary_size=WORDS,
        embedding_size=5,
        attention=attention,
        **settings,
    )
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # zeros would hide a forgotten one
            nn.init.normal_(parameter)
    return model.eval()


def batch() -> tuple[Source, torch.Tensor]:
    """Three sentences of 5, 3 and 1 words, and words of a translation."""
    torch.manual_seed(1)
    lengths = torch.tensor([5, 3, 1])
    tokens = torch.randint(4, READ, (3, 5)).masked_fill(torch.arange(5) >= lengths.unsqueeze(1), 0)
    return Source(tokens, lengths), torch.randint(WORDS, (3, 6))


@pytest.mark.parametrize("summary_as", PLACES)
@pytest.mark.parametrize("attention", ATTENTIONS, ids=NAMES)
@pytest.mark.parametrize("cell", CELLS)
def test_teacher_forcing_equals_step_by_step(cell, attention, summary_as):
    model = translator(cell, attention, summary_as=summary_as, num_layers=2)
    source, tokens = batch()
    whole = model(source, tokens)
    logits, weights = step_by_step(model, source, tokens)
    torch.testing.assert_close(model.output(whole.hidden), logits, atol=1e-5, rtol=1e-5)
    if attention is not None:
        torch.testing.assert_close(whole.attention, weights, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 6))
        assert weights[1, :, 3:].abs().max() == 0
        assert weights[2, :, 1:].abs().max() == 0


@pytest.mark.parametrize("cell", [ElmanCell, LayerNormElmanCell])
def test_fused_recurrence_equals_the_loop_with_its_gradients(cell):
    fused, loop = (translator(cell, ATTENTIONS[2], backend=backend) for backend in ("auto", "reference"))
    source, tokens = batch()
    lengths = torch.tensor([6, 2, 4])
    valid = torch.arange(6) < lengths.unsqueeze(1)
    totals = []
    for model in (fused, loop):
        out = model(source, tokens, lengths)
        totals.append(out.hidden[valid].square().sum() + out.attention[valid].square().sum())
        totals[-1].backward()
    torch.testing.assert_close(*totals)
    for (name, ours), theirs in zip(fused.named_parameters(), loop.parameters(), strict=True):
        torch.testing.assert_close(
            ours.grad, theirs.grad, atol=1e-5, rtol=1e-4, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("attention", ATTENTIONS, ids=NAMES)
@pytest.mark.parametrize("cell", [LayerNormElmanCell, LSTMCell])
def test_padding_on_either_side_changes_nothing(cell, attention):
    model = translator(cell, attention)
    source, tokens = batch()
    wide = Source(torch.cat([source.tokens, torch.full((3, 4), 7)], dim=1), source.lengths)
    wider = torch.cat([tokens, torch.zeros(3, 4, dtype=torch.long)], dim=1)
    expected = scores(model, source, tokens)
    torch.testing.assert_close(scores(model, wide, wider)[:, :6], expected, atol=1e-6, rtol=1e-5)
    for row, length in enumerate(source.lengths.tolist()):
        alone = Source(source.tokens[row : row + 1, :length], source.lengths[row : row + 1])
        torch.testing.assert_close(scores(model, alone, tokens[row : row + 1])[0], expected[row], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("summary_as", PLACES)
@pytest.mark.parametrize("attention", ATTENTIONS, ids=NAMES)
def test_every_word_of_the_sentence_matters_and_later_words_do_not(attention, summary_as):
    model = translator(attention=attention, summary_as=summary_as)
    source, tokens = batch()
    logits = scores(model, source, tokens)
    for place in range(5):
        other = source.tokens.clone()
        other[0, place] = 4 + (other[0, place] - 3) % 4
        difference = (scores(model, Source(other, source.lengths), tokens) - logits).abs().amax(-1)
        assert difference[0].min() > 1e-7
        assert difference[1:].max() < 1e-6  # each sentence for itself
    changed = tokens.clone()
    changed[:, 3] = (changed[:, 3] + 1) % WORDS
    difference = (scores(model, source, changed) - logits).abs().amax(-1)
    assert difference[:, :3].max() == 0
    assert difference[:, 3:].min() > 0


@pytest.mark.parametrize("attention", ATTENTIONS, ids=NAMES)
def test_width_one_is_greedy_and_an_ensemble_of_one_is_the_model(attention):
    model = translator(attention=attention)
    source, _ = batch()
    greedy, beam = GreedySearch(max_length=8)(model, source), BeamSearch(1, max_length=8)(model, source)
    twice = GreedySearch(max_length=8)(Ensemble([model, model]), (source, source))
    for ours, others, doubled in zip(greedy, beam, twice, strict=True):
        assert ours[0].tokens == others[0].tokens == doubled[0].tokens
        assert ours[0].log_probability == pytest.approx(others[0].log_probability, abs=1e-5)
        if attention is not None:
            torch.testing.assert_close(ours[0].attention, others[0].attention)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_summary_is_the_last_state_of_each_direction(bidirectional, num_layers):
    """The forward one at the sentence's own end, the backward one at its beginning."""
    model = translator(LSTMCell, num_layers=num_layers, bidirectional=bidirectional)
    source, _ = batch()
    states, summary = model.encoder(source)
    for row, length in enumerate(source.lengths.tolist()):
        ends = [states[row, length - 1, :7], *([states[row, 0, 7:]] if bidirectional else [])]
        torch.testing.assert_close(summary[row], torch.cat(ends))
        assert states[row, length:].abs().sum() == 0


@pytest.mark.few(1)
@pytest.mark.parametrize("attention", [None, ATTENTIONS[1], ATTENTIONS[2]], ids=NAMES)
def test_a_batch_of_pairs_can_be_memorised(attention):
    model = translator(LayerNormElmanCell, attention, hidden_size=24, tie_embeddings=True).train()
    source = Source(torch.tensor([[4, 5, 6, 2], [6, 5, 2, 0], [7, 2, 0, 0], [4, 4, 5, 2]]), torch.tensor([4, 3, 2, 4]))
    translations = [(6, 5, 4), (4, 6), (7,), (8, 5, 5, 4)]
    tokens = nn.utils.rnn.pad_sequence([torch.tensor([1, *words, 2]) for words in translations], batch_first=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        logits = scores(model, source, tokens[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = GreedySearch(max_length=6)(model.eval(), source)
    assert [best.tokens for best, *_ in found] == translations
