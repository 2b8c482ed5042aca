"""Numbers in words: the rules of both languages, and files of pairs that share no number between splits."""

import pytest

from seqvision.data.parallel import read_parallel
from seqvision.data.parallel.numbers import LIMIT, number_words, write_numbers
from seqvision.errors import UserError

KNOWN = {
    0: ("zero", "null"),
    1: ("one", "eins"),
    12: ("twelve", "zwölf"),
    13: ("thirteen", "dreizehn"),
    16: ("sixteen", "sechzehn"),
    17: ("seventeen", "siebzehn"),
    20: ("twenty", "zwanzig"),
    21: ("twenty-one", "einundzwanzig"),
    30: ("thirty", "dreißig"),
    40: ("forty", "vierzig"),
    66: ("sixty-six", "sechsundsechzig"),
    77: ("seventy-seven", "siebenundsiebzig"),
    99: ("ninety-nine", "neunundneunzig"),
    100: ("one hundred", "einhundert"),
    101: ("one hundred one", "einhunderteins"),
    111: ("one hundred eleven", "einhundertelf"),
    217: ("two hundred seventeen", "zweihundertsiebzehn"),
    1000: ("one thousand", "eintausend"),
    1001: ("one thousand one", "eintausendeins"),
    1984: ("one thousand nine hundred eighty-four", "eintausendneunhundertvierundachtzig"),
    10_010: ("ten thousand ten", "zehntausendzehn"),
    21_000: ("twenty-one thousand", "einundzwanzigtausend"),
    101_000: ("one hundred one thousand", "einhunderteintausend"),
    301_021: ("three hundred one thousand twenty-one", "dreihunderteintausendeinundzwanzig"),
    999_999: (
        "nine hundred ninety-nine thousand nine hundred ninety-nine",
        "neunhundertneunundneunzigtausendneunhundertneunundneunzig",
    ),
}


@pytest.mark.parametrize("number", KNOWN)
def test_known_numbers(number):
    assert (number_words(number), number_words(number, "de")) == KNOWN[number]


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_two_numbers_have_one_name(language):
    some = [*range(2000), *range(2000, LIMIT, 997)]
    assert len({number_words(number, language) for number in some}) == len(some)


def test_written_pairs_are_read_back_and_no_number_is_in_two_splits(tmp_path):
    sizes = {"train": 200, "val": 20, "test": 30}
    text = read_parallel(write_numbers(tmp_path, language="de", sizes=sizes), source="num", target="de")
    assert {split: sum(pair.split == split for pair in text.pairs) for split in sizes} == sizes
    assert len({pair.source for pair in text.pairs}) == 250
    assert all(number_words(int(pair.source.replace(" ", "")), "de") == pair.target for pair in text.pairs)
    assert {len(pair.source) for pair in text.pairs} == {1, 3, 5, 7, 9, 11}  # all lengths, a space between digits


def test_the_seed_alone_decides(tmp_path):
    folders = [
        write_numbers(tmp_path / name, sizes={"train": 5}, seed=seed)
        for name, seed in zip("abc", (1, 1, 2), strict=True)
    ]
    one, again, other = ((folder / "train.num").read_text() for folder in folders)
    assert one == again != other
    assert one == "8\n3 2 9 5 6\n5 0 4\n8 0 9 8\n0\n"


def test_all_numbers_there_are_can_be_asked_for(tmp_path):
    folder = write_numbers(tmp_path, sizes={"train": 90, "val": 10}, below=100)
    lines = [line for split in ("train", "val") for line in (folder / f"{split}.num").read_text().splitlines()]
    assert sorted(int(line.replace(" ", "")) for line in lines) == list(range(100))


def test_what_is_impossible_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"numbers: 101 different numbers were asked for .*there are 100 below 100"):
        write_numbers(tmp_path, sizes={"train": 101}, below=100)
    with pytest.raises(UserError, match="numbers: language is 'fr', expected en or de"):
        number_words(1, "fr")
    with pytest.raises(UserError, match="numbers: 1000000 is out of range, expected 0 to 999999"):
        number_words(LIMIT)
