"""Parallel text as it lies about: two files, one with tabs, packed or not, and what can be wrong with it."""

import gzip

import pytest

from seqvision.data.parallel import read_parallel
from seqvision.errors import UserError

PAIRS = [("ein Hund", "a dog"), ("zwei Katzen", "two cats"), ("Äpfel", "apples")]


def write_lines(folder, stem, *, packed=False, pairs=PAIRS, encoding="utf-8", end="\n"):
    """Two files of lines, German and English."""
    for language, sides in zip(("de", "en"), zip(*pairs, strict=True), strict=True):
        data = "".join(side + end for side in sides).encode(encoding)
        name = f"{stem}.{language}" + (".gz" if packed else "")
        (folder / name).write_bytes(gzip.compress(data) if packed else data)


def sides(text) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in text.pairs]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_files_of_lines(tmp_path, packed, end):
    write_lines(tmp_path, "train", packed=packed, end=end)
    text = read_parallel(tmp_path, source="de", target="en")
    assert sides(text) == PAIRS
    assert [pair.id for pair in text.pairs] == ["train:1", "train:2", "train:3"]
    assert sides(read_parallel(tmp_path, source="en", target="de")) == [pair[::-1] for pair in PAIRS]


def test_splits_are_those_of_the_names(tmp_path):
    for stem in ("train", "valid", "test_2016_flickr"):
        write_lines(tmp_path, stem)
    splits = {pair.id.partition(":")[0]: pair.split for pair in read_parallel(tmp_path, source="de", target="en").pairs}
    assert splits == {"train": "train", "valid": "val", "test_2016_flickr": "test"}
    write_lines(tmp_path, "test_2017_flickr")
    write_lines(tmp_path, "newstest")
    splits = {pair.id.partition(":")[0]: pair.split for pair in read_parallel(tmp_path, source="de", target="en").pairs}
    several = {name: name for name in ("test_2016_flickr", "test_2017_flickr", "newstest")}
    assert splits == {"train": "train", "valid": "val", **several}


def test_one_file_with_tabs_in_the_direction_of_its_name(tmp_path):
    rows = "".join(f"{de}\t{en}\tfrom somewhere\n" for de, en in PAIRS)
    (tmp_path / "train.de-en.tsv").write_text("\ufeff" + rows, encoding="utf-8")
    (tmp_path / "train.de-fr.tsv").write_text("nein\tnon\n")
    text = read_parallel(tmp_path, target="en")
    assert sides(text) == PAIRS
    assert text.languages == ("de", "en")
    assert text.pairs[0].split == "train"
    assert sides(read_parallel(tmp_path, source="en", target="de"))[0] == PAIRS[0][::-1]
    (tmp_path / "train.de-fr.tsv").unlink()
    assert sides(read_parallel(tmp_path)) == PAIRS
    assert sides(read_parallel(tmp_path / "train.de-en.tsv")) == PAIRS


def test_a_heading_says_where_the_columns_are(tmp_path):
    (tmp_path / "pairs.tsv").write_text("id\ten\tde\n1\ta dog\tein Hund\n")
    text = read_parallel(tmp_path / "pairs.tsv", source="de", target="en")
    assert sides(text) == [("ein Hund", "a dog")]
    assert text.pairs[0].id == "pairs:2"
    assert text.pairs[0].split is None


def test_files_that_begin_with_the_path(tmp_path):
    write_lines(tmp_path, "corpus")
    write_lines(tmp_path, "other", pairs=PAIRS[:1])
    assert len(read_parallel(tmp_path / "corpus", source="de", target="en").pairs) == 3


def test_any_encoding(tmp_path):
    write_lines(tmp_path, "train", encoding="latin-1")
    assert sides(read_parallel(tmp_path, source="de", target="en", encoding="latin-1")) == PAIRS
    with pytest.raises(UserError, match=r"train.de row 3: byte 0xc4 .* is not utf-8.*data.encoding=latin-1"):
        read_parallel(tmp_path, source="de", target="en")
    with pytest.raises(UserError, match=r"data\.encoding: no encoding is called .klingon."):
        read_parallel(tmp_path, source="de", target="en", encoding="klingon")


