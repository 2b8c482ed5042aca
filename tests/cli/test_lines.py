"""An argument is a file or a text by one rule."""

import os

import pytest

from seqvision.cli.lines import file_of, given_lines
from seqvision.errors import UserError


@pytest.mark.parametrize("name", ["my reviews.txt", "reviews", "a film worth seeing", "Für 3,50.txt"])
def test_what_exists_is_a_file_whatever_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("one\ntwo\n")
    assert [list(lines) for lines in given_lines([name], text=False, encoding="utf-8")] == [["one", "two"]]
    assert [list(lines) for lines in given_lines([name], text=True, encoding="utf-8")] == [[name]]


@pytest.mark.parametrize(
    ("argument", "why"),
    [
        ("my reviews.txt", "its ending .txt"),
        ("and/or is fine.", "the '/'"),
        ("a b/c d.CSV", "the '/'"),
        ("x.jpg", "jpg"),
    ],
)
def test_what_looks_like_a_path_and_is_not_there_is_an_error_that_offers_text(argument, why):
    with pytest.raises(UserError, match=rf"no such file; if it is a sentence, say so with --text \(.*{why}"):
        file_of(argument)
    assert list(given_lines([argument], text=True, encoding="utf-8")) == [[argument]]


@pytest.mark.parametrize(
    "text", ["A film to remember.", "It cost $3.50", "电影" * 200, "x" * 5000, "see example.com", "", "a\0b"]
)
def test_everything_else_is_text(text):
    assert file_of(text) is None


def test_a_folder_is_no_text(tmp_path):
    with pytest.raises(UserError, match=r"a folder, expected a file of lines or a text; .*--text"):
        file_of(str(tmp_path))


def test_what_a_shell_hands_over_as_a_pipe_is_a_file():
    read, write = os.pipe()
    os.write(write, b"one\n")
    os.close(write)
    assert [list(lines) for lines in given_lines([f"/dev/fd/{read}"], text=False, encoding="utf-8")] == [["one"]]
