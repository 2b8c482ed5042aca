"""What a training step does does not depend on how its batch is cut or padded."""

from collections import Counter
from functools import partial
from itertools import pairwise

import pytest
import torch
from pytorch_lightning import Trainer
from quiet_trainer import quiet_trainer
from torch.utils.data import DataLoader

from seqvision.attention import DotAttention
from seqvision.data.batches import CaptionSample, collate
from seqvision.data.vocabulary import END, WordVocabulary
from seqvision.decoding import GreedySearch, Sampling
from seqvision.encoders import SmallCNN
from seqvision.losses import SequenceCrossEntropy
from seqvision.models import Captioner
from seqvision.optim import constant
from seqvision.rnn import LayerNormElmanCell, Recurrent
from seqvision.tasks import Captioning, SelfCriticalCaptioning
from seqvision.tasks.words import swap_words

pytestmark = [  # Lightning's, of no concern here
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]

CAPTIONS = ["a red dog", "a cat", "dog", "a red cat and a dog and a cat"]


def samples() -> list[CaptionSample]:
    """Four pictures with captions of very different lengths."""
    draws = torch.Generator().manual_seed(3)
    vocabulary = WordVocabulary.build(CAPTIONS)
    return [
        CaptionSample(str(i), vocabulary.encode(text), torch.randint(256, (3, 8, 8), generator=draws).to(torch.uint8))
        for i, text in enumerate(CAPTIONS)
    ]


def task(kind=Captioning, **settings) -> Captioning:
    """A small captioner in its task, always with the same weights."""
    torch.manual_seed(0)
    vocabulary = WordVocabulary.build(CAPTIONS)
    model = Captioner(
        SmallCNN(image_size=8, channels=(4, 4), strides=(2, 2)),
        partial(Recurrent, LayerNormElmanCell, hidden_size=6),
        vocabulary_size=len(vocabulary),
        embedding_size=5,
        attention=partial(DotAttention, size=4),
    )
    return kind(
        model,
        vocabulary=vocabulary,
        references={split: {str(i): (text,) for i, text in enumerate(CAPTIONS)} for split in ("train", "val")},
        decoder=GreedySearch(max_length=4),
        loss=SequenceCrossEntropy(label_smoothing=0.1),
        optimizer=partial(torch.optim.SGD, lr=1.0),
        scheduler=constant,
        contents={},
        **settings,
    )


def as_they_are(batches: list) -> DataLoader:
    """A loader of batches that are made already."""
    return DataLoader(batches, batch_size=None)


def fit(module: Captioning, batches: list, folder, **settings) -> Trainer:
    trainer = quiet_trainer(folder, **settings)
    trainer.fit(module, as_they_are(batches), weights_only=True)
    return trainer


def step(batches: list, folder, **settings) -> dict[str, torch.Tensor]:
    """How far one step moves each parameter: the gradient, as the rate is 1."""
    module = task(attention_penalty=1.0, **settings)
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    trainer = fit(module, batches, folder, accumulate_grad_batches=len(batches))
    assert trainer.global_step == 1
    return {name: before[name] - value for name, value in module.model.state_dict().items()}


@pytest.mark.parametrize("cuts", [(2,), (1,), (3,), (1, 2, 3)], ids=str)
def test_accumulated_batches_are_one_batch(cuts, tmp_path):
    all_of_them = samples()
    whole = step([collate(all_of_them)], tmp_path)
    edges = [0, *cuts, 4]
    parts = [collate(all_of_them[start:end]) for start, end in pairwise(edges)]
    accumulated = step(parts, tmp_path)
    for name, moved in whole.items():
        torch.testing.assert_close(accumulated[name], moved, atol=1e-6, rtol=1e-4)
    assert max(moved.abs().max() for moved in whole.values()) > 1e-3


def test_padding_changes_no_gradient(tmp_path):
    whole = step([collate(samples())], tmp_path)
    wide = step([collate(samples(), width=30)], tmp_path)
    for name, moved in whole.items():
        torch.testing.assert_close(wide[name], moved, atol=1e-6, rtol=1e-4)


