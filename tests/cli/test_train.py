"""`seqvision train` as a person types it: what it leaves, and what it says when something is wrong."""

import json
import shlex

import pytest
import torch
from training import SMALL
from training import train_here as train

from seqvision.cli import main
from seqvision.inference.checkpoint_file import FORMAT

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        assert train(folder, patch, "hydra.run.dir=run", "name=mine") == 0
    return folder / "run"


def test_a_run_leaves_all_that_is_needed_later(run):
    record = json.loads((run / "run.json").read_text())
    assert record["steps"] == 2
    assert record["name"] == "mine"
    assert {"val/loss", "val/cider_d"} <= set(record["scores"])
    for name in ("best.ckpt", "last.ckpt"):
        held = torch.load(run / name, weights_only=True)["seqvision"]
        assert held["format"] == FORMAT
        assert held["config"]["encoder"]["channels"] == [8, 8, 8, 8]
    assert "val/cider_d" in (run / "metrics.csv").read_text()
    assert "${" in (run / "config.yaml").read_text(), "the saved configuration keeps its references"


def test_the_first_loss_is_that_of_guessing(run):
    held = torch.load(run / "last.ckpt", weights_only=True)["seqvision"]
    words = len(held["vocabulary"]["tokens"])
    record = json.loads((run / "run.json").read_text())
    assert record["scores"]["val/loss"] == pytest.approx(torch.tensor(float(words)).log().item(), abs=0.5)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ["decoding=greedy", "+decoding.beam_size=3", "+decoding.length_penalty=1.0"],
            ["decoding: GreedySearch has no setting beam_size and no length_penalty", "~decoding.length_penalty"],
        ),
        (["rnn=elman", "+rnn.cell.gain=2"], ["rnn.cell: ElmanCell has no setting gain", "left out by ~rnn.cell.gain"]),
        (["+trainer.max_epoch=2"], ["trainer: Trainer has no setting max_epoch. Did you mean max_epochs"]),
    ],
    ids=["of another choice", "of a part of a part", "misspelt"],
)
def test_a_setting_that_a_choice_does_not_take_is_named(tmp_path, monkeypatch, capsys, given, said):
    assert train(tmp_path, monkeypatch, *given) == 2
    message = capsys.readouterr().err
    assert all(each in message for each in said), message


@pytest.mark.slow
def test_weights_of_another_run_are_a_start(run, monkeypatch):
    assert train(run.parent, monkeypatch, f"start_from={run}", "hydra.run.dir=second", "task=self_critical") == 0
    assert (run.parent / "second" / "best.ckpt").is_file()


@pytest.mark.slow
def test_the_features_that_are_kept_are_those_of_the_encoder_that_the_run_begins_with(run, monkeypatch):
    from seqvision.data import CaptionData

    seen, compute = [], CaptionData.compute_features

    def watched(self, encoder, folder):
        seen.append({f"model.encoder.{name}": value.clone() for name, value in encoder.state_dict().items()})
        compute(self, encoder, folder)

    monkeypatch.setattr(CaptionData, "compute_features", watched)
    another = [f"start_from={run}", "+encoder.trainable=none", "seed=5", "hydra.run.dir=third"]
    assert train(run.parent, monkeypatch, *another) == 0
    begun = torch.load(run / "best.ckpt", weights_only=True)["state_dict"]
    assert seen
    assert all(torch.equal(value, begun[name]) for name, value in seen[0].items())


@pytest.mark.slow
def test_memorising_validates_on_what_is_learnt(tmp_path, monkeypatch):
    assert train(tmp_path, monkeypatch, "data.memorise=5", "hydra.run.dir=run", "trainer.max_epochs=2") == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["steps"] == 2


