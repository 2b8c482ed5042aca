"""Linear models beside the network: what words and word pairs, or statistics of features, say without their order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.rnn.unroll import valid_steps

FOLDS = 5  # parts of the training sentences, each scored by the counts of the others
LARGEST = 20_000_000  # numbers of all parts together
PLACES = 1 << 20


class NaiveBayesWords(nn.Module):
    """Scores (batch, classes) of sentences by naive Bayes over the words and neighboring word pairs that occur in them,
    the wide part of a wide and deep network (Cheng et al., 2016).

    The score of class c is scale_c / sqrt(n) Σ r_c(f) over the n features f of the sentence that training has, with the
    log-count ratios r_c(f) = log p(f | c) / p(f | not c), each count with 1 added (Wang and Manning, 2012, equation 2).
    `measure` counts; only the scales are learned. A training sentence is scored by counts that leave its own part of
    the data out: scored with them, it would be known by heart, and the network beside it would have nothing to learn.

    vocabulary_size: of the tokens. pairs: rows of the table that word pairs share by their hash.
    """

    reads = "vocabulary_size"  # what the data must say of their frames
    ratios: Tensor
    of_parts: Tensor

    def __init__(self, classes: int, *, vocabulary_size: int, pairs: int = 1 << 16):
        super().__init__()
        self.vocabulary_size, self.pairs = vocabulary_size, pairs
        features = vocabulary_size + pairs
        self.scale = nn.Parameter(torch.ones(classes))
        self.register_buffer("ratios", torch.zeros(features, classes))
        self.register_buffer("of_parts", torch.zeros(0, features, classes), persistent=False)

    def measure(self, sentences: list[Int[Tensor, " _"]], classes: Int[Tensor, " sentences"]) -> None:
        """Counts in which sentences of each class a word or pair occurs, and forgets what was counted before."""
        features, number = self.ratios.shape
        parts = int(max(2, min(FOLDS, LARGEST // (features * number))))
        counts = torch.zeros(parts, features, number)
        for tokens, place in zip(sentences, classes.tolist(), strict=True):
            ids, there = self._features(tokens.unsqueeze(0), torch.tensor([len(tokens)]))
            counts[int(part_of(tokens.unsqueeze(0), parts)), ids[there], place] += 1
        whole = counts.sum(dim=0)
        self.ratios = log_ratios(whole).to(self.ratios.device)
        self.of_parts = torch.stack([log_ratios(whole - part) for part in counts]).to(self.ratios.device)

    def forward(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        ids, there = self._features(tokens, lengths)
        if self.training and len(self.of_parts):
            inside = valid_steps(lengths.to(tokens.device), tokens.shape[1])
            parts = part_of(tokens.masked_fill(~inside, 0), len(self.of_parts))
            found = self.of_parts[parts.unsqueeze(1), ids]
        else:
            found = self.ratios[ids]
        found = found * there.unsqueeze(-1)
        known = (found != 0).any(dim=-1).sum(dim=1, keepdim=True).clamp(min=1)
        return self.scale * found.sum(dim=1) / known.sqrt()

    def _features(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Int[Tensor, "batch features"], Tensor]:
        """The numbers of a sentence's words and pairs, sorted, and which of them count: each once, none of padding."""
        padding = ~valid_steps(lengths.to(tokens.device), tokens.shape[1])
        pairs = self.vocabulary_size + (tokens[:, :-1] * 1_000_003 + tokens[:, 1:]) % self.pairs
        words, pairs = tokens.masked_fill(padding, -1), pairs.masked_fill(padding[:, 1:], -1)
        ids = torch.cat([words, pairs], dim=1).sort(dim=1).values
        first = torch.ones_like(ids, dtype=torch.bool)
        first[:, 1:] = ids[:, 1:] != ids[:, :-1]
        return ids.clamp(min=0), first & (ids >= 0)


class FrameStatistics(nn.Module):
    """Scores (batch, classes) of recordings by a linear layer on each feature's mean, deviation, least and greatest
    over time: what logistic regression without a recurrence sees.

    `measure` takes each of these numbers relative to its mean and deviation in training. The layer begins at zero, so
    that a fresh network's scores are its own.

    features: in every frame.
    """

    reads = "features"  # what the data must say of their frames
    mean: Tensor
    deviation: Tensor

    def __init__(self, classes: int, *, features: int):
        super().__init__()
        self.linear = nn.Linear(4 * features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("mean", torch.zeros(4 * features))
        self.register_buffer("deviation", torch.ones(4 * features))

    def measure(self, frames: list[Float[Tensor, "_ features"]], classes: Int[Tensor, " recordings"]) -> None:
        """From here on the statistics are scaled by what is measured of these recordings; one that never varies is
        left as it is.
        """
        rows = torch.cat([statistics(each.unsqueeze(0), torch.tensor([len(each)])) for each in frames])
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(deviation > 1e-5, deviation, 1.0))

    def forward(
        self, frames: Float[Tensor, "batch time features"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        scores: Tensor = self.linear((statistics(frames, lengths) - self.mean) / self.deviation)
        return scores


def statistics(
    frames: Float[Tensor, "batch time features"], lengths: Int[Tensor, " batch"]
) -> Float[Tensor, "batch statistics"]:
    """Mean, deviation, least and greatest of each feature over time; padding counts for nothing."""
    lengths = lengths.to(frames.device)
    inside = valid_steps(lengths, frames.shape[1]).unsqueeze(-1)
    number = lengths.view(-1, 1)
    mean = frames.masked_fill(~inside, 0.0).sum(dim=1) / number
    variance = (frames - mean.unsqueeze(1)).masked_fill(~inside, 0.0).square().sum(dim=1) / number
    least = frames.masked_fill(~inside, torch.inf).amin(dim=1)
    greatest = frames.masked_fill(~inside, -torch.inf).amax(dim=1)
    return torch.cat([mean, variance.sqrt(), least, greatest], dim=1)


def part_of(tokens: Int[Tensor, "batch time"], parts: int) -> Int[Tensor, " batch"]:
    """The part of the training data that a sentence belongs to, by its words alone; zeros are padding."""
    place = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return (tokens * place).sum(dim=1) % PLACES * 7919 % 104_729 % parts


def log_ratios(counts: Float[Tensor, "features classes"]) -> Float[Tensor, "features classes"]:
    """log p(f | c) / p(f | not c) with 1 added to each count; 0 where a feature does not occur."""
    own = counts + 1
    others = counts.sum(dim=1, keepdim=True) - counts + 1
    found = (own / own.sum(dim=0)).log() - (others / others.sum(dim=0)).log()
    return found.masked_fill(counts.sum(dim=1, keepdim=True) == 0, 0.0)
