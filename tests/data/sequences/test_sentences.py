"""Sentences with classes, in every layout they come in."""

from collections import Counter

import pytest

from seqvision.data.sequences.classes import read_sentences

GOOD, BAD = ["a fine film", "a joy , truly", "warm and witty"], ["a dull film", "so , so tired", "no joy"]
SPLITS = {"val": 0.3, "test": 0.3}
WANTED = {(text, "good") for text in GOOD} | {(text, "bad") for text in BAD}


def rows(form):
    return "".join(form.format(text=text, label=label) for text, label in sorted(WANTED))


LAYOUTS = {
    "CSV": {"films.csv": "text,label\n" + rows('"{text}",{label}\n')},
    "CSV with semicolons and other names": {"films.csv": "Sentiment;Review\n" + rows("{label};{text}\n")},
    "TSV": {"films.tsv": "label\tsentence\n" + rows("{label}\t{text}\n")},
    "TSV without a header": {"films.tsv": rows("{text}\t{label}\n")},
    "label TAB text": {"films.txt": rows("{label}\t{text}\n")},
    "label SPACE text": {"films.txt": rows("{label} {text}\n")},
    "JSON lines": {"films.jsonl": rows('{{"text": "{text}", "label": "{label}"}}\n')},
    "a file a class": {"good.txt": "\n".join(GOOD) + "\n", "bad.txt": "\n".join(BAD)},
    "a file a class by the ending": {"films.good": "\n".join(GOOD), "films.bad": "\n\n".join(BAD)},
    "with a readme beside": {"README.md": "about", "films.txt": rows("{label}\t{text}\n")},
    "the old ends of lines": {"films.txt": rows("{label}\t{text}\r\n")},
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def pairs(found):
    return {(record.source, record.label) for record in found.records}


@pytest.fixture
def films(monkeypatch):
    """Six sentences are too few for a draw by hash to fill every split, so that the seed is one that does."""
    return {"splits": {**SPLITS, "seed": 3}}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_sentences(layout, tmp_path, films):
    found = read_sentences(write(tmp_path, LAYOUTS[layout]), **films)
    assert pairs(found) == WANTED
    assert found.classes == ("bad", "good")


def test_files_are_named_by_how_they_begin(tmp_path, films):
    write(tmp_path, {"films.good": "\n".join(GOOD), "films.bad": "\n".join(BAD), "other.good": "x"})
    assert pairs(read_sentences(tmp_path / "films", **films)) == WANTED


def test_files_of_splits_keep_them(tmp_path):
    files = {"train.tsv": rows("{text}\t{label}\n"), "dev.tsv": "a tired film\tbad\n", "test.tsv": "a fine joy\tgood\n"}
    found = read_sentences(write(tmp_path, files), label_column=2)
    assert Counter(record.split for record in found.records) == {"train": 6, "val": 1, "test": 1}


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("text,label", {"label_column": 2}),
        ("text,kind", {"label_column": 2}),
        ("quote,label", {"text_column": 1}),
        ("text,label", {"text_column": 1, "label_column": 2}),
        ("quote,label", {"text_column": 1, "label_column": 2}),
    ],
    ids=str,
)
def test_a_number_counts_the_columns_of_a_table_with_a_header_too(tmp_path, films, header, columns):
    files = {"films.csv": f"{header}\n" + rows('"{text}",{label}\n')}
    assert pairs(read_sentences(write(tmp_path, files), **columns, **films)) == WANTED


def test_a_split_column_is_kept(tmp_path):
    text = "text,label,split\na film,good,train\na day,bad,train\nno film,bad,dev\n"
    found = read_sentences(write(tmp_path, {"films.csv": text}))
    assert [record.split for record in found.records] == ["train", "train", "val"]


def test_reporting_on_dev_chooses_by_a_slice_of_train(tmp_path):
    train = "".join(f"film {n} was good\tgood\nfilm {n} was bad\tbad\n" for n in range(50))
    files = {"train.tsv": train, "dev.tsv": "so so\tbad\n"}
    found = read_sentences(
        write(tmp_path, files), label_column=2, text_column=1, splits={"rename": {"dev": "test"}, "val": 0.2}
    )
    counts = Counter(record.split for record in found.records)
    assert counts == {"train": 80, "val": 20, "test": 1}
    assert any("20 of 100" in note for note in found.notes)