@pytest.mark.few(5)
@pytest.mark.parametrize(
    ("override", "messages"),
    [
        ("optimizer.lrr=1", ["optimizer.lrr=1", "no key 'optimizer.lrr'", "optimizer.lr"]),
        ("rnn=elmann", ["rnn=elmann", "no such choice", "elman"]),
        ("rnnn=elman", ["no key 'rnnn'", "rnn"]),
        ("rnn=null", ["rnn=null: expected the name of a choice. For none write rnn=none"]),
        ("trainer=null", ["trainer=null: expected the name of a choice. There is: auto, cpu, ddp, gpu"]),
        ("monitor=null", ["monitor=null: expected the name of a choice. There is: accuracy, loss"]),
        ("experiment=caption_scene", ["no such choice", "caption_scenes"]),
        (
            "encoder@encoder.other=resnet",
            ["no choice of 'encoder' at 'encoder.other'", "+encoder@encoder.other=resnet"],
        ),
        ("~encoder@encoder.other", ["no choice of 'encoder' at 'encoder.other'"]),
        ("~callbacks", ["every training reads 'callbacks'", "another choice (default, "]),
        ("~scheduler", ["every training reads 'scheduler'", "another choice (constant, "]),
        ("~seed", ["every training reads 'seed'", "Write seed=…"]),
        ("nosuch@encoder=resnet", ["no group of choices 'nosuch'"]),
        ("trainer=gpu", ["trainer", "seqvision doctor"]),
        ("trainer.devices=0", ["trainer"]),
        ("resume=nowhere", ["resume=nowhere", "last.ckpt"]),
        ("start_from=nowhere", ["nowhere", "no such checkpoint"]),
        ("encoder.channels=[8]", ["SmallCNN"]),
    ],
)
def test_what_a_person_gets_wrong_is_said_in_a_sentence(tmp_path, monkeypatch, capsys, override, messages):
    if override == "trainer=gpu" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    overrides = [o for o in SMALL if o != "trainer.accelerator=cpu"]
    monkeypatch.chdir(tmp_path)
    status = main(["train", *overrides, "data.counts={train: 16, val: 4}", "trainer.max_epochs=1", override])
    error = capsys.readouterr().err
    assert status == 2, error
    assert "Traceback" not in error
    for message in messages:
        assert message in error


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("overrides", "wrong", "said"),
    [
        (
            "pattern=labelling data=videos data.path=x data.nonsense=1",
            "data.nonsense",
            "In 'data' there is: read, path, labels",
        ),
        ("data=videos data.path=x pattern=labelling data.windw=9", "data.windw", "Did you mean data.window?"),
        ("pattern=labelling data=videos data.path=x data.strde=2", "data.strde", "In 'data' there is"),
        ("pattern=labelling data=videos data.path=x data.stride=2", "data.stride", "Did you mean data.reader.stride?"),
        ("data=files data.path=x 'data.splits={vall: 0.1}'", "data.splits.vall", "Did you mean data.splits.val?"),
        ("data=files data.path=x ~data.imagees", "data.imagees", "Did you mean data.images?"),
        ("rnn=lstm encoderr.channels=[8]", "encoderr.channels", "Did you mean encoder.channels"),
        ("rnn=lstm encoder.chanels=[8]", "encoder.chanels", "Did you mean encoder.channels"),
    ],
)
def test_the_wrong_key_is_named_whatever_choices_stand_beside_it(tmp_path, monkeypatch, capsys, overrides, wrong, said):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *shlex.split(overrides)]) == 2
    error = capsys.readouterr().err
    assert f"the configuration has no key '{wrong}'. {said}" in error


@pytest.mark.few(1)
@pytest.mark.parametrize("override", ["data.folder=/my/(old) data", "rnn.hidden_size=[8", "data.folder=a=b"])
def test_a_value_that_cannot_be_read_is_said_with_the_quotes_that_it_wants(tmp_path, monkeypatch, capsys, override):
    monkeypatch.chdir(tmp_path)
    assert main(["train", override]) == 2
    key, _, value = override.partition("=")
    error = capsys.readouterr().err
    assert f"{override}: cannot be read (" in error
    assert f"""'{key}="{value}"'""" in error


def test_in_a_mapping_the_parts_want_the_quotes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "sweep=variants", "sweep.variants={one: [rnn=elman, a.b=1e-3], other: []}"]) == 2
    said = """'sweep.variants={one: ["rnn=elman", "a.b=1e-3"], other: []}'"""
    assert said in capsys.readouterr().err


def test_a_plus_too_many_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "+data.size=48"]) == 2
    assert "+data.size=48: the configuration has a key 'data.size' already. Write it without the +" in (
        capsys.readouterr().err
    )


