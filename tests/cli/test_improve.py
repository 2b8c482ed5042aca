"""What is named as next to try runs as it stands, and repeats no setting."""

import shlex

import pytest

from seqvision.cli.improve import improvements

SENTENCES = {
    "pattern": "classification",
    "model": {"pooling": {"_target_": "seqvision.models.pooling.LastPooling"}},
}
CAPTIONS = {"pattern": "captioning", "model": {"encoder": {"_target_": "seqvision.encoders.SmallCNN"}}}
BY_HEART = {
    "pattern": "captioning",
    "model": {"encoder": {"_target_": "seqvision.encoders.TimmEncoder"}, "tie_embeddings": False, "dropout": 0.5},
}
VIDEOS = {
    "pattern": "labelling",
    "data": {"window": None},
    "model": {"front": {"encoder": {"_target_": "seqvision.encoders.SmallCNN"}}},
}


@pytest.mark.parametrize(
    ("config", "run", "sizes", "first"),
    [
        (SENTENCES, {"steps": 120, "steps_per_epoch": 3}, {}, "trainer.max_epochs=334"),
        (SENTENCES, {"steps": 2000, "steps_per_epoch": 100}, {}, "pooling=mean"),
        (CAPTIONS, {}, {}, "encoder=efficientnet_lite0 attention=dot"),
        (BY_HEART, {}, {}, "model.tie_embeddings=true model.dropout=0.5"),
        (VIDEOS, {"steps": 2000, "steps_per_epoch": 3}, {"recordings": 2, "frames": 2000}, "data.window=250"),
        ({**VIDEOS, "data": {"reader": {"differences": False}}}, {}, {}, "data.reader.differences=true"),
        (
            VIDEOS,
            {},
            {"recordings": 20, "frames": 2000},
            "encoder=efficientnet_lite0 model.changes=true",
        ),
    ],
)
def test_the_first_command_is_the_run_with_what_it_lacks(config, run, sizes, first):
    command = "seqvision train data.path='my data' trainer.max_epochs=40 pooling=last hydra.run.dir=runs/x"
    found = improvements(config, {**run, "command": command}, {"sizes": sizes})
    assert 2 <= len(found) <= 3
    words = shlex.split(found[0].partition("  # ")[0])
    assert words[:3] == ["seqvision", "train", "data.path=my data"]
    assert words[-len(first.split()) :] == first.split()
    keys = [word.partition("=")[0] for word in words[2:]]
    assert len(keys) == len(set(keys))
    assert "hydra.run.dir" not in keys


def test_a_model_without_a_run_gets_commands_of_its_pattern():
    assert improvements({"pattern": "translation"}, {})[0].startswith("seqvision check pattern=translation")
