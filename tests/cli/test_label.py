"""Labels for a person's own recordings: the files, what is told, and what is refused before hours are spent."""

from pathlib import Path

import av
import numpy as np
import pytest
from films import frame, write_film
from labellers import CLASSES, predicted, rows, write_table
from sequence_models import LINEAR, described, save_run

from seqvision.data import FeatureReader
from seqvision.data.annotations import read_annotations
from seqvision.files import PART
from seqvision.inference.label_clips import clips_of


def write_clip(file, length=20):
    return write_film(file, [frame(n, 32, 24) if n % 7 < 4 else 255 - frame(n, 32, 24) for n in range(length)], rate=10)


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
        pieces = sorted(out.glob(clips_of(name)))
        assert len(pieces) == len(segments)
        total = 0
        for piece in pieces:
            with av.open(str(piece)) as film:
                total += sum(1 for _ in film.decode(video=0))
        assert total == length, "every frame is in one piece"
        assert {piece.parent.name for piece in pieces} == {row["label"] for row in segments}
    again = run("label", "--checkpoint", films, "--output", out, "--video", "--clips", "--timeline", tmp_path / "in")
    assert again == found
    assert not list(out.rglob(f"{PART}*"))


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


def test_names_are_of_files_not_of_paths(run, sensor, tmp_path, monkeypatch):
    write_table(tmp_path / "in" / "a.csv")
    monkeypatch.chdir(tmp_path)
    run("label", "--checkpoint", sensor, "--output", "out", "in/a.csv")
    assert Path("out/a.frames.csv").exists()
