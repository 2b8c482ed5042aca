"""Every part by itself on the pretended accelerator: the CPU's numbers, no mixing, no float64, no needless wait."""

from functools import partial

import pytest
import torch
from conf_choices import CHOICES, NEEDS
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import nn

from seqvision.cli.config import conf_dir
from seqvision.data.batches import valid_indices
from seqvision.decoding import BeamSearch, DiverseBeamSearch, GreedySearch, Sampling
from seqvision.losses import (
    FrameBinaryCrossEntropy,
    FrameCrossEntropy,
    FrameHinge,
    SequenceClassCrossEntropy,
    SequenceClassHinge,
    SequenceCrossEntropy,
)
from seqvision.optim import KFAC
from seqvision.optim.kfac.inverses import Exact, Factored
from seqvision.tasks.words import swap_words

OPTIMIZERS = sorted(name for group, name in CHOICES if group == "optimizer" and (group, name) not in NEEDS)
SEARCHING = {"bfgs", "lbfgs", "newton"}  # compare losses on the way, which they have to read
WEIGHTS = [1.0, 0.5, 2.0, 1.0]


def arange_like(x):
    return torch.arange(x.shape[-1], device=x.device)


def sequence_loss(logits, labels, lengths):
    loss = SequenceCrossEntropy(label_smoothing=0.1, scores_at_once=20)
    output = nn.Linear(4, 4, bias=False).to(logits.device)
    valid = valid_indices(lengths.cpu(), labels.shape[1]).pin_memory().to(logits.device, non_blocking=True)
    nn.init.eye_(output.weight)
    return loss(logits, labels.clamp(min=0), valid, output), lengths.sum()


LOSSES = {
    "words": sequence_loss,
    "frames": lambda x, y, n: FrameCrossEntropy(class_weights=WEIGHTS, label_smoothing=0.1).to(x.device)(x, y, n),
    "frame hinge": lambda x, y, n: FrameHinge(class_weights=WEIGHTS).to(x.device)(x, y, n),
    "several labels": lambda x, y, n: FrameBinaryCrossEntropy()(x, (y.unsqueeze(-1) > arange_like(x)).long(), n),
    "classes": lambda x, y, n: SequenceClassCrossEntropy(class_weights=WEIGHTS).to(x.device)(x[:, 0], y[:, 0]),
    "class hinge": lambda x, y, n: SequenceClassHinge(class_weights=WEIGHTS).to(x.device)(x[:, 0], y[:, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses(pretended, name):
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(3, 5, 4, generator=generator), torch.randint(-1, 4, (3, 5), generator=generator)
    found = {}
    for device in ("cpu", pretended.name):
        x = logits.detach().to(device).requires_grad_()
        y, lengths = labels.to(device), torch.tensor([5, 2, 4]).to(device)
        with pretended.counting() as counts:
            total, number = LOSSES[name](x, y, lengths)
            total.backward()
        found[device] = total.detach().cpu(), number.cpu(), x.grad.cpu()
    for here, there in zip(*found.values(), strict=True):
        torch.testing.assert_close(there, here)
    assert counts.totals()["waits"] == (name == "words"), counts.lines("waits")  # the test's own `lengths.cpu()`


class Model(nn.Module):
    """Writes words by the last one alone."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.table = nn.Parameter(2 * torch.randn(9, 9, generator=generator))

    def start(self, features):
        return features, features.unsqueeze(1)

    def step(self, tokens, state, memory):
        from seqvision.decoding import StepOutput

        return StepOutput(self.table[tokens] + state, 0.5 * state)


DECODERS = {
    "greedy": partial(GreedySearch, min_length=2),
    "beam": partial(BeamSearch, beam_size=3, no_repeat_ngram=2),
    "diverse": partial(DiverseBeamSearch, beam_size=4, groups=2),
    "sample": partial(Sampling, samples=3, top_k=6, top_p=0.9),
    "sample all": partial(Sampling, samples=3),
}


@pytest.mark.parametrize("name", DECODERS)
def test_decoders(pretended, name):
    features = torch.randn(4, 9, generator=torch.Generator().manual_seed(2))
    found = [
        DECODERS[name](max_length=7)(Model().to(device), features.to(device)) for device in ("cpu", pretended.name)
    ]
    here, there = ([[caption.tokens for caption in each] for each in captions] for captions in found)
    assert there == here


def test_captions_are_written_without_a_wait(pretended):
    features = torch.randn(4, 9, generator=torch.Generator().manual_seed(2))
    expected = Sampling(max_length=7, samples=2).written(Model(), features)
    model, here = Model().to(pretended.name), features.to(pretended.name)
    with pretended.counting() as counts:
        tokens, lengths = Sampling(max_length=7, samples=2).written(model, here)
    assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")
    assert lengths.cpu().equal(expected[1])
    width = expected[0].shape[2]  # the CPU stops when all have ended
    assert tokens[:, :, :width].cpu().equal(expected[0])
    assert not tokens[:, :, width:].any()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(pretended, name):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        partial_optimizer = instantiate(compose("train", overrides=[f"optimizer={name}"]).optimizer)
    found = []
    for device in ("cpu", pretended.name):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)).to(device)
        x = torch.randn(5, 3).to(device)
        optimizer = partial_optimizer(list(model.parameters()))

        def loss(graph=False, model=model, x=x, optimizer=optimizer):
            optimizer.zero_grad()
            value = model(x).square().mean()
            value.backward()
            return value.detach()

        settings = {"graph": lambda model=model, x=x: (model(x).square().sum(), torch.full((), 10, device=x.device))}
        for _ in range(3):
            with pretended.counting() as counts:
                optimizer.step(closure=loss, **(settings if name == "newton" else {}))
        found.append([parameter.detach().cpu() for parameter in model.parameters()])
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-4)
    if name not in SEARCHING:
        assert counts.totals()["waits"] == counts.totals()["blocking"] == 0, counts.lines("waits", "blocking")


@pytest.mark.parametrize("inverse", [Factored, Exact])
def test_kfac(pretended, inverse):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(pretended.name)
    kfac, x = KFAC(model, inverse=inverse()), torch.randn(6, 3).to(pretended.name)
    with kfac.watching():
        loss = model(x).square().sum()
    loss.backward()
    groups = [{"params": list(model.parameters()), "lr": 0.1}]
    kfac.precondition(groups, count=torch.full((), 6.0, device=pretended.name))
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_swapped_words(pretended):
    tokens = torch.randint(4, 8, (6, 9)).to(pretended.name)
    valid = torch.arange(54, device=pretended.name)
    with pretended.counting() as counts:
        noisy = swap_words(tokens, valid, 1.0)
    assert counts.totals()["waits"] == 0, counts.lines("waits")
    assert sorted(noisy.flatten().tolist()) == sorted(tokens.flatten().tolist())
