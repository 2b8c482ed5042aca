"""Controls learn nothing of what is scored, mean what their names say, and differences are those of the same items."""

from pathlib import Path

import numpy as np
import pytest
from sequence_models import LINEAR, described, save_run

from seqvision.data import FeatureReader
from seqvision.data.sequences.formats.mstcn import read_mstcn
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError
from seqvision.inference import LoadedClassifier, LoadedLabeller, load_model
from seqvision.inference.classification_evaluation import evaluate_classes, predict_classes
from seqvision.inference.frame_controls import frame_controls
from seqvision.inference.frame_windows import window_probabilities
from seqvision.inference.labelling_evaluation import evaluate_labels, predict_labels
from seqvision.inference.resampling import resample
from seqvision.inference.sequence_evaluation import in_classes_of
from seqvision.metrics import frame_scores, paired_difference

CLASSES = ("a", "b", "c")
HOW = {"protocol": "mstcn", "background": ()}


def recordings(number, split="train", *, features=2, labelled=True, seed=0):
    """Features that say nothing of their own frame, and all of the frame two before."""
    draws = np.random.default_rng([seed, number])
    found = []
    for place in range(number):
        labels = np.repeat(draws.integers(0, 3, 12), 3)
        frames = np.eye(3, features)[np.roll(labels, 2)] * 3 + draws.normal(0, 0.1, (len(labels), features))
        frames = frames.astype(np.float32)
        record = SequenceRecord(f"{split}{place}", frames, labels=labels if labelled else None, split=split)
        found.append(record)
    return found


def labelled_as(record, labels):
    return SequenceRecord(record.id, record.source, labels=labels, split=record.split)


