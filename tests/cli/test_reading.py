"""--set: another way of reading than in training, for label, classify and evaluate, and advice that can be followed."""

import csv
import json

import pytest
from films import frame, write_film
from labellers import write_table
from sequence_models import PICTURES, described, save_run

from seqvision.cli.reading import as_options
from seqvision.data import FeatureReader, VideoReader
from seqvision.errors import UserError

UNEVEN = [*range(0, 800, 40), *range(800, 2400, 80)]


def rows(file):
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_label_takes_the_options_that_its_errors_advise(run, films, tmp_path):
    clip = write_film(tmp_path / "uneven.mp4", [frame(n % 30) for n in range(40)], milliseconds=UNEVEN)
    command = ("label", "--checkpoint", films, "--output", tmp_path / "out", "--formats", "frames", clip)
    refused = run(*command)
    assert refused.status == 1
    assert "Sample it evenly with --set data.reader.frame_rate=17" in refused.err
    assert "or take each frame as it comes with --set data.reader.on_variable_rate=keep" in refused.err
    for options, frames in (
        (["data.reader.on_variable_rate=keep"], 40),
        (["data.reader.frame_rate=17"], 41),
        (["data.reader.frame_rate=10"], 24),
        (["data.reader.frame_rate=10", "data.reader.stride=2"], 12),
    ):
        found = run(*command, *(part for option in options for part in ("--set", option)))
        assert found.status == 0, found.err
        assert len(rows(tmp_path / "out" / "uneven.frames.csv")) == frames, options


def test_a_truncated_video_is_labelled_as_far_as_it_goes(run, films, tmp_path):
    pictures = [frame(n % 30, 128, 96) for n in range(60)]
    whole = write_film(tmp_path / "whole.mp4", pictures, container={"movflags": "faststart"}).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    command = ("label", "--checkpoint", films, "--output", tmp_path / "out", tmp_path / "cut.mp4")
    refused = run(*command)
    assert "or use what is there with --set data.reader.on_truncated=keep" in refused.err
    assert run(*command, "--set", "data.reader.on_truncated=keep").status == 0
    assert 20 <= len(rows(tmp_path / "out" / "cut.frames.csv")) < 60


def test_classify_takes_them_too(run, tmp_path):
    reader = VideoReader(width=24, height=24)
    run_folder = save_run(tmp_path / "run", "classification", described(PICTURES), reader, ("a", "b", "c"))
    clip = write_film(tmp_path / "uneven.mp4", [frame(n % 30) for n in range(40)], milliseconds=UNEVEN)
    command = ("classify", "--checkpoint", run_folder, "--format", "jsonl", clip)
    refused = run(*command)
    assert (refused.status, refused.out) == (1, "")
    assert "--set data.reader.on_variable_rate=keep" in refused.err
    found = run(*command, "--set", "data.reader.frame_rate=10")
    assert found.status == 0, found.err
    assert json.loads(found.out)["id"] == str(clip)


@pytest.mark.slow
def test_evaluate_samples_videos_and_their_labels_alike(run, tmp_path):
    for place in range(4):
        write_film(tmp_path / "films" / f"{place}.mp4", [frame(n % 30) for n in range(40)], rate=20)
        (tmp_path / "films" / f"{place}.csv").write_text("start,end,label\n0,0.6,a\n0.6,1.4,b\n1.4,2,a\n")
    trained = tmp_path / "run"
    choices = ["pattern=labelling", "data=videos", f"data.path={tmp_path / 'films'}", "trainer.max_epochs=1"]
    assert run("train", *choices, f"hydra.run.dir={trained}").status == 0
    command = ("evaluate", "--checkpoint", trained, "--bootstrap", 0, "--no-controls")
    assert "40 frames" in run(*command).out
    kept = (trained / "evaluation_test.json").read_text()
    for change, frames in (("frame_rate=10", 20), ("stride=4", 10)):
        found = run(*command, "--set", f"data.reader.{change}")
        assert found.status == 0, found.err
        assert f"{frames} frames" in found.out
        assert (trained / "evaluation_test.json").read_text() == kept, "of the run's own way of reading"
    refused = run(*command, "--data", "reader.stride=4")
    assert refused.status == 2
    assert "say --set data.reader.stride=4" in refused.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("frame_rate=10", r"--set frame_rate=10: expected data\.reader\.OPTION=VALUE"),
        ("data.reader.frame_rate", r"expected data\.reader\.OPTION=VALUE"),
        ("data.reader.width=9", r"data\.reader\.width: stays as in training\. What can be changed .*: fit, "),
        ("data.reader.frame_rat=9", r"no such option of this model's reader.* Did you mean frame_rate\?"),
        ("data.reader.frame_rate=fast", r"data\.reader\.frame_rate is 'fast', expected a whole number or a number"),
        ("data.reader.frame_rate=0", r"data\.reader\.frame_rate is 0, expected frames a second, above 0"),
        ("data.reader.frame_rate=.inf", r"data\.reader\.frame_rate is inf, expected frames a second, above 0"),
        ("data.reader.on_truncated=maybe", r"on_truncated is 'maybe', expected one of error, keep"),
        ("data.reader.frame_rate=[", r"--set data\.reader\.frame_rate=\[: cannot be read"),
    ],
)
def test_what_cannot_be_set_is_said(run, films, tmp_path, change, message):
    clip = write_film(tmp_path / "a.mp4", 3)
    found = run("label", "--checkpoint", films, "--output", tmp_path / "out", "--set", change, clip)
    assert found.status == 2
    with pytest.raises(UserError, match=message):
        raise UserError(found.err)


def test_an_option_in_the_place_of_a_file_is_pointed_out(run, sensor, tmp_path):
    table = write_table(tmp_path / "a.csv")
    found = run("label", "--checkpoint", sensor, "--output", tmp_path / "o", "data.reader.on_nan=zero", table)
    assert found.status == 2
    assert "no file has this name; how files are read is said with --set data.reader.on_nan=zero" in found.err


def test_advice_and_readers():
    assert as_options("use data.reader.on_nan=zero") == "use --set data.reader.on_nan=zero"
    assert as_options("Set data.reader.frame_rate, or leave it") == "Use --set data.reader.frame_rate, or leave it"
    assert as_options("with data.reader.width=9") == "with data.reader.width=9", "which label does not take"
    assert as_options("--set data.reader.stride=2") == "--set data.reader.stride=2"
    reader = FeatureReader(features=2).adjusted({"on_nan": "zero", "columns": ["b", "a"]})
    assert (reader.on_nan, reader.columns, reader.features) == ("zero", ("b", "a"), 2)
