"""Links of the documentation lead to files; the page on validation names tests, versions and choices that exist."""

import re
from functools import cache
from pathlib import Path

import pytest

from seqvision.cli.config import conf_dir

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "validation.md"
ALGORITHMS = ("attention", "augmentation", "callbacks", "decoding", "encoder", "initialization", "loss", "noise")
ALGORITHMS += ("optimizer", "penalty", "pooling", "preconditioner", "rnn", "scheduler", "wide")


@pytest.mark.parametrize("page", ["*.md", "docs/*.md", "data/*.md"])
def test_links_lead_to_files(page):
    for file in ROOT.glob(page):
        for target in re.findall(r"\]\(([^)#\s]+)", file.read_text()):
            assert ":" in target or (file.parent / target).exists(), f"{file.name}: {target}"


@cache
def named_in(file: Path) -> set[str]:
    return set(re.findall(r"^ *def (test_\w+)", file.read_text(), re.MULTILINE))


def test_every_row_names_tests_that_exist():
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (?!what |bound |\*)", line)]
    assert len(rows) > 90
    for row in rows:
        named = re.findall(r"\]\((\.\./tests/\S+?)\)((?: `test_\w+`)+)", row)
        assert named, f"no test: {row}"
        assert len(re.findall(r"`test_\w+`", row)) == sum(names.count("`test_") for _, names in named), row
        for target, names in named:
            missing = set(re.findall(r"test_\w+", names)) - named_in((PAGE.parent / target).resolve())
            assert not missing, f"{target} has no {', '.join(sorted(missing))}"


def test_versions_are_those_that_are_installed():
    named = re.findall(r"`([\w-]+)` (\d[\d.]*\d)", PAGE.read_text())
    assert len(named) > 5
    constraints = (ROOT / "constraints.txt").read_text()
    for name, version in named:
        assert f"{name}=={version}" in constraints, f"{name} {version}"


@pytest.mark.parametrize("group", ALGORITHMS)
def test_every_choice_that_is_an_algorithm_has_a_row_or_is_said_to_have_none(group):
    choices = {file.stem for file in (conf_dir() / group).glob("*.yaml")} - {"none", "default"}
    missing = {f"{group}={choice}" for choice in choices if f"`{group}={choice}`" not in PAGE.read_text()}
    assert not missing, f"{PAGE.name} does not say how these are validated: {', '.join(sorted(missing))}"
