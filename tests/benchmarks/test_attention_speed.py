"""A captioner's recurrence with attention: the fused operator against the loop of single steps.

    OMP_NUM_THREADS=2 python -m pytest tests/benchmarks/test_attention_speed.py -s -o addopts=--import-mode=importlib

64 captions of up to 40 words (mean 24), 256 units, a map of 8 x 8 places with 128 channels: what the drawn scenes have.
"""

from functools import partial

import torch
from measuring import interleaved, middle, ratio, record

from seqvision.attention import DotAttention
from seqvision.encoders import SmallCNN
from seqvision.models import Captioner
from seqvision.rnn import LayerNormElmanCell, Recurrent


def test_several_times_as_fast_as_the_loop():
    runs = {}
    for backend in ("auto", "reference"):
        torch.manual_seed(0)
        rnn = partial(Recurrent, LayerNormElmanCell, hidden_size=256, backend=backend)
        attention = partial(DotAttention, size=128)
        encoder = SmallCNN(image_size=64, channels=(8, 16, 32, 128))
        model = Captioner(encoder, rnn, vocabulary_size=55, embedding_size=128, attention=attention, dropout=0.0)
        features = torch.randn(64, 8, 8, 128, requires_grad=True)
        words, lengths = torch.randint(4, 55, (64, 40)), torch.randint(8, 41, (64,))
        gradient = torch.randn(64, 40, 384)
        runs[backend] = lambda m=model, f=features, g=gradient, w=words, n=lengths: m(f, w, n).hidden.backward(g)
    times = interleaved(runs, rounds=9)
    share = ratio(times, "auto", "reference")
    print({name: round(1e3 * middle(t), 1) for name, t in times.items()}, share)
    record("attention", [{"ratio": share}])
    assert share["median"] <= 0.5
