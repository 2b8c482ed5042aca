"""Sentences become token numbers, the same in training and in use."""

import functools
import pickle

import pytest
import torch

from seqvision.data.sequences.readers.text import TextReader
from seqvision.data.vocabulary import UNKNOWN, SubwordVocabulary, WordVocabulary
from seqvision.errors import UserError

SENTENCES = ["a fine film", "a dull film .", "a fine day"]


def test_words_get_the_numbers_of_the_training_sentences_alone():
    reader = TextReader().fitted(SENTENCES)
    assert reader.built.decode(reader.read("a Fine film").tolist()) == "a fine film"
    assert reader.read("a fine cat").tolist()[-1] == UNKNOWN
    assert reader.read("a fine film").dtype == torch.int64
    assert reader.frame_shape == ()
    assert reader.sizes == {"vocabulary_size": 4 + 6}


def test_a_sentence_without_words_is_one_unknown_word():
    reader = TextReader().fitted(SENTENCES)
    assert reader.read("  ").tolist() == [UNKNOWN]
    assert reader.length("") == 1


def test_long_sentences_end_at_the_limit_and_are_counted():
    reader = TextReader(max_length=3).fitted(SENTENCES)
    assert reader.length("a dull film .") == len(reader.read("a dull film .")) == 3
    assert reader.truncated(SENTENCES) == 1


def test_a_part_is_the_part_of_the_whole():
    reader = TextReader().fitted(SENTENCES)
    assert torch.equal(reader.read("a dull film .", 1, 3), reader.read("a dull film .")[1:3])


@pytest.mark.parametrize(
    "build",
    [functools.partial(WordVocabulary.build, min_count=2), functools.partial(SubwordVocabulary.build, size=270)],
)
def test_an_equal_reader_comes_from_the_settings(build):
    reader = TextReader(build, max_length=5).fitted(SENTENCES)
    for again in (TextReader.from_settings(reader.settings()), pickle.loads(pickle.dumps(reader))):
        assert again.read("a fine dull film").tolist() == reader.read("a fine dull film").tolist()
        assert again.max_length == 5
    assert reader.fitted(["other words"]) is reader


def test_what_is_no_sentence_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a sentence was expected, found .*Give the text itself"):
        TextReader().fitted(SENTENCES).read(tmp_path)
    with pytest.raises(UserError, match=r"data.reader.max_length is 0, expected a number of words"):
        TextReader(max_length=0)
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        TextReader().read("a film")
