"""The command says what the library says, in four formats, and goes on past what it cannot read."""

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seqvision.inference import caption_pictures, load_captioner, make_decoder


@pytest.fixture(scope="module")
def expected(tiny_run, tiny_pictures):
    captioner = load_captioner(tiny_run)
    decoder = make_decoder(n_best=3, max_length=12)
    return {p.path: p for p in caption_pictures(captioner, tiny_pictures, decoder)}


def test_text_is_a_line_a_picture_equal_to_the_librarys(run, tiny_run, tiny_pictures):
    captioner = load_captioner(tiny_run)
    decoder = make_decoder(max_length=12)  # the length that the run was trained with
    lines = [f"{p.path}\t{p.text}\n" for p in caption_pictures(captioner, tiny_pictures, decoder)]
    found = run("caption", "--checkpoint", tiny_run, *tiny_pictures)
    assert found == (0, "".join(lines), "")
    again = run("caption", "--checkpoint", tiny_run / "best.ckpt", "--batch-size", 1, tiny_run / "scenes" / "test")
    assert again.out == found.out


def test_json_lines_hold_every_caption_with_its_scores(run, tiny_run, tiny_pictures, expected):
    found = run("caption", "--checkpoint", tiny_run, "--n-best", 3, "--format", "jsonl", *tiny_pictures)
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [row["id"] for row in rows] == [str(path) for path in tiny_pictures]
    for row, picture in zip(rows, expected.values(), strict=True):
        assert row["caption"] == row["captions"][0]["text"] == picture.text
        assert [entry["text"] for entry in row["captions"]] == [caption.text for caption in picture.captions]
        assert row["captions"][1]["log_probability"] == pytest.approx(picture.captions[1].log_probability)


def test_csv_has_a_row_a_caption(run, tiny_run, tiny_pictures, expected, tmp_path):
    output = tmp_path / "captions.csv"
    arguments = ["--n-best", 3, "--format", "csv", "--output", output, *tiny_pictures]
    assert run("caption", "--checkpoint", tiny_run, *arguments) == (0, "", "")
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert len(rows) == 3 * len(tiny_pictures)
    assert [row["caption"] for row in rows[:3]] == [c.text for c in expected[tiny_pictures[0]].captions]
    assert [row["rank"] for row in rows[:4]] == ["1", "2", "3", "1"]


def test_the_gallery_holds_its_pictures_and_fetches_nothing(run, tiny_run, tiny_pictures, expected, tmp_path):
    output = tmp_path / "gallery.html"
    run("caption", "--checkpoint", tiny_run, "--n-best", 3, "--format", "html", "--output", output, *tiny_pictures)
    page = output.read_text()
    assert page.count('<article class="card"') == len(tiny_pictures)
    assert page.count("--picture:url(data:image/png;base64,") == len(tiny_pictures)
    words = sum(len(picture.captions[0].pieces) for picture in expected.values())
    assert page.count("<figure style=") == words, "a heat map a word"
    assert not re.findall(r"""(?:src|href)=|url\((?!data:)|https?://|@import""", page)
    for picture in expected.values():
        for caption in picture.captions:
            assert caption.text in page


def test_an_ensemble_is_neither_of_its_members(run, tiny_run, second_run, tiny_pictures):
    def captions(*checkpoints):
        options = [part for path in checkpoints for part in ("--checkpoint", path)]
        return run("caption", *options, *tiny_pictures).out

    first, both = captions(tiny_run), captions(tiny_run, second_run)
    assert first != both != captions(second_run)
    assert captions(tiny_run, tiny_run) == first


def test_unreadable_pictures_are_reported_and_the_rest_is_done(run, tiny_run, tiny_pictures, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = run(
        "caption", "--checkpoint", tiny_run, tiny_pictures[0], tmp_path / "broken.png", "gone.png", tiny_pictures[1]
    )
    assert found.status == 1
    assert len(found.out.splitlines()) == 2
    assert "broken.png: not a picture that can be read" in found.err
    assert "gone.png: no such picture" in found.err
    assert "2 of 4 pictures skipped" in found.err


def test_names_come_from_standard_input(run, tiny_run, tiny_pictures, monkeypatch):
    names = "\r\n".join(str(path) for path in tiny_pictures[:3]) + "\n\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(names.encode())))
    assert len(run("caption", "--checkpoint", tiny_run, "-").out.splitlines()) == 3
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    empty = run("caption", "--checkpoint", tiny_run, "-")
    assert empty.status == 2
    assert "standard input named none" in empty.err


def test_names_that_are_not_unicode_come_out_as_they_are(run, tiny_run, tiny_pictures, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9\ttab.png"
    try:
        with open(name, "wb") as file:
            file.write(tiny_pictures[0].read_bytes())
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    for form in ("text", "jsonl", "csv", "html"):
        output = tmp_path / f"out.{form}"
        assert run("caption", "--checkpoint", tiny_run, "--format", form, "--output", output, tmp_path).status == 0
    assert b"/caf\xe9\\ttab.png\t" in (tmp_path / "out.text").read_bytes()
    assert json.loads((tmp_path / "out.jsonl").read_text())["id"] == os.fsdecode(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["empty"], "empty: no picture in this folder or below it"),
        (["--decoding", "beam", "--temperature", "2", "."], "--temperature does nothing with --decoding beam"),
        (["--forbid", "unicorn", "."], "--forbid: the model does not know 'unicorn'"),
        (["--require", "a red cat", "."], "--require: the model does not know 'a red cat'"),
        (["--device", "cuda:99", "."], "--device cuda:99: not on this machine"),
        (["--output", "one.png/out.txt", "."], r"one\.png/out\.txt: cannot be written \(a part of its path is a file"),
        (["--batch-size", "0", "."], "0 is not 1 or more"),
        (["--formt", "csv", "."], "unrecognized arguments"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, tiny_run, tiny_pictures, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("one.png").write_bytes(tiny_pictures[0].read_bytes())
    found = run("caption", "--checkpoint", tiny_run, *arguments)
    assert found.status == 2
    assert re.search(message, found.err), found.err
    assert "Traceback" not in found.err


def test_a_missing_checkpoint_is_said(run, tmp_path):
    found = run("caption", "--checkpoint", tmp_path / "best.ckpt", tmp_path)
    assert (found.status, found.out) == (2, "")


def test_a_full_disk_leaves_what_was_there(run, tiny_run, tiny_pictures, tmp_path, monkeypatch):
    output = tmp_path / "out.txt"
    output.write_text("before")

    def no_room(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    found = run("caption", "--checkpoint", tiny_run, "--output", output, tiny_pictures[0])
    assert found.status == 2
    assert "out.txt: cannot be written (No space left on device)" in found.err
    assert output.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"], "no draft is left"


def test_a_network_of_ones_own_waits_for_no_library_of_networks(tiny_run, tiny_pictures):
    command = ["caption", "--checkpoint", str(tiny_run), str(tiny_pictures[0])]
    others = ("timm", "torchvision", "torch._dynamo", "scipy", "wandb", "pytorch_lightning", "hydra")
    script = (
        f"import sys\nfrom seqvision.cli import main\nassert not main({command!r})\n"
        f"print([name for name in {others!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(tiny_run, tiny_pictures):
    many = [str(path) for path in tiny_pictures]
    command = [sys.executable, "-m", "seqvision", "caption", "--checkpoint", str(tiny_run), "--batch-size", "1", *many]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=120)
    assert err == b""
    assert process.returncode == 0
