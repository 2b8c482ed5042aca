"""Labels beside a person's own: scores, a second row, and truth that does not fit."""

import json

import numpy as np
import pytest
from labellers import CLASSES, predicted, rows, write_table

from seqvision.metrics import frame_scores


def test_truth_gives_scores_and_a_second_row(run, sensor, tmp_path):
    tables = [write_table(tmp_path / "in" / f"{name}.csv", seed=seed) for seed, name in enumerate("ab")]
    truths = []
    for table in tables:
        _, labels = predicted(sensor, table)
        truth = np.roll(labels, 3)
        truth[:2] = -1
        truths.append(truth)
        written = ["Walking" if place == 1 else CLASSES[place] if place >= 0 else "" for place in truth]
        (tmp_path / "truth").mkdir(exist_ok=True)
        (tmp_path / "truth" / f"{table.stem}.txt").write_text("\n".join(written) + "\n")
    options = ["--truth", tmp_path / "truth", "--timeline", "--format", "jsonl"]
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", *options, tmp_path / "in")
    *each, whole = [json.loads(line) for line in found.out.splitlines()]
    labels = [predicted(sensor, table)[1] for table in tables]
    for entry, mine, truth in zip(each, labels, truths, strict=True):
        expected = frame_scores([mine], [truth], classes=CLASSES, background=("rest",)).corpus
        assert entry["scores"]["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-3)
    expected = frame_scores(labels, truths, classes=CLASSES, background=("rest",))
    assert whole["scores"]["f1@25"] == pytest.approx(expected.corpus["f1@25"], abs=1e-3)
    assert whole["protocol"] == expected.protocol
    told = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", *options[:2], tmp_path / "in").out
    assert f"accuracy {expected.corpus['accuracy']:.1f}, edit {expected.corpus['edit']:.1f}, F1@10/25/50" in told


@pytest.mark.parametrize("inside", ["groundTruth/a.txt", "labels/a.csv", "segments.csv"])
def test_truth_may_be_the_folder_of_the_whole_data_set(run, sensor, tmp_path, inside):
    table = write_table(tmp_path / "in" / "a.csv")
    _, labels = predicted(sensor, table)
    run("label", "--checkpoint", sensor, "--output", tmp_path / "out", table)
    file = tmp_path / "set" / inside
    file.parent.mkdir(parents=True)
    (tmp_path / "set" / "readme.md").write_text("what this is\n")
    if inside == "segments.csv":
        told = [
            f"a.csv,{row['start']},{row['end']},{row['label']}" for row in rows(tmp_path / "out" / "a.segments.csv")
        ]
        file.write_text("\n".join(["file,start,end,label", *told]) + "\n")
    elif inside.endswith("csv"):
        file.write_text("\n".join(["frame,label", *(f"{n},{CLASSES[place]}" for n, place in enumerate(labels))]) + "\n")
    else:
        file.write_text("\n".join(CLASSES[place] for place in labels) + "\n")
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "two", "--truth", tmp_path / "set", table)
    assert "accuracy 100.0, edit 100.0" in found.out, found.err


def test_truth_as_segments_in_one_table(run, sensor, tmp_path):
    table = write_table(tmp_path / "a.csv")
    _, labels = predicted(sensor, table)
    truth = tmp_path / "segments.csv"
    run("label", "--checkpoint", sensor, "--output", tmp_path / "out", table)
    segments = rows(tmp_path / "out" / "a.segments.csv")
    truth.write_text(
        "file,start,end,label\n" + "".join(f"a.csv,{row['start']},{row['end']},{row['label']}\n" for row in segments)
    )
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "two", "--truth", truth, table)
    assert "accuracy 100.0, edit 100.0" in found.out
    assert len(labels) == 40


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (["rest"] * 39, r"a.csv holds 40 frames, {folder}/a.txt 39 labels"),
        (["rest"] * 39 + ["wlak"], "a.txt row 40: 'wlak' is none of the model's 3 classes"),
    ],
)
def test_truth_that_does_not_fit_is_said_before_anything_is_labelled(run, sensor, tmp_path, written, message):
    table = write_table(tmp_path / "a.csv")
    (tmp_path / "a.txt").write_text("\n".join(written) + "\n")
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", "--truth", tmp_path / "a.txt", table)
    assert (found.status, found.out) == (2, "")
    assert message.format(folder=tmp_path) in found.err
    assert not (tmp_path / "out").exists()
    if len(written) == 39:
        assert "--align truncate" in found.err
        options = ["--truth", tmp_path / "a.txt", "--align", "truncate"]
        assert run("label", "--checkpoint", sensor, "--output", tmp_path / "out", *options, table).status == 0
    else:
        assert "(did you mean 'walk'?)" in found.err


def test_several_labels_a_frame_have_tracks_of_their_own(run, several, tmp_path):
    table = write_table(tmp_path / "a.csv")
    _, labels = predicted(several, table)
    truth = tmp_path / "truth.csv"
    columns = "\n".join(",".join(map(str, row)) for row in labels.tolist())
    truth.write_text(",".join(CLASSES) + f"\n{columns}\n")
    options = ["--truth", truth, "--timeline", "--uncertain", 2, "--formats", "frames,segments,vtt,eaf"]
    found = run("label", "--checkpoint", several, "--output", tmp_path / "out", *options, table)
    assert (found.status, found.err) == (0, "")
    assert "macro F1 100.0, average precision 100.0" in found.out
    frames = rows(tmp_path / "out" / "a.frames.csv")
    assert [[int(row[name]) for name in CLASSES] for row in frames] == labels.tolist()
    assert (labels.sum(1) > 1).any(), "no two labels at once, so that this test says little"
    segments = rows(tmp_path / "out" / "a.segments.csv")
    for place, name in enumerate(CLASSES):
        runs = np.flatnonzero(np.diff(labels[:, place], prepend=0, append=0)).reshape(-1, 2)
        mine = [(float(row["start"]), float(row["end"])) for row in segments if row["label"] == name]
        assert mine == [pytest.approx((a / 10, b / 10)) for a, b in runs.tolist()]
    smooth = run("label", "--checkpoint", several, "--output", tmp_path / "two", "--min-seconds", 0.5, table)
    assert smooth.status == 0
    lengths = [float(row["end"]) - float(row["start"]) for row in rows(tmp_path / "two" / "a.segments.csv")]
    assert min(lengths) >= 0.5 - 1e-6