def test_loss_is_the_mean_over_words(tmp_path):
    module = task()
    fit(module, [collate(samples())], tmp_path, limit_train_batches=0)
    loss, words = module.loss(collate(samples()))
    assert words == sum(len(text.split()) + 1 for text in CAPTIONS)  # the end mark is a word to learn
    alone = [module.loss(collate([sample]))[0] for sample in samples()]
    torch.testing.assert_close(loss, torch.stack(alone).sum())


def test_a_weight_of_as_many_as_there_are_locations_is_the_papers_penalty(tmp_path):
    """−log P(y | x) + λ Σ_i (1 − Σ_t α_ti)² with λ = 1 (Xu et al., 2015, equation 14), summed over captions."""
    module, batch = task(attention_penalty=4.0), collate(samples())  # a map of 2 x 2
    module.cross_entropy.label_smoothing = 0.0
    fit(module, [batch], tmp_path, limit_train_batches=0)
    with torch.no_grad():
        loss, _ = module.loss(batch)
        out = module.model(module.features(batch), batch.tokens[:, :-1], batch.lengths - 1)
        log_p = module.model.output(out.hidden).log_softmax(-1)
        expected = 0.0
        for row, length in enumerate((batch.lengths - 1).tolist()):
            expected -= sum(log_p[row, t, batch.tokens[row, t + 1]] for t in range(length))
            expected += (1 - out.attention[row, :length].sum(dim=0)).square().sum()
    torch.testing.assert_close(loss, expected)


def test_a_step_draws_the_same_whatever_was_drawn_before(tmp_path):
    losses = []
    for disturbance in (0, 100):
        module = task(sampling_probability=1.0, seed=7)
        module.model.dropout.p = 0.5
        torch.rand(disturbance)
        fit(module, [collate(samples())] * 2, tmp_path)
        losses.append({name: value.clone() for name, value in module.model.state_dict().items()})
    for name, value in losses[0].items():
        assert torch.equal(value, losses[1][name])


def test_validation_scores_each_picture_once_in_order_of_names(tmp_path):
    module = task()
    four = samples()
    trainer = fit(module, [collate(four)], tmp_path, limit_train_batches=0)
    with torch.no_grad():
        loss, words = module.loss(collate(four))
    scores = trainer.validate(module, as_they_are([collate(four[2:]), collate(four[:2])]), verbose=False)[0]
    assert [one.id for one in module.predictions] == ["0", "1", "2", "3"]
    assert [one.references for one in module.predictions] == [(text,) for text in CAPTIONS]
    assert scores["val/loss"] == pytest.approx(float(loss / words), rel=1e-5)
    assert {"val/cider_d", "val/bleu_4", "val/rouge_l"} <= set(scores)


WANTED = 6  # a word whose share of a caption is the reward


class Wordy(SelfCriticalCaptioning):
    """Self-critical training with a reward that is easily learnt."""

    def _reward(self, ids, texts):
        return torch.tensor([text.count(WANTED) / 4 for text in texts])


def test_self_critical_steps_raise_the_reward(tmp_path):
    module = task(Wordy, samples=8)
    module.make_optimizer = partial(torch.optim.Adam, lr=0.05)
    batch = collate(samples())
    fit(module, [batch] * 15, tmp_path)
    with torch.no_grad():
        found = module.decoder(module.model.eval(), module.features(batch))
    assert [best.tokens for best, *_ in found] == [(WANTED,) * 4] * 4


