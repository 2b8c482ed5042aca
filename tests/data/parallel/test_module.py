"""Parallel text as batches: what stands where, what is left out, which vocabularies a checkpoint gets."""

from collections import Counter
from functools import partial

import pytest
import torch

from seqvision.data import NumberWords, ParallelFiles, SubwordVocabulary, vocabulary_from_state
from seqvision.data.loading import Item
from seqvision.data.parallel import ParallelDataset, SentencePair, parallel_batch
from seqvision.data.vocabulary import END, PAD, START, UNKNOWN, WordVocabulary
from seqvision.errors import UserError


def test_a_batch_has_its_marks_where_they_belong():
    batch = parallel_batch(["a", "b"], [[5, 6], [7]], [[8], [9, 8, 9]])
    assert batch.source.tolist() == [[5, 6, END], [7, END, PAD]]
    assert batch.source_lengths.tolist() == [3, 2]
    assert batch.tokens.tolist() == [[START, 8, END, PAD, PAD], [START, 9, 8, 9, END]]
    assert batch.lengths.tolist() == [3, 5]
    assert len(batch) == 2
    assert parallel_batch(["a"], [[]], [[]]).source.tolist() == [[END]]
    moved = batch.to("meta")
    assert moved.source.device.type == moved.lengths.device.type == "meta"
    assert moved.ids == ["a", "b"]


def test_a_data_set_gives_the_items_that_are_asked_for():
    pairs = [SentencePair("1", "a b", "c"), SentencePair("2", "b", "d c d")]
    dataset = ParallelDataset(pairs, WordVocabulary.build(["a b b"]), WordVocabulary.build(["c c d"]))
    batch = dataset.__getitems__([Item(1, 0), Item(0, 0)])
    assert batch.ids == ["2", "1"]
    assert batch.tokens[0].tolist() == [START, 5, 4, 5, END]
    assert [dataset.length(Item(place, 0)) for place in (0, 1)] == [3, 4]


@pytest.fixture
def folder(tmp_path):
    """A hundred pairs in two files that say no split, some sentences twice."""
    (tmp_path / "corpus.de").write_text("".join(f"Satz {n % 80}\n" for n in range(100)))
    (tmp_path / "corpus.en").write_text("".join(f"sentence number {n % 80}\n" for n in range(100)))
    return tmp_path


def test_splits_are_drawn_by_sentence(folder):
    data = ParallelFiles(path=folder, source="de", target="en", splits={"val": 0.2, "test": 0.2})
    by_sentence: dict[str, set] = {}
    for split, pairs in data.records.items():
        for pair in pairs:
            by_sentence.setdefault(pair.source, set()).add(split)
    assert all(len(splits) == 1 for splits in by_sentence.values())
    assert {split: len(pairs) >= 5 for split, pairs in data.records.items()} == dict.fromkeys(
        ("train", "val", "test"), True
    )
    again = ParallelFiles(path=folder, source="de", target="en", splits={"val": 0.2, "test": 0.2})
    assert again.records == data.records


def test_where_only_validation_is_missing_it_is_drawn_and_said(folder):
    for language in ("de", "en"):
        (folder / f"corpus.{language}").rename(folder / f"train.{language}")
        (folder / f"test.{language}").write_text("Satz 1\n")
    data = ParallelFiles(path=folder, source="de", target="en")
    counts = {split: len(pairs) for split, pairs in data.records.items()}
    assert counts["test"] == 1
    assert counts["train"] + counts["val"] == 100
    assert "val drawn from the training pairs (data.splits.val=0.1)" in data.summary()


def test_vocabularies_are_those_of_the_training_sentences_and_come_back(folder):
    data = ParallelFiles(
        path=folder,
        source="de",
        target="en",
        source_vocabulary=partial(WordVocabulary.build, lowercase=False),
        target_vocabulary=partial(SubwordVocabulary.build, size=280),
    )
    assert data.model_sizes() == {
        "source_vocabulary_size": len(data.source_vocabulary),
        "target_vocabulary_size": len(data.target_vocabulary),
    }
    assert "Satz" in data.source_vocabulary.tokens
    held = data.held()
    source, target = (vocabulary_from_state(held[f"{side}_vocabulary"]) for side in ("source", "target"))
    assert source.encode("Satz Maus")[1] == UNKNOWN
    assert target.decode(target.encode("sentence number 7")) == "sentence number 7"
    parts = data.task_parts()
    assert parts["vocabulary"] is data.target_vocabulary
    assert parts["references"]["train"]["corpus:3"] == "sentence number 2"


def test_long_pairs_are_left_out_of_training_alone_and_counted(tmp_path):
    for split in ("train", "val"):
        (tmp_path / f"{split}.de").write_text("a b\na b c d e f\na\n")
        (tmp_path / f"{split}.en").write_text("a\nb\na b c d e f g\n")
    data = ParallelFiles(path=tmp_path, source="de", target="en", max_tokens=5)
    assert len(data.dataset("train", training=True)) == 1
    assert len(data.dataset("val", training=False)) == 3
    assert "2 training pairs longer than data.max_tokens left out" in data.summary()
    with pytest.raises(UserError, match=r"data\.max_tokens=1: none of 3 training pairs is as short"):
        _ = ParallelFiles(path=tmp_path, source="de", target="en", max_tokens=1).training_pairs


def test_a_pair_is_long_by_its_tokens_not_by_its_letters(tmp_path):
    class Bytes(WordVocabulary):
        """As a vocabulary of parts of words falls back on: several tokens a letter."""

        def encode(self, text):
            return list(text.encode())

    for split in ("train", "val"):
        (tmp_path / f"{split}.de").write_text("äöü\na\n", encoding="utf-8")
        (tmp_path / f"{split}.en").write_text("a\nb\n")
    data = ParallelFiles(path=tmp_path, source="de", target="en", max_tokens=5, source_vocabulary=Bytes.build)
    assert [pair.target for pair in data.training_pairs] == ["b"]
    assert "1 training pair longer than data.max_tokens left out" in data.summary()


def test_every_pair_comes_once_an_epoch_in_batches_of_like_length():
    data = NumberWords(sizes={"train": 300, "val": 7}, batch_size=16, sort_by_length=True, evaluation_batch_size=3)
    batches = list(data.train_dataloader())
    assert Counter(id for batch in batches for id in batch.ids) == Counter(p.id for p in data.records["train"])
    padding = sum(int((batch.tokens == PAD).sum()) for batch in batches)
    mixed = NumberWords(sizes={"train": 300, "val": 7}, batch_size=16)
    assert padding < 0.5 * sum(int((batch.tokens == PAD).sum()) for batch in mixed.train_dataloader())
    assert [id for batch in data.val_dataloader() for id in batch.ids] == [f"val:{row}" for row in range(1, 8)]
    words = data.target_vocabulary.decode(batches[0].tokens[0].tolist())
    assert words == data.references["train"][batches[0].ids[0]]


def test_memorising_trains_and_validates_on_the_same_few():
    data = NumberWords(sizes={"train": 30, "val": 7}, memorise=4)
    assert data.records["train"] == data.records["val"]
    assert len(data.records["train"]) == 4


def test_numbers_are_the_same_for_everyone():
    one, again = (NumberWords(sizes={"train": 20, "val": 5}) for _ in range(2))
    assert one.read() == again.read()
    assert one.read() != NumberWords(sizes={"train": 20, "val": 5}, number_seed=1).read()
    german = NumberWords(sizes={"train": 20, "val": 5}, language="de").read()
    assert [pair.source for pair in german] == [pair.source for pair in one.read()]
    assert torch.tensor([" " not in pair.target for pair in german]).all()
