"""Which column of a table is the source: its first row says it, else its name, else their order; and it is said."""

import gzip
from pathlib import Path

import pytest

from seqvision.data.parallel.formats import read_parallel
from seqvision.data.parallel.languages import pair_in_name, same_language
from seqvision.errors import UserError

ROWS = "ein Hund\ta dog\nzwei\ttwo\n"


def read(folder: Path, name: str, rows: str = ROWS, **options: str) -> tuple[list[tuple[str, str]], list[str]]:
    data = rows.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    text = read_parallel(folder / name, **options)
    return [(pair.source, pair.target) for pair in text.pairs], text.notes


@pytest.mark.parametrize(
    "name",
    [
        *("de-en.tsv", "corpus.de-en.tsv", "train.de-en.tsv.gz", "train-de-en.tsv", "corpus_de_en.tsv", "de2en.tsv"),
        *("my.set.de_AT-en_US.tsv", "de-to-en.tsv"),
    ],
)
def test_the_name_says_the_direction(name, tmp_path):
    pairs, notes = read(tmp_path, name, source="en", target="de")
    assert pairs == [("a dog", "ein Hund"), ("two", "zwei")]
    assert notes == [f"{name}: from en (column 2) into de (column 1), as its name says"]
    pairs, _ = read(tmp_path, name, source="de", target="en")
    assert pairs == [("ein Hund", "a dog"), ("zwei", "two")]


@pytest.mark.parametrize("name", ["pairs.tsv", "de-en.tsv", "train.de-en.tsv"])
@pytest.mark.parametrize(
    "heading", ["en\tde", "en_US\tde_DE", "English\tGerman", "tuv_en\ttuv_de", "text (en)\ttext (de)"]
)
def test_a_first_row_says_it_more_surely_than_the_name(name, heading, tmp_path):
    rows = f"{heading}\na dog\tein Hund\ntwo\tzwei\n"
    pairs, notes = read(tmp_path, name, rows, source="de", target="en")
    assert pairs == [("ein Hund", "a dog"), ("zwei", "two")]
    assert "from de (column 2) into en (column 1), as its first row says" in notes[0]
    pairs, _ = read(tmp_path, name, rows, source="en", target="de")
    assert pairs == [("a dog", "ein Hund"), ("two", "zwei")]


def test_roles_and_codes_name_columns_without_any_languages_given(tmp_path):
    assert read(tmp_path, "a.tsv", "target\tsource\na\tb\n")[0] == [("b", "a")]
    assert read(tmp_path, "b.tsv", "en\tde\na\tb\n")[0] == [("a", "b")]


def test_where_nothing_says_it_the_order_is_taken_and_said(tmp_path):
    pairs, notes = read(tmp_path, "pairs.tsv", source="en", target="de")
    assert pairs[0] == ("ein Hund", "a dog")
    assert notes == [
        "pairs.tsv: from en (column 1) into de (column 2), which nothing says: write a first row with the languages to "
        "be sure"
    ]


def test_other_languages_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing with both en and fr"):
        read(tmp_path, "corpus.de-en.tsv", source="en", target="fr")


def test_sentences_are_no_headings_and_keep_their_quotes(tmp_path):
    rows = '"Ja."\t"Yes."\n"a\nb"\tc\n'
    assert read(tmp_path, "a.tsv", rows)[0] == [('"Ja."', '"Yes."'), ("a\nb", "c")]


def test_what_names_say():
    assert pair_in_name("news-commentary-v14.de-en") == ("news-commentary-v14", "de", "en")
    assert pair_in_name("train-val") is None
    assert pair_in_name("dev_set") is None
    assert pair_in_name("corpus.pt_BR") is None
    assert same_language("en", "en_US")
    assert not same_language("en-GB", "en_US")
    assert same_language("German", "de-AT")


def test_further_columns_are_said_not_to_be_read(tmp_path):
    pairs, notes = read(tmp_path, "de-en.tsv", "ein Hund\ta dog\tchecked\nzwei\ttwo\n", source="de", target="en")
    assert pairs == [("ein Hund", "a dog"), ("zwei", "two")]
    assert notes == ["de-en.tsv: from de (column 1) into en (column 2), as its name says; 1 further column not read"]