def test_an_empty_split_is_named(tmp_path, monkeypatch, capsys):
    assert train(tmp_path, monkeypatch, "data.counts={train: 8, val: 0}") == 2
    assert "the split 'val' has no pictures" in capsys.readouterr().err


def test_a_full_disk_ends_the_run_with_a_sentence(tmp_path, monkeypatch, capsys):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqvision.callbacks.checkpoints.torch.save", full)
    assert train(tmp_path, monkeypatch, "hydra.run.dir=run") == 2
    error = capsys.readouterr().err
    assert "No space left on device" in error
    assert "begin again" in error, "there is no checkpoint to go on from"
    assert not list((tmp_path / "run").glob("*.ckpt"))


def test_configuration_is_printed_without_running(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--cfg", "job", "rnn=lstm"]) == 0
    assert "seqvision.rnn.LSTMCell" in capsys.readouterr().out
    assert not (tmp_path / "runs").exists()


def test_a_folder_of_ones_own_configuration(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "small.yaml").write_text("# @package _global_\nrnn:\n  hidden_size: 33\n")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--config-dir", "mine", "experiment=small", "--cfg", "job"]) == 0
    assert "hidden_size: 33" in capsys.readouterr().out


def test_processes_with_other_configurations_are_refused():
    from unittest.mock import Mock

    from pytorch_lightning import LightningModule, Trainer

    from seqvision.callbacks import SameConfiguration
    from seqvision.errors import UserError

    second, module = Mock(spec=Trainer, global_rank=1), Mock(spec=LightningModule)
    second.strategy.broadcast.return_value = "abc"
    SameConfiguration("abc").on_fit_start(second, module)
    with pytest.raises(UserError, match=r"process 1 \(abd\) is not that of the first \(abc\)"):
        SameConfiguration("abd").on_fit_start(second, module)


@pytest.mark.slow
def test_flags_may_stand_anywhere(tmp_path, monkeypatch):
    overrides = ["data.counts={train: 16, val: 4}", "trainer.max_epochs=1", "hydra.sweep.dir=sweep"]
    monkeypatch.chdir(tmp_path)
    assert main(["train", *SMALL, *overrides, "seed=0,1", "--multirun", "name=many"]) == 0
    assert sorted(path.parent.name for path in tmp_path.glob("sweep/*/run.json")) == ["0", "1"]


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("seqvision tr", "train"),
        ("seqvision train rn", "rnn="),
        ("seqvision train rnn=l", "rnn=lstm"),
        ("seqvision train rnn=lstm optimizer.l", "optimizer.lr="),
        ("seqvision train experiment=caption", "experiment=caption_scenes"),
    ],
)
def test_the_shell_completes_commands_groups_choices_and_keys(monkeypatch, capsys, line, word):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["-sc", "query=bash"]) == 0
    assert word in capsys.readouterr().out.split()


def test_completion_can_be_installed(capsys):
    assert main(["train", "--shell-completion", "install=bash"]) == 0
    assert "complete" in capsys.readouterr().out


def test_what_is_left_out_of_the_data_is_said(tmp_path, monkeypatch, capsys):
    from PIL import Image

    for index in range(8):
        Image.new("RGB", (32, 32), (30 * index, 0, 0)).save(tmp_path / f"{index}.png")
    rows = [f"{index}.png,picture number {index},{'val' if index > 5 else 'train'}" for index in range(9)]
    (tmp_path / "captions.csv").write_text(
        "\n".join(["image,caption,split", *rows[:6], *rows[6:8], "ghost.png,none,train"])
    )
    files = ["data=files", "encoder=small_cnn", f"data.path={tmp_path}", "data.on_missing=skip", "trainer.max_epochs=1"]
    monkeypatch.chdir(tmp_path)
    assert main(["train", *[o for o in SMALL if "counts" not in o], *files]) == 0
    assert "left out 1 missing" in capsys.readouterr().out


def test_a_key_that_only_the_user_can_give_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "pattern=labelling", "data=videos", "logger=csv"]) == 2
    said = capsys.readouterr().err
    assert said == "seqvision: data.path is missing; add data.path=…\n", "the sentence and nothing else"