@pytest.fixture(scope="module")
def labeller(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labeller")
    save_run(folder, "labelling", described(LINEAR), FeatureReader(features=2), CLASSES)
    return load_model(folder, LoadedLabeller)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    save_run(folder, "classification", described(LINEAR), FeatureReader(features=2), CLASSES)
    return load_model(folder, LoadedClassifier)


@pytest.mark.slow
def test_the_moving_average_of_50_salads_is_the_known_one(shared_data, tmp_path):
    """Split 1: 66.0 / 42.5 / 53.4 / 50.2 / 38.9, tuned on the training videos alone."""
    found = read_mstcn(shared_data("50salads"), split=1)
    reader = FeatureReader(layout="features_first", features=18)
    save_run(tmp_path, "labelling", described(LINEAR), reader, found.classes)
    labeller = load_model(tmp_path, LoadedLabeller)
    splits = {name: [r for r in found.records if r.split == name] for name in ("train", "val", "test")}
    made = frame_controls(labeller, splits, splits["test"], split="test", **HOW)
    assert set(made.probabilities) == {"majority", "argmax", "moving_average", "score_path"}
    labels = [p.argmax(axis=1) for p in made.probabilities["moving_average"]]
    truth = [r.labels for r in splits["test"]]
    scores = frame_scores(labels, truth, classes=found.classes, **HOW).corpus
    known = {"accuracy": 66.0, "edit": 42.5, "f1@10": 53.4, "f1@25": 50.2, "f1@50": 38.9}
    assert {name: scores[name] for name in known} == pytest.approx(known, abs=0.06)


def test_a_window_sees_what_a_frame_does_not():
    def arrays(some):
        return [r.source for r in some], [r.labels for r in some]

    train, val, test = (recordings(n, features=3, seed=n) for n in (12, 5, 6))
    asked, truth = arrays(test)
    accuracy = {}
    for widths in ((1,), (1, 9)):
        found = window_probabilities(*arrays(train), *arrays(val), asked, classes=CLASSES, widths=widths)
        said = [p.argmax(axis=1) for p in found.probabilities]
        accuracy[widths] = frame_scores(said, truth, classes=CLASSES, **HOW).corpus["accuracy"]
    assert accuracy[1, 9] > 85
    assert accuracy[1,] < 65
    assert "9 frames around each" in found.note


def test_no_control_looks_at_the_labels_it_is_scored_by(labeller):
    splits = {"train": recordings(6), "val": recordings(3, "val")}
    test = recordings(3, "test")
    other = [labelled_as(r, (r.labels + 1) % 3) for r in test]
    one, two = (frame_controls(labeller, splits, some, split="test", **HOW).probabilities for some in (test, other))
    assert set(one) == {"majority", "window"}
    for name, parts in one.items():
        for first, second in zip(parts, two[name], strict=True):
            np.testing.assert_array_equal(first, second)


def test_frames_that_nobody_labelled_change_nothing(labeller):
    test = recordings(4, "test")
    p = [np.eye(3)[r.labels] for r in test]
    p[0][:9] = np.eye(3)[(test[0].labels[:9] + 1) % 3]
    unsaid = [np.where(np.arange(len(r.labels)) < 9, -1, r.labels) if r is test[0] else r.labels for r in test]
    partly = [labelled_as(r, labels) for r, labels in zip(test, unsaid, strict=True)]
    nobody = labelled_as(recordings(1, "other")[0], np.full(36, -1))
    found = evaluate_labels([*p, p[0]], [*partly, nobody], labeller, split="test", resamples=50)
    assert found.scores == pytest.approx(dict.fromkeys(found.scores, 100))
    assert found.sizes == {"recordings": 4, "frames": 4 * 36 - 9}
    assert any("left out for want of labels: 1 of 5 recordings" in note for note in found.notes)
    assert any("no training recordings" in note for note in found.notes)


def test_one_recording_has_no_interval(labeller):
    test = recordings(1, "test")
    found = evaluate_labels(predict_labels(labeller, test), test, labeller, split="test", resamples=50)
    assert found.intervals == {}
    assert any("no intervals: all that was scored is of one group" in note for note in found.notes)
    with pytest.raises(UserError, match="none of 1 recording has a labelled frame"):
        evaluate_labels([np.ones((36, 3))], recordings(1, labelled=False), labeller, split="test")


def test_labels_must_be_as_many_as_frames(labeller):
    record = recordings(1)[0]
    with pytest.raises(UserError, match="train0: 36 frames, but 30 labels"):
        predict_labels(labeller, [labelled_as(record, record.labels[:30])])


def test_classes_are_predicted_for_the_frames_of_a_span(classifier):
    frames = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    whole = SequenceRecord("x", frames[5:12], label="a")
    part = SequenceRecord("y", frames, label="a", span=(5, 12))
    one, two = predict_classes(classifier, [whole, part], batch_size=2)
    np.testing.assert_allclose(one, two, atol=1e-6)
    np.testing.assert_allclose(predict_classes(classifier, [part, whole], batch_size=1), [one, two], atol=1e-6)


def test_classes_are_predicted_for_records_of_a_class_that_the_network_does_not_know(classifier):
    frames = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    records = [SequenceRecord("x", frames, label="a"), SequenceRecord("y", frames, label="of other data")]
    known, unknown = predict_classes(classifier, records)
    np.testing.assert_array_equal(known, unknown)


def test_the_difference_from_another_network_is_the_paired_one(classifier):
    draws = np.random.default_rng(0)
    records = [SequenceRecord(str(i), np.ones((3, 2), np.float32), label=CLASSES[i % 3]) for i in range(30)]
    truth = np.arange(30) % 3
    ours, theirs = (np.eye(3)[np.where(draws.random(30) < share, truth, 0)] for share in (0.9, 0.5))
    found = evaluate_classes(ours, records, classifier, split="test", others={"rival": theirs}, seed=4, resamples=500)
    wrong, right = (100.0 * (p.argmax(axis=1) == truth) for p in (theirs, ours))
    expected = paired_difference(wrong, right, seed=4, resamples=500)
    got = found.differences["rival"]["accuracy"]
    assert (got.difference, got.lower, got.upper) == pytest.approx(
        (expected.difference, expected.lower, expected.upper)
    )
    assert found.controls["shuffled"]["accuracy"] < 70
    assert "calibration_error" not in found.differences["rival"], "more of it is not better"


def test_groups_are_drawn_whole():
    """Ten subjects, all of whose items are alike: as little is known as of ten items."""
    values = np.repeat([0.0, 100.0], 50)
    groups = np.repeat(np.arange(10), 10).tolist()
    found = resample(lambda places: {"mean": float(values[places].mean())}, groups, resamples=400, seed=0)
    lower, upper = found.intervals()["mean"]
    assert upper - lower > 60
    singly = resample(lambda places: {"mean": float(values[places].mean())}, range(100), resamples=400, seed=0)
    lower, upper = singly.intervals()["mean"]
    assert upper - lower < 25
    assert resample(lambda places: {"mean": 1.0}, ["one"] * 5, resamples=9, seed=0).draws == {}


def test_sequences_without_a_class_are_left_out_and_counted(classifier):
    records = [SequenceRecord(str(i), np.ones((3, 2), np.float32), label="a" if i else None) for i in range(4)]
    found = evaluate_classes(np.tile([0.8, 0.1, 0.1], (4, 1)), records, classifier, split="test", resamples=10)
    assert found.sizes == {"sequences": 3}
    assert found.scores["accuracy"] == 100
    assert "left out for want of a class: 1 of 4 sequences" in found.notes
    with pytest.raises(UserError, match="none of 1 sequence has a class"):
        evaluate_classes(np.ones((1, 3)), records[:1], classifier, split="test")


def test_labels_are_brought_into_the_models_order():
    record = SequenceRecord("x", Path("x"), labels=np.array([0, 1, -1, 1]))
    (moved,) = in_classes_of([record], ("c", "a"), CLASSES)
    assert moved.labels.tolist() == [2, 0, -1, 0]
    several = SequenceRecord("x", Path("x"), labels=np.array([[1, 0], [0, -1]]))
    (moved,) = in_classes_of([several], ("c", "a"), CLASSES)
    assert moved.labels.tolist() == [[0, -1, 1], [-1, -1, 0]]
    with pytest.raises(UserError, match=r"the class 'z', which the model does not know \(1 of 2 classes"):
        in_classes_of([record], ("z", "a"), CLASSES)
