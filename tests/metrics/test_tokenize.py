"""Sentences are cut as the reference implementation cuts them; its answers are written out here."""

import json
import time

import pytest

from seqvision.metrics import tokenize_ptb


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog runs.", "a dog runs"),
        ("Don't, can't and won't: isn't it?", "do n't ca n't and wo n't is n't it"),
        (
            "I'm sure he's there, they're late; we'll go, I'd've",
            "i 'm sure he 's there they 're late we 'll go i 'd 've",
        ),
        ("the dogs' bowl, the dog's bowl", "the dogs bowl the dog 's bowl"),
        ("It’s the plumber’s “gas giants”", "it 's the plumber 's gas giants"),
        ("Cannot we gonna", "can not we gon na"),
        ("'Tis rock'n'roll at five o'clock, ma'am", "'t is rock 'n' roll at five o'clock ma'am"),
        ("a red-and-white T-shirt, half-eaten- -", "a red-and-white t-shirt half-eaten"),
        ("Jack-o’-lantern, jack-o-lantern", "jack-o lantern jack-o-lantern"),
        ("black/white elephant/ pickup/drop-off", "black/white elephant / pickup/drop-off"),
        ("two--dash, a – b, system—and", "two dash a b system and"),
        ("well... wait… what?! wow!!! no!", "well wait what ?! wow !!! no"),
        ("Mr. Smith of St. Louis in the U.S. at 5 p.m. etc.", "mr. smith of st. louis in the u.s. at 5 p.m. etc."),
        (
            "it sat in mass. Then J. Smith saw the letter A. The end.",
            "it sat in mass then j. smith saw the letter a the end",
        ),
        ("No. 5 and no. Then fig. 3", "no. 5 and no then fig. 3"),
        ("$5.00, £3 and 10,000 at 4:21 or 10:30am", "$ 5.00 # 3 and 10,000 at 4:21 or 10:30 am"),
        ("5% of 3/4, 2½ cups, -5 to 1980s '90s 80's", "5 % of 3/4 2 1/2 cups -5 to 1980s '90s 80 's"),
        ("(paren) [brack] {brace}", "-lrb- paren -rrb- -lsb- brack -rsb- -lcb- brace -rcb-"),
        ("#8 is AT&amp;T & r&b @home #tag", "# 8 is at&t & r & b @home #tag"),
        ("see http://a.org/b?c=1, x.com/y or me@x.org :)", "see http://a.org/b?c=1 x.com/y or me@x.org :-rrb-"),
        ("<unk> a < b", "<unk> a < b"),
        ("street.A man a_b C++ 6'2\"", "street.a man a_b c++ 6 2"),
        ("", ""),
        (" \t\n ", ""),
        ("...", ""),
    ],
)
def test_words_are_those_of_the_reference(text, words):
    assert tokenize_ptb(text) == words.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ein Hund läuft über die Straße.", "ein hund läuft über die straße"),
        ("L'homme qu'elle aime n'est pas là", "l'homme qu'elle aime n'est pas là"),
        ("Собака бежит по траве!", "собака бежит по траве"),
        ("Ένας σκύλος, τρέχει", "ένας σκύλος τρέχει"),
        ("हिन्दी में एक कुत्ता", "हिन्दी में एक कुत्ता"),
        ("cafe\u0301 noir", "cafe\u0301 noir"),
        ("강아지가 달린다", "강아지가 달린다"),
        ("ein Hund 🐶 läuft ❤️", "ein hund läuft ❤"),
    ],
)
def test_other_languages_are_cut_at_blanks_and_punctuation(text, words):
    assert tokenize_ptb(text) == words.split()


def test_scripts_without_blanks_are_cut_into_characters():
    assert tokenize_ptb("一只狗在跑。") == [*"一只狗在跑"]
    assert tokenize_ptb("イヌ dog") == ["イ", "ヌ", "dog"]
    assert tokenize_ptb("コーヒーと𠮷") == ["コー", "ヒー", "と", "𠮷"]
    assert tokenize_ptb("ที่ดี dog") == ["ที่", "ดี", "dog"]  # marks stay with their letter


@pytest.mark.parametrize("name", ["coco_human_1000_dev", "abstract48S_candsB"])
def test_every_caption_of_the_scored_sets_is_cut_alike(shared_data, name):
    data = json.loads((shared_data("caption_metrics") / f"{name}.json").read_text())
    for raw, cut in (("references", "tokenised_references"), ("candidates", "tokenised_candidates")):
        for key, texts in data[raw].items():
            texts = [texts] if isinstance(texts, str) else texts
            assert [" ".join(tokenize_ptb(text)) for text in texts] == data[cut][key]


def test_no_text_takes_long():
    """Shapes on which a careless pattern backtracks for minutes; all of them together take well under a second."""
    shapes = (
        "a" * 5000 + "'",
        "a-" * 2500,
        "a." * 2500 + "!",
        "a/" * 2500,
        "<a " * 1500,
        "1.2" * 1500,
        "'" * 5000,
        "+" * 5000,
    )
    start = time.perf_counter()
    for text in shapes:
        tokenize_ptb(text)
    assert time.perf_counter() - start < 10
