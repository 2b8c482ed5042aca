"""What a training step of a translator does does not depend on how its batch is cut or padded; numbers are learnt."""

from functools import partial
from itertools import pairwise

import pytest
import torch
from pytorch_lightning import Trainer
from quiet_trainer import quiet_trainer
from torch.utils.data import DataLoader

from seqvision.attention import DotAttention
from seqvision.data import NumberWords
from seqvision.data.parallel import parallel_batch
from seqvision.decoding import GreedySearch
from seqvision.losses import SequenceCrossEntropy
from seqvision.models import Translator
from seqvision.optim import constant
from seqvision.rnn import LayerNormElmanCell, Recurrent
from seqvision.tasks import Translation

pytestmark = [  # Lightning's, of no concern here
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]

DATA = NumberWords(sizes={"train": 60, "val": 6}, below=1000)


def task(*, hidden_size=6, optimizer=None, **settings) -> Translation:
    """A small translator in its task, always with the same weights."""
    torch.manual_seed(0)
    rnn = partial(Recurrent, LayerNormElmanCell, hidden_size=hidden_size)
    model = Translator(
        partial(rnn, bidirectional=True),
        rnn,
        **DATA.model_sizes(),
        embedding_size=8,
        attention=partial(DotAttention, size=8),
    )
    return Translation(
        model,
        **DATA.task_parts(),
        decoder=GreedySearch(max_length=8),
        loss=SequenceCrossEntropy(label_smoothing=0.1),
        optimizer=optimizer or partial(torch.optim.SGD, lr=1.0),
        scheduler=constant,
        contents={},
        **settings,
    )


def batch(places, *, widths=(None, None)):
    """A batch of training pairs."""
    dataset = DATA.dataset("train", training=True)
    parts = [[column[place] for place in places] for column in (dataset.ids, dataset.sources, dataset.targets)]
    return parallel_batch(*parts, widths=widths)


def fit(module: Translation, batches, folder, **settings) -> Trainer:
    trainer = quiet_trainer(folder, **settings)
    trainer.fit(module, DataLoader(batches, batch_size=None), weights_only=True)
    return trainer


def step(batches, folder) -> dict[str, torch.Tensor]:
    """How far one step moves each parameter: the gradient, as the rate is 1."""
    module = task()
    before = {name: value.clone() for name, value in module.model.state_dict().items()}
    fit(module, batches, folder, accumulate_grad_batches=len(batches))
    return {name: before[name] - value for name, value in module.model.state_dict().items()}


@pytest.mark.parametrize("cuts", [(2,), (1, 5)], ids=str)
def test_accumulated_batches_are_one_batch(cuts, tmp_path):
    whole = step([batch(range(6))], tmp_path)
    parts = [batch(range(start, end)) for start, end in pairwise([0, *cuts, 6])]
    for name, moved in step(parts, tmp_path).items():
        torch.testing.assert_close(moved, whole[name], atol=1e-6, rtol=1e-4)
    assert max(moved.abs().max() for moved in whole.values()) > 1e-3


def test_padding_and_the_order_of_a_batch_change_no_gradient(tmp_path):
    whole = step([batch(range(6))], tmp_path)
    for other in (batch(range(6), widths=(20, 30)), batch([4, 2, 0, 5, 3, 1])):
        for name, moved in step([other], tmp_path).items():
            torch.testing.assert_close(moved, whole[name], atol=1e-6, rtol=1e-4)


def test_validation_scores_each_sentence_once_by_its_translation(tmp_path):
    module = task()
    trainer = fit(module, [batch(range(3))], tmp_path, limit_train_batches=0)
    scores = trainer.validate(module, DATA.val_dataloader(), verbose=False)[0]
    assert {"val/loss", "val/bleu", "val/bleu_cased", "val/chrf", "val/exact_match"} <= set(scores)
    assert [one.id for one in module.predictions] == [f"val:{row}" for row in range(1, 7)]
    assert [one.references for one in module.predictions] == [(pair.target,) for pair in DATA.records["val"]]


def test_numbers_can_be_learnt_by_heart(tmp_path):
    module = task(hidden_size=48, optimizer=partial(torch.optim.Adam, lr=0.01))
    few = batch(range(20))
    fit(module, [few] * 150, tmp_path, gradient_clip_val=1.0)
    with torch.no_grad():
        found = module.decoder(module.model.eval(), module.features(few))
    assert [module.text(best) for best, *_ in found] == [DATA.references["train"][id] for id in few.ids]
