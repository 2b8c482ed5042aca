"""A packed model answers as its checkpoint does, holds nothing else, and is refused where it is damaged."""

import json
import random
import struct

import pytest
import torch
from checkpoints import save_checkpoint
from safetensors import safe_open

from seqvision.errors import UserError
from seqvision.inference import load_captioner
from seqvision.inference.evaluation_data import evaluation_data
from seqvision.inference.pack import pack


@pytest.fixture(scope="module")
def packed(tiny_run, tmp_path_factory):
    """The tiny captioner in one file."""
    return pack(tiny_run, tmp_path_factory.mktemp("packed") / "model.safetensors")


def rewritten(file, header: bytes, *, length: int | None = None):
    """The file with another header."""
    content = file.read_bytes()
    weights = content[8 + struct.unpack("<Q", content[:8])[0] :]
    file.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header + weights)
    return file


def metadata_of(file) -> dict:
    with safe_open(file, framework="pt") as opened:
        return json.loads(opened.metadata()["seqvision"])


def test_the_same_weights_words_and_preprocessing(tiny_run, packed):
    checkpoint, model = load_captioner(tiny_run), load_captioner(packed)
    assert model.vocabulary.state() == checkpoint.vocabulary.state()
    assert model.transform == checkpoint.transform
    for name, value in checkpoint.model.state_dict().items():
        assert torch.equal(model.model.state_dict()[name], value), name


def test_its_header_says_what_inference_needs_and_no_more(tiny_run, packed):
    held = metadata_of(packed)
    assert (held["format"], held["pattern"]) == (2, "captioning")
    assert {"config", "model", "vocabulary", "transform", "scores", "digest"} <= set(held)
    assert not {"run_dir", "trainer", "callbacks"} & set(held["config"])
    assert str(tiny_run) not in json.dumps({**held, "config": {**held["config"], "data": None}})
    assert packed.stat().st_size < 1.2 * (tiny_run / "best.ckpt").stat().st_size


def test_packed_again_it_is_the_same(packed, tmp_path):
    assert pack(packed, tmp_path / "again.safetensors").read_bytes() == packed.read_bytes()


def test_scores_go_along(tiny_run, tmp_path):
    checkpoint = torch.load(tiny_run / "best.ckpt", weights_only=True)
    checkpoint["callbacks"] = {"BestCheckpoint": {"monitor": "val/cider_d", "current_score": torch.tensor(0.5)}}
    torch.save(checkpoint, tmp_path / "best.ckpt")
    digest = checkpoint["seqvision"]["digest"]
    for split, digests in (("test", [digest]), ("combinations", ["another"])):
        scored: dict = {"sizes": {}, "scores": {"cider_d": 0.25}, "intervals": {}, "controls": {}}
        record = {**evaluation_data(pattern="captioning", split=split, **scored), "digests": digests}
        (tmp_path / f"evaluation_{split}.json").write_text(json.dumps(record))
    assert metadata_of(pack(tmp_path))["scores"] == {"val": {"cider_d": 0.5}, "test": {"cider_d": 0.25}}


def test_a_folder_may_hold_nothing_else(packed):
    assert load_captioner(packed.parent).path == packed


def test_every_flipped_bit_is_seen(packed, tmp_path):
    content, draws = packed.read_bytes(), random.Random(0)
    for place in draws.choices(range(len(content)), k=40):
        flipped = content[:place] + bytes([content[place] ^ 1 << draws.randrange(8)]) + content[place + 1 :]
        (tmp_path / "flipped.safetensors").write_bytes(flipped)
        with pytest.raises(UserError, match=r"flipped\.safetensors: "):
            load_captioner(tmp_path / "flipped.safetensors")


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"", None),
        (b"{}", 2**63),
        (b"{}", 10**9),
        (b'{"__metadata__": {"seqvision": "{}"}}', None),
        (b'{"__metadata__": {"seqvision": "[]"}}', None),
        (b'{"__metadata__": {"seqvision": "' + b"[" * 100_000 + b'"}}', None),
        (b'{"__metadata__": {"seqvision": "' + b"9" * 5_000 + b'"}}', None),
        (b'{"__metadata__": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, None),
        (b'{"__metadata__": {"seqvision": "{\\"format\\": 2}"}}', None),
        (b'{"x": {"dtype": "F32", "shape": [1000000000, 1000000000], "data_offsets": [0, 4]}}', None),
        (b'{"x": {"dtype": "F32", "shape": [1], "data_offsets": [-1, 3]}}', None),
    ],
    ids=str,
)
def test_strange_headers_are_refused(packed, tmp_path, header, length):
    file = tmp_path / "strange.safetensors"
    file.write_bytes(packed.read_bytes())
    with pytest.raises(UserError, match=r"strange\.safetensors: "):
        load_captioner(rewritten(file, header, length=length))


def test_another_ending_and_other_weights_are_refused(tiny_run, tmp_path):
    with pytest.raises(UserError, match=r"a packed model ends in \.safetensors"):
        pack(tiny_run, tmp_path / "model.bin")
    checkpoint = torch.load(tiny_run / "best.ckpt", weights_only=True)
    checkpoint["state_dict"]["model.output.bias"][0] = float("inf")
    save_checkpoint(checkpoint, tmp_path / "best.ckpt")
    with pytest.raises(UserError, match="not finite"):
        pack(tmp_path)
    assert pack(tmp_path, allow_nonfinite=True).is_file()


def test_a_full_disk_is_said_in_a_sentence(tiny_run, tmp_path):
    target = tmp_path / "model.safetensors"
    target.symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be written \(No space left"):
        pack(tiny_run, target)
