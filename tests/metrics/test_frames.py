"""Labelled frames: segments, edit and F1@k by hand, against a literal reading of the protocols, and on real scores."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.errors import UserError
from seqvision.metrics import (
    commonest_confusions,
    edit_distance,
    frame_scores,
    majority_class,
    mode_filter,
    moving_average,
    segment_statistics,
    segments,
    tune_moving_average,
)

CLASSES = ("background", "cut", "stir")


def frames(text: str) -> np.ndarray:
    """'bbc-' as classes, '-' a frame without a label."""
    return np.array(["bcs".find(letter) for letter in text])


def labels(least=1, most=30):
    return st.lists(st.integers(0, 2), min_size=least, max_size=most).map(np.array)


def video():
    """Prediction and truth of one length."""
    return st.integers(1, 30).flatmap(lambda n: st.tuples(labels(n, n), labels(n, n)))


videos = st.lists(video(), min_size=1, max_size=4)


def scores_of(pairs, **settings):
    return frame_scores([p for p, _ in pairs], [y for _, y in pairs], classes=CLASSES, **settings)


def same(first, second):
    np.testing.assert_allclose(list(first.corpus.values()), list(second.corpus.values()))


def test_segments_are_runs():
    found = segments(frames("bbccccs"))
    assert found.labels.tolist() == [0, 1, 2]
    assert found.starts.tolist() == [0, 2, 6]
    assert found.ends.tolist() == [2, 6, 7]
    assert found.lengths.tolist() == [2, 4, 1]
    assert segments(frames("bbbb"), borders=[1, 4]).starts.tolist() == [0, 1]
    assert len(segments(frames("")).labels) == 0


def test_scores_by_hand():
    #         0123456789
    true, p = "bbccccssss", "bccccsssbs"
    found = frame_scores([frames(p)], [frames(true)], classes=CLASSES, overlaps=(0.1, 0.5, 0.7), background=())
    assert found.corpus["accuracy"] == pytest.approx(70)
    # b c s against b c s b s: two too many of five
    assert found.corpus["edit"] == pytest.approx(60)
    # overlaps: b 1/2, c 3/5, s 5-7 with 6-9: 2/5, b none, s 1/4 of a segment whose best it would be, but it is taken
    assert found.corpus["f1@10"] == pytest.approx(200 * 3 / (3 + 5))
    assert found.corpus["f1@50"] == pytest.approx(200 * 2 / (3 + 5))
    assert found.corpus["f1@70"] == 0
    assert found.per_class["f1@50"] == pytest.approx([200 / 3, 100, 0])
    without = frame_scores([frames(p)], [frames(true)], classes=CLASSES)
    assert without.corpus["accuracy"] == pytest.approx(70)  # frames of background still count here
    assert without.corpus["edit"] == pytest.approx(200 / 3)
    assert without.corpus["f1@10"] == pytest.approx(200 * 2 / (2 + 3))
    assert without.protocol == "mstcn, without background (background)"
    assert found.confusion.tolist() == [[1, 1, 0], [0, 3, 1], [1, 0, 3]]


def test_a_prediction_whose_best_is_taken_is_false_though_another_is_free():
    # both predictions of c overlap the long one best; the short one at the end stays unfound
    true, p = "ccccccbc", "ccbccccc"
    found = frame_scores([frames(p)], [frames(true)], classes=CLASSES, overlaps=(0.1,))
    assert found.corpus["f1@10"] == pytest.approx(200 * 1 / (2 + 2))


def test_the_protocols_differ_in_what_is_averaged():
    pairs = [(frames("c" * 9 + "s"), frames("c" * 9 + "s")), (frames("sc"), frames("cs"))]
    pooled, mean = scores_of(pairs), scores_of(pairs, protocol="lea")
    assert pooled.corpus["accuracy"] == pytest.approx(100 * 10 / 12)
    assert mean.corpus["accuracy"] == pytest.approx(50)
    pairs = [(frames("cs"), frames("cs")), (frames("scscsc"), frames("cbbbbb"))]
    pooled, mean = scores_of(pairs), scores_of(pairs, protocol="lea")
    assert pooled.corpus["f1@10"] == pytest.approx(200 * 2 / (2 + 2 + 1 + 6))
    assert mean.corpus["f1@10"] == pytest.approx(50)
    assert pooled.corpus["edit"] == mean.corpus["edit"] == pytest.approx((100 + 100 * (1 - 5 / 6)) / 2)


def literal_counts(predicted, true, overlap, out):
    """True and false positives and false negatives as the protocols say it, one prediction after the other."""

    def runs(values):
        borders = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
        return [(values[a], set(range(a, b))) for a, b in pairwise(borders) if values[a] not in out]

    found, wanted, taken, hits = runs(predicted), runs(true), set(), 0
    for label, here in found:
        shares = [len(here & there) / len(here | there) if label == other else 0 for other, there in wanted]
        best = int(np.argmax(shares)) if shares else 0
        if shares and shares[best] >= overlap and best not in taken:
            taken.add(best)
            hits += 1
    return hits, len(found) - hits, len(wanted) - hits


@settings(max_examples=40, deadline=None)
@given(videos, st.sampled_from([(), ("background",), ("background", "stir")]), st.sampled_from([0.1, 0.25, 0.5]))
def test_f1_is_that_of_a_literal_reading(pairs, background, overlap):
    out = {CLASSES.index(name) for name in background}
    counts = np.array([literal_counts(p.tolist(), y.tolist(), overlap, out) for p, y in pairs])
    with np.errstate(invalid="ignore"):
        expected = [200 * tp / (2 * tp + fp + fn) for tp, fp, fn in [*counts, counts.sum(axis=0)]]
    name = f"f1@{100 * overlap:g}"
    found = scores_of(pairs, background=background)
    np.testing.assert_allclose([*found.per_item[name], found.corpus[name]], expected)
    mean = scores_of(pairs, background=background, protocol="lea").corpus[name]
    per_video = np.array(expected[:-1])[~np.isnan(expected[:-1])]
    np.testing.assert_allclose(mean, per_video.mean() if len(per_video) else np.nan)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=80), st.lists(st.integers(0, 3), max_size=80))
def test_edit_distance_is_that_of_the_classic_table(first, second):
    table = np.add.outer(np.arange(len(first) + 1), np.arange(len(second) + 1))
    for i, a in enumerate(first, 1):
        for j, b in enumerate(second, 1):
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a != b))
    assert edit_distance(first, second) == table[-1, -1]


@settings(deadline=None)
@given(st.lists(labels(), min_size=1, max_size=4), st.sampled_from(["mstcn", "lea"]))
def test_a_perfect_prediction_has_100(truth, protocol):
    found = frame_scores(truth, truth, classes=CLASSES, background=(), protocol=protocol)
    assert list(found.corpus.values()) == pytest.approx([100] * len(found.corpus))


@settings(max_examples=40, deadline=None)
@given(videos, st.permutations([0, 1, 2]))
def test_names_and_order_of_videos_change_nothing(pairs, order):
    renamed = np.array(order)
    found = scores_of(pairs, background=())
    same(scores_of([(renamed[p], renamed[y]) for p, y in pairs[::-1]], background=()), found)


@settings(max_examples=40, deadline=None)
@given(videos, st.integers(2, 5))
def test_a_higher_frame_rate_changes_nothing(pairs, times):
    same(scores_of([(p.repeat(times), y.repeat(times)) for p, y in pairs]), scores_of(pairs))


@settings(max_examples=40, deadline=None)
@given(videos, st.data())
def test_frames_without_a_label_are_as_if_never_filmed(pairs, data):
    longer = []
    for p, y in pairs:
        place = data.draw(st.integers(0, len(y)))
        said = data.draw(labels(1, 9))
        longer.append((np.insert(p, place, said), np.insert(y, place, np.full(len(said), -1))))
    same(scores_of(longer), scores_of(pairs))


def test_a_segment_goes_on_across_frames_without_a_label():
    true, p = frames("cc--ccss"), frames("ccbsccss")
    found = frame_scores([p], [true], classes=CLASSES)
    assert found.per_class["segments"] == [0, 1, 1]
    assert found.corpus["edit"] == found.corpus["f1@50"] == 100


def test_a_video_without_labels_has_no_share_in_the_means():
    pairs = [(frames("cs"), frames("cc")), (frames("cs"), frames("--")), (frames("bb"), frames("bb"))]
    for protocol in ("mstcn", "lea"):
        found = scores_of(pairs, protocol=protocol)
        assert np.isnan(found.per_item["accuracy"]).tolist() == [False, True, False]
        assert np.isnan(found.per_item["edit"]).tolist() == [False, True, True]  # the last has nothing but background
        assert found.corpus["edit"] == 50


def test_the_mean_over_classes_is_of_those_that_occur():
    found = frame_scores([frames("ccss")], [frames("cccc")], classes=CLASSES)
    assert found.corpus["macro_f1"] == found.per_class["f1"][1] == pytest.approx(200 * 2 / (4 + 2))
    assert np.isnan(found.per_class["f1"]).tolist() == [True, False, True]


def test_segments_are_counted_and_measured():
    rows = segment_statistics([frames("ccbccsssbs")], [frames("bcccccssss")], classes=CLASSES, short=3)
    overall, cut, stir = rows
    assert (overall.name, overall.count, overall.ratio) == ("all", (2, 4), 2)
    assert (cut.count, cut.mean, cut.short) == ((1, 2), (5, 2), (0, 100))
    assert (stir.count, stir.mean, stir.short) == ((1, 2), (4, 2), (0, 50))
    (nothing, *_) = segment_statistics([frames("c")], [frames("b")], classes=CLASSES)
    assert np.isnan(nothing.ratio)


def test_commonest_confusions_are_named():
    found = frame_scores([frames("ccssbbb")], [frames("bbcccsb")], classes=CLASSES)
    first, *_, last = commonest_confusions(found.confusion, CLASSES)
    assert (first.truth, first.predicted, first.count) == ("background", "cut", 2)
    assert first.share == pytest.approx(200 / 3)
    assert last.count == 1
    assert len(commonest_confusions(found.confusion, CLASSES, most=2)) == 2


@pytest.mark.parametrize(
    ("predictions", "truth", "settings", "message"),
    [
        (["cc"], ["ccc"], {}, r"Video 0: predictions of shape \(2,\) for labels of shape \(3,\)"),
        (["cc"], ["cc", "s"], {}, "Predictions for 1 videos but labels of 2"),
        (["c-"], ["cc"], {}, "predictions from -1 to 1"),
        (["cc"], ["--"], {}, "No frame has a label"),
        (
            ["cc"],
            ["cc"],
            {"background": ["pause"]},
            "'pause', which is no class; the classes are background, cut, stir",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(predictions, truth, settings, message):
    with pytest.raises(UserError, match=message):
        frame_scores([frames(p) for p in predictions], [frames(y) for y in truth], classes=CLASSES, **settings)


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(UserError, match="from 0 to 2"):
        frame_scores([np.array([1])], [np.array([3])], classes=CLASSES)


def test_smoothing_by_hand():
    scores = np.array([[0.0, 3], [3, 0], [6, 0], [0, 9]])
    assert moving_average(scores, 3)[:, 0].tolist() == pytest.approx([1, 3, 3, 2])
    assert moving_average(scores, 3)[:, 1].tolist() == pytest.approx([2, 1, 3, 6])
    np.testing.assert_allclose(moving_average(scores, 1), scores)
    np.testing.assert_allclose(
        moving_average(scores, 9)[0], [(3 + 6) / 9, (5 * 3 + 2 * 9) / 9]
    )  # longer than the video
    assert mode_filter(frames("ccsccsbss"), 3).tolist() == frames("cccccssss").tolist()
    assert mode_filter(frames("csb"), 3).tolist() == frames("csb").tolist()  # each is one of several
    with pytest.raises(UserError, match="an odd number of frames, such as 5"):
        moving_average(scores, 4)


def test_the_width_is_that_which_mends_most():
    rng = np.random.default_rng(0)
    truth = [np.repeat(rng.permutation(3), 20) for _ in range(4)]
    scores = [np.eye(3)[y] + rng.normal(size=(60, 3)) for y in truth]
    width = tune_moving_average(scores, truth, classes=CLASSES)
    assert 5 <= width <= 21
    assert tune_moving_average([np.eye(3)[y] for y in truth], truth, classes=CLASSES) == 1


def read_split(folder, name):
    """Scores (time, classes) and labels of the videos of one list in the layout of MS-TCN, and the classes."""
    classes = [line.split()[1] for line in (folder / "mapping.txt").read_text().splitlines()]
    videos = [entry.removesuffix(".txt") for entry in (folder / "splits" / f"{name}.bundle").read_text().split()]
    scores = [np.load(folder / "features" / f"{video}.npy").T for video in videos]
    said = [(folder / "groundTruth" / f"{video}.txt").read_text().split() for video in videos]
    return scores, [np.array([classes.index(word) for word in words]) for words in said], classes


@pytest.mark.parametrize(
    ("data", "splits", "tuning", "argmax", "smoothed"),
    [
        ("50salads", 4, {}, [53.6, 23.2, 26.1, 20.6, 13.8], [56.7, 41.0, 48.8, 44.0, 34.0]),
        # the known row is that of 11 frames, as steps of ten find it; finer ones find 7 and 3, which are better
        ("gtea", 2, "coarse", [53.1, 39.3, 44.3, 38.9, 26.8], [49.4, 45.7, 50.4, 41.1, 24.9]),
    ],
)
def test_known_scores_of_real_videos(shared_data, data, splits, tuning, argmax, smoothed):
    five = ("accuracy", "edit", "f1@10", "f1@25", "f1@50")
    settings = {"widths": range(1, 102, 10), "by": five} if tuning == "coarse" else {}
    rows = []
    for split in range(1, splits + 1):
        scores, truth, classes = read_split(shared_data(data), f"train.split{split}")
        width = tune_moving_average(scores, truth, classes=classes, background=(), **settings)
        assert width == 11
        scores, truth, _ = read_split(shared_data(data), f"test.split{split}")
        for smooth in (1, width):
            predictions = [moving_average(part, smooth).argmax(axis=1) for part in scores]
            found = frame_scores(predictions, truth, classes=classes, background=())
            rows.append([found.corpus[name] for name in five])
    np.testing.assert_allclose(np.mean(rows[::2], axis=0), argmax, atol=0.05)
    np.testing.assert_allclose(np.mean(rows[1::2], axis=0), smoothed, atol=0.05)


def test_the_majority_label_is_the_commonest_of_those_said():
    assert majority_class([frames("cs-----"), frames("sbb"), frames("s")]) == 2
    assert majority_class(np.array([1, 0, 1, -1])) == 1
    with pytest.raises(UserError, match="none is the commonest"):
        majority_class([frames("--")])
