"""A file from a stranger cannot run code, and every damaged or strange file gets a sentence that says what to do."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from seqvision.errors import UserError
from seqvision.inference import load_captioner
from seqvision.inference.build import build


class RunsCode:
    """What an attacker pickles."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def changed(tiny_run, tmp_path):
    """Writes the tiny checkpoint with one change: `changed(lambda checkpoint: ...)` -> the file."""

    def write(change) -> Path:
        checkpoint = torch.load(tiny_run / "best.ckpt", weights_only=True)
        change(checkpoint)
        torch.save(checkpoint, tmp_path / "changed.ckpt")
        return tmp_path / "changed.ckpt"

    return write


def test_a_folder_means_its_best_checkpoint(tiny_run):
    assert load_captioner(tiny_run).path == tiny_run / "best.ckpt"
    captioner = load_captioner(tiny_run / "best.ckpt")
    assert not captioner.model.training
    assert captioner.transform.size == 32
    assert captioner.config["rnn"]["hidden_size"] == 32


def test_the_config_never_names_weights_to_read(tiny_run):
    captioner = load_captioner(tiny_run)
    encoder = {**captioner.config["encoder"], "weights": "/nowhere/encoder.pt"}
    assert build(encoder).feature_size == 16


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_is_refused_before_it_runs(tmp_path, zipped):
    trap = tmp_path / "trap"
    file = tmp_path / "evil.ckpt"
    if zipped:
        torch.save({"seqvision": {"format": 1}, "state_dict": RunsCode(trap)}, file)
    else:
        file.write_bytes(pickle.dumps({"seqvision": {"format": 1}, "state_dict": RunsCode(trap)}, protocol=2))
    with pytest.raises(UserError, match=r"evil\.ckpt: (refused: it holds more than plain data|not a checkpoint)"):
        load_captioner(file)
    assert not trap.exists()


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "torch.nn.modules.module.torch.load",
        "seqvision.cli.output.os.system",
        "seqvision.encoders.cache.shutil.rmtree",
        "seqvision.encoders.cache.ThreadPoolExecutor",
        "seqvision.encoders.cache.FeatureCache",
        "seqvision.models.captioner.nn.Sequential",
        "seqvision.models.captioner.Callable",
        "seqvision.rnn.unroll",
        "seqvision.__main__.main",
        "seqvision.data.scenes.write.write_scenes",
        "seqvision_evil.models.Network",
        "",
    ],
)
@pytest.mark.parametrize("place", ["model", "encoder", "partial"])
def test_only_networks_of_this_package_are_built(changed, tmp_path, target, place):
    trap = tmp_path / "trap"
    node = {"_target_": target, "command": f"mkdir {trap}"}

    def plant(checkpoint):
        model = checkpoint["seqvision"]["model"]
        if place == "model":
            checkpoint["seqvision"]["model"] = node
        elif place == "encoder":
            model["encoder"] = node
        else:
            model["rnn"]["cell"] = {**node, "_partial_": True}

    with pytest.raises(UserError, match=r"changed\.ckpt: the checkpoint (asks for|needs) '" + target):
        load_captioner(changed(plant))
    assert not trap.exists()


def test_main_is_not_even_imported(changed, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "seqvision.__main__", raising=False)
    with pytest.raises(UserError, match="asks for"):
        load_captioner(changed(lambda c: c["seqvision"].update(model={"_target_": "seqvision.__main__.main"})))
    assert "seqvision.__main__" not in sys.modules


def test_a_users_own_network_needs_trust(changed, tmp_path, monkeypatch):
    (tmp_path / "my_cells.py").write_text(
        "from os import system\nfrom seqvision.rnn import LayerNormElmanCell\nclass MyCell(LayerNormElmanCell): pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def rename(name):
        return changed(lambda c: c["seqvision"]["model"]["rnn"]["cell"].update(_target_=f"my_cells.{name}"))

    with pytest.raises(UserError, match="allow it with --trust my_cells"):
        load_captioner(rename("MyCell"))
    captioner = load_captioner(rename("MyCell"), trust=["my_cells"])
    assert type(captioner.model.rnn.cells[0]).__name__ == "MyCell"
    with pytest.raises(UserError, match=r"asks for 'my_cells\.system'"):
        load_captioner(rename("system"), trust=["my_cells"])
    with pytest.raises(UserError, match=r"needs 'my_cells\.Other', which this version does not have"):
        load_captioner(rename("Other"), trust=["my_cells"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["seqvision"].update(format=7), "checkpoint format 7, this version reads format 1; use the newer"),
        (lambda c: c["seqvision"].update(format=0), "format 0, this version reads format 1; use the older"),
        (lambda c: c["seqvision"].update(format="x"), "checkpoint format x"),
        (lambda c: c["seqvision"].pop("format"), "not a checkpoint of seqvision"),
        (lambda c: c.pop("seqvision"), "not a checkpoint of seqvision"),
        (lambda c: c["seqvision"].pop("vocabulary"), "what it says of its model cannot be used"),
        (lambda c: c["seqvision"].pop("transform"), "what it says of its model cannot be used"),
        (lambda c: c["seqvision"].update(model=3), "holds a int, expected a Captioner"),
        (lambda c: c["seqvision"]["transform"].update(colour=1), "unknown setting colour"),
        (lambda c: c["seqvision"]["model"].update(hidden=1), r"description of 'seqvision\.models\.Captioner' does not"),
        (lambda c: c["seqvision"]["vocabulary"]["tokens"].append("extra"), "the vocabulary does not fit the model"),
        (lambda c: c["seqvision"]["vocabulary"].update(kind="letters"), "has the kind 'letters'"),
        (lambda c: c["state_dict"].popitem(), "the weights do not fit the model that the file describes"),
        (lambda c: c.pop("state_dict"), "no weights in it"),
    ],
)
def test_what_does_not_hold_together_is_refused(changed, change, message):
    with pytest.raises(UserError, match=rf"changed\.ckpt: .*{message}"):
        load_captioner(changed(change))


def test_files_that_are_no_checkpoints(tiny_run, tmp_path):
    whole = (tiny_run / "best.ckpt").read_bytes()
    cases = {
        "missing.ckpt": (None, "no such checkpoint; a run leaves best.ckpt"),
        "half.ckpt": (whole[: len(whole) // 2], "truncated or damaged"),
        "nearly.ckpt": (whole[:-30], "truncated or damaged"),
        "empty.ckpt": (b"", "the file is empty; take another copy"),
        "text.ckpt": (b"hello, I am text", "not a checkpoint, or a damaged one; take another copy"),
        "list.ckpt": (None, "not a checkpoint of seqvision"),
        "other.zip": (None, "truncated or damaged"),
    }
    torch.save([1, 2], tmp_path / "list.ckpt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a", "b")
    for name, (content, message) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: .*({message})"):
            load_captioner(tmp_path / name)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r"no best\.ckpt or last\.ckpt in this folder; is it the folder of a run"):
        load_captioner(tmp_path / "folder")


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "xpu"])
def test_a_device_that_is_not_there(tiny_run, device):
    with pytest.raises(UserError, match=rf"--device {device}: not on this machine .*seqvision doctor"):
        load_captioner(tiny_run, device=device)
