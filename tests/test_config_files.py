"""Every file of conf/ says what it is for, and names all that a person may set."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from conf_choices import CHOICES, EXPERIMENTS, chosen
from hydra.utils import get_object

from seqvision.cli.config import conf_dir
from seqvision.data.sequences.classes.listed import read_files


def headings() -> list[Path]:
    return sorted(conf_dir().rglob("*.yaml"))


@pytest.mark.parametrize("file", headings(), ids=lambda file: str(file.relative_to(conf_dir())))
def test_every_file_says_what_it_is_for(file):
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @package")]
    assert re.match(r"# \S.{4,}", lines[0]), "the first line is a comment that says what the choice gives"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_command_time_and_score_in_thirty_lines(name):
    text = (conf_dir() / "experiment" / f"{name}.yaml").read_text()
    header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert f"experiment={name}" in header, "the header has the command"
    assert re.search(r"\b(minutes?|min|hours?|seconds?|day)\b", header), "the header says how long it takes"
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 30


READS_FILES = ("read_clips", "read_pictures", "read_recordings", "read_labelled_pictures")
PASSES_ON = dict.fromkeys(READS_FILES, read_files)  # their **options
UNSAID = {  # what nobody is to set: learnt from the data, or for programs
    *(("PictureReader", "shape"), ("WholePictureReader", "shape")),
    *(("FeatureReader", "features"), ("FeatureReader", "notes")),
    *(("read_motion", "progress"), ("read_videos", "progress")),
    *(("read_motion", "draw"), ("SceneCaptions", "draw")),  # false for what a checkpoint describes
    *((name, word) for name in READS_FILES for word in ("kind", "make_set")),
    ("ShardCaptions", "sort_by_length"),  # impossible there
    ("LabelledPictures", "sort_by_length"),  # pictures have no length
}


def keywords(made: Any) -> set[str]:
    """All that a class or a function may be given by name, with what it passes on to those that it stands on."""
    passes_on = [PASSES_ON[made.__name__]] if made.__name__ in PASSES_ON else []
    callables = [made, *passes_on]
    if inspect.isclass(made):
        ours = [base for base in made.__mro__ if base.__module__.startswith("seqvision.")]
        callables = [base.__init__ for base in ours if "__init__" in vars(base)]
    named = [p for each in callables for p in inspect.signature(each).parameters.values()]
    return {p.name for p in named if p.kind is not p.VAR_KEYWORD and p.name != "self"}


@pytest.mark.few(8)
@pytest.mark.parametrize("name", [name for group, name in CHOICES if group == "data"])
def test_every_keyword_of_data_readers_and_transforms_can_be_set_without_a_plus(name):
    node = chosen("data", name).data
    parts = {"": node, **{f"{key}.": node[key] for key in ("read", "reader", "transform") if key in node}}
    for prefix, part in parts.items():
        target = get_object(part._target_)
        # the keys of a read function stand beside it, where a person looks for them
        said = {*part, *(node if prefix == "read." else ())}
        left = {word for word in keywords(target) - said if (target.__name__, word) not in UNSAID}
        assert not left, f"conf/data/{name}.yaml does not name {', '.join(sorted(left))} of {target.__name__}"