def test_the_mean_of_the_score_function_is_zero(tmp_path, monkeypatch):
    """Σ q(y) ∇ log q(y) = 0 over all captions y, where q is what they are drawn from: else a reward that is the same
    for all would move the network (Rennie et al., 2017, equation 4).
    """
    module = task(SelfCriticalCaptioning)
    module.decoder.max_length = 1  # a caption is one word, after which nothing but the end is possible
    fit(module, [collate(samples())], tmp_path, limit_train_batches=0)
    batch, model = collate(samples()), module.model
    words = range(4, model.vocabulary_size)  # behind padding, start, end and unknown
    memory, state = model.start(module.features(batch))
    scores = model.step(torch.full((4, 1), 1), state, memory).logits[:, 0, 4:]
    shares = scores.detach().softmax(dim=-1)
    every = torch.tensor([[[word, END] for word in words]] * 4)
    monkeypatch.setattr(Sampling, "written", lambda self, model, features: (every, torch.full_like(every[..., 0], 2)))
    nothing = torch.full((4, 1, 1), END), torch.ones(4, 1, dtype=torch.long)
    monkeypatch.setattr(GreedySearch, "written", lambda self, model, features: nothing)

    def share(ids, found):
        """Each caption's q, so that the loss of all of them is the mean under q; nothing for the greedy ones."""
        return torch.tensor([shares[row, text[0] - 4] if text != (END,) else 0.0 for row, text in enumerate(found)])

    monkeypatch.setattr(module, "_reward", share)
    loss, _ = module.loss(batch)
    gradients = torch.autograd.grad(loss, [p for p in model.parameters() if p.requires_grad], allow_unused=True)
    assert max(float(g.abs().max()) for g in gradients if g is not None) < 1e-6


def test_captions_as_good_as_the_greedy_ones_move_nothing(tmp_path, monkeypatch):
    module = task(SelfCriticalCaptioning)
    monkeypatch.setattr(module, "_reward", lambda ids, texts: torch.ones(len(texts)))
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    fit(module, [collate(samples())], tmp_path)
    assert all(torch.equal(before[name], value) for name, value in module.model.state_dict().items())


@pytest.mark.skipif(torch.cuda.is_initialized(), reason="with a GPU in use nothing waits for one")
def test_seeding_every_step_keeps_nothing_for_a_gpu_that_may_never_come(tmp_path):
    waiting = len(torch.cuda._queued_calls)
    fit(task(), [collate(samples())] * 5, tmp_path)
    assert len(torch.cuda._queued_calls) == waiting


def test_a_swapped_word_follows_the_same_word_elsewhere():
    """What stands after a word is dealt out anew among the places after that word; padding and ends stay."""
    torch.manual_seed(0)
    tokens = torch.randint(4, 8, (40, 9))
    tokens[:, 0] = 1
    valid = torch.arange(9) < torch.randint(2, 10, (40, 1))
    tokens = tokens.masked_fill(~valid, 0)
    indices = valid.flatten().nonzero().squeeze(1)
    noisy = swap_words(tokens, indices, 1.0)
    assert torch.equal(noisy[~valid], tokens[~valid])
    assert torch.equal(noisy[:, 0], tokens[:, 0])

    def pairs(words):
        """How often each word stands after each true word."""
        return Counter(zip(tokens[:, :-1][valid[:, 1:]].tolist(), words[:, 1:][valid[:, 1:]].tolist(), strict=True))

    assert pairs(noisy) == pairs(tokens)
    assert (noisy != tokens).sum() > 0.5 * valid[:, 1:].sum()
    assert torch.equal(swap_words(tokens, indices, 0.0), tokens)


def test_swapped_words_are_given_and_not_asked_for(monkeypatch, tmp_path):
    """The network is given others; what it is asked for stays the same."""
    seen, targets = [], []

    def spy(self, features, tokens, lengths, **settings):
        seen.append(tokens)
        return forward(self, features, tokens, lengths, **settings)

    def ask(self, hidden, wanted, valid, output):
        targets.append(wanted)
        return judge(self, hidden, wanted, valid, output)

    forward, judge = Captioner.forward, SequenceCrossEntropy.forward
    monkeypatch.setattr(Captioner, "forward", spy)
    monkeypatch.setattr(SequenceCrossEntropy, "forward", ask)
    batch = collate(samples())
    fit(task(word_swap=1.0), [batch], tmp_path)
    (tokens,), (wanted,) = seen, targets
    assert torch.equal(wanted, batch.tokens[:, 1:])
    assert (tokens[:, 0] == 1).all()
    given = batch.tokens[:, :-1]
    assert not torch.equal(tokens, given)
    assert set(tokens[:, 1:].flatten().tolist()) <= set(given.flatten().tolist())
