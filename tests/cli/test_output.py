"""Results go where they should, in folders that are made for them; where they cannot, the place is named in time."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from seqvision.cli.output import expect_folder, expect_writable, open_output, save_output, write_output
from seqvision.errors import UserError


def test_missing_folders_are_made(tmp_path):
    target = tmp_path / "not" / "yet" / "there.txt"
    write_output(target, "scores")
    save_output(tmp_path / "nor" / "this.png", lambda path: path.write_text("picture"))
    expect_folder(tmp_path / "seen" / "paths")
    assert target.read_text() == "scores\n"
    assert (tmp_path / "nor" / "this.png").is_file()
    assert (tmp_path / "seen" / "paths").is_dir()


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_output(path, "scores"),
        lambda path: save_output(path, lambda target: target.write_text("picture")),
        expect_writable,
        expect_folder,
    ],
)
def test_a_place_where_nothing_can_be_written_is_named(tmp_path, write):
    (tmp_path / "file").write_text("as it was")
    with pytest.raises(UserError, match=r"file/inside: cannot be written \(a part of its path is a file"):
        write(tmp_path / "file" / "inside")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "as it was"


def test_whether_a_file_can_be_written_is_known_before_the_work(tmp_path):
    (tmp_path / "old.txt").write_text("as it was")
    expect_writable(tmp_path / "old.txt", tmp_path / "sub" / "new.txt", None)
    assert (tmp_path / "old.txt").read_text() == "as it was"
    assert not list((tmp_path / "sub").iterdir())
    with pytest.raises(UserError, match=r"sub: cannot be written \(Is a directory\)"):
        expect_writable(tmp_path / "sub")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        found = reader.submit(pipe.read_text)
        expect_writable(pipe)
        write_output(pipe, "scores")
        assert found.result(timeout=10) == "scores\n"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_another_file_s_mistake_is_not_standard_output_s(tmp_path):
    with pytest.raises(UserError, match=r"^\S*other: No such file"), open_output(None):
        os.stat(tmp_path / "other")


@pytest.mark.parametrize("command", ["evaluate", "report", "read", "draw", "check"])
def test_the_commands_say_it_before_they_begin(run, tmp_path, command):
    (tmp_path / "file").touch()
    inside = {"evaluate": ["--checkpoint", tmp_path], "report": [tmp_path], "check": []}
    given = inside.get(command, ["--checkpoint", tmp_path, *(["a.png"] if command == "read" else [])])
    found = run(command, *given, "--output", tmp_path / "file" / "out.png")
    assert found.status == 2
    assert "file/out.png: cannot be written" in found.err, "and not that there is no checkpoint"
