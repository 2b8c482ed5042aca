"""What the README tells people to type can be read, and names choices and keys that there are."""

import re
import shlex
from pathlib import Path

import pytest

from seqvision.cli.config import check_overrides

README = Path(__file__).parents[1] / "README.md"


def trainings() -> list[list[str]]:
    """The overrides of every `seqvision train` in the README's blocks; of several values for as many runs the first."""
    blocks = re.findall(r"^```\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").replace("…", "somewhere").splitlines()
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("seqvision train")]
    overrides = [[word for word in words if "=" in word] for words in commands if "--shell-completion" not in words]
    return [[re.sub(r"=(\w+)(,\w+)+$", r"=\1", word) for word in words] for words in overrides]


def test_there_are_many():
    assert len(trainings()) > 40


@pytest.mark.few(12)
@pytest.mark.parametrize("overrides", trainings(), ids=" ".join)
def test_every_training_of_the_readme_composes(overrides, tmp_path):
    given = [word for word in overrides if not word.startswith(("experiment=mine", "resume="))]  # yours, not ours
    check_overrides([*given, f"run_dir={tmp_path}"], config_name="train")
