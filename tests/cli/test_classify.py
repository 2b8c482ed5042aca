"""The command says what the library says, of whatever the model reads, and goes on past what it cannot read."""

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from films import write_film
from PIL import Image
from sequence_models import EMBEDDING, LINEAR, PICTURES, described, save_run

from seqvision.data import FeatureReader, PictureReader, TextReader, VideoReader, WordVocabulary
from seqvision.inference import LoadedClassifier, classify, load_model

CLASSES = ("bad", "good", "so, so")
SENTENCES = ["a good film", "a bad film", "films of films"]
READER = TextReader(WordVocabulary.build(SENTENCES))


@pytest.fixture(scope="module")
def sentiment(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run"), "classification", described(EMBEDDING), READER, CLASSES)


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return save_run(folder, "classification", described(EMBEDDING), READER, CLASSES[::-1], seed=5)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    reader = FeatureReader(features=2, layout="time_first")
    return save_run(tmp_path_factory.mktemp("run"), "classification", described(LINEAR), reader, CLASSES)


def expected(run_folder, sources):
    found = classify(load_model(run_folder, LoadedClassifier), sources)
    return [dict(zip(CLASSES, probabilities.tolist(), strict=True)) for _, probabilities in found]


def write_recordings(folder, number=3):
    folder.mkdir(exist_ok=True)
    for seed in range(number):
        np.save(folder / f"{seed}.npy", np.random.default_rng(seed).normal(size=(5 + seed, 2)).astype(np.float32))
    return sorted(folder.iterdir())


def test_text_is_sentence_class_and_probability(run, sentiment):
    lines = [
        f"{sentence}\t{max(shares, key=shares.get)}\t{max(shares.values()):.4f}\n"
        for sentence, shares in zip(SENTENCES, expected(sentiment, SENTENCES), strict=True)
    ]
    assert run("classify", "--checkpoint", sentiment, *SENTENCES) == (0, "".join(lines), "")
    top = run("classify", "--checkpoint", sentiment, "--top", 2, SENTENCES[0]).out.rstrip("\n").split("\t")
    assert len(top) == 5
    assert float(top[2]) >= float(top[4])


def test_a_file_of_sentences_is_read_line_by_line(run, sentiment, tmp_path):
    file = tmp_path / "lines.txt"
    file.write_bytes("a good film\r\na bad film\r\nfilms of films\n".encode("utf-8-sig"))
    assert (
        run("classify", "--checkpoint", sentiment, file).out
        == run("classify", "--checkpoint", sentiment, *SENTENCES).out
    )
    (named,) = run("classify", "--checkpoint", sentiment, "--text", file).out.splitlines()
    assert named.startswith(f"{file}\t"), "with --text the name is a sentence"
    wrong = run("classify", "--checkpoint", sentiment, tmp_path / "absent.txt")
    assert (wrong.status, wrong.out) == (2, "")
    assert "absent.txt: no such file; if it is a sentence, say so with --text" in wrong.err


def test_json_lines_hold_every_class(run, sentiment):
    found = run("classify", "--checkpoint", sentiment, "--format", "jsonl", *SENTENCES)
    for line, sentence, shares in zip(found.out.splitlines(), SENTENCES, expected(sentiment, SENTENCES), strict=True):
        entry = json.loads(line)
        assert entry["id"] == sentence
        assert entry["probabilities"] == pytest.approx(shares, abs=1e-5)
        assert list(entry["probabilities"].values()) == sorted(entry["probabilities"].values(), reverse=True)
        assert entry["class"] == next(iter(entry["probabilities"]))
    few = run("classify", "--checkpoint", sentiment, "--format", "jsonl", "--top", 1, SENTENCES[0])
    assert len(json.loads(few.out)["probabilities"]) == 1


def test_csv_has_a_row_an_input_and_a_column_a_class(run, sentiment, tmp_path):
    output = tmp_path / "classes.csv"
    assert run("classify", "--checkpoint", sentiment, "--format", "csv", "--output", output, *SENTENCES) == (0, "", "")
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    for row, sentence, shares in zip(rows, SENTENCES, expected(sentiment, SENTENCES), strict=True):
        assert (row["id"], row["class"]) == (sentence, max(shares, key=shares.get))
        for name in CLASSES:
            assert float(row[f"p({name})"]) == pytest.approx(shares[name], abs=1e-5)
    ranked = run("classify", "--checkpoint", sentiment, "--format", "csv", "--top", 2, SENTENCES[0]).out.splitlines()
    assert ranked[0] == "id,class_1,probability_1,class_2,probability_2"


def test_several_checkpoints_are_their_mean_by_name(run, sentiment, second):
    found = run("classify", "--checkpoint", sentiment, "--checkpoint", second, "--format", "jsonl", SENTENCES[0])
    one, other = (
        json.loads(run("classify", "--checkpoint", folder, "--format", "jsonl", SENTENCES[0]).out)["probabilities"]
        for folder in (sentiment, second)
    )
    mean = {name: (one[name] + other[name]) / 2 for name in CLASSES}
    assert json.loads(found.out)["probabilities"] == pytest.approx(mean, abs=1e-5)


def test_checkpoints_that_do_not_go_together_are_refused(run, sentiment, recordings, tmp_path):
    other = save_run(tmp_path, "classification", described(EMBEDDING), READER, ("bad", "good", "fair"))
    found = run("classify", "--checkpoint", sentiment, "--checkpoint", other, "a film")
    assert (found.status, found.out) == (2, "")
    assert "has other classes than" in found.err
    assert "(fair, so, so)" in found.err
    found = run("classify", "--checkpoint", sentiment, "--checkpoint", recordings, "a film")
    assert "some read sentences and some do not" in found.err


@pytest.mark.slow
def test_standard_input_is_answered_line_by_line(sentiment):
    command = [sys.executable, "-m", "seqvision", "classify", "--checkpoint", str(sentiment), "-"]
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for sentence in SENTENCES[:2]:
            process.stdin.write(sentence + "\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(sentence + "\t"), "answered before the next is written"
        process.stdin.close()
        assert process.wait(30) == 0


def test_folders_files_and_names_on_standard_input(run, recordings, tmp_path, monkeypatch):
    files = write_recordings(tmp_path / "in")
    (tmp_path / "in" / "notes.txt").touch()
    whole = run("classify", "--checkpoint", recordings, tmp_path / "in")
    assert [line.split("\t")[0] for line in whole.out.splitlines()] == [str(file) for file in files]
    assert run("classify", "--checkpoint", recordings, *files, "--batch-size", 1) == whole
    names = io.TextIOWrapper(io.BytesIO("".join(f"{file}\n" for file in files).encode()))
    monkeypatch.setattr(sys, "stdin", names)
    assert run("classify", "--checkpoint", recordings, "-") == whole
    again = io.TextIOWrapper(io.BytesIO(f"{files[1]}\n{files[0]}\n{files[1]}\n".encode()))
    monkeypatch.setattr(sys, "stdin", again)
    found = run("classify", "--checkpoint", recordings, "-").out.splitlines()
    assert found == [whole.out.splitlines()[place] for place in (1, 0, 1)], "each name has an answer"


def test_unreadable_recordings_are_named_skipped_and_counted(run, recordings, tmp_path):
    files = write_recordings(tmp_path / "in")
    (tmp_path / "in" / "empty.npy").touch()
    found = run("classify", "--checkpoint", recordings, tmp_path / "in", tmp_path / "absent.npy")
    assert found.status == 1
    assert [line.split("\t")[0] for line in found.out.splitlines()] == [str(file) for file in files]
    assert f"skipped {tmp_path}/in/empty.npy: the file is empty" in found.err
    assert f"skipped {tmp_path}/absent.npy: there is no such file" in found.err
    assert "2 of 5 inputs skipped, see above" in found.err
    nothing = run("classify", "--checkpoint", recordings, tmp_path)
    assert (nothing.status, nothing.out.count("\n")) == (1, 3)
    (tmp_path / "bare").mkdir()
    bare = run("classify", "--checkpoint", recordings, tmp_path / "bare")
    assert bare.status == 2
    assert "no file of features in this folder or below it (looked for .npy .csv .tsv)" in bare.err


def test_clips(run, tmp_path):
    reader = VideoReader(width=24, height=24)
    model = save_run(tmp_path / "run", "classification", described(PICTURES), reader, CLASSES)
    write_film(tmp_path / "films" / "a.mp4", 6)
    write_film(tmp_path / "films" / "sub" / "b.mp4", 9)
    found = run("classify", "--checkpoint", model, tmp_path / "films")
    assert found.status == 0
    assert [line.split("\t")[0].rpartition("/")[2] for line in found.out.splitlines()] == ["a.mp4", "b.mp4"]


def test_pictures(run, tmp_path):
    reader = PictureReader(shape=(6, 5, 3))
    model = save_run(tmp_path / "run", "classification", described(LINEAR), reader, CLASSES)
    Image.new("RGB", (5, 6), "red").save(tmp_path / "red.png")
    found = run("classify", "--checkpoint", model, tmp_path / "red.png")
    assert found.out.startswith(f"{tmp_path}/red.png\t")


def test_a_model_for_something_else_says_which_command(run, tiny_run):
    found = run("classify", "--checkpoint", tiny_run, "a film")
    assert found.status == 2
    assert "a model for captioning, expected one for classification; use `seqvision caption`" in found.err


def test_a_number_of_classes_below_one_is_refused(run, sentiment):
    found = run("classify", "--checkpoint", sentiment, "--top", 0, "a film")
    assert "--top 0: expected the number of classes to show, 1 or more" in found.err
