"""What is said of a parallel text before anyone trains on it."""

import pytest

from seqvision.data import NumberWords, ParallelFiles
from seqvision.data.check_parallel import check_parallel
from seqvision.errors import UserError

SENTENCES = {
    "train": [("ein Hund schläft", "a dog sleeps"), ("ein Hund läuft", "a dog runs"), ("eine Katze", "a cat")],
    "val": [("ein Vogel schläft", "a dog sleeps"), ("Ein  Hund läuft", "the dog walks")],
    "test": [("eine Katze schläft", "a cat sleeps")],
}


def write(folder, sentences):
    for split, pairs in sentences.items():
        for language, side in (("de", 0), ("en", 1)):
            (folder / f"{split}.{language}").write_text("".join(f"{pair[side]}\n" for pair in pairs))
    return folder


def report(folder, **settings):
    data = ParallelFiles(path=folder, source="de", target="en", **settings)
    return check_parallel(data, str(folder), layout="parallel")


def test_splits_lengths_and_vocabularies_are_counted(tmp_path):
    found = report(write(tmp_path, SENTENCES))
    assert {name: split.pairs for name, split in found.splits.items()} == {"train": 3, "val": 2, "test": 1}
    assert list(found.splits) == ["train", "val", "test"]
    ours = found.splits["train"].sides[0]
    assert (ours.shortest, ours.longest, ours.unknown) == (2, 3, 0)
    assert ours.mean == pytest.approx(8 / 3)
    assert found.vocabulary_sizes == [4 + 6, 4 + 5]
    assert found.once == [pytest.approx(4 / 6), pytest.approx(3 / 5)], "ein, hund; a, dog come twice and more"
    assert f"{tmp_path} (layout parallel)" in found.to_text()


def test_unknown_words_are_counted_against_training(tmp_path):
    found = report(write(tmp_path, SENTENCES))
    assert [side.unknown for side in found.splits["val"].sides] == [pytest.approx(1 / 6), pytest.approx(2 / 6)]
    assert [side.unknown for side in found.splits["test"].sides] == [0, 0]
    assert "33% of the words of a split are unknown: vocabulary=subwords" in found.to_text()


def test_a_sentence_in_two_splits_is_a_leak_whatever_its_capitals_and_blanks(tmp_path):
    found = report(write(tmp_path, SENTENCES))
    assert found.leaks == [{"train:2": "train", "val:2": "val"}]
    assert not found.ok
    assert "train:2 (train) = val:2 (val)" in found.to_text()
    sound = {**SENTENCES, "val": SENTENCES["val"][:1]}
    assert report(write(tmp_path, sound)).ok


def test_repeated_pairs_are_counted(tmp_path):
    found = report(write(tmp_path, {**SENTENCES, "train": [*SENTENCES["train"], *SENTENCES["train"][:2]]}))
    assert found.repeated == {"train": 2}
    assert "repeated      2 pairs of train" in found.to_text()


@pytest.mark.parametrize("on_empty", ["error", "skip"])
def test_empty_lines_are_counted_whatever_training_would_do(tmp_path, on_empty):
    rows = [*SENTENCES["train"], ("", "nothing"), ("nichts", " ")]
    found = report(write(tmp_path, {**SENTENCES, "train": rows, "val": SENTENCES["val"][:1]}), on_empty=on_empty)
    assert found.splits["train"].pairs == 3
    said = found.faults if on_empty == "error" else found.notes
    assert len(said) == 1
    assert said[0].startswith("train: 2 rows with an empty side left out, the first is row 4")
    assert found.ok == (on_empty == "skip")
    if on_empty == "error":
        assert "training stops there unless data.on_empty=skip" in said[0]


def test_pairs_that_training_would_leave_out_are_counted(tmp_path):
    found = report(write(tmp_path, SENTENCES), max_tokens=2)
    assert found.splits["train"].overlong == 2
    assert (
        "2 training pairs with more than 2 tokens will be left out; data.max_tokens=3 keeps them all" in found.to_text()
    )


def test_sides_of_very_different_lengths_are_listed(tmp_path):
    rows = [("ein Wort " * 4, "a word " * 4)] * 20 + [("ein Wort", "a word " * 20)]
    found = report(write(tmp_path, {**SENTENCES, "train": rows}))
    assert found.uneven == ["train:21: 2 tokens against 40 tokens"]


def test_a_text_that_cannot_be_trained_on_is_still_reported(tmp_path):
    found = report(write(tmp_path, {"val": SENTENCES["val"], "test": SENTENCES["test"]}))
    assert found.faults == ["the split 'train' has no sentence pairs"]
    assert not found.ok
    assert found.vocabulary_sizes == []
    assert found.splits["val"].sides[0].longest == 3
    assert "unknown" not in found.to_text()


def test_lines_that_do_not_correspond_cannot_be_checked(tmp_path):
    write(tmp_path, SENTENCES)
    (tmp_path / "val.en").write_text("a\n")
    with pytest.raises(UserError, match=r"val\.de has 2 lines, val\.en has 1"):
        report(tmp_path)


def test_drawn_pairs_are_sound():
    found = check_parallel(NumberWords(sizes={"train": 50, "val": 5}), "numbers", layout="numbers")
    assert found.ok
    assert found.to_dict()["splits"]["train"]["pairs"] == 50
