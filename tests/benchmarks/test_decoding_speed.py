"""Beam search keeps most of the speed of the arithmetic that it cannot do without.

    OMP_NUM_THREADS=1 python -m pytest tests/benchmarks/test_decoding_speed.py -s -o addopts="--import-mode=importlib"

50 pictures, 10,000 words, an Elman cell of 512 units, captions of exactly 20 words. The bare loop is cell, output layer
and topk for the same 250 rows, without any bookkeeping.
"""

import torch
from measuring import interleaved, middle
from torch import Tensor, nn

from seqvision.decoding import BeamSearch, GreedySearch, StepOutput
from seqvision.rnn import ElmanCell, Recurrent

PICTURES, VOCABULARY, SIZE, WORDS, BEAMS = 50, 10_000, 512, 20, 5


class ElmanCaptioner(nn.Module):
    """Word and state in, scores and state out: the least a captioner does at a step."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, SIZE)
        self.rnn = Recurrent(ElmanCell, SIZE, SIZE)
        self.output = nn.Linear(SIZE, VOCABULARY)

    def start(self, features: Tensor) -> tuple[None, tuple[Tensor, ...]]:
        return None, (features.unsqueeze(1),)

    def step(self, tokens: Tensor, state: tuple[Tensor, ...], memory: None) -> StepOutput:
        hidden, state = self.rnn.step(self.embedding(tokens), state)
        return StepOutput(self.output(hidden), state)


def bare_loop(model: ElmanCaptioner, features: Tensor) -> Tensor:
    state = (features.repeat_interleave(BEAMS, 0),)
    tokens = torch.ones(len(state[0]), dtype=torch.long)
    for _ in range(WORDS):
        hidden, state = model.rnn.step(model.embedding(tokens), state)
        tokens = model.output(hidden).topk(BEAMS)[1][:, 0]
    return tokens


def test_beam_search_costs_little_more_than_its_arithmetic():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(0)
        model, features = ElmanCaptioner(), torch.randn(PICTURES, SIZE)
        length = {"min_length": WORDS, "max_length": WORDS}
        beam, greedy = BeamSearch(BEAMS, **length), GreedySearch(**length)
        with torch.inference_mode():
            assert all(len(hypothesis.tokens) == WORDS for [hypothesis] in beam(model, features))
            runs = {
                "bare": lambda: bare_loop(model, features),
                "beam": lambda: beam(model, features),
                "greedy": lambda: greedy(model, features),
            }
            bare, wide, narrow = map(middle, interleaved(runs, rounds=7, warmup=1).values())
    finally:
        torch.set_num_threads(threads)
    print(
        f"\nbare loop {1e3 * bare:.0f} ms, beam {1e3 * wide:.0f} ms, greedy {1e3 * narrow:.0f} ms; "
        f"beam reaches {bare / wide:.2f} of the bare loop's speed and costs {wide / narrow:.2f} times greedy"
    )
    assert bare / wide >= 0.7
    assert wide / narrow <= 6
