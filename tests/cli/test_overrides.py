"""Paths reach Hydra as values, whatever letters they hold."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from seqvision.cli.overrides import assignment, path_value, resume_path, with_paths

AWKWARD = (
    *(
        "runs/lr=0.01",
        "a b",
        "a(b",
        "a[b",
        "a{b",
        "it's",
        'a"b',
        "a,b",
        "[1,2]",
        "{a: 1}",
        "$HOME",
        "${name}",
        "100 %",
        "#1",
    ),
    *(
        "projekt-ä",
        "日本語",
        "😀",
        "back\\slash",
        "end\\",
        '\\"',
        "null",
        "1e3",
        "007",
        "a:b",
        "~a",
        "+a",
        "a\tb",
        "true",
        "\\${x}",
    ),
)


def value(argument: str) -> object:
    """What the configuration holds after the override."""
    found = OverridesParser.create().parse_override(argument)
    assert not found.is_sweep_override()
    config = OmegaConf.create({"key": None, "name": "other"})
    OmegaConf.update(config, "key", found.value())
    return config.key


@pytest.mark.parametrize("text", AWKWARD)
def test_a_quoted_text_comes_out_as_it_was(text):
    assert value(assignment("key", text)) == text


@pytest.mark.parametrize("text", [text for text in AWKWARD if text != "null"])
def test_a_path_that_is_there_is_taken_as_it_is_written(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / text).mkdir(parents=True)
    for key in ("resume", "data.path", "start_from"):
        (argument,) = with_paths([f"{key}={text}"])
        assert value(argument) == text
    if "${" not in text:  # which a run's folder cannot have
        assert resume_path(with_paths([f"resume={text}"])) == resume_path([f"resume={text}"])


@pytest.mark.parametrize("text", ["'runs/lr=0.01'", '"runs/lr=0.01"'])
def test_a_path_in_hydras_quotes_is_the_same(text):
    assert path_value(text) == "runs/lr=0.01"
    assert value(with_paths([f"resume={text}"])[0]) == "runs/lr=0.01"
    assert value(with_paths([f"hydra.run.dir={text}"])[0]) == "runs/lr=0.01"


def test_what_is_no_path_stays_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "8").mkdir()
    given = [
        "data.batch_size=8",
        "rnn=lstm",
        "hydra.run.dir=runs/${name}",
        "data.path=a,b",
        "~logger",
        "data.splits={val: 1}",
    ]
    assert with_paths(given) == given
    assert with_paths(["hydra.run.dir=runs/a,${name}"]) == ['hydra.run.dir="runs/a,${name}"']
    assert with_paths(["--config-dir", "x=1", "-cn", "path=y"]) == ["--config-dir=x=1", "--config-name=path=y"]
