"""Both vocabularies: numbers and back, the same for the same captions, plain data for the checkpoint."""

import json
import pickle
import random
import sys

import pytest

from seqvision.data.vocabulary import (
    END,
    PAD,
    START,
    UNKNOWN,
    SubwordVocabulary,
    WordVocabulary,
    vocabulary_from_state,
)
from seqvision.errors import UserError

TEXTS = ["A dog, running.", "A cat: asleep on the mat", "two dogs on the mat", "a dog"]


@pytest.fixture(params=["words", "subwords"])
def vocabulary(request):
    return WordVocabulary.build(TEXTS) if request.param == "words" else SubwordVocabulary.build(TEXTS, size=300)


def test_the_special_tokens_come_first(vocabulary):
    assert vocabulary.tokens[:4] == ["<pad>", "<start>", "<end>", "<unk>"]
    assert (PAD, START, END, UNKNOWN) == (0, 1, 2, 3)
    assert len(vocabulary) == len(vocabulary.tokens) == len(set(vocabulary.tokens))


def test_known_text_comes_back(vocabulary):
    for text in TEXTS:
        ids = vocabulary.encode(text)
        assert min(ids) > UNKNOWN
        assert max(ids) < len(vocabulary)
        assert vocabulary.decode(ids) == vocabulary.normalise(text)


def test_what_stands_after_the_end_is_not_said(vocabulary):
    ids = vocabulary.encode("a dog")
    assert vocabulary.decode([START, *ids, END, *ids, PAD]) == "a dog"
    assert vocabulary.decode([PAD, END]) == ""


def test_text_that_looks_like_a_special_token_is_only_text(vocabulary):
    assert not {PAD, START, END} & set(vocabulary.encode("a <end> of <pad>"))


def test_the_order_of_the_captions_does_not_matter(vocabulary):
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    settings = {} if isinstance(vocabulary, WordVocabulary) else {"size": 300}
    assert type(vocabulary).build(shuffled, **settings).state() == vocabulary.state()


def test_the_state_is_plain_data_and_enough(vocabulary):
    state = json.loads(json.dumps(vocabulary.state()))
    again = vocabulary_from_state(state)
    assert type(again) is type(vocabulary)
    assert again.tokens == vocabulary.tokens
    assert again.encode("A dog on a hat.") == vocabulary.encode("A dog on a hat.")
    assert type(vocabulary).from_state(state).state() == vocabulary.state()


def test_it_reaches_data_workers(vocabulary):
    assert pickle.loads(pickle.dumps(vocabulary)).encode("a dog") == vocabulary.encode("a dog")


def test_a_vocabulary_that_does_not_fit_says_both_sizes(vocabulary):
    vocabulary.check_fits(len(vocabulary))
    with pytest.raises(
        UserError, match=rf"does not fit the model: it has {len(vocabulary)} entries, the model's output has 9999"
    ):
        vocabulary.check_fits(9999)
    with pytest.raises(UserError, match=rf"token 9999 is not one of its {len(vocabulary)} entries"):
        vocabulary.decode([9999])


def test_words_are_numbered_by_how_common_they_are_then_by_the_alphabet():
    assert WordVocabulary.build(["b b c a"]).tokens[4:] == ["b", "a", "c"]


def test_unknown_words_are_unknown():
    vocabulary = WordVocabulary.build(TEXTS)
    assert vocabulary.encode("a zebra") == [vocabulary.tokens.index("a"), UNKNOWN]
    assert vocabulary.decode(vocabulary.encode("a zebra on")) == "a <unk> on"


def test_min_count_and_max_size_leave_out_the_rarest():
    assert WordVocabulary.build(TEXTS, min_count=2).tokens[4:] == ["a", "dog", "mat", "on", "the"]
    assert len(WordVocabulary.build(TEXTS, max_size=6)) == 6


def test_capitals_and_marks_are_kept_or_not():
    assert "A" in WordVocabulary.build(TEXTS, lowercase=False).tokens
    assert not {",", ".", ":"} & set(WordVocabulary.build(TEXTS, punctuation="drop").tokens)
    assert WordVocabulary.build(TEXTS, punctuation="drop").normalise("A dog, running.") == "a dog running"


def test_subwords_know_every_text():
    vocabulary = SubwordVocabulary.build(TEXTS, size=260)
    for text in ["Zebra €5 – süß!", "一只狗 👩\u200d🚀", "<unk> <end>"]:
        assert UNKNOWN not in vocabulary.encode(text)
        assert vocabulary.decode(vocabulary.encode(text)) == text
    longer, shorter = (
        vocabulary.encode("a dog on the mat"),
        SubwordVocabulary.build(TEXTS, size=290).encode("a dog on the mat"),
    )
    assert len(shorter) < len(longer)


def test_emoji_names_come_back_from_subwords(shared_data):
    images = json.loads((shared_data("emoji") / "dataset_emoji.json").read_text(encoding="utf-8"))["images"]
    names = sorted({sentence["raw"] for image in images for sentence in image["sentences"]})
    vocabulary = SubwordVocabulary.build(names, size=1000)
    assert len(vocabulary) == 1000
    assert all(vocabulary.decode(vocabulary.encode(name)) == name for name in names)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: WordVocabulary.build(TEXTS, min_count=9),
            r"empty: the commonest word, 'a', occurs 3 times, with min_count=9",
        ),
        (lambda: WordVocabulary.build([]), "empty: no words found"),
        (lambda: WordVocabulary.build(TEXTS, punctuation="maybe"), "punctuation is 'maybe', expected 'keep' or 'drop'"),
        (lambda: WordVocabulary(["a", "b"]), "starts with <pad>"),
        (lambda: WordVocabulary(["<pad>", "<start>", "<end>", "<unk>", "x", "x"]), "'x' stands in it twice"),
        (lambda: SubwordVocabulary.build(TEXTS, size=100), "size is 100, expected at least 260"),
        (lambda: vocabulary_from_state({"kind": "runes"}), "kind 'runes', expected one of words, subwords"),
    ],
)
def test_what_is_wrong_is_said(wrong, message):
    with pytest.raises(UserError, match=message):
        wrong()


def test_without_the_library_subwords_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"not installed.*pip install 'seqvision\[subwords\]'"):
        SubwordVocabulary.build(TEXTS, size=300)
