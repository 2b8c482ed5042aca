"""`seqvision pack`: every command takes what it writes, and answers as with the checkpoint."""

import re
import shutil

import pytest


def test_a_packed_captioner_captions_as_its_checkpoint_does(run, tiny_run, tiny_pictures, tmp_path):
    packed = tmp_path / "model.safetensors"
    found = run("pack", tiny_run, "--output", packed)
    assert found.status == 0, found.err
    assert re.fullmatch(rf"{re.escape(str(packed))} \(0\.\d MB\)\n", found.out)
    pictures = tiny_pictures[:2]
    assert run("caption", "--checkpoint", packed, *pictures) == run("caption", "--checkpoint", tiny_run, *pictures)
    scored = ["--split", "val", "--bootstrap", 0, "--no-controls", "--format", "csv"]
    evaluated = run("evaluate", "--checkpoint", packed, *scored)
    assert evaluated.status == 0, evaluated.err
    shutil.copy(tiny_run / "best.ckpt", tmp_path / "copy.ckpt")
    assert evaluated.out == run("evaluate", "--checkpoint", tmp_path / "copy.ckpt", *scored).out
    (tmp_path / "evaluation_val.json").unlink()  # of the checkpoint alone
    run("evaluate", "--checkpoint", packed, *scored)
    assert not (tmp_path / "evaluation_val.json").exists(), "a packed model has no run's folder"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such checkpoint"),
        (["--output", "model.pt"], "a packed model ends in .safetensors"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, tiny_run, arguments, message):
    found = run("pack", *([] if arguments[0] == "nowhere" else [tiny_run]), *arguments)
    assert found.status == 2
    assert message in found.err


def test_nothing_goes_on_from_a_packed_model(run, tiny_run, tmp_path):
    run("pack", tiny_run, "--output", tmp_path / "model.safetensors")
    found = run("train", f"resume={tmp_path / 'model.safetensors'}")
    assert found.status == 2
    assert "a packed model, without what training goes on from; see start_from=" in found.err
