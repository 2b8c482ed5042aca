"""Linear models beside the network: what words and word pairs, or statistics of features, say without their order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.errors import UserError
from seqvision.rnn.unroll import valid_steps

FOLDS = 5  # parts of the training sentences, each scored by the counts of the others
LARGEST = 20_000_000  # numbers of all parts together
PLACES = 1 << 20
NO_PAIR = torch.iinfo(torch.int64).max
PULL = 1e-3  # of scales to 1 and of biases to 0, in nats


class NaiveBayesWords(nn.Module):
    """Scores (batch, classes) of sentences by naive Bayes over the words and neighboring word pairs that occur in them,
    the wide part of a wide and deep network (Cheng et al., 2016).

    The score of class c is bias_c + scale_c / sqrt(n) Σ r_c(f) over the n features f of the sentence that training has,
    with the log-count ratios r_c(f) = log p(f | c) / p(f | not c), each count with 1 added (Wang and Manning, 2012,
    equation 2). `measure` counts, and fits scales and biases; training changes none of these. A training sentence is
    scored by counts that leave its own part of the data out: scored with them, it would be known by heart, and the
    network beside it would have nothing to learn.

    vocabulary_size: of the tokens. pairs: how many word pairs have a row, at most; the most frequent ones.
    network_rate: of the optimizer's rate, the network's beside it. At the full rate a recurrence knows some hundred
        sentences by heart before it has learned what holds for others.
    """

    reads = "vocabulary_size"  # what the data must say of their frames
    speaks_first = True  # once measured it is complete: the network beside it begins at zero
    scale: Tensor
    bias: Tensor
    ratios: Tensor
    of_parts: Tensor
    keys: Tensor

    def __init__(self, classes: int, *, vocabulary_size: int, pairs: int = 1 << 17, network_rate: float = 0.1):
        super().__init__()
        if pairs < 1 or not network_rate >= 0:
            raise UserError(
                f"wide.pairs is {pairs} and wide.network_rate {network_rate}; expected a number of pairs, 1 or more, "
                "and a factor, 0 or more"
            )
        self.network_rate = network_rate
        self.vocabulary_size, self.pairs = vocabulary_size, pairs
        features = vocabulary_size + pairs
        self.register_buffer("scale", torch.ones(classes))
        self.register_buffer("bias", torch.zeros(classes))
        self.register_buffer("ratios", torch.zeros(features, classes))
        self.register_buffer("of_parts", torch.zeros(0, features, classes), persistent=False)
        self.register_buffer("keys", torch.full((pairs,), NO_PAIR))  # of the pairs that have a row, sorted

    def measure(self, sentences: list[Int[Tensor, " _"]], classes: Int[Tensor, " sentences"]) -> None:
        """Counts in which sentences of each class a word or pair occurs, fits scales and biases to sentences scored
        without their own part, and forgets what was measured before.
        """
        features, number = self.ratios.shape
        parts = int(max(2, min(FOLDS, LARGEST // (features * number))))
        device = self.ratios.device
        self.keys = self._most_frequent(sentences).to(device)
        counts = torch.zeros(parts, features, number)
        for tokens, place in zip(sentences, classes.tolist(), strict=True):
            ids, there = self._features(tokens.unsqueeze(0).to(device), torch.tensor([len(tokens)]))
            counts[int(part_of(tokens.unsqueeze(0), parts)), ids[there].cpu(), place] += 1
        whole = counts.sum(dim=0)
        self.ratios = log_ratios(whole).to(device)
        self.of_parts = torch.stack([log_ratios(whole - part) for part in counts]).to(device)
        self._fit(sentences, classes)

    def forward(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        return self.bias + self.scale * self._evidence(tokens, lengths)

    def _evidence(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        """The sentences' mean ratios, times the square root of their number."""
        ids, there = self._features(tokens, lengths)
        if self.training and len(self.of_parts):
            inside = valid_steps(lengths.to(tokens.device), tokens.shape[1])
            parts = part_of(tokens.masked_fill(~inside, 0), len(self.of_parts))
            found = self.of_parts[parts.unsqueeze(1), ids]
        else:
            found = self.ratios[ids]
        found = found * there.unsqueeze(-1)
        known = (found != 0).any(dim=-1).sum(dim=1, keepdim=True).clamp(min=1)
        return found.sum(dim=1) / known.sqrt()

    def _fit(self, sentences: list[Int[Tensor, " _"]], classes: Int[Tensor, " sentences"]) -> None:
        """Scales and biases of the least cross-entropy on the training sentences."""
        was, device = self.training, self.ratios.device
        self.train()
        alone = [(each.unsqueeze(0).to(device), torch.tensor([len(each)])) for each in sentences]
        evidence = torch.cat([self._evidence(*each) for each in alone]).cpu()
        self.train(was)
        scale = torch.ones(self.scale.shape, requires_grad=True)
        bias = torch.zeros(self.bias.shape, requires_grad=True)
        optimizer = torch.optim.LBFGS([scale, bias], max_iter=100, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            # the penalty keeps finite what tells the classes apart without a mistake
            penalty = PULL * ((scale - 1).square().sum() + bias.square().sum())
            found = nn.functional.cross_entropy(bias + scale * evidence, classes) + penalty
            found.backward()
            return found

        with torch.enable_grad():
            optimizer.step(loss)
        self.scale, self.bias = scale.detach().to(device), bias.detach().to(device)

    def _most_frequent(self, sentences: list[Int[Tensor, " _"]]) -> Int[Tensor, " pairs"]:
        """The keys of the pairs that occur most often, sorted; `NO_PAIR` fills the rest."""
        found, times = torch.cat([self._keys_of(each) for each in sentences]).unique(return_counts=True)
        kept = found[times.argsort(descending=True, stable=True)[: self.pairs]].sort().values
        return torch.cat([kept, kept.new_full((self.pairs - len(kept),), NO_PAIR)])

    def _keys_of(self, tokens: Int[Tensor, "*batch time"]) -> Int[Tensor, "*batch pairs"]:
        """A number for each pair of neighbors, its own."""
        return tokens[..., :-1] * self.vocabulary_size + tokens[..., 1:]

    def _features(
        self, tokens: Int[Tensor, "batch time"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Int[Tensor, "batch features"], Tensor]:
        """The numbers of a sentence's words and pairs, sorted, and which of them count: each once, none of padding, and
        no pair without a row.
        """
        padding = ~valid_steps(lengths.to(tokens.device), tokens.shape[1])
        keys = self._keys_of(tokens)
        rows = torch.searchsorted(self.keys, keys).clamp(max=self.pairs - 1)
        absent = padding[:, 1:] | (self.keys[rows] != keys)
        words, pairs = tokens.masked_fill(padding, -1), (self.vocabulary_size + rows).masked_fill(absent, -1)
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
