"""Small models with random weights, and the plain, slow truth to compare the decoders with."""

from itertools import product
from math import inf

import pytest
import torch
from torch import Tensor

from seqvision.decoding import StepOutput

START, END = 1, 2


class ToyCaptioner:
    """An Elman network that attends to its features (batch, places, size); its state and memory are mixed trees."""

    def __init__(self, seed: int = 0, *, vocabulary: int = 8, size: int = 6, end_bias: float = 0.0, scale: float = 1.0):
        generator = torch.Generator().manual_seed(seed)
        self.embedding, self.output = scale * torch.randn(2, vocabulary, size, generator=generator).double()
        self.recurrent = torch.randn(size, size, generator=generator).double()
        self.bias = torch.zeros(vocabulary).double()
        self.bias[END] = end_bias
        self.rows_seen: list[int] = []

    def start(self, features: Tensor):
        self.rows_seen = []
        return {"places": features, "nothing": None}, ([features.mean(1, keepdim=True)], None)

    def step(self, tokens: Tensor, state, memory) -> StepOutput:
        self.rows_seen.append(len(tokens))
        [hidden], _ = state
        weights = torch.einsum("bkh,bph->bkp", hidden, memory["places"]).softmax(-1)
        seen = torch.einsum("bkp,bph->bkh", weights, memory["places"])
        hidden = torch.tanh(self.embedding[tokens] + hidden @ self.recurrent + seen)
        return StepOutput(hidden @ self.output.T + self.bias, ([hidden], None), weights)


class Table:
    """The next word's probabilities depend on the last word alone: table (vocabulary, vocabulary). It has no state."""

    def __init__(self, table: Tensor):
        self.logits = table.double().log()

    def start(self, features: Tensor):
        return None, None

    def step(self, tokens: Tensor, state, memory) -> StepOutput:
        return StepOutput(self.logits[tokens], None)


@pytest.fixture
def toy_captioner():
    return ToyCaptioner


@pytest.fixture
def table_model():
    """A Table from a dictionary of rows: {last: {next: probability}} over `vocabulary` ids."""

    def build(rows: dict[int, dict[int, float]], vocabulary: int) -> Table:
        table = torch.zeros(vocabulary, vocabulary)
        for last, following in rows.items():
            for word, probability in following.items():
                table[last, word] = probability
        return Table(table)

    return build


@pytest.fixture
def pictures():
    """Features (count, places, size) of some pictures."""

    def build(count: int, *, seed: int = 0, places: int = 3, size: int = 6) -> Tensor:
        return torch.randn(count, places, size, generator=torch.Generator().manual_seed(seed)).double()

    return build


@pytest.fixture
def rescore():
    """(log-probability, attention) that a model itself gives to a caption of one picture (1, ...), word by word."""

    def run(model, features: Tensor, tokens: tuple[int, ...], finished: bool) -> tuple[float, Tensor | None]:
        memory, state = model.start(features)
        total, attention, last = 0.0, [], START
        for token in (*tokens, END) if finished else tokens:
            logits, state, weights = model.step(torch.tensor([[last]]), state, memory)
            total += logits.double().log_softmax(-1)[0, 0, token].item()
            attention.append(weights[0, 0] if weights is not None else None)
            last = token
        return total, torch.stack(attention) if attention and attention[0] is not None else None

    return run


@pytest.fixture
def enumerate_captions(rescore):
    """All finished captions of `shortest` to `longest` words for one picture, best first: [(score, tokens), ...]."""

    def run(model, features: Tensor, words, shortest: int, longest: int, power: float = 0.0, allow=lambda tokens: True):
        found = []
        for length in range(shortest, longest + 1):
            for tokens in product(words, repeat=length):
                if allow(tokens):
                    score = rescore(model, features, tokens, True)[0] / (length + 1) ** power
                    found.append((score if score > -inf else -inf, tokens))
        return sorted(found, reverse=True)

    return run