def test_only_a_line_feed_ends_a_line(tmp_path):
    """Unicode has more marks that Python would cut at, and every line after them would have another's translation."""
    write_lines(tmp_path, "train", pairs=[("ein\u2028Hund\x0b\x85", "a dog"), PAIRS[1]])
    assert sides(read_parallel(tmp_path, source="de", target="en"))[1] == PAIRS[1]


def test_different_numbers_of_lines(tmp_path):
    write_lines(tmp_path, "train")
    (tmp_path / "train.en").write_text("a dog\ntwo cats\n")
    with pytest.raises(UserError, match=r"train.de has 3 lines, train.en has 2: line n of one"):
        read_parallel(tmp_path, source="de", target="en")


def test_empty_sides_are_named_or_counted(tmp_path):
    write_lines(tmp_path, "train", pairs=[PAIRS[0], ("", "nothing"), ("nichts", " "), PAIRS[1]])
    with pytest.raises(UserError, match=r"train.de row 2: nothing there to translate; .*data.on_empty=skip"):
        read_parallel(tmp_path, source="de", target="en")
    text = read_parallel(tmp_path, source="de", target="en", on_empty="skip")
    assert sides(text) == PAIRS[:2]
    assert [pair.id for pair in text.pairs] == ["train:1", "train:4"]
    assert text.notes == ["train: 2 rows with an empty side left out, the first is row 2"]
    (tmp_path / "train.de").write_text("eins\nzwei\ndrei\nvier\n")
    with pytest.raises(UserError, match=r"train.en row 3: nothing there to learn as its translation"):
        read_parallel(tmp_path, source="de", target="en")
    with pytest.raises(UserError, match=r"data\.on_empty=drop: expected error or skip"):
        read_parallel(tmp_path, source="de", target="en", on_empty="drop")


def test_a_row_without_a_tab(tmp_path):
    (tmp_path / "train.de-en.tsv").write_text("ein Hund\ta dog\nzwei Katzen\n")
    with pytest.raises(UserError, match=r"train.de-en.tsv row 2: 1 column \('zwei Katzen'\), expected 2"):
        read_parallel(tmp_path)


def test_languages_that_the_files_leave_open(tmp_path):
    write_lines(tmp_path, "train")
    with pytest.raises(UserError, match=r"from which language into which\? The files are in de, en; say e.g."):
        read_parallel(tmp_path)
    assert read_parallel(tmp_path, source="en").languages == ("en", "de")
    with pytest.raises(UserError, match=r"nothing with both de and fr, found train.de, train.en"):
        read_parallel(tmp_path, source="de", target="fr")


def test_nothing_there(tmp_path):
    (tmp_path / "README.md").write_text("hello")
    for path in (tmp_path, tmp_path / "absent" / "corpus"):
        with pytest.raises(UserError, match=r"no parallel text there; expected train\.de with train\.en"):
            read_parallel(path)


def test_a_file_that_only_looks_packed(tmp_path):
    write_lines(tmp_path, "train")
    (tmp_path / "train.de").rename(tmp_path / "train.de.gz")
    with pytest.raises(UserError, match=r"train.de.gz: cannot be read"):
        read_parallel(tmp_path, source="de", target="en")


def test_multi30k_as_it_is(shared_data):
    text = read_parallel(shared_data("multi30k"), source="de", target="en")
    counts = {split: sum(pair.split == split for pair in text.pairs) for split in ("train", "val", "test")}
    assert counts == {"train": 29000, "val": 1014, "test": 1000}
    assert text.pairs[-1].id == "val:1014"


def test_emoji_names_as_they_are(shared_data):
    names = read_parallel(shared_data("emoji") / "names", source="en", target="de")
    assert sides(names)[0] == ("flag: American Samoa", "Flagge: Amerikanisch-Samoa")
    assert {pair.split for pair in names.pairs} == {"train", "val", "test"}
