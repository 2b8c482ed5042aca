"""What captioning and translation share: trained on words given the true ones before them, validated by decoding."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Int
from torch import Tensor

from seqvision.data.vocabulary import Vocabulary
from seqvision.decoding import Hypothesis
from seqvision.decoding.search import Search
from seqvision.losses import SequenceCrossEntropy
from seqvision.models import TeacherForced, WordDecoder
from seqvision.tasks.base import Task
from seqvision.tasks.parts import fitting


@dataclass(frozen=True)
class Prediction:
    """A caption or a translation beside what people wrote."""

    id: str
    caption: str
    references: tuple[str, ...]


class WordTask(Task):
    """Trains a network that writes on words given the true words before them; validates by decoding.

    A batch has `tokens`, from START to END, their `lengths`, and `ids`. A subclass says what the network reads of a
    batch (`features`) and what the written is worth (`scores`).

    references: what people wrote in "train" and in "val", by the batches' ids. decoder: what validation decodes with.
    word_swap: how often the network is given, in place of the true word, one that follows the same word elsewhere in
        the batch (`swap_words`), so that it looks rather than guesses: without it, a colour and a shape that never
        met in training are not said together, however clearly they are seen.
    sampling_probability: how often a word is the network's own at the end of training; it grows linearly from 0
        (scheduled sampling).
    """

    model: WordDecoder
    shown = ""  # the score that the progress bar shows

    def __init__(
        self,
        model: WordDecoder,
        *,
        vocabulary: Vocabulary,
        references: Mapping[str, Mapping[str, str | Sequence[str]]],
        decoder: Any,
        loss: Any,
        word_swap: float = 0.0,
        sampling_probability: float = 0.0,
        **settings: Any,
    ):
        super().__init__(model, **settings)
        vocabulary.check_fits(model.vocabulary_size)
        self.vocabulary = vocabulary
        self.references = references
        choices = "greedy, or beam, diverse_beam, sample"
        self.decoder: Search = fitting(decoder, (Search,), group="decoding", choices=choices)
        self.cross_entropy: SequenceCrossEntropy = fitting(
            loss, (SequenceCrossEntropy,), group="loss", choices="cross_entropy"
        )
        self.word_swap = word_swap
        self.sampling_probability = sampling_probability
        self.predictions: list[Prediction] = []
        self._validation: list[tuple[str, str]] = []
        self._validation_loss: list[tuple[Tensor, Tensor]] = []

    def features(self, batch: Any) -> Any:
        """What the network's `start` takes of a batch."""
        raise NotImplementedError

    def scores(self, written: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
        """What is logged of all that was written in validation."""
        raise NotImplementedError

    def penalty(self, out: TeacherForced, valid: Bool[Tensor, "batch time"]) -> Tensor | float:
        """What is added to the words' loss, summed over the batch."""
        return 0.0

    def text(self, hypothesis: Hypothesis) -> str:
        """The caption or translation as a person reads it."""
        return self.vocabulary.decode(hypothesis.tokens)

    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        sampled = 0.0
        if self.sampling_probability:
            done = self.trainer.global_step / max(1, self.trainer.estimated_stepping_batches)
            sampled = self.sampling_probability * done
        inputs = batch.tokens[:, :-1]
        if self.word_swap:
            inputs = swap_words(inputs, batch.targets, self.word_swap)
        return self.word_loss(batch, inputs, sampled)

    def judged(self, batch: Any) -> tuple[Tensor, Tensor]:
        return self.word_loss(batch, batch.tokens[:, :-1])

    def chance(self, batch: Any) -> tuple[Tensor, Tensor]:
        words = (batch.lengths - 1).sum()
        return words * math.log(self.model.vocabulary_size), words

    def steady(self) -> None:
        super().steady()
        self.word_swap = self.sampling_probability = 0.0

    def word_loss(self, batch: Any, inputs: Tensor, sampling_probability: float = 0.0) -> tuple[Tensor, Tensor]:
        """The loss summed over the words of a batch, given these words before them, and the number of words."""
        targets = batch.tokens[:, 1:]
        lengths = batch.lengths - 1
        valid = torch.arange(targets.shape[1], device=targets.device) < lengths.unsqueeze(1)
        out = self.model(self.features(batch), inputs, lengths, sampling_probability=sampling_probability)
        loss = self.cross_entropy(out.hidden, targets, batch.targets, self.model.output)
        return loss + self.penalty(out, valid), valid.sum()

    def on_validation_epoch_start(self) -> None:
        self._validation, self._validation_loss = [], []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self._validation_loss.append(self.word_loss(batch, batch.tokens[:, :-1]))
        written = [self.text(best) for best, *_ in self.decoder(self.model, self.features(batch))]
        self._validation += zip(batch.ids, written, strict=True)

    def on_validation_epoch_end(self) -> None:
        self.predictions = [
            Prediction(id, text, _several(self.references["val"][id]))
            for id, text in sorted(self.gather(self._validation))
        ]
        self.log_mean("val/loss", self._validation_loss)
        scores = self.scores([p.caption for p in self.predictions], [p.references for p in self.predictions])
        for name, value in scores.items():
            self.log(f"val/{name}", value, prog_bar=name == self.shown, sync_dist=True)


def _several(references: str | Sequence[str]) -> tuple[str, ...]:
    return (references,) if isinstance(references, str) else tuple(references)


def swap_words(
    tokens: Int[Tensor, "batch time"], valid: Int[Tensor, " valid"], probability: float
) -> Int[Tensor, "batch time"]:
    """The tokens, each but the first of a row replaced with `probability` by one that follows the same word elsewhere
    in the batch: noise that keeps what can follow what (bigram noising: Xie et al., 2017, section 3).

    valid: the indices of the tokens in (batch, time) flattened.
    """
    words = tokens.flatten().index_select(0, valid)
    # before a row's first token there is no word, which all first tokens, START, have in common: none of them changes
    before = F.pad(tokens[:, :-1], (1, 0), value=-1).flatten().index_select(0, valid)
    one, other = (_by_group(before) for _ in range(2))
    swapped = torch.empty_like(words).index_copy(0, one, words[other])
    chosen = torch.where(torch.rand(len(words), device=tokens.device) < probability, swapped, words)
    return tokens.flatten().index_copy(0, valid, chosen).view_as(tokens)


def _by_group(groups: Int[Tensor, " items"]) -> Int[Tensor, " items"]:
    """The items in a random order, those of one group behind those of a lower: two such orders have items of the same
    group at each place.
    """
    order = torch.randperm(len(groups), device=groups.device)
    return order[groups[order].argsort(stable=True)]
