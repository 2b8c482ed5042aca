"""Results go where they should; where they cannot, the place is named before the work begins."""

import os

import pytest

from seqvision.cli.output import open_output, write_output
from seqvision.errors import UserError


def test_a_text_ends_with_a_line_end(tmp_path):
    write_output(tmp_path / "sub" / "there.txt", "scores")
    assert (tmp_path / "sub" / "there.txt").read_text() == "scores\n"


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
