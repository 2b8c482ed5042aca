"""A command that is repeated goes on with its run; nothing of another run is overwritten."""

import json
import shlex

import pytest
import torch
from training import train_here as train

from seqvision.cli import main

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


def test_a_repeated_command_goes_on_is_finished_or_refused(tmp_path, monkeypatch, capsys):
    run = tmp_path / "lr=0.01, [ä]"
    assert train(tmp_path, monkeypatch, f"hydra.run.dir={run}") == 0
    kept = {file: file.read_bytes() for file in run.iterdir()}
    capsys.readouterr()
    assert train(tmp_path, monkeypatch, f"hydra.run.dir={run}") == 0
    said = capsys.readouterr().out
    assert f"this run is finished. For more epochs: {shlex.join(['seqvision', 'train', f'resume={run}'])}" in said
    assert train(tmp_path, monkeypatch, f"hydra.run.dir={run}", "rnn.hidden_size=9") == 2
    error = capsys.readouterr().err
    assert "holds a run with other settings, which would be overwritten" in error
    assert "rnn.hidden_size (16 there, 9 here)" in error
    assert {file: file.read_bytes() for file in run.iterdir()} == kept
    (run / "run.json").unlink()  # as if it had been killed before its end
    assert train(tmp_path, monkeypatch, f"hydra.run.dir={run}") == 0
    assert "going on with the run that was broken off" in capsys.readouterr().out
    before = json.loads(kept[run / "run.json"])
    after = json.loads((run / "run.json").read_text())
    assert {key: after[key] for key in ("steps", "epochs", "scores")} == {
        key: before[key] for key in ("steps", "epochs", "scores")
    }


def test_checkpoints_of_something_else_are_not_overwritten(tmp_path, monkeypatch, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "best.ckpt").write_text("somebody's")
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 2
    assert "holds checkpoints without a config.yaml, which would be overwritten" in capsys.readouterr().err
    assert (tmp_path / "run" / "best.ckpt").read_text() == "somebody's"


def test_a_run_that_was_moved_finds_its_data(tmp_path, monkeypatch, capsys):
    (tmp_path / "here").mkdir()
    assert train(tmp_path / "here", monkeypatch, "hydra.run.dir=runs/a", "data.folder=scenes") == 0
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").rename(tmp_path / "there")
    capsys.readouterr()
    assert main(["evaluate", "--checkpoint", "there/runs/a", "--split", "val", "--bootstrap", "10"]) == 0
    assert main(["train", "resume=there/runs/a", "trainer.max_epochs=2"]) == 0


@pytest.mark.slow
def test_the_command_that_began_a_run_is_known_again_where_it_was_resumed_with_other_values(
    tmp_path, monkeypatch, capsys
):
    """The job of the first part is queued again: what was asked for last is kept, finished or broken off."""
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    run = tmp_path / "run"
    assert main(["train", "resume=run", "trainer.max_epochs=2", "optimizer.lr=0.002"]) == 0
    kept = {file: file.read_bytes() for file in run.iterdir()}
    capsys.readouterr()
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    said = capsys.readouterr().out
    assert "resumed with other settings since, which are kept: optimizer.lr (0.002 there, " in said
    assert "trainer.max_epochs (2 there, 1 here)" in said
    assert "this run is finished" in said
    assert {file: file.read_bytes() for file in run.iterdir()} == kept

    assert main(["train", "resume=run", "trainer.max_epochs=4"]) == 0
    whole = torch.load(run / "last.ckpt", weights_only=True)
    for name in ("last.ckpt", "run.json", "metrics.csv"):
        (run / name).write_bytes(kept[run / name])  # broken off in its third part, before the first checkpoint
    capsys.readouterr()
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 0
    said = capsys.readouterr().out
    assert "trainer.max_epochs (4 there, 1 here)" in said
    assert "going on with the run that was broken off" in said
    again = torch.load(run / "last.ckpt", weights_only=True)
    assert again["global_step"] == whole["global_step"] == 8
    assert all(torch.equal(again["state_dict"][name], weight) for name, weight in whole["state_dict"].items())
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run", "optimizer.lr=0.5") == 2
    assert "holds a run with other settings, which would be overwritten" in capsys.readouterr().err
