"""Going on with a run: it ends where a calm one does; what cannot be is refused and leaves the run as it was."""

import json

import pytest
import torch
from training import train_here as train

from seqvision.cli import main

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.mark.slow
def test_resume_goes_on_in_the_same_folder_with_the_same_configuration(tmp_path, monkeypatch, capsys):
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    run = tmp_path / "run"
    assert main(["train", f"resume={run}", "trainer.max_epochs=2"]) == 0
    record = json.loads((run / "run.json").read_text())
    assert record["steps"] == 4
    assert list(run.glob("metrics-before-*.csv")), "earlier curves are kept"
    assert main(["train", f"resume={run}", "rnn=lstm"]) == 2
    assert "only values can be changed" in capsys.readouterr().err


@pytest.mark.slow
def test_a_value_of_what_the_run_was_made_of_can_be_changed_in_going_on(tmp_path, monkeypatch, capsys):
    timed = ["callbacks=time", "callbacks.time.seconds=0.001", "hydra.run.dir=run"]
    assert train(tmp_path, monkeypatch, *timed) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == 1
    more = ["train", "resume=run", "callbacks.time.seconds=1e4", "trainer.max_epochs=2"]
    assert main(more) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] > 1
    assert main(["train", "resume=run", "callbacks.time.second=2"]) == 2
    said = "the run's configuration has no key 'callbacks.time.second'. Did you mean callbacks.time.seconds?"
    assert said in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("first", [2, 4])
def test_an_epoch_that_was_cut_short_is_finished_and_a_whole_one_is_over(tmp_path, monkeypatch, first):
    settings = ["data.batch_size=4", "scheduler=constant", "trainer.max_epochs=9"]  # four batches an epoch
    assert train(tmp_path, monkeypatch, *settings, "trainer.max_steps=7", "hydra.run.dir=calm") == 0
    assert train(tmp_path, monkeypatch, *settings, f"trainer.max_steps={first}", "hydra.run.dir=cut") == 0
    assert main(["train", "resume=cut", "trainer.max_steps=7"]) == 0
    calm, cut = (torch.load(tmp_path / run / "last.ckpt", weights_only=True) for run in ("calm", "cut"))
    assert (cut["epoch"], cut["global_step"]) == (calm["epoch"], calm["global_step"]) == (1, 7)
    for name, weight in calm["state_dict"].items():
        assert torch.equal(cut["state_dict"][name], weight), name


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["rnn.hidden_size=9", "trainer.max_epochs=2"], "these settings make another network than that of the run"),
        (["trainer.max_epochs=0"], "trainer.max_epochs=0: the run has made 1 epoch already; give a larger number"),
        (["trainer.max_epochs=-1"], "trainer.max_epochs=-1: a schedule needs an end"),
    ],
)
def test_a_refused_change_leaves_the_run_as_it_was(tmp_path, monkeypatch, capsys, overrides, said):
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    kept = {file: file.read_bytes() for file in tmp_path.glob("run/*") if file.suffix in (".yaml", ".json", ".ckpt")}
    assert main(["train", "resume=run", *overrides]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert {file: file.read_bytes() for file in kept} == kept
    assert main(["train", "resume=run", "trainer.max_epochs=2"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == 4


def test_a_damaged_checkpoint_is_said_before_any_data_are_read(tmp_path, monkeypatch, capsys):
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    last = tmp_path / "run" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:2000])
    capsys.readouterr()
    assert main(["train", "resume=run", "trainer.max_epochs=2"]) == 2
    printed = capsys.readouterr()
    assert "last.ckpt: the file is truncated or damaged; take another copy, or best.ckpt beside it" in printed.err
    assert "pictures" not in printed.out


@pytest.mark.slow
def test_a_run_that_is_done_keeps_its_record(tmp_path, monkeypatch, capsys):
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    kept = (tmp_path / "run" / "run.json").read_bytes()
    assert main(["train", "resume=run"]) == 0
    assert "nothing left to do: trainer.max_epochs=1 is what the run has made" in capsys.readouterr().out
    assert (tmp_path / "run" / "run.json").read_bytes() == kept


@pytest.mark.slow
def test_a_score_that_nobody_measures_loses_no_training(tmp_path, monkeypatch, capsys):
    assert train(tmp_path, monkeypatch, "hydra.run.dir=calm") == 0
    monkeypatch.setattr("seqvision.tasks.Captioning.logged", ())  # a task that does not say what it logs
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run", "monitor.score=val/cider") == 2
    error = capsys.readouterr().err
    assert "monitor.score=val/cider: not among what is measured: val/bleu_1, " in error
    assert error.rstrip().endswith(f"Go on with resume={tmp_path / 'run'} monitor.score=val/cider_d")
    assert main(["train", "resume=run", "monitor.score=val/cider_d"]) == 0
    calm, again = (torch.load(tmp_path / run / "last.ckpt", weights_only=True) for run in ("calm", "run"))
    assert again["global_step"] == calm["global_step"]
    assert all(torch.equal(again["state_dict"][name], weight) for name, weight in calm["state_dict"].items())
