"""Classes and labels do not depend on how sequences are served: in which batches, parts, or frame by frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import save_checkpoint
from films import write_film, write_long_film
from hypothesis import given, settings
from hypothesis import strategies as st
from sequence_models import CELLS, EMBEDDING, FEATURES, LINEAR, PICTURES, described, network, save_run

from seqvision.data import FeatureReader, TextReader, VideoReader, WordVocabulary
from seqvision.decoding import LabelPath, with_features
from seqvision.errors import UserError
from seqvision.inference import LabelStream, LoadedClassifier, LoadedLabeller, classify, label, load_model
from seqvision.inference import sequences as inference
from seqvision.models import SequenceClassifier
from seqvision.models.pooling import AttentionPooling, MaxPooling
from seqvision.rnn import GRUCell

CLASSES = ("a", "b", "c")
READER = FeatureReader(features=FEATURES)


def labeller(cell=GRUCell, *, thresholds=None, **settings):
    return LoadedLabeller(network(cell=cell, **settings), {}, Path("run"), CLASSES, READER, thresholds)


def classifier(cell=GRUCell, *, classes=CLASSES, **settings):
    return LoadedClassifier(network(SequenceClassifier, cell, **settings), {}, Path("run"), classes, READER, None)


def recording(length, seed=0):
    return np.random.default_rng(seed).normal(size=(length, FEATURES)).astype(np.float32)


def in_one_pass(loaded, frames):
    with torch.inference_mode():
        logits, _ = loaded.model(torch.from_numpy(frames).unsqueeze(0), torch.tensor([len(frames)]))
        scores = logits[0].softmax(-1) if loaded.thresholds is None else logits[0].sigmoid()
    return scores.numpy()


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_frame_by_frame_equals_offline(cell, layers):
    loaded = labeller(cell, num_layers=layers)
    frames = recording(40)
    whole = in_one_pass(loaded, frames)
    stream = LabelStream(loaded)
    live = np.concatenate([stream(torch.from_numpy(frame[None])) for frame in frames])
    np.testing.assert_allclose(live, whole, atol=1e-5)
    np.testing.assert_allclose(label(loaded, frames), whole, atol=1e-5)
    assert np.ptp(whole, axis=0).max() > 0.2, "the frames make no difference, so that this test says nothing"


@settings(max_examples=15, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    bidirectional=st.booleans(),
    part=st.integers(1, 70),
    length=st.integers(1, 60),
    several=st.booleans(),
)
def test_parts_of_any_size_equal_one_pass(cell, bidirectional, part, length, several):
    loaded = labeller(cell, bidirectional=bidirectional, thresholds=(0.5,) * 3 if several else None)
    frames = recording(length)
    np.testing.assert_allclose(label(loaded, frames, part=part), in_one_pass(loaded, frames), atol=1e-5)


def test_an_hour_in_both_directions_in_parts_equals_one_pass():
    """90,000 frames; what is kept of each is its vector."""
    loaded = labeller(bidirectional=True)
    frames = recording(25 * 3600)
    np.testing.assert_allclose(label(loaded, frames), in_one_pass(loaded, frames), atol=1e-5)


def test_a_stretch_is_read_alone():
    loaded, frames = labeller(), recording(30)
    np.testing.assert_allclose(label(loaded, frames, start=5, stop=20), in_one_pass(loaded, frames[5:20]), atol=1e-5)


def test_two_streams_do_not_know_of_each_other():
    loaded, frames = labeller(), torch.from_numpy(recording(6))
    one, other = LabelStream(loaded), LabelStream(loaded)
    first = [one(frames[:3]), other(frames[:3])]
    np.testing.assert_array_equal(*first)
    np.testing.assert_array_equal(one(frames[3:]), other(frames[3:]))


def test_a_stream_needs_a_network_that_looks_forward_only():
    with pytest.raises(UserError, match=r"needs the whole recording.*rnn\.bidirectional=false"):
        LabelStream(labeller(bidirectional=True))(torch.zeros(1, FEATURES))


def test_several_labels_a_frame_are_decided_by_their_thresholds():
    loaded = labeller(thresholds=(0.2, 0.5, 0.9))
    probabilities = np.array([[0.3, 0.3, 0.8], [0.1, 0.5, 0.95]])
    assert loaded.decide(probabilities).tolist() == [[1, 0, 0], [0, 1, 1]]
    assert labeller().decide(probabilities).tolist() == [2, 2]


@pytest.mark.parametrize("bidirectional", [False, True])
def test_features_that_are_scores_have_their_share_in_the_probabilities(bidirectional):
    four = (*CLASSES, "d")  # as many classes as features
    alone = LoadedLabeller(network(classes=4, bidirectional=bidirectional), {}, Path("run"), four, READER, None)
    path = LabelPath(np.zeros((5, 4)), features=0.7)
    frames = recording(20)
    whole = with_features(label(alone, frames), frames, 0.7)
    assert np.abs(whole - label(alone, frames)).max() > 0.05
    np.testing.assert_allclose(label(replace(alone, path_of_labels=path), frames, part=6), whole, atol=1e-6)


def test_labellers_together_decide_by_the_mean_of_their_thresholds_and_paths():
    two = [labeller(thresholds=(0.2, 0.5, 0.9)), labeller(thresholds=(0.4, 0.5, 0.5))]
    assert inference.deciding_together(two)[0].thresholds == pytest.approx((0.3, 0.5, 0.7))
    followers = np.arange(12.0).reshape(4, 3)
    first = replace(labeller(), path_of_labels=LabelPath(followers, weight=1.0, cost=2.0))
    turned = [2, 0, 1]  # where a, b and c stand in the other one
    other = np.zeros_like(followers)
    other[np.ix_([*turned, 3], turned)] = followers + 6
    second = replace(labeller(), classes=("b", "c", "a"), path_of_labels=LabelPath(other, weight=3.0, cost=6.0))
    path, others = (each.path_of_labels for each in inference.deciding_together([first, second]))
    assert (others.weight, others.cost) == (path.weight, path.cost)
    assert (path.weight, path.cost) == (2.0, 4.0)
    np.testing.assert_array_equal(path.followers, followers + 3)
    assert inference.deciding_together([labeller(), second])[0].path_of_labels is None


@pytest.mark.parametrize(
    "settings", [{}, {"bidirectional": True}, {"pooling": MaxPooling}, {"pooling": AttentionPooling}]
)
@pytest.mark.parametrize("cell", CELLS)
def test_classes_depend_on_neither_batch_nor_order_nor_neighbours(cell, settings):
    loaded = classifier(cell, **settings)
    recordings = [recording(length, seed) for seed, length in enumerate([12, 1, 30, 7, 7, 19, 3])]
    one_by_one = np.stack([p for _, p in classify(loaded, recordings, batch_size=1)])
    for batch_size in (2, 7, 100):
        found = np.stack([p for _, p in classify(loaded, recordings, batch_size=batch_size)])
        np.testing.assert_allclose(found, one_by_one, atol=1e-5)
    turned = np.stack([p for _, p in classify(loaded, recordings[::-1], batch_size=3)])
    np.testing.assert_allclose(turned[::-1], one_by_one, atol=1e-5)
    assert np.ptp(one_by_one, axis=0).max() > 0.05


def test_large_inputs_make_small_batches(monkeypatch):
    loaded = classifier()
    recordings = [recording(length, seed) for seed, length in enumerate([50, 10, 10, 60, 5])]
    sizes = []
    original = inference.sequence_batch
    monkeypatch.setattr(inference, "sequence_batch", lambda ids, *rest: sizes.append(len(ids)) or original(ids, *rest))
    expected = [p for _, p in classify(loaded, recordings)]
    monkeypatch.setattr(inference, "BYTES", 50 * FEATURES * 4)
    found = [p for _, p in classify(loaded, recordings)]
    assert sizes == [5, 1, 2, 1, 1]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_classifiers_together_are_their_mean_by_the_names_of_the_classes():
    one, other = classifier(), classifier(CELLS[0])
    turned = LoadedClassifier(other.model, {}, Path("other"), CLASSES[::-1], READER, None)
    frames = [recording(8, 1), recording(5, 2)]
    first, second, both = (np.stack([p for _, p in classify(m, frames)]) for m in (one, turned, [one, turned]))
    np.testing.assert_allclose(both, (first + second[:, ::-1]) / 2, atol=1e-6)
    np.testing.assert_allclose(np.stack([p for _, p in classify([one, one], frames)]), first, atol=1e-6)


def test_classifiers_of_other_classes_are_not_taken_together():
    with pytest.raises(UserError, match=r"other classes than.*\(c, d\)"):
        list(classify([classifier(), classifier(classes=("a", "b", "d"))], [recording(3)]))


def test_unreadable_recordings_are_handed_over_and_the_rest_is_done(tmp_path):
    good = [tmp_path / f"{n}.npy" for n in range(3)]
    for seed, path in enumerate(good):
        np.save(path, recording(6, seed))
    (tmp_path / "empty.npy").touch()
    np.save(tmp_path / "nan.npy", np.full((4, FEATURES), np.nan, dtype=np.float32))
    np.save(tmp_path / "wide.npy", np.zeros((4, FEATURES + 1), dtype=np.float32))
    bad = [tmp_path / name for name in ("empty.npy", "nan.npy", "wide.npy", "absent.npy")]
    loaded = LoadedClassifier(
        network(SequenceClassifier),
        {},
        Path("run"),
        CLASSES,
        FeatureReader(layout="time_first", features=FEATURES),
        None,
    )
    mixed = [good[0], *bad[:2], good[1], *bad[2:], good[2]]
    told = []
    found = list(classify(loaded, mixed, batch_size=2, on_unreadable=lambda path, error: told.append(path)))
    assert [path for path, _ in found] == good
    assert told == bad
    expected = [p for _, p in classify(loaded, good)]
    np.testing.assert_allclose([p for _, p in found], expected, atol=1e-5)
    with pytest.raises(UserError, match="empty"):
        list(classify(loaded, mixed))


def test_videos_in_parts_equal_one_pass(tmp_path):
    draws = np.random.default_rng(0)  # in a flat frame there is nothing to normalise but what was rounded off
    film = write_film(tmp_path / "film.mp4", [draws.integers(256, size=(24, 32, 3), dtype=np.uint8) for _ in range(30)])
    reader = VideoReader(width=24, height=24)
    for bidirectional in (False, True):
        folder = save_run(
            tmp_path / f"run{bidirectional}",
            "labelling",
            described(PICTURES, bidirectional=bidirectional),
            reader,
            CLASSES,
        )
        loaded = load_model(folder, LoadedLabeller)
        with torch.inference_mode():
            logits, _ = loaded.model(reader.read(film).unsqueeze(0), torch.tensor([30]))
        for part in (1, 7, 30, 1024):
            np.testing.assert_allclose(label(loaded, film, part=part), logits[0].softmax(-1).numpy(), atol=1e-5)


@pytest.mark.slow
def test_an_hour_of_video_needs_little_memory(tmp_path):
    """What is held at once is a part, whatever the length: the largest part that was looked at is measured."""
    film = write_long_film(tmp_path / "long.mp4", seconds=3600)
    reader = VideoReader(width=24, height=24)
    loaded = load_model(
        save_run(tmp_path / "run", "labelling", described(PICTURES, bidirectional=True), reader, CLASSES),
        LoadedLabeller,
    )
    sizes = []

    def watch(parts):
        for part in parts:
            sizes.append(len(part))
            yield part

    assert label(loaded, film, watch=watch).shape == (90_000, 3)
    assert max(sizes) == inference.PART


def test_a_checkpoint_brings_its_reader_classes_and_thresholds(tmp_path):
    reader = FeatureReader(features=FEATURES, layout="features_first", frame_rate=15)
    folder = save_run(
        tmp_path, "labelling", described(LINEAR), reader, CLASSES, multilabel=True, thresholds=[0.1, 0.2, 0.3]
    )
    loaded = load_model(folder, LoadedLabeller)
    assert (loaded.reader, loaded.classes, loaded.thresholds) == (reader, CLASSES, (0.1, 0.2, 0.3))
    with pytest.raises(
        UserError, match=r"a model for labelling, expected one for classification; use `seqvision label`"
    ):
        load_model(folder, LoadedClassifier)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"multilabel": "/dev/zero"}, "multilabel is '/dev/zero'; expected true or false"),
        ({"multilabel": 1}, "multilabel is 1; expected true or false"),
        ({"multilabel": True, "thresholds": [0.5]}, "has 1 thresholds for 3 classes"),
    ],
)
def test_what_decides_several_labels_a_frame_is_checked(tmp_path, wrong, said):
    folder = save_run(tmp_path, "labelling", described(LINEAR), FeatureReader(features=FEATURES), CLASSES, **wrong)
    with pytest.raises(UserError, match=said):
        load_model(folder, LoadedLabeller)


def test_a_checkpoint_that_does_not_hold_together_is_refused(tmp_path):
    reader = FeatureReader(features=FEATURES)
    folder = save_run(tmp_path / "few", "labelling", described(LINEAR), reader, CLASSES)
    held = torch.load(folder / "best.ckpt", weights_only=True)
    held["seqvision"]["classes"].pop()
    save_checkpoint(held, folder / "best.ckpt")
    with pytest.raises(UserError, match=r"has 2 names for 3 classes"):
        load_model(folder, LoadedLabeller)
    held["seqvision"]["reader"]["kind"] = "os.system"
    save_checkpoint(held, folder / "best.ckpt")
    with pytest.raises(UserError, match=r"reads its frames with 'os\.system', expected one of FeatureReader"):
        load_model(folder, LoadedLabeller)


def test_sentences_of_any_length_side_by_side(tmp_path):
    reader = TextReader(WordVocabulary.build(["a good film", "a bad film of films"]))
    folder = save_run(tmp_path, "classification", described(EMBEDDING, bidirectional=True), reader, CLASSES)
    loaded = load_model(folder, LoadedClassifier)
    sentences = ["a good film", "film", "", "unheard words", "a bad film of films a bad film"]
    alone = np.stack([p for sentence in sentences for _, p in classify(loaded, [sentence])])
    np.testing.assert_allclose(np.stack([p for _, p in classify(loaded, sentences)]), alone, atol=1e-5)
