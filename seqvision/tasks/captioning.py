"""Captioning: trained on words, validated by the captions themselves; self-critical training as a second stage."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from seqvision.data.batches import CaptionBatch
from seqvision.data.vocabulary import END, PAD, Vocabulary
from seqvision.decoding import GreedySearch, Hypothesis, Sampling
from seqvision.decoding.search import Search
from seqvision.losses import SequenceCrossEntropy, doubly_stochastic_penalty, sequence_log_probability
from seqvision.metrics import CiderReferences, caption_scores, collapse_message, tokenize_ptb
from seqvision.models import Captioner
from seqvision.tasks.base import Task


@dataclass(frozen=True)
class Prediction:
    """A picture's caption beside what people wrote."""

    id: str
    caption: str
    references: tuple[str, ...]


class Captioning(Task):
    """Trains a captioner on words given the true words before them; validates by decoding every picture.

    references: every picture's captions by its name. decoder: what validation decodes with.
    attention_penalty: the weight of the doubly stochastic penalty, for models that attend.
    word_swap: how often the network is given, in place of the true word, one that follows the same word elsewhere in
        the batch (`swap_words`), so that it looks rather than guesses: without it, a colour and a shape that never
        met in training are not said together, however clearly they are seen.
    sampling_probability: how often a word is the network's own at the end of training; it grows linearly from 0
        (scheduled sampling).
    """

    model: Captioner

    def __init__(
        self,
        model: Captioner,
        *,
        vocabulary: Vocabulary,
        references: Mapping[str, Sequence[str]],
        decoder: Search,
        loss: SequenceCrossEntropy,
        attention_penalty: float = 0.0,
        word_swap: float = 0.0,
        sampling_probability: float = 0.0,
        encoder_lr_factor: float = 1.0,
        **settings: Any,
    ):
        super().__init__(model, slow=model.encoder, slow_factor=encoder_lr_factor, **settings)
        vocabulary.check_fits(model.vocabulary_size)
        self.vocabulary = vocabulary
        self.references = references
        self.decoder = decoder
        self.cross_entropy = loss
        self.attention_penalty = attention_penalty
        self.word_swap = word_swap
        self.sampling_probability = sampling_probability
        self.predictions: list[Prediction] = []
        self._validation: list[tuple[str, str]] = []
        self._validation_loss: list[tuple[Tensor, Tensor]] = []

    def loss(self, batch: CaptionBatch) -> tuple[Tensor, Tensor]:
        done = self.trainer.global_step / max(1, self.trainer.estimated_stepping_batches)
        inputs = batch.tokens[:, :-1]
        if self.word_swap:
            inputs = swap_words(inputs, batch.tokens[:, 1:] != PAD, self.word_swap)
        return self._word_loss(batch, inputs, self.sampling_probability * done)

    def _word_loss(
        self, batch: CaptionBatch, inputs: Tensor, sampling_probability: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        targets = batch.tokens[:, 1:]
        lengths = batch.lengths - 1
        valid = torch.arange(targets.shape[1], device=targets.device) < lengths.unsqueeze(1)
        out = self.model(self.features(batch), inputs, lengths, sampling_probability=sampling_probability)
        loss = self.cross_entropy(out.hidden, targets, valid, self.model.output)
        if self.attention_penalty and out.attention is not None:
            loss = loss + self.attention_penalty * doubly_stochastic_penalty(out.attention, valid)
        return loss, valid.sum()

    def features(self, batch: CaptionBatch) -> Tensor:
        """The batch's features: those computed before, or the encoder's."""
        if batch.features is not None:
            return batch.features
        assert batch.images is not None
        return self.model.encode(batch.images)

    def text(self, hypothesis: Hypothesis) -> str:
        """The caption as a person reads it."""
        return self.vocabulary.decode(hypothesis.tokens)

    def on_validation_epoch_start(self) -> None:
        self._validation, self._validation_loss = [], []

    def validation_step(self, batch: CaptionBatch, batch_idx: int) -> None:
        self._validation_loss.append(self._word_loss(batch, batch.tokens[:, :-1]))
        captions = [self.text(best) for best, *_ in self.decoder(self.model, self.features(batch))]
        self._validation += zip(batch.ids, captions, strict=True)

    def on_validation_epoch_end(self) -> None:
        self.predictions = [
            Prediction(id, caption, tuple(self.references[id])) for id, caption in sorted(self.gather(self._validation))
        ]
        loss, count = (float(sum(values)) for values in zip(*self._validation_loss, strict=True))
        totals = self.gather([(loss, count)])
        self.log("val/loss", sum(t[0] for t in totals) / sum(t[1] for t in totals), prog_bar=True, sync_dist=True)
        captions, references = [p.caption for p in self.predictions], [p.references for p in self.predictions]
        scores = caption_scores(captions, references).corpus
        for name, value in scores.items():
            self.log(f"val/{name}", value, prog_bar=name == "cider_d", sync_dist=True)
        collapsed = collapse_message(captions, references)
        if collapsed and self.trainer.is_global_zero and self.trainer.current_epoch > 0:  # every model begins so
            print(f"warning: {collapsed}", file=sys.stderr)


def swap_words(
    tokens: Int[Tensor, "batch time"], valid: Bool[Tensor, "batch time"], probability: float
) -> Int[Tensor, "batch time"]:
    """The tokens, each but the first of a row replaced with `probability` by one that follows the same word elsewhere
    in the batch: noise that keeps what can follow what (bigram noising: Xie et al., 2017, section 3).
    """
    words, before = tokens[:, 1:][valid[:, 1:]], tokens[:, :-1][valid[:, 1:]]
    # two random orders, both sorted by the word before: what stands at one place in both follows the same word
    one, other = (
        torch.argsort(before + torch.rand(len(before), dtype=torch.float64, device=tokens.device)) for _ in range(2)
    )
    swapped = words.clone()
    swapped[one] = words[other]
    noisy = tokens.clone()
    noisy[:, 1:][valid[:, 1:]] = torch.where(torch.rand(len(words), device=tokens.device) < probability, swapped, words)
    return noisy


class SelfCriticalCaptioning(Captioning):
    """Trains on the captions that the network draws itself: their CIDEr-D above that of its greedy captions, times
    the gradient of their log-probability (Rennie et al., 2017, equation 8).

    A second stage: start it from a captioner trained on words. Dropout is off, so that the captions are drawn from
    the very distribution whose gradient is taken.
    """

    def __init__(self, *arguments: Any, samples: int = 1, **settings: Any):
        super().__init__(*arguments, **settings)
        self.samples = samples
        self.rewards = CiderReferences(
            {id: [tokenize_ptb(caption) for caption in captions] for id, captions in self.references.items()}
        )

    def loss(self, batch: CaptionBatch) -> tuple[Tensor, Tensor]:
        self.model.eval()
        features = self.features(batch)
        detached = features.detach()
        greedy = GreedySearch(max_length=self.decoder.max_length)(self.model, detached)
        seed = int(torch.randint(2**31, ()))
        drawn = Sampling(max_length=self.decoder.max_length, samples=self.samples, seed=seed)(self.model, detached)
        baseline = self._reward(batch.ids, [best for best, *_ in greedy])
        losses, words = [], []
        for sample in zip(*drawn, strict=True):
            tokens = torch.nn.utils.rnn.pad_sequence(
                [torch.tensor([1, *h.tokens, *([END] if h.finished else [])]) for h in sample], batch_first=True
            ).to(features.device)
            lengths = torch.tensor([len(h.tokens) + h.finished for h in sample], device=features.device)
            valid = torch.arange(tokens.shape[1] - 1, device=features.device) < lengths.unsqueeze(1)
            logits = self.model.output(self.model(features, tokens[:, :-1], lengths).hidden)
            advantage = (self._reward(batch.ids, sample) - baseline).to(features.device)
            losses.append(-(advantage * sequence_log_probability(logits, tokens[:, 1:], valid)).sum())
            words.append(valid.sum())
        self.log("train/reward", baseline.mean(), prog_bar=True)
        return torch.stack(losses).sum(), torch.stack(words).sum()

    def _reward(self, ids: Sequence[str], hypotheses: Sequence[Hypothesis]) -> Tensor:
        return torch.from_numpy(self.rewards.score(ids, [tokenize_ptb(self.text(h)) for h in hypotheses])).float()
