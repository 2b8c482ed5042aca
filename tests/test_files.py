"""Files are there whole or as they were, whatever goes wrong; names are safe, distinct, and lead back to their text."""

import errno
import os
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seqvision.errors import UserError
from seqvision.files import (
    PART,
    atomic_folder,
    atomic_path,
    expect_folder,
    expect_writable,
    file_name,
    file_names,
    open_atomic,
    remove_abandoned,
    write_bytes,
    write_text,
)


def test_missing_folders_are_made_and_the_umask_holds(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "not" / "yet" / "there.txt", "scores\r\n")
        with atomic_folder(tmp_path / "scenes") as draft:
            (draft / "a").touch()
    finally:
        os.umask(old)
    expect_folder(tmp_path / "seen" / "paths")
    assert (tmp_path / "not" / "yet" / "there.txt").read_bytes() == b"scores\r\n"
    assert (tmp_path / "not" / "yet" / "there.txt").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "scenes").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "seen" / "paths").is_dir()


def test_a_file_that_is_replaced_keeps_its_mode_and_a_link_its_place(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    (tmp_path / "real" / "a.txt").chmod(0o600)
    (tmp_path / "link.txt").symlink_to(tmp_path / "real" / "a.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"
    assert (tmp_path / "real" / "a.txt").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_text(path, "scores"),
        lambda path: write_bytes(path, b"scores"),
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


def half_written(target: Path, fails: Callable[[], None]) -> None:
    """Begins to write the target, in the middle of which something fails."""
    with atomic_path(target) as draft:
        draft.write_bytes(b"half")
        fails()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("moment", ["making", "writing", "flushing", "renaming"])
def test_after_an_error_of_the_disk_the_old_file_is_there_and_nothing_else(tmp_path, monkeypatch, number, moment):
    target = tmp_path / "picture.png"
    target.write_bytes(b"good")
    error = OSError(number, os.strerror(number))

    def fails(*_: object, **__: object) -> None:
        raise error

    if moment != "writing":
        name = {"making": "touch", "flushing": "fsync", "renaming": "replace"}[moment]
        monkeypatch.setattr(os if moment == "flushing" else Path, name, fails)
    with pytest.raises(UserError) as caught:
        half_written(target, fails if moment == "writing" else lambda: None)
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{target}: cannot be written ({os.strerror(number)})")
    assert target.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("of the caller")])
def test_an_interruption_leaves_the_old_file_and_comes_out_as_it_is(tmp_path, error):
    target = tmp_path / "scores.csv"
    target.write_text("good")

    def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        half_written(target, fails)
    assert target.read_text() == "good"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_of_another_file_is_said_of_that_one(tmp_path):
    with pytest.raises(UserError, match=r"^\S*elsewhere/input.txt: No such file"), open_atomic(tmp_path / "out.txt"):
        (tmp_path / "elsewhere" / "input.txt").read_text()
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        found = reader.submit(pipe.read_text)
        expect_writable(pipe)
        write_text(pipe, "scores")
        assert found.result(timeout=10) == "scores"
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_folder_that_another_process_has_filled_meanwhile_stays(tmp_path):
    with atomic_folder(tmp_path / "scenes") as draft:
        (draft / "a.txt").write_text("ours")
        (tmp_path / "scenes").mkdir()
        (tmp_path / "scenes" / "a.txt").write_text("theirs")
    assert (tmp_path / "scenes" / "a.txt").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


KILLED = """
import sys, time
from seqvision.files import atomic_folder, atomic_path
with atomic_path(sys.argv[1] + "/a.png") as file, atomic_folder(sys.argv[1] + "/scenes") as folder:
    file.write_bytes(b"half")
    (folder / "half").touch()
    print("now", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_and_of_a_living_one_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_abandoned(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 2
    write_text(tmp_path / "next.txt", "")
    assert [file.name for file in tmp_path.iterdir()] == ["next.txt"]


def test_without_locks_only_what_is_a_day_old_is_removed(tmp_path, monkeypatch):
    old, new = tmp_path / f"{PART}1.png", tmp_path / f"{PART}2.png"
    old.touch()
    new.touch()
    os.utime(old, (time.time() - 2 * 86400,) * 2)

    def fails(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", fails)
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [new]


AWKWARD = (
    *("walk", "Walk", "WALK", "a b", "a_b", "a/b", "a\\b", "a:b", "../up", "/", "", " ", ".", "..", ".hidden", "-rf"),
    *("a\0b", "a\nb", "a\tb", "<b>a</b>", "a&b", "a$b", "${a}", "$(rm)", "a%20b", "a~b", "a'b", 'a"b', "a*b", "a?b"),
    *(
        "con",
        "CON",
        "con.txt",
        "nul",
        "lpt1",
        "end.",
        "end ",
        " begin",
        "ä",
        "a\u0308",
        "😀",
        "👩\u200d🔬",
        "日本語",
        "x" * 300,
    ),
    *("x" * 301, "ä" * 200, "\ud800", "a\u2028b", "\u202eabc", file_name("a/b"), "–", "50 %", "C++", "x=1", "(a, b)"),
)


def test_every_text_has_a_name_of_its_own_that_a_file_can_have(tmp_path):
    names = file_names(AWKWARD)
    assert len({unicodedata.normalize("NFD", name).casefold() for name in names.values()}) == len(AWKWARD)
    for text, name in names.items():
        assert name.isprintable(), text
        assert not set(name) & set('/<>:"\\|?*$`%\0'), text
        assert name[:1] not in ("", ".", "-", " "), text
        assert name[-1] not in ". ", text
        assert name.partition(".")[0].lower() not in ("con", "nul", "lpt1"), text
        with atomic_path(tmp_path / f"{name}.segments.csv") as draft:
            draft.write_text(name)
    assert len(list(tmp_path.iterdir())) == len(AWKWARD)


def test_a_plain_text_is_its_own_name():
    for text in ("walk", "sniff left", "C++", "x=1", "(a, b)", "ä", "日本語", "😀", "v1.2", "a-b_c"):
        assert file_name(text) == text
    assert file_names(["walk", "run"]) == {"walk": "walk", "run": "run"}
