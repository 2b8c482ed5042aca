"""`seqvision translate` as a person uses it: sentences, files, standard input as it comes."""

import gzip
import json
import subprocess
import sys

import pytest
from translators import make_translator


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("run"))


def test_sentences_files_and_what_is_packed_give_the_same(run, checkpoint, tmp_path):
    lines = ["1 2 3", "", "7", "4 5"]
    plain, packed, output = tmp_path / "numbers", tmp_path / "numbers.gz", tmp_path / "out.txt"
    plain.write_text("\n".join(lines) + "\n")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    said = run("translate", "--checkpoint", checkpoint, "--text", *lines)
    assert said.status == 0
    assert said.err == ""
    assert said.out.count("\n") == 4
    assert said.out.splitlines()[1] == ""
    assert run("translate", "--checkpoint", checkpoint, plain).out == said.out
    assert run("translate", "--checkpoint", checkpoint, "--batch-size", 1, packed).out == said.out
    assert run("translate", "--checkpoint", checkpoint, "--output", output, plain).out == ""
    assert output.read_text() == said.out


def test_json_lines_carry_scores_and_unknown_words(run, checkpoint):
    found = run("translate", "--checkpoint", checkpoint, "--format", "jsonl", "--n-best", 3, "1 2", "3 Äpfel")
    first, second = (json.loads(line) for line in found.out.splitlines())
    assert first["row"] == 1
    assert first["source"] == "1 2"
    assert first["translation"] == first["translations"][0]["text"]
    scores = [entry["score"] for entry in first["translations"] if entry["finished"]]
    assert len(first["translations"]) == 3
    assert scores == sorted(scores, reverse=True)
    assert (first["unknown"], second["unknown"]) == ([], ["äpfel"])
    assert "1 word that the model does not know: äpfel" in found.err


def test_several_translations_come_with_their_row(run, checkpoint):
    found = run("translate", "--checkpoint", checkpoint, "--beam-size", 4, "--n-best", 2, "1 2", "9")
    assert [line.split("\t")[0] for line in found.out.splitlines()] == ["1", "1", "2", "2"]


def test_a_picture_of_the_attention_a_sentence(run, checkpoint, tmp_path):
    figure = tmp_path / "look.png"
    assert run("translate", "--checkpoint", checkpoint, "--attention-figure", figure, "1 2 3", "7").status == 0
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "look-2.png").is_file()
    found = run("translate", "--checkpoint", checkpoint, "--attention-figure", tmp_path / "look.xyz", "1")
    assert (found.status, "look.xyz: cannot be written (Format 'xyz' is not" in found.err) == (2, True)
    blind = make_translator(tmp_path / "blind", "attention=none")
    found = run("translate", "--checkpoint", blind, "--attention-figure", figure, "1 2")
    assert (found.status, "has no attention" in found.err) == (2, True)


def test_what_cannot_be_translated_is_said(run, checkpoint, tmp_path, tiny_run):
    found = run("translate", "--checkpoint", checkpoint, "absent.txt")
    assert (found.status, "absent.txt: no such file; if it is a sentence" in found.err) == (2, True)
    (tmp_path / "old.txt").write_bytes("Äpfel\n".encode("latin-1"))
    found = run("translate", "--checkpoint", checkpoint, tmp_path / "old.txt")
    assert (found.status, "old.txt row 1: byte 0xc4" in found.err) == (2, True)
    assert "set --encoding latin-1" in found.err
    assert run("translate", "--checkpoint", checkpoint, "--encoding", "latin-1", tmp_path / "old.txt").status == 0
    found = run("translate", "--checkpoint", tiny_run, "1 2")
    assert (found.status, "a model for captioning, expected one for translation" in found.err) == (2, True)


def test_an_ensemble_writes_together(run, checkpoint, tmp_path):
    other = make_translator(tmp_path / "other", seed=1)
    both = run("translate", "--checkpoint", checkpoint, "--checkpoint", other, "1 2 3")
    assert both.status == 0
    assert both.out not in ("", run("translate", "--checkpoint", checkpoint, "1 2 3").out)


@pytest.mark.slow
def test_standard_input_is_answered_line_by_line(checkpoint):
    """A program that talks to the command gets each answer before it says the next sentence."""
    command = [sys.executable, "-m", "seqvision", "translate", "--checkpoint", str(checkpoint)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        answers = []
        for line in ("1 2 3", "7", ""):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answers.append(process.stdout.readline())
        process.stdin.close()
        assert process.wait(timeout=60) == 0
    assert all(answer.endswith("\n") for answer in answers)
    assert answers[2] == "\n"
    assert answers[0] != answers[1]
