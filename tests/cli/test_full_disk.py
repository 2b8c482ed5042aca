"""Every command on a disk that is full: a sentence with the file's name, the file as it was, and nothing beside it."""

import errno
import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from labellers import write_table
from pattern_runs import labelling, make_pattern_run, write_recordings, write_sentences
from PIL import Image
from readers import save_reader
from training import SMALL
from translators import make_translator

from seqvision.data.labelled.symbols import Symbols
from seqvision.files import reason_of

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@contextmanager
def full_disk():
    """No file reaches the disk any more, though all can be begun: the system says so when it has to write."""

    def fsync(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(run, folder, target, *command):
    """Nothing but a sentence that names the target, which is what it was, as all else in the folder."""
    before = contents(folder)
    with full_disk():
        found = run(*command)
    assert found.status == 2, found
    assert f"{target}: cannot be written (No space left on device)" in found.err.splitlines()[-1]
    assert "Traceback" not in found.err
    assert contents(folder) == before


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return save_reader(tmp_path_factory.mktemp("run"), Symbols("0123"))


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    table = write_sentences(folder / "table.csv")
    return make_pattern_run(folder / "run", "pattern=classification", "data=sentences", f"data.path={table}")


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("run"))


class TestOutputsOf:
    """Commands that write one file which the user names, with earlier contents."""

    def check(self, run, tmp_path, *command, option="--output"):
        target = tmp_path / "out" / "file.txt"
        target.parent.mkdir()
        target.write_text("of an earlier day")
        refused(run, tmp_path, target, *command, option, target)

    def test_caption(self, run, tmp_path, tiny_run, tiny_pictures):
        self.check(run, tmp_path, "caption", "--checkpoint", tiny_run, tiny_pictures[0])

    def test_read(self, run, tmp_path, reader):
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "a.png")
        self.check(run, tmp_path, "read", "--checkpoint", reader, tmp_path / "a.png")

    def test_translate(self, run, tmp_path, translator):
        self.check(run, tmp_path, "translate", "--checkpoint", translator, "--text", "1 2")

    def test_classify(self, run, tmp_path, sentences):
        self.check(run, tmp_path, "classify", "--checkpoint", sentences, "--text", "a fine film")

    @pytest.mark.parametrize("option", ["--output", "--save-predictions"])
    def test_evaluate(self, run, tmp_path, sentences, option):
        shutil.copytree(sentences, tmp_path / "run")
        command = ("evaluate", "--checkpoint", tmp_path / "run", "--bootstrap", 0, "--no-controls")
        self.check(run, tmp_path, *command, option=option)

    def test_report(self, run, tmp_path, sentences):
        shutil.copytree(sentences, tmp_path / "run")
        assert run("evaluate", "--checkpoint", tmp_path / "run", "--bootstrap", 0, "--no-controls").status == 0
        self.check(run, tmp_path, "report", tmp_path / "run")

    def test_data_check(self, run, tmp_path):
        table = write_sentences(tmp_path / "table.csv")
        self.check(run, tmp_path, "data", "check", "data=sentences", f"data.path={table}")


def test_pack(run, tmp_path, sentences):
    shutil.copytree(sentences, tmp_path / "run")
    assert run("pack", tmp_path / "run").status == 0
    refused(run, tmp_path, tmp_path / "run" / "model.safetensors", "pack", tmp_path / "run")


def test_label(run, tmp_path, sensor):
    """What was labelled before stays, and the same command goes on when there is room."""
    write_table(tmp_path / "in" / "a.csv")
    command = ("label", "--checkpoint", sensor, "--output", tmp_path / "out", tmp_path / "in")
    assert run(*command).status == 0
    write_table(tmp_path / "in" / "b.csv")
    refused(run, tmp_path, tmp_path / "out" / "b.frames.csv", *command)
    assert run(*command).status == 0
    assert (tmp_path / "out" / "b.frames.csv").is_file()


def test_what_torch_makes_of_a_full_disk_is_not_what_the_user_reads():
    """A device that is always full: torch then reports its own surprise about its container."""
    with pytest.raises((RuntimeError, OSError)) as caught, open("/dev/full", "wb") as file:
        torch.save({"weights": torch.ones(1 << 16)}, file)
    assert reason_of(caught.value) == "No space left on device"


@pytest.mark.slow
def test_a_training(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("train", *SMALL, "data.counts={train: 16, val: 4}", "hydra.run.dir=run")
    assert run(*command, "trainer.max_epochs=1").status == 0
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("last.ckpt", "best.ckpt", "run.json")}
    with full_disk():
        found = run("train", "resume=run", "trainer.max_epochs=2")
    assert found.status == 2
    assert "run/config-earlier-1.yaml: cannot be written (No space left on device)" in found.err.splitlines()[-1]
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before
    assert run("train", "resume=run", "trainer.max_epochs=2").status == 0


@pytest.mark.slow
def test_a_sweep(run, tmp_path, monkeypatch):
    """Its record and its page keep what was there."""
    monkeypatch.chdir(tmp_path)
    write_recordings(tmp_path / "data")
    own = [*labelling(tmp_path / "data"), "trainer=cpu", "trainer.max_epochs=1", "rnn.hidden_size=4"]
    command = ("train", *own, "sweep=grid", "sweep.space={optimizer.lr: [0.01, 0.02]}", "hydra.run.dir=many")
    assert run(*command).status == 0
    refused(run, tmp_path, tmp_path / "many" / "sweep.json", *command)
    refused(run, tmp_path, "many/report.html", "report", "many")
