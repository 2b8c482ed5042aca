"""A captioner with 50,000 words: the loss in pieces against all scores at once.

    OMP_NUM_THREADS=2 python -m pytest tests/benchmarks/test_large_vocabulary.py -s -o addopts=--import-mode=importlib

64 captions of 20 words, 512 units: a training step of the network, without its picture's encoder.
"""

from functools import partial

import torch
from measuring import interleaved, middle, peak_memory, ratio, record

from seqvision.encoders import SmallCNN
from seqvision.losses import SequenceCrossEntropy
from seqvision.models import Captioner
from seqvision.rnn import LayerNormElmanCell, Recurrent

WORDS, BATCH, STEPS, SIZE, ALL = 50_000, 64, 20, 512, 2**40

STEP = """
import sys
from measuring import peak_of
from test_large_vocabulary import training_step

step = training_step(int(sys.argv[1]))
step()
print(peak_of(step))
"""


def training_step(scores_at_once: int):
    """Forward and backward, always with the same numbers; it returns the loss."""
    torch.manual_seed(0)
    rnn = partial(Recurrent, LayerNormElmanCell, hidden_size=SIZE)
    encoder = SmallCNN(image_size=32, channels=(8, 16), strides=(2, 2), pooled=True)
    model = Captioner(encoder, rnn, vocabulary_size=WORDS, embedding_size=SIZE, dropout=0.0)
    loss = SequenceCrossEntropy(scores_at_once=scores_at_once)
    features, words = torch.randn(BATCH, model.encoder.feature_size), torch.randint(4, WORDS, (BATCH, STEPS + 1))
    lengths, valid = torch.full((BATCH,), STEPS), torch.ones(BATCH, STEPS, dtype=torch.bool)

    def step() -> torch.Tensor:
        model.zero_grad()
        total = loss(model(features, words[:, :-1], lengths).hidden, words[:, 1:], valid, model.output)
        total.backward()
        return total.detach()

    return step


def test_in_pieces_it_needs_less_memory_and_no_more_time():
    whole, pieces = training_step(ALL), training_step(2**24)
    assert abs(float(whole()) / float(pieces()) - 1) < 1e-6
    times = interleaved({"at once": whole, "in pieces": pieces}, rounds=7, warmup=1)
    cost = ratio(times, "in pieces", "at once")
    peak = {"at once": peak_memory(STEP, ALL), "in pieces": peak_memory(STEP, 2**24)}
    seconds = {name: round(middle(t), 3) for name, t in times.items()}
    print(f"\n50,000 words: {seconds} s, {cost} of the time; peak memory {peak} MiB")
    record("large_vocabulary", [{"seconds": seconds, "time": cost, "MiB": peak}])
    assert peak["in pieces"] <= 0.5 * peak["at once"]
    assert cost["median"] <= 1.1
