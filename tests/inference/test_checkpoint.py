"""A file from a stranger cannot run code, and every damaged or strange file gets a sentence that says what to do."""

import os
import pickle
import random
import re
import zipfile
from pathlib import Path

import pytest
import torch
from checkpoints import save_checkpoint

from seqvision.cli.config import conf_dir
from seqvision.errors import UserError
from seqvision.inference import load_captioner
from seqvision.inference.build import build
from seqvision.inference.registry import DATA, DECODERS, NETWORKS
from seqvision.signatures import arguments_of


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
        save_checkpoint(checkpoint, tmp_path / "changed.ckpt")
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
    assert build(encoder, NETWORKS).feature_size == 16


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

    with pytest.raises(UserError, match=r"changed\.ckpt: model[.a-z]*: the checkpoint asks for '" + target):
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
    with pytest.raises(UserError, match=r"needs 'my_cells\.Other', which was not found"):
        load_captioner(rename("Other"), trust=["my_cells"])


_POOLING = {"_target_": "seqvision.models.pooling.LastPooling", "_partial_": True}


def _nested(levels: int) -> list:
    node: list = []
    for _ in range(levels):
        node = [node]
    return node


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["seqvision"].update(format=7), "checkpoint format 7, this version reads format 2; use the newer"),
        (
            lambda c: c["seqvision"].update(format=1),
            "format 1, this version reads format 2; .* no digest",
        ),
        (lambda c: c["seqvision"].update(format="x"), "checkpoint format 'x'"),
        (lambda c: c["seqvision"].pop("format"), "not a checkpoint of seqvision"),
        (lambda c: c.pop("seqvision"), "not a checkpoint of seqvision"),
        (lambda c: c["seqvision"].pop("vocabulary"), "what it says of its model cannot be used"),
        (lambda c: c["seqvision"].pop("transform"), "what it says of its model cannot be used"),
        (lambda c: c["seqvision"].update(model=3), "holds a int, expected a Captioner"),
        (lambda c: c["seqvision"]["transform"].update(colour=1), "unknown setting colour"),
        (
            lambda c: c["seqvision"]["model"].update(hidden=1),
            r"model: 'seqvision\.models\.Captioner' takes no 'hidden'",
        ),
        (lambda c: c["seqvision"]["model"].pop("rnn"), "needs rnn, which the checkpoint does not give"),
        (lambda c: c["seqvision"]["model"].update(dropout="0.5"), r"model\.dropout is '0\.5'; expected a number"),
        (lambda c: c["seqvision"]["model"].update(image_as="stat"), r"model\.image_as is 'stat'; .*mean state"),
        (
            lambda c: c["seqvision"]["model"].update(encoder=_POOLING),
            r"model\.encoder is a partial, which '.*Captioner' does not take",
        ),
        (lambda c: c["seqvision"]["model"]["rnn"].update(hidden_size=10**12), "hidden_size is 1,000,000,000,000"),
        (lambda c: c["seqvision"]["model"]["rnn"].update(hidden_size=10**9), "a larger network than its weights are"),
        (lambda c: c["seqvision"]["model"]["rnn"].update(num_layers=10**9), "a larger network than its weights are"),
        (lambda c: c["seqvision"]["model"]["rnn"].update(num_layers=-1), "num_layers"),
        (lambda c: c["seqvision"]["model"].update(dropout=float("nan")), "dropout is nan; expected a finite"),
        (lambda c: c["seqvision"]["model"].update(note={1, 2}), "holds a set among its settings"),
        (lambda c: c["seqvision"].update(note=_nested(100)), "more than 64 levels deep"),
        (lambda c: c["seqvision"]["config"].update(a="${oc.env:HOME}"), r"config\.a holds '\$\{oc\.env:HOME\}'"),
        (lambda c: c["seqvision"]["model"].update({"${x}": 1}), r"model holds '\$\{x\}'"),
        (lambda c: c["state_dict"].update(x=torch.zeros(1).expand(10**9)), "in a smaller file"),
        (lambda c: c["state_dict"].update(x=torch.zeros(9, device="meta")), "'x' among its weights is no plain tensor"),
        (lambda c: c["state_dict"].update({"model.x": torch.tensor([float("inf")])}), "x are not finite"),
        (lambda c: c["seqvision"]["vocabulary"]["tokens"].append("extra"), "the vocabulary does not fit the model"),
        (lambda c: c["seqvision"]["vocabulary"].update(kind="letters"), "has the kind 'letters'"),
        (lambda c: c["state_dict"].popitem(), "the weights do not fit the model that the file describes"),
        (lambda c: c.pop("state_dict"), "no weights in it"),
    ],
)
def test_what_does_not_hold_together_is_refused(changed, change, message):
    with pytest.raises(UserError, match=rf"changed\.ckpt: .*{message}"):
        load_captioner(changed(change))


def test_every_flipped_bit_of_what_is_used_is_seen(tiny_run, tmp_path):
    whole = (tiny_run / "best.ckpt").read_bytes()
    with zipfile.ZipFile(tiny_run / "best.ckpt") as archive:
        entries = [entry for entry in archive.infolist() if "/data" in entry.filename]
    draws = random.Random(0)
    for entry in draws.choices(entries, weights=[entry.file_size for entry in entries], k=40):
        # behind the entry's own head: 30 bytes, its name, what aligns it
        start = entry.header_offset + 30 + int.from_bytes(whole[entry.header_offset + 26 :][:2], "little")
        start += int.from_bytes(whole[entry.header_offset + 28 :][:2], "little")
        place, bit = start + draws.randrange(entry.file_size), draws.randrange(8)
        (tmp_path / "flipped.ckpt").write_bytes(
            whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :],
        )
        with pytest.raises(UserError, match=r"flipped\.ckpt: "):
            load_captioner(tmp_path / "flipped.ckpt")


def test_weights_that_are_not_finite_can_be_looked_at(changed):
    def spoil(checkpoint):
        checkpoint["state_dict"]["model.output.bias"][0] = float("nan")

    file = changed(spoil)
    with pytest.raises(UserError, match=r"changed\.ckpt: the weights in output\.bias are not finite"):
        load_captioner(file)
    assert load_captioner(file, allow_nonfinite=True).model.output.bias.isnan().sum() == 1


def test_a_compressed_archive_is_not_unpacked(tiny_run, tmp_path):
    with zipfile.ZipFile(tiny_run / "best.ckpt") as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(tmp_path / "small.ckpt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    with pytest.raises(UserError, match=r"small\.ckpt: a compressed archive"):
        load_captioner(tmp_path / "small.ckpt")


def test_words_of_data_may_hold_anything(changed):
    def rename(checkpoint):
        checkpoint["seqvision"]["vocabulary"]["tokens"][-1] = "${price}"

    assert load_captioner(changed(rename)).vocabulary.tokens[-1] == "${price}"


def test_all_that_configurations_name_is_registered():
    groups = ("model", "encoder", "front", "rnn", "attention", "pooling")
    for group in groups:
        for file in (conf_dir() / group).glob("*.yaml"):
            for name in re.findall(r"_target_: (\S+)", file.read_text()):
                if not re.search("Walker|Valley|Saddle|Rosenbrock", name):  # of these nothing is loaded
                    assert NETWORKS.find(name) is not None, f"{file}: {name}"
    for registry in (NETWORKS, DATA, DECODERS):
        for name in registry.modules:
            takes, _ = arguments_of(registry.find(name))
            assert all(hint is not None for hint in takes.values()), name


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
