"""The score that the best checkpoint is chosen by is known to be there before a long run begins."""

import pytest
from quiet_trainer import quiet_trainer
from small_patterns import SMALL, small_task

from seqvision.callbacks import BestCheckpoint
from seqvision.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.mark.few(2)
@pytest.mark.parametrize("pattern", SMALL)
def test_every_task_logs_what_it_says(pattern, tmp_path):
    task, data = small_task(pattern, tmp_path)
    trainer = quiet_trainer(tmp_path, limit_val_batches=2)
    trainer.validate(task, datamodule=data, verbose=False)
    assert set(task.logged) == set(trainer.callback_metrics)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "monitor.score=val/acc",
            "monitor.score is val/acc, which validation does not log; expected one of "
            "val/accuracy, val/symbols, val/loss. Did you mean val/accuracy",
        ),
        ("monitor.score=accuracy", "Did you mean val/accuracy"),
        ("monitor.score=val/nats", "expected one of val/accuracy, val/symbols, val/loss"),
        (
            "monitor.mode=min",
            "monitor.score is val/accuracy and monitor.mode is min: the worst epoch would be kept. "
            "Add monitor.mode=max",
        ),
        ("monitor.mode=up", "monitor.mode is up; expected max, where more of val/accuracy is better, or min"),
    ],
)
def test_a_score_that_will_not_be_there_is_refused_before_training(run, tmp_path, override, said):
    found = run("train", "experiment=ram_digits", override, f"hydra.run.dir={tmp_path / 'run'}")
    assert (found.status, found.out) == (2, "")
    assert said in found.err
    assert "doctor" not in found.err
    assert not list(tmp_path.rglob("*.ckpt"))


def test_what_a_task_does_not_say_is_named_where_it_is_missed(tmp_path):
    task, data = small_task("reading", tmp_path)
    task.logged = ()  # a task of one's own
    trainer = quiet_trainer(tmp_path, limit_train_batches=1, limit_val_batches=1)
    trainer.callbacks.append(BestCheckpoint(dirpath=tmp_path, monitor="val/acc"))
    with pytest.raises(UserError, match=r"monitor.score=val/acc: not among what is measured: val/accuracy"):
        trainer.fit(task, datamodule=data)
