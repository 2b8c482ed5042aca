"""Labels for a person's own recordings: the files, what is told, and what is refused before hours are spent."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from films import frame, write_film
from sequence_models import LINEAR, PICTURES, described, save_run

from seqvision.data import FeatureReader, VideoReader
from seqvision.data.annotations import read_annotations
from seqvision.inference import LoadedLabeller, label, load_model
from seqvision.metrics import frame_scores

CLASSES = ("rest", "walk", "groom")
CONFIG = {
    "task": {"protocol": "mstcn", "background": ["rest"]},
    "data": {"merge": {"Walking": "walk"}, "align": "error"},
}
COLUMNS = ("x", "y")


@pytest.fixture(scope="module")
def sensor(tmp_path_factory):
    """A forward-only labeller of tables with the columns x and y, without a clock."""
    reader = FeatureReader(features=2, columns=COLUMNS)
    return save_run(tmp_path_factory.mktemp("run"), "labelling", described(LINEAR), reader, CLASSES, config=CONFIG)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A labeller of small videos that looks in both directions."""
    model = described(PICTURES, bidirectional=True)
    reader = VideoReader(width=24, height=24)
    return save_run(tmp_path_factory.mktemp("run"), "labelling", model, reader, CLASSES, config=CONFIG)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A labeller that gives several labels a frame."""
    reader = FeatureReader(features=2, columns=COLUMNS)
    folder = tmp_path_factory.mktemp("run")
    held = {"multilabel": True, "thresholds": [0.4, 0.5, 0.5]}
    return save_run(folder, "labelling", described(LINEAR), reader, CLASSES, config=CONFIG, **held)


def write_table(file, length=40, seed=0):
    values = np.cumsum(np.random.default_rng(seed).normal(size=(length, 2)), axis=0)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("time_s,y,x\n" + "".join(f"{n / 10:.1f},{y:.5f},{x:.5f}\n" for n, (y, x) in enumerate(values)))
    return file


def write_clip(file, length=20):
    return write_film(file, [frame(n, 32, 24) if n % 7 < 4 else 255 - frame(n, 32, 24) for n in range(length)], rate=10)


def rows(file):
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def predicted(model, source):
    loaded = load_model(model, LoadedLabeller)
    probabilities = label(loaded, source)
    return probabilities, loaded.decide(probabilities)


def test_a_recording_becomes_frames_segments_and_subtitles(run, sensor, tmp_path):
    table = write_table(tmp_path / "in" / "mouse 1.csv")
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", table)
    assert (found.status, found.err) == (0, "")
    probabilities, labels = predicted(sensor, table)
    assert len(set(labels.tolist())) > 1, "one label only, so that this test says little"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "label.json",
        "mouse 1.frames.csv",
        "mouse 1.segments.csv",
        "mouse 1.vtt",
    ]
    frames = rows(tmp_path / "out" / "mouse 1.frames.csv")
    assert [row["label"] for row in frames] == [CLASSES[place] for place in labels]
    assert [float(row["probability"]) for row in frames] == pytest.approx(probabilities.max(1).tolist(), abs=1e-4)
    assert frames[7]["seconds"] == "0.700", "the table's own clock"
    segments = rows(tmp_path / "out" / "mouse 1.segments.csv")
    borders = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    assert [float(row["start"]) for row in segments] == pytest.approx([b / 10 for b in borders[:-1]])
    mean = probabilities[borders[0] : borders[1]].mean(0).max()
    assert float(segments[0]["probability"]) == pytest.approx(mean, abs=1e-4)
    (line, note) = found.out.splitlines()
    assert line.startswith(f"{table}: 4.0 s, {len(segments)} segments: ")
    assert sum(int(part.split()[1]) for part in line.split("segments: ")[1].split(", ")) == len(segments)
    assert note == "segments are as they were predicted; --min-seconds X would drop shorter ones"


@pytest.fixture(scope="module")
def other_sensor(tmp_path_factory):
    """Another labeller of the same tables, which names the classes in another order."""
    reader = FeatureReader(features=2, columns=COLUMNS)
    folder = tmp_path_factory.mktemp("run")
    return save_run(folder, "labelling", described(LINEAR), reader, CLASSES[::-1], config=CONFIG, seed=9)


def test_several_labellers_label_together(run, sensor, other_sensor, tmp_path):
    source = write_table(tmp_path / "ann.csv")
    both = ("--checkpoint", sensor, "--checkpoint", other_sensor)
    found = run("label", *both, "--output", tmp_path / "out", "--probabilities", source)
    assert found.status == 0, found.err
    first, second = predicted(sensor, source)[0], predicted(other_sensor, source)[0][:, ::-1]
    mean = (first + second) / 2
    assert not np.array_equal(mean.argmax(axis=1), first.argmax(axis=1))
    written = rows(tmp_path / "out" / "ann.frames.csv")
    assert [row["label"] for row in written] == [CLASSES[place] for place in mean.argmax(axis=1)]
    assert [float(row["probability"]) for row in written] == pytest.approx(mean.max(axis=1).tolist(), abs=1e-3)


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


def test_every_kind_of_file_and_a_second_run(run, sensor, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "in" / "labels"
    for name in ("a.csv", "sub/b.csv"):
        write_table(folder / name, seed=len(name))
    options = ["--formats", "frames,segments,vtt,eaf,boris", "--timeline", "--probabilities"]
    found = run("label", "--checkpoint", sensor, "--output", out, *options, folder)
    assert found.status == 0
    endings = ["boris", "eaf", "frames.csv", "png", "segments.csv", "vtt"]
    made = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert made == sorted(["label.json", *(f"{name}.{end}" for name in ("a", "sub/b") for end in endings)])
    assert len(rows(out / "a.frames.csv")[0]) == 4 + len(CLASSES)
    for kind in ("segments.csv", "eaf", "boris"):
        (segments,) = read_annotations(out / f"a.{kind}").segments.values()
        expected = [row["label"] for row in rows(out / "a.segments.csv")]
        assert [segment.label for segment in segments] == expected
    again = run("label", "--checkpoint", sensor, "--output", out, *options, folder)
    assert again == found, "its own files are no inputs, and are overwritten quietly"


def test_a_persons_files_are_not_overwritten(run, sensor, tmp_path):
    table, out = write_table(tmp_path / "a.csv"), tmp_path / "out"
    run("label", "--checkpoint", sensor, "--output", out, table)
    (out / "a.segments.csv").write_text("start,end,label\n0,1,corrected\n")
    found = run("label", "--checkpoint", sensor, "--output", out, table)
    assert (found.status, found.out) == (2, "")
    assert "a.segments.csv: is there already and has been changed since; name another folder with --output" in found.err
    assert "corrected" in (out / "a.segments.csv").read_text()
    assert run("label", "--checkpoint", sensor, "--output", out, "--overwrite", table).status == 0
    assert "corrected" not in (out / "a.segments.csv").read_text()


def test_an_input_is_never_overwritten(run, sensor, tmp_path):
    table = write_table(tmp_path / "a.frames.csv")
    before = table.read_text()
    write_table(tmp_path / "a.csv")
    found = run("label", "--checkpoint", sensor, "--output", tmp_path, "--overwrite", tmp_path / "a.csv", table)
    assert found.status == 2
    assert "a.frames.csv: would overwrite an input; name another folder with --output" in found.err
    assert table.read_text() == before


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


def test_short_segments_are_dropped_on_demand_and_counted(run, sensor, tmp_path):
    table = write_table(tmp_path / "a.csv", length=80)
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", "--min-seconds", 1, table)
    lengths = [float(row["end"]) - float(row["start"]) for row in rows(tmp_path / "out" / "a.segments.csv")]
    assert len(lengths) == 1 or min(lengths) >= 1 - 1e-6
    before = len(np.flatnonzero(np.diff(predicted(sensor, table)[1]))) + 1
    dropped = int(found.out.splitlines()[-1].split()[0])
    assert found.out.splitlines()[-1] == f"{dropped} segments shorter than 1 s were given to their neighbours"
    assert 0 < dropped < before


def test_the_least_certain_stretches_over_all_recordings(run, sensor, tmp_path):
    for seed, name in enumerate("ab"):
        write_table(tmp_path / "in" / f"{name}.csv", length=60, seed=seed)
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "out", "--uncertain", 4, tmp_path / "in")
    listed = rows(tmp_path / "out" / "uncertain.csv")
    assert list(listed[0]) == ["file", "start", "end", "label", "second", "margin"]
    assert len(listed) == 4
    assert all(float(row["end"]) - float(row["start"]) == pytest.approx(2) for row in listed)
    margins = [float(row["margin"]) for row in listed]
    assert margins == sorted(margins)
    assert all(row["label"] != row["second"] for row in listed)
    heading, *lines = found.out.splitlines()[-5:]
    assert heading == f"least certain, worth labelling next ({tmp_path}/out/uncertain.csv):"
    assert lines[0].strip().startswith(listed[0]["file"])


def test_without_a_clock_times_are_frames(run, tmp_path):
    reader = FeatureReader(features=2, layout="time_first")
    model = save_run(tmp_path / "run", "labelling", described(LINEAR), reader, CLASSES)
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32))
    found = run("label", "--checkpoint", model, "--output", tmp_path / "out", "--uncertain", 1, tmp_path / "a.npy")
    assert found.status == 0
    assert "a.npy: no clock, so that times are counted in frames and there is no .vtt; for seconds say" in found.err
    assert list(rows(tmp_path / "out" / "a.segments.csv")[0])[:2] == ["start_frame", "end_frame"]
    assert "seconds" not in rows(tmp_path / "out" / "a.frames.csv")[0]
    assert not (tmp_path / "out" / "a.vtt").exists()
    assert list(rows(tmp_path / "out" / "uncertain.csv")[0])[1:3] == ["start_frame", "end_frame"]
    for option in (["--formats", "vtt"], ["--formats", "segments,eaf"], ["--formats", "boris"], ["--min-seconds", "1"]):
        asked = run("label", "--checkpoint", model, "--output", tmp_path / "two", *option, tmp_path / "a.npy")
        assert asked.status == 2
        assert "Say the frames a second with --frame-rate" in asked.err
    timed = run("label", "--checkpoint", model, "--output", tmp_path / "two", "--frame-rate", 15, tmp_path / "a.npy")
    assert timed.out.startswith(f"{tmp_path}/a.npy: 2.0 s, ")
    assert (tmp_path / "two" / "a.vtt").exists()


def test_videos_with_labels_drawn_in_and_cut_into_pieces(run, films, tmp_path):
    write_clip(tmp_path / "in" / "a.mp4")
    write_clip(tmp_path / "in" / "sub" / "a.mp4", 24)
    out = tmp_path / "out"
    found = run("label", "--checkpoint", films, "--output", out, "--video", "--clips", "--timeline", tmp_path / "in")
    assert (found.status, found.err) == (0, "")
    for name, length in (("a", 20), ("sub/a", 24)):
        with av.open(str(out / f"{name}.labelled.mp4")) as drawn:
            assert sum(1 for _ in drawn.decode(video=0)) == length
        segments = rows(out / f"{name}.segments.csv")
        pieces = sorted(out.glob(f"clips/*/{name.replace('/', '_')}_[0-9]*.mp4"))
        assert len(pieces) == len(segments)
        total = 0
        for piece in pieces:
            with av.open(str(piece)) as film:
                total += sum(1 for _ in film.decode(video=0))
        assert total == length, "every frame is in one piece"
        assert {piece.parent.name for piece in pieces} == {row["label"] for row in segments}
    again = run("label", "--checkpoint", films, "--output", out, "--video", "--clips", "--timeline", tmp_path / "in")
    assert again == found
    assert not list(out.rglob(".part*"))


def test_recordings_that_cannot_be_read_are_named_skipped_and_counted(run, films, tmp_path):
    good = write_clip(tmp_path / "in" / "good.mp4")
    (tmp_path / "in" / "half.mp4").write_bytes(good.read_bytes()[:300])
    (tmp_path / "in" / "none.mp4").touch()
    absent = tmp_path / "absent.mp4"
    found = run("label", "--checkpoint", films, "--output", tmp_path / "out", tmp_path / "in", absent)
    assert found.status == 1
    assert found.out.startswith(f"{good}: 2.0 s")
    for name in ("in/half.mp4", "in/none.mp4", "absent.mp4"):
        assert f"skipped {tmp_path}/{name}: " in found.err
    assert "3 of 4 recordings skipped, see above" in found.err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "good.frames.csv",
        "good.segments.csv",
        "good.vtt",
        "label.json",
    ]


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


def streamed(run, monkeypatch, model, text, *options):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    return run("label", "--checkpoint", model, *options, "-")


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


def test_what_does_not_go_together_is_refused_at_once(run, sensor, films, several, tmp_path):
    def refused(*arguments):
        found = run("label", "--checkpoint", *arguments)
        assert (found.status, found.out) == (2, "")
        return found.err

    table = write_table(tmp_path / "a.csv")
    out = ["--output", tmp_path / "out"]
    assert "--output FOLDER is missing" in refused(sensor, table)
    assert "cannot be taken together: one has a label a frame, one several" in refused(
        sensor, "--checkpoint", several, *out, table
    )
    assert "--formats: no kind 'srt', expected some of frames, segments" in refused(
        sensor, *out, "--formats", "vtt,srt", table
    )
    assert "--frame-rate 0: expected a number above 0" in refused(sensor, *out, "--frame-rate", 0, table)
    assert "--clips: the model reads features, so that there is no video" in refused(sensor, *out, "--clips", table)
    assert "--min-seconds: not with -" in refused(sensor, "--min-seconds", 1, "-")
    assert "frames from standard input are labelled alone" in refused(sensor, "-", table, *out)
    assert "this model reads videos; name their files" in refused(films, "-")
    assert "no such file or folder (looked from" in refused(sensor, *out, "--truth", tmp_path / "x", table)


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


def test_names_are_of_files_not_of_paths(run, sensor, tmp_path, monkeypatch):
    write_table(tmp_path / "in" / "a.csv")
    monkeypatch.chdir(tmp_path)
    run("label", "--checkpoint", sensor, "--output", "out", "in/a.csv")
    assert Path("out/a.frames.csv").exists()
