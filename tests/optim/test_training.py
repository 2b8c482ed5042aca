"""Every optimizer and scheduler trains a task through Lightning, and goes on from a checkpoint bit for bit."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from pytorch_lightning import Callback, Trainer
from quiet_trainer import quiet_trainer
from sequence_models import strong
from torch.utils.data import DataLoader

from seqvision.cli.config import conf_dir
from seqvision.data.sequences.batches import sequence_batch
from seqvision.encoders import PictureFront, SmallCNN
from seqvision.errors import UserError
from seqvision.losses import SequenceClassCrossEntropy
from seqvision.models import SequenceClassifier
from seqvision.optim import LBFGS, Nesterov, constant
from seqvision.rnn import GRUCell, Recurrent
from seqvision.tasks import Classification

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]
OPTIMIZERS = sorted(file.stem for file in (conf_dir() / "optimizer").glob("*.yaml"))
SCHEDULERS = sorted(file.stem for file in (conf_dir() / "scheduler").glob("*.yaml"))
EXTRA = {"shampoo", "soap"}


def task(optimizer, scheduler=constant, **settings) -> Classification:
    """A classifier of clips with a CNN of two stages, always with the same weights."""
    torch.manual_seed(0)
    encoder = SmallCNN(image_size=8, channels=(8, 8), strides=(2, 2), pooled=True)
    front, rnn = partial(PictureFront, encoder=encoder, size=5), partial(Recurrent, GRUCell, hidden_size=6)
    return Classification(
        strong(SequenceClassifier(front, rnn, classes=3, frames={})),
        classes=("a", "b", "c"),
        loss=SequenceClassCrossEntropy(),
        optimizer=optimizer,
        scheduler=scheduler,
        contents={},
        **settings,
    )


def clips(seed: int, number: int = 6):
    """A batch of clips of two and three frames."""
    draws = torch.Generator().manual_seed(seed)
    frames = [torch.randint(256, (2 + n % 2, 3, 8, 8), generator=draws).to(torch.uint8) for n in range(number)]
    return sequence_batch([str(n) for n in range(number)], frames, classes=[n % 3 for n in range(number)])


def trainer(folder, **settings) -> Trainer:
    return quiet_trainer(folder, **{"max_epochs": 2, "gradient_clip_val": 1.0, **settings})


def loader(batches) -> DataLoader:
    return DataLoader(batches, batch_size=None)


def summed(module) -> float:
    return float(module.loss(clips(0))[0].detach())


class Keep(Callback):
    """A checkpoint after the first epoch, and the summed loss of a batch before and after all."""

    def __init__(self, file):
        self.file, self.losses = file, []

    def on_train_start(self, trainer, pl_module):
        self.losses.append(summed(pl_module))

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.file, weights_only=False)

    def on_train_end(self, trainer, pl_module):
        self.losses.append(summed(pl_module))


def chosen(group: str, name: str):
    if name in EXTRA:
        pytest.importorskip("pytorch_optimizer", reason=f"optimizer={name} is an extra")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return instantiate(compose("train", overrides=["run_dir=nowhere", f"{group}={name}"])[group])


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [*((name, "constant") for name in OPTIMIZERS), *(("sgd", name) for name in SCHEDULERS if name != "constant")],
)
def test_it_trains_and_goes_on_from_a_checkpoint_bit_for_bit(optimizer, scheduler, tmp_path):
    make, schedule = chosen("optimizer", optimizer), chosen("scheduler", scheduler)
    batches = [clips(0), clips(1)]
    whole, keep = task(make, schedule), Keep(tmp_path / "half.ckpt")
    start = {name: value.clone() for name, value in whole.model.state_dict().items()}
    trainer(tmp_path, callbacks=[keep]).fit(whole, loader(batches))
    held = torch.load(keep.file, weights_only=True)  # as a run is resumed: plain data and tensors
    assert held["global_step"] == 2
    resumed = task(make, schedule)
    trainer(tmp_path).fit(resumed, loader(batches), ckpt_path=keep.file, weights_only=True)
    for name, value in whole.model.state_dict().items():
        assert torch.isfinite(value).all()
        assert torch.equal(resumed.model.state_dict()[name], value), name
    trained = dict(whole.model.named_parameters())
    assert all(not torch.equal(value, start[name]) for name, value in trained.items())
    assert any(not torch.equal(value, held["state_dict"][f"model.{name}"]) for name, value in trained.items())
    assert keep.losses[1] != keep.losses[0]


def test_look_ahead_takes_the_path_of_the_rearranged_form_through_lightning(tmp_path):
    ends = {}
    for form in ("look_ahead", "rearranged"):
        module = task(partial(Nesterov, lr=0.05, form=form))
        runner = trainer(tmp_path, max_epochs=4, gradient_clip_val=None)
        runner.fit(module, loader([clips(0), clips(1)]))
        ends[form] = runner.optimizers[0].resting()
    for one, other in zip(ends["look_ahead"], ends["rearranged"], strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_accumulated_batches_are_refused_where_a_step_evaluates_by_itself(tmp_path):
    for make in (LBFGS, partial(Nesterov, lr=0.1, form="look_ahead")):
        with pytest.raises(UserError, match=r"trainer\.accumulate_grad_batches=2"):
            trainer(tmp_path, accumulate_grad_batches=2).fit(task(make), loader([clips(0), clips(1)]))


def test_lbfgs_compares_mean_losses_of_gradients_that_nobody_clips(tmp_path):
    """Not the sum that a task gives: the gradients are the mean's."""
    module = task(partial(LBFGS, lr=1.0, max_iter=1, max_eval=10, line_search_fn="strong_wolfe"))
    means, compared, limits = [], [], set()

    class Watch(Callback):
        def on_train_batch_start(self, trainer, pl_module, *_):
            means.append(summed(pl_module) / 6)
            limits.add(trainer.gradient_clip_val)

        def on_train_batch_end(self, trainer, pl_module, *_):
            compared.append(trainer.optimizers[0].state[next(iter(pl_module.model.parameters()))]["prev_loss"])

    trainer(tmp_path, max_epochs=15, gradient_clip_val=1e-3, callbacks=[Watch()]).fit(module, loader([clips(0)]))
    assert compared == pytest.approx(means, rel=1e-4)
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.5 * means[0]
    assert limits == {None}


