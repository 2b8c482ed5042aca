"""The doctor finds what is there, says what is missing and how to get it."""

import json

import pytest

from seqvision.cli import doctor


def test_json_and_text_say_the_same(run):
    found = run("doctor", "--format", "json")
    data = json.loads(found.out)
    assert (found.status, data["ok"]) == (0, True)
    assert data["versions"]["torch"]
    assert data["devices"]["cpu"]["cores"] >= 1
    text = run("doctor").out
    assert data["versions"]["torch"] in text
    assert "all that a run needs is here" in text
    assert all(extra["name"] in text for extra in data["extras"])


def test_missing_parts_come_with_what_they_give_and_the_command(run, monkeypatch):
    monkeypatch.setattr(doctor, "module_present", lambda name: False)
    text = run("doctor").out
    for extra in doctor.EXTRAS:
        assert extra.gives in text
        assert f"pip install 'seqvision[{extra.name}]'" in text


def test_every_extra_of_the_package_is_examined():
    from importlib.metadata import metadata

    offered = set(metadata("seqvision").get_all("Provides-Extra") or [])
    assert {extra.name for extra in doctor.EXTRAS} == offered - {"dev"}


def test_meteor_without_its_data_is_not_there(monkeypatch):
    from seqvision.metrics import meteor as module

    monkeypatch.setattr(doctor, "module_present", lambda name: True)
    monkeypatch.setattr(module, "meteor_missing", lambda: "no WordNet")
    (meteor,) = (doctor.examine_extra(extra) for extra in doctor.EXTRAS if extra.name == "meteor")
    assert "python -m nltk.downloader wordnet" in meteor["install"]
    assert "apt install wordnet-base wordnet-sense-index" in meteor["install"]
    assert not meteor["present"]


@pytest.mark.parametrize(
    ("name", "replacement", "problem"),
    [
        ("version", lambda name: None, "torch is missing: pip install 'torch'"),
        ("cannot_write", lambda folder: "Read-only file system", "runs cannot be written here (Read-only file system)"),
    ],
)
def test_what_every_run_needs_is_a_problem(run, monkeypatch, name, replacement, problem):
    monkeypatch.setattr(doctor, name, replacement)
    found = run("doctor")
    assert found.status == 1
    assert problem in found.out
