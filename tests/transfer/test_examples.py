"""Pictures and what is known of them, from captions, classes and labelled frames."""

from functools import partial

import numpy as np
import pytest
import torch
from coloured import write_coloured
from films import frame, write_film
from hydra import compose, initialize_config_dir

from seqvision.cli.config import conf_dir
from seqvision.cli.objects import instantiate
from seqvision.data import SequenceData, VideoReader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError
from seqvision.transfer import examples_of
from seqvision.transfer.advice import size_of


def data(*overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        return instantiate(compose("train", overrides=[*overrides, "run_dir=nowhere"]).data)


def test_captions_become_words_that_some_pictures_have(tmp_path):
    made = data(f"data.folder={tmp_path / 'scenes'}", "data.counts={train: 40, val: 10}", "data.transform.size=16")
    train = examples_of(made, "train", at_most=30, words=12)
    assert train.pictures.shape == (30, 3, 16, 16)
    assert train.targets.shape == (30, 12)
    assert "a" not in train.names
    assert {"red", "blue", "circle", "square"} & set(train.names), "words that say something"
    shares = train.targets.mean(axis=0)
    assert shares.max() <= 0.5
    assert shares.min() >= 0.1
    assert examples_of(made, "val", words=train.names).names == train.names


def test_a_picture_has_its_class(tmp_path):
    folder = write_coloured(tmp_path / "pictures")
    made = data("pattern=classification", "data=labelled_pictures", f"data.path={folder}", "data.reader.size=16")
    found = examples_of(made, "train")
    assert found.names == ("blue", "green", "red")
    brightest = found.pictures.float().mean(dim=(2, 3)).argmax(dim=1).numpy()
    assert np.array_equal(np.array([2, 1, 0])[brightest], found.targets)
    size = size_of(made, found)
    assert (size.items, size.unit, size.much) == (len(made.records["train"]), "pictures", False)


def test_labelled_frames_are_those_with_a_label_and_count_by_the_stretch(tmp_path):
    labels = [np.array([0, 0, -1, 1, 1, 1, 0, 0]), np.array([1, 1, 1, 1, -1, -1, 0, 0])]
    records = []
    for number, each in enumerate(labels):
        path = write_film(tmp_path / f"{number}.mp4", [frame(n * 5 + 60 * number) for n in range(len(each))])
        records.append(SequenceRecord(str(number), path, labels=each, split="train"))
    records.append(SequenceRecord("v", records[0].source, labels=labels[0], split="val"))
    made = SequenceData(partial(SequenceSet, records, ("a", "b")), VideoReader(width=16, height=16), num_workers=0)
    every = examples_of(made, "train", at_most=100)
    assert every.targets.tolist() == [0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 0]
    assert every.groups.tolist() == [0] * 7 + [1] * 6
    assert len(examples_of(made, "train", at_most=4)) == 4
    size = size_of(made, every)
    assert (size.items, size.per_class) == (5, {"a": 3, "b": 2})


def test_what_no_encoder_looks_at_is_refused():
    with pytest.raises(UserError, match="nothing that an encoder looks at"):
        examples_of(data("pattern=translation"), "train")
    with pytest.raises(UserError, match="frames are no pictures"):
        examples_of(data("pattern=classification"), "train")


def test_pictures_are_evenly_spaced():
    from seqvision.transfer.examples import _spaced

    assert _spaced(3, 5) == [0, 1, 2]
    assert _spaced(9, 3) == [0, 4, 8]
    assert torch.tensor(_spaced(1000, 30)).diff().min() >= 34
