"""Help answers at once: it waits for no torch."""

import os
import subprocess
import sys

import pytest

from seqvision.cli import COMMANDS

HEAVY = ("torch", "numpy", "hydra", "omegaconf", "matplotlib", "PIL", "pytorch_lightning", "timm")


@pytest.mark.parametrize(
    "command",
    [
        ["caption"],
        ["check"],
        ["rate"],
        ["classify"],
        ["label"],
        ["evaluate"],
        ["report"],
        ["translate"],
        ["draw"],
        ["doctor"],
        ["data"],
        ["data", "check"],
        ["data", "scenes"],
    ],
)
def test_help_imports_nothing_heavy(command):
    script = (
        "import sys\nfrom seqvision.cli import main\n"
        f"try: main({[*command, '--help']!r})\nexcept SystemExit as end: assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *help_text, heavy = done.stdout.splitlines()
    assert heavy == "[]"
    assert help_text[0].startswith("usage: seqvision " + command[0])


def test_help_of_decoding_speaks_of_what_is_written(run):
    caption, translate = (run(command, "--help").out for command in ("caption", "translate"))
    assert "caption" not in translate.replace("seqvision caption", "")
    assert "pictures at a time" not in translate
    assert "higher favours long translations" in translate
    assert "captions a picture (default 1)" in caption


def test_every_command_is_listed_and_a_slip_is_understood(run):
    listed = run("--help").out
    assert all(name in listed for name in COMMANDS)
    slip = run("captoin")
    assert slip.status == 2
    assert "did you mean 'caption'?" in slip.err


@pytest.mark.parametrize("arguments", [["--help"], ["lecture", "--list"]])
def test_a_reader_who_leaves_early_is_no_error(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    script = "import sys\nfrom seqvision.cli import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", script, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode in (0, 120), "120: Python itself could not write what was left"