def test_doubles_never_cross_splits_that_are_drawn(tmp_path):
    text = "".join(f"{label}\tsentence {n}\n" for n in range(40) for label in ("good", "bad"))
    found = read_sentences(write(tmp_path, {"films.txt": text + text.upper()}), merge={"GOOD": "good", "BAD": "bad"})
    split_of = {}
    for record in found.records:
        assert split_of.setdefault(record.source.lower(), record.split) == record.split
    assert len(set(split_of.values())) == 3


def test_doubles_across_published_splits_are_kept_and_counted(tmp_path):
    files = {"train.tsv": rows("{text}\t{label}\n"), "dev.tsv": "A  fine film\tgood\nno\tbad\n"}
    found = read_sentences(write(tmp_path, files), label_column=2)
    assert found.notes == [
        "columns of train.tsv, dev.tsv: text '1', label '2'",
        "1 sentence of 'val' also in 'train', as published",
    ]


def test_splits_do_not_depend_on_the_other_sentences(tmp_path):
    text = "".join(f"{label} sentence {n}\t{label}\n" for n in range(50) for label in ("good", "bad"))
    some = read_sentences(write(tmp_path, {"a.txt": text}) / "a.txt", label_column=2)
    more = read_sentences(write(tmp_path, {"b.txt": "another one\tgood\n" + text}) / "b.txt", label_column=2)
    before = {record.source: record.split for record in some.records}
    assert {r.source: r.split for r in more.records if r.source in before} == before


def test_coarse_labels_are_the_first_part(tmp_path, films):
    text = "".join(f"A:x{n} what {n} ?\nB:y{n} who {n} ?\n" for n in range(20))
    found = read_sentences(write(tmp_path, {"q.txt": text}), coarse=":", layout="words", **films)
    assert found.classes == ("A", "B")


def test_classes_are_merged_or_left_out_with_a_note(tmp_path):
    text = "".join(f"{label}\tsentence {n}\n" for n in range(40) for label in ("good", "goood", "bad", "?"))
    found = read_sentences(write(tmp_path, {"films.txt": text}), merge={"goood": "good", "?": None})
    assert found.classes == ("bad", "good")
    assert Counter(record.label for record in found.records) == {"good": 80, "bad": 40}
    assert "40 sentences of the class 'goood' count as 'good' (data.merge)" in found.notes
    assert "40 sentences of the class '?' are left out (data.merge)" in found.notes


def test_numbers_as_classes_are_in_numerical_order(tmp_path):
    text = "".join(f"{n % 11}\tsentence {n}\n" for n in range(200))
    assert read_sentences(write(tmp_path, {"n.txt": text})).classes == tuple(map(str, range(11)))


def test_a_class_too_rare_for_the_draw_stays_in_train(tmp_path):
    text = "".join(f"{label}\tsentence {n}\n" for n in range(40) for label in ("good", "bad"))
    lonely = "".join(f"rare{n}\tnothing like it {n}\n" for n in range(10))
    found = read_sentences(write(tmp_path, {"films.txt": text + lonely}))
    assert {r.label for r in found.records if r.split == "train"} == set(found.classes)
    assert any(note.startswith("splits: too few sentences of 'rare") for note in found.notes)


def test_skipped_rows_are_counted(tmp_path, films):
    text = rows("{label}\t{text}\n") + "good\t\n\tno label here\n"
    found = read_sentences(write(tmp_path, {"films.txt": text}), on_missing="skip", **films)
    assert pairs(found) == WANTED
    assert found.notes == [
        "left out 2 rows, the first: films.txt row 7: no text beside the label 'good'",
        "columns of films.txt: text '2', label '1'",
    ]


PUBLISHED = {
    "SST2": ({"splits": {"rename": {"dev": "test"}}}, 2, {"train": 6228, "val": 692, "test": 872}),
    "stsa.fine": ({"splits": {"rename": {"dev": "test"}}}, 5, {"train+val": 8544, "test": 1101}),
    "TREC": ({"encoding": "latin-1"}, 50, {"train+val": 5452, "test": 500}),
    "TREC coarse": ({"encoding": "latin-1", "coarse": ":"}, 6, {"train+val": 5452, "test": 500}),
    "subj": ({"encoding": "latin-1"}, 2, {"train+val+test": 10000}),
    "rt-polarity": ({"encoding": "latin-1"}, 2, {"train+val+test": 10662}),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sets_have_their_published_sizes(name, shared_data):
    options, classes, sizes = PUBLISHED[name]
    found = read_sentences(shared_data("sentiment") / name.split()[0], **options)
    counts = Counter(record.split for record in found.records)
    assert len(found.classes) == classes
    assert {names: sum(counts[split] for split in names.split("+")) for names in sizes} == sizes
    assert all(counts[split] for split in ("train", "val", "test"))
