"""Words of any language come apart and together again."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvision.data.tokenise import join_words, normalise, split_words

SPLITS = {
    "flag: Slovenia": "flag|:|Slovenia",
    "A dog, running.": "A|dog|,|running|.",
    "medium-dark skin, o’clock, rock'n'roll": "medium-dark|skin|,|o’clock|,|rock'n'roll",
    "Jack-o’-lantern": "Jack-o’-lantern",
    "two- and three-wheeled": "two-|and|three-wheeled",
    "1,000 men at 10:30 for $.05": "1,000|men|at|10:30|for|$|.05",
    "the U.S. flag": "the|U.S.|flag",
    "R&B and/or this & that": "R&B|and|/|or|this|&|that",
    'he says "hi" twice': 'he|says|"|hi|"|twice',
    "the dogs' bowl": "the|dogs|'|bowl",
    "A button (blood type)": "A|button|(|blood|type|)",
    "Astronaut(in): helle Haut": "Astronaut(in)|:|helle|Haut",
    "er sagt „komm“ und geht": "er|sagt|„|komm|“|und|geht",
    "left or right one—or move": "left|or|right|one|—|or|move",
    "wait... what?!": "wait|...|what|?|!",
    "हिन्दी में एक कुत्ता": "हिन्दी|में|एक|कुत्ता",
    "собака бежит": "собака|бежит",
    "كلب يجري": "كلب|يجري",
    "개가 달린다": "개가|달린다",
    "一只狗，在跑。": "一|只|狗|，|在|跑|。",
    "旗: 中等-深": "旗|:|中|等|-|深",
    "Tシャツ": "T|シ|ャ|ツ",
    "หมา": "ห|ม|า",
    "👩\u200d🚀 in space": "👩\u200d🚀|in|space",
}


@pytest.mark.parametrize("text", SPLITS)
def test_text_comes_apart_into_words_and_together_again(text):
    words = split_words(text)
    assert words == SPLITS[text].split("|")
    assert join_words(words) == text


def test_dropping_punctuation_keeps_words_and_numbers():
    assert split_words("A cat, 3 dogs & a o’clock!", keep_punctuation=False) == [
        "A",
        "cat",
        "3",
        "dogs",
        "a",
        "o’clock",
    ]


def test_spaces_and_composed_letters_are_normalised():
    assert normalise(" un  cafe\u0301\n noir ") == "un café noir"
    assert normalise("Ein ÄRZT", lowercase=True) == "ein ärzt"


def test_spacing_of_marks_is_made_regular():
    assert join_words(split_words("A dog , running .")) == "A dog, running."


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_any_text_splits_without_loss_and_settles_after_one_round(text):
    text = normalise(text)
    words = split_words(text)
    assert "".join(words) == text.replace(" ", "")
    assert all(word and not word.isspace() for word in words)
    assert "".join(join_words(words).split()) == "".join(words)


def round_trips(texts: list[str]) -> float:
    return sum(join_words(split_words(normalise(t))) == normalise(t) for t in texts) / len(texts)


def test_every_emoji_name_comes_back_exactly(shared_data):
    images = json.loads((shared_data("emoji") / "dataset_emoji.json").read_text(encoding="utf-8"))["images"]
    assert round_trips([sentence["raw"] for image in images for sentence in image["sentences"]]) == 1


@pytest.mark.parametrize(
    ("language", "share"), [("de", 0.99), ("es", 1), ("it", 1), ("nl", 0.99), ("pl", 1), ("zh", 0.99)]
)
def test_names_in_other_languages_come_back(language, share, shared_data):
    rows = (shared_data("emoji") / "names" / f"train.en-{language}.tsv").read_text(encoding="utf-8").splitlines()
    assert round_trips([row.split("\t")[1] for row in rows]) >= share


def test_peoples_captions_come_back(shared_data):
    coco = json.loads((shared_data("coco") / "annotations/captions_val2017.json").read_text(encoding="utf-8"))
    assert round_trips([annotation["caption"] for annotation in coco["annotations"]]) > 0.99
    with open(shared_data("tuxpaint_stamps") / "captions.txt", encoding="utf-8", newline="") as file:
        assert round_trips([row[1] for row in csv.reader(file)]) > 0.99
