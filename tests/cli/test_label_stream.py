"""Labels of frames that come by standard input, each at once, or a reason why there are none."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from labellers import CLASSES, COLUMNS, CONFIG, predicted, write_table
from sequence_models import LINEAR, described, save_run

from seqvision.data import FeatureReader


def streamed(run, monkeypatch, model, text, *options):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return run("label", "--checkpoint", model, *options, "-")


@pytest.mark.slow
def test_frames_from_standard_input_are_labelled_as_they_come(sensor, tmp_path):
    table = write_table(tmp_path / "a.csv")
    probabilities, labels = predicted(sensor, table)
    command = [sys.executable, "-m", "seqvision", "label", "--checkpoint", str(sensor), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        lines = table.read_text().splitlines()
        process.stdin.write(lines[0] + "\n")
        for line, place, shares in zip(lines[1:], labels, probabilities, strict=True):
            process.stdin.write(line + "\n")
            process.stdin.flush()
            name, probability = process.stdout.readline().split("\t")
            assert name == CLASSES[place]
            assert float(probability) == pytest.approx(shares.max(), abs=1e-4)
        process.stdin.close()
        assert process.wait(30) == 0


def test_several_labellers_answer_as_frames_come(run, sensor, other_sensor, monkeypatch, tmp_path):
    text = "x,y\n1,2\n0.5,-1\n-2,0.3\n"
    each = {
        model: [
            line.split("\t") for line in streamed(run, monkeypatch, model, text, "--probabilities").out.splitlines()
        ]
        for model in (sensor, other_sensor)
    }
    together = streamed(run, monkeypatch, sensor, text, "--checkpoint", other_sensor, "--probabilities").out
    for line, mine, theirs in zip(together.splitlines(), *each.values(), strict=True):
        mean = (np.array(mine[2:], float) + np.array(theirs[2:][::-1], float)) / 2
        label, _, *shares = line.split("\t")
        assert label == CLASSES[mean.argmax()]
        assert [float(share) for share in shares] == pytest.approx(mean.tolist(), abs=2e-4)
    reader = FeatureReader(features=3, columns=("x", "y", "z"))
    strange = save_run(tmp_path / "strange", "labelling", described(LINEAR), reader, CLASSES, config=CONFIG)
    wrong = streamed(run, monkeypatch, sensor, text, "--checkpoint", strange)
    assert wrong.status == 2
    assert "only labellers that read the same" in wrong.err


def test_rows_without_names_are_in_the_order_of_training(run, sensor, monkeypatch):
    named = streamed(run, monkeypatch, sensor, "y;x\n1;2\n3;4\n")
    bare = streamed(run, monkeypatch, sensor, "2 1\n4 3\n\n")
    assert named.out == bare.out
    assert named.out.count("\n") == 2
    entry = streamed(run, monkeypatch, sensor, "2,1\n", "--format", "jsonl", "--probabilities", "--frame-rate", 25)
    found = json.loads(entry.out)
    assert list(found) == ["frame", "seconds", "label", "probability", "probabilities"]
    assert found["probability"] == max(found["probabilities"].values())


def test_several_labels_a_frame_as_they_come(run, several, monkeypatch):
    entries = streamed(run, monkeypatch, several, "2,1\n-3,1\n9,9\n", "--format", "jsonl").out.splitlines()
    for line in entries:
        entry = json.loads(line)
        limits = dict(zip(CLASSES, (0.4, 0.5, 0.5), strict=True))
        assert entry["labels"] == [name for name in CLASSES if entry["probabilities"][name] >= limits[name]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n1,2,3\n", "standard input line 2: 3 numbers, expected the 2 features of a frame as in training"),
        ("1,2\n1,zwei\n", "standard input line 2: 'zwei' is no number; expected 2 of them"),
        ("a,y\n1,2\n", "standard input line 1: no column 'x' (found: a, y); the model was trained on x, y"),
        ("x,y\n1\n", "standard input line 2: 1 fields, expected as many as in the first line"),
        ("1,2\n1,nan\n", "standard input line 2: feature 1 (from 0) is nan; write a number"),
    ],
)
def test_a_line_that_is_no_frame_is_named(run, sensor, monkeypatch, text, message):
    found = streamed(run, monkeypatch, sensor, text)
    assert found.status == 2
    assert message in found.err


def test_gaps_in_a_stream_are_filled_as_in_training(run, tmp_path, monkeypatch):
    outputs = {}
    for how in ("zero", "interpolate"):
        reader = FeatureReader(features=2, columns=COLUMNS, on_nan=how)
        model = save_run(tmp_path / how, "labelling", described(LINEAR), reader, CLASSES)
        outputs[how] = streamed(run, monkeypatch, model, "1,2\nnan,3\n").out
        filled = {"zero": "1,2\n0,3\n", "interpolate": "1,2\n1,3\n"}[how]
        assert streamed(run, monkeypatch, model, filled).out == outputs[how]
    assert outputs["zero"] != outputs["interpolate"]


def test_a_network_that_looks_back_cannot_label_a_stream(run, tmp_path, monkeypatch):
    reader = FeatureReader(features=2, columns=COLUMNS)
    model = save_run(tmp_path, "labelling", described(LINEAR, bidirectional=True), reader, CLASSES)
    found = streamed(run, monkeypatch, model, "1,2\n")
    assert found.status == 2
    assert "needs the whole recording before it can say anything" in found.err
    assert "rnn.bidirectional=false" in found.err


def test_features_relative_to_the_whole_recording_cannot_come_from_a_stream(run, tmp_path, monkeypatch):
    reader = FeatureReader(features=2, columns=COLUMNS, relative=True)
    model = save_run(tmp_path, "labelling", described(LINEAR), reader, CLASSES)
    found = streamed(run, monkeypatch, model, "1,2\n")
    assert found.status == 2
    assert "train with data.reader.relative=false" in found.err