def test_layer_decay_reaches_the_stages_of_a_clip_classifier(tmp_path):
    module = task(partial(torch.optim.SGD, lr=1.0), encoder_lr_factor=0.5, layer_decay=0.1)
    runner = trainer(tmp_path, max_epochs=1)
    runner.fit(module, loader([clips(0)]))
    rates = {
        name: next(g["lr"] for g in runner.optimizers[0].param_groups if any(p is q for q in g["params"]))
        for name, p in module.model.named_parameters()
    }
    assert rates["front.encoder.stages.0.0.convolution.weight"] == pytest.approx(0.5 * 0.1**2)
    assert rates["front.encoder.stages.1.0.convolution.weight"] == pytest.approx(0.5 * 0.1)
    assert {rate for name, rate in rates.items() if not name.startswith("front.encoder.")} == {1.0}


RANKS = """
import hashlib, importlib.util, os, sys
from functools import partial
from pathlib import Path

spec = importlib.util.spec_from_file_location("training_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)


class Watch(tests.Callback):
    def on_train_batch_end(self, trainer, pl_module, *_):
        weights = b"".join(p.detach().numpy().tobytes() for p in pl_module.parameters())
        with Path(sys.argv[2], f"rank{trainer.global_rank}").open("a") as file:
            print(hashlib.sha256(weights).hexdigest(), tests.summed(pl_module), file=file)


rank = int(os.environ.get("LOCAL_RANK", "0"))
line_search = sys.argv[3] or None
module = tests.task(partial(tests.LBFGS, lr=1.0 if line_search else 0.05, max_iter=4, line_search_fn=line_search))
batches = [tests.clips(10 * n + rank, number=5 + rank) for n in range(50)]
tests.trainer(
    sys.argv[2], max_epochs=1, devices=2, strategy="ddp", callbacks=[Watch()], use_distributed_sampler=False
).fit(module, tests.loader(batches))
"""


@pytest.mark.slow
@pytest.mark.parametrize("line_search", ["strong_wolfe", ""], ids=["line search", "fixed steps"])
def test_lbfgs_ranks_stay_equal_for_fifty_steps_of_different_data(tmp_path, line_search):
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    helpers = str(Path(__file__).resolve().parent.parent / "helpers")
    program = f"import sys; sys.path.insert(0, {helpers!r}); exec(open({str(script)!r}).read())"
    script.with_name("start.py").write_text(program)
    done = subprocess.run(
        [sys.executable, str(script.with_name("start.py")), __file__, str(tmp_path), line_search],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"rank{rank}").read_text().splitlines() for rank in (0, 1))
    assert len(first) == 50
    assert first == second
    assert len(set(first)) == 50, "every step moved the weights"
