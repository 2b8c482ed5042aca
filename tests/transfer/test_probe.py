"""Linear classifiers find the stage that holds the answer, and are asked only of what they have not seen."""

import numpy as np
import pytest
import torch
from coloured import write_weights
from sklearn.metrics import average_precision_score

from seqvision.encoders import TimmEncoder
from seqvision.errors import UserError
from seqvision.transfer import Examples, probe_stages
from seqvision.transfer.probe import _average_precision, encode, stage_features


def examples(targets, names=("a", "b", "c"), groups=None, records=None):
    targets = np.asarray(targets)
    pictures = torch.zeros(len(targets), 3, 1, 1, dtype=torch.uint8)
    of = np.arange(len(targets)) if groups is None else np.asarray(groups)
    return Examples(pictures, targets, tuple(names), of if records is None else records, of)


@pytest.fixture
def draws():
    return np.random.default_rng(0)


def test_the_stage_that_holds_the_class_is_the_best(draws):
    train, val = examples(draws.integers(3, size=120)), examples(draws.integers(3, size=90))

    def features(noise):
        centres = np.eye(3) * 2
        return {
            name: centres[part.targets] + draws.normal(0, noise, (len(part), 3))
            for name, part in (("train", train), ("val", val))
        }

    table = probe_stages({0: features(5.0), 1: features(0.3), None: features(1.5)}, train, val)
    assert (table.best.stage, table.metric, table.examples) == (1, "accuracy", 90)
    assert [row.name for row in table.rows] == ["stage 0", "stage 1", "top"]
    assert table.best.score > 95
    assert table.chance < 50
    assert table.best.behind == 0
    assert table.rows[0].behind > 3 * table.rows[0].behind_error > 0


def test_words_are_scored_by_average_precision(draws):
    targets = draws.integers(2, size=(200, 2))
    targets[:, 1] &= draws.integers(2, size=200)  # a quarter of the pictures
    train, val = examples(targets[:120], ("dog", "cat")), examples(targets[120:], ("dog", "cat"))
    table = probe_stages({0: {"train": targets[:120] + 0.0, "val": targets[120:] + 0.0}}, train, val)
    assert table.metric == "average precision"
    assert table.best.score == pytest.approx(100)
    assert table.chance == pytest.approx(100 * targets[120:].mean())


def test_of_one_record_nothing_is_learnt_that_is_asked_of_it(draws):
    """Features that tell the record and not the class: whoever saw a record's other frames would know its class."""
    groups = np.repeat(np.arange(40), 5)
    targets = draws.integers(2, size=40)[groups]
    rows = draws.normal(0, 1, (40, 60))[groups] + draws.normal(0, 0.01, (200, 60))
    together = probe_stages({0: {"train": rows}}, examples(targets, ("a", "b"), groups))
    apart = probe_stages({0: {"train": rows}}, examples(targets, ("a", "b")))
    assert apart.best.score > 95, "frames of a record on both sides"
    assert together.best.score < 70


def test_one_record_is_too_few():
    with pytest.raises(UserError, match="a single record"):
        probe_stages({0: {"train": np.zeros((4, 2))}}, examples([0, 1, 0, 1], groups=[7, 7, 7, 7]))


def test_each_stage_has_the_features_that_the_encoder_gives_for_it(draws, tmp_path):
    pictures = torch.from_numpy(draws.integers(256, size=(5, 3, 32, 32), dtype=np.uint8))

    settings = {
        "image_size": 32,
        "pooled": True,
        "trainable": "none",
        "weights": str(write_weights(tmp_path / "w.pth")),
    }

    def make(*, stages):
        return TimmEncoder("test_resnet", stages=stages, **settings)

    found = stage_features(make, {"train": pictures})
    for stage, parts in found.items():
        encoder = make(stages=None if stage is None else [stage]).eval()
        assert parts["train"].shape == (5, encoder.feature_size)
    assert set(found) == {0, 1, 2, 3, 4}, "the last features are those of the last stage, and stand there once"
    whole = encode(make(stages=None).eval(), pictures)
    np.testing.assert_allclose(found[4]["train"], whole, atol=1e-5)
    assert set(stage_features(make, {"train": pictures}, stages=[1, 3])) == {1, 3}


def test_average_precision_is_scikit_learns_with_ties_and_counts_weights_as_copies(draws):
    scores, truth = np.round(draws.normal(size=60), 1), draws.integers(2, size=60)
    weights = np.array([np.ones(60), draws.integers(0, 3, 60)])
    copies = np.repeat(np.arange(60), weights[1].astype(int))
    expected = [average_precision_score(truth[rows], scores[rows]) for rows in (np.arange(60), copies)]
    np.testing.assert_allclose(_average_precision(scores, truth, weights), expected)


def test_one_subject_has_scores_without_errors(draws):
    rows, targets = draws.normal(size=(60, 4)), draws.integers(3, size=60)
    records, one = np.repeat(np.arange(12), 5), np.zeros(60, int)
    table = probe_stages({0: {"train": rows}}, examples(targets, groups=one, records=records))
    assert np.isnan(table.best.error)
    assert (table.groups, table.above_chance, table.clearly_behind(table.best)) == (1, None, False)
    assert "no standard errors" in table.to_text()
    assert table.to_dict()["rows"][0]["error"] is None


@pytest.mark.slow
def test_frames_of_a_clip_do_not_make_stages_differ_that_are_equally_good():
    """Sixty times twelve clips of fifty frames: over frames as if they were independent, the error came out as a
    quarter of what it is, and a stage was behind the best by twice its error in every case.
    """
    tables = []
    for seed in range(60):
        draws = np.random.default_rng(seed)
        clips = np.repeat(np.arange(12), 50)
        targets = np.repeat(draws.integers(0, 3, 60), 10)
        rows = {
            stage: {
                "train": np.eye(3, 6)[targets] + draws.normal(0, 2, (12, 6))[clips] + draws.normal(0, 0.5, (600, 6))
            }
            for stage in range(5)
        }
        tables.append(probe_stages(rows, examples(targets, groups=clips)))
    last = [table.rows[-1] for table in tables]
    assert np.mean([row.error for row in last]) == pytest.approx(np.std([row.score for row in last]), rel=0.35)
    assert sum(table.clearly_behind(row) for table, row in zip(tables, last, strict=True)) <= 6
