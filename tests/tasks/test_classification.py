"""Classification's step does not depend on how its batch is cut or padded; validation counts every sequence once."""

from functools import partial

import numpy as np
import pytest
import torch
from quiet_trainer import quiet_trainer
from sequence_models import FEATURES, network
from torch.utils.data import DataLoader

from seqvision.data.sequences.batches import sequence_batch
from seqvision.losses import ElasticNet, SequenceClassCrossEntropy
from seqvision.metrics import classification_scores
from seqvision.models import SequenceClassifier
from seqvision.optim import constant
from seqvision.tasks import Classification

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]
CLASSES = ("a", "b", "c")


def batch(places, width=None):
    """Sequences of these numbers; the last one's class is not known."""
    draws = torch.Generator().manual_seed(2)
    frames = [torch.randn(3 + n, FEATURES, generator=draws) for n in range(6)]
    classes = [0, 1, 2, 0, 1, -1]
    return sequence_batch(
        [f"s{n}" for n in places], [frames[n] for n in places], classes=[classes[n] for n in places], width=width
    )


def task(**settings):
    return Classification(
        network(SequenceClassifier).train(),
        classes=CLASSES,
        loss=SequenceClassCrossEntropy(),
        optimizer=partial(torch.optim.SGD, lr=0.1),
        scheduler=constant,
        contents={},
        **settings,
    )


def loader(batches):
    return DataLoader(batches, batch_size=None)


@pytest.mark.parametrize("cut", [[[0, 1, 2, 3, 4, 5]], [[0, 5], [1, 2, 3], [4]], [[5, 4, 3], [2, 1, 0]]])
def test_the_step_is_that_of_the_whole_batch_however_it_is_cut(tmp_path, cut):
    expected, found = task(), task()
    quiet_trainer(tmp_path).fit(expected, loader([batch(range(6))]))
    quiet_trainer(tmp_path, accumulate_grad_batches=len(cut)).fit(
        found, loader([batch(part, width=20) for part in cut])
    )
    for name, weight in expected.model.state_dict().items():
        torch.testing.assert_close(found.model.state_dict()[name], weight, atol=1e-6, rtol=1e-5, msg=name)
    start = network(SequenceClassifier).state_dict()
    assert any(not torch.equal(weight, start[name]) for name, weight in expected.model.state_dict().items())


def test_validation_is_that_of_all_sequences_whose_class_is_known(tmp_path):
    module = task(top_k=2)
    runner = quiet_trainer(tmp_path)
    runner.validate(module, loader([batch([0, 1, 5]), batch([2]), batch([3, 4])]), verbose=False)
    module.eval()
    whole = batch(range(5))
    logits = module.model(whole.frames, whole.lengths).detach()
    truth = whole.classes.numpy()
    expected = classification_scores(logits.softmax(-1).numpy(), truth, classes=CLASSES, top=(2,)).corpus
    found = {name: float(value) for name, value in runner.callback_metrics.items()}
    for name, value in expected.items():
        assert found[f"val/{name}"] == pytest.approx(value, abs=1e-3, nan_ok=True), name
    loss = float(torch.nn.functional.cross_entropy(logits, whole.classes))
    assert found["val/loss"] == pytest.approx(loss, abs=1e-5)
    assert found["val/accuracy"] == pytest.approx(100 * np.mean(logits.argmax(-1).numpy() == truth))


def test_a_batch_is_memorised_by_the_task(tmp_path):
    module = Classification(
        network(SequenceClassifier, hidden_size=16).train(),
        classes=CLASSES,
        loss=SequenceClassCrossEntropy(),
        optimizer=partial(torch.optim.Adam, lr=3e-2),
        scheduler=constant,
        contents={},
    )
    runner = quiet_trainer(tmp_path, max_epochs=60)
    runner.fit(module, loader([batch(range(6))]), loader([batch(range(6))]))
    assert float(runner.callback_metrics["val/accuracy"]) == 100


@pytest.mark.parametrize("cut", [[[0, 1, 2, 3, 4, 5]], [[0, 5], [1, 2, 3], [4]]])
def test_a_penalty_enters_the_step_as_it_is_however_the_batch_is_cut(tmp_path, cut):
    plain, pulled = task(), task(penalty=ElasticNet(l1=0.01, l2=0.05))
    before = {name: weight.detach().clone() for name, weight in plain.model.named_parameters()}
    for each in (plain, pulled):
        batches = [batch(part) for part in cut]
        quiet_trainer(tmp_path, accumulate_grad_batches=len(cut)).fit(each, loader(batches))
    for name, weight in pulled.model.named_parameters():
        pull = 0.01 * before[name].sign() + 0.1 * before[name] if weight.dim() > 1 else torch.zeros_like(weight)
        expected = dict(plain.model.named_parameters())[name] - 0.1 * pull
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=1e-5, msg=name)
