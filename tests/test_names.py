"""A name in a configuration means the text that the data hold, however YAML reads it."""

import pytest

from seqvision.data import FeatureReader, read_frame_tables, read_sentences
from seqvision.data.annotations import Segment, read_annotations
from seqvision.errors import UserError
from seqvision.names import all_meant, meant, one_meant, same_value, text_of


@pytest.mark.parametrize(
    ("name", "texts", "expected"),
    [
        ("walk", ["run", "walk"], ["walk"]),
        ("Walk", ["walk"], []),
        (0, ["0", "1"], ["0"]),
        (0, ["0.0", "1.0", "0"], ["0.0", "0"]),
        ("\u00e4", ["a\u0308", "a"], ["a\u0308"]),  # composed and not
        ("0", ["0.0", "0"], ["0"]),  # text means itself first
        ("0", ["0.0", "1.0"], ["0.0"]),
        (1, ["001", "10"], ["001"]),
        (-1, ["-1", "1"], ["-1"]),
        (1000.0, ["1e3", "1000", "100"], ["1e3", "1000"]),
        (0.1, ["0.1", ".10", "0.10000001"], ["0.1", ".10"]),
        (12345678901234567890, ["12345678901234567891", "12345678901234567890"], ["12345678901234567890"]),
        (True, ["True", "1", "yes"], ["True", "yes"]),
        (False, ["no", "0", "false"], ["no", "false"]),
        (None, ["null", "None", "x"], ["null"]),
        (float("nan"), ["nan", "0"], ["nan"]),
        ("2024-01-01", ["2024-01-01", "2023"], ["2024-01-01"]),
        (1, ["one", "", "x1", "1_0"], []),
    ],
)
def test_what_a_name_means(name, texts, expected):
    assert meant(name, texts) == expected


def test_names_that_mean_nothing_stay_as_text():
    assert [text_of(name) for name in ("a", 0, 1000.0, True, False, None)] == [
        "a",
        "0",
        "1000.0",
        "true",
        "false",
        "null",
    ]
    assert one_meant(4, ["1", "2"]) == "4"
    assert all_meant([1, "x", None], ["1.0", "1"]) == ["1.0", "1", "x", "null"]
    assert same_value("1", "1.0")
    assert not same_value("a", "a")
    assert not same_value("9" * 500, "1e999999999")


TABLE = "t,0,1,a,s\n" + "".join(f"{n / 10},{n % 2},{[0, 1, 4][n % 3]}.0,{n * n % 7 / 8},{{s}}\n" for n in range(60))


@pytest.fixture
def tables(tmp_path):
    for subject in ("01", "02", "03", "04"):
        (tmp_path / f"r{subject}.csv").write_text(TABLE.replace("{s}", subject))

    def read(**options):
        options = {"label_column": 1, "group_column": "s", **options}
        reader = FeatureReader(columns=options.pop("columns", ["a"]))
        return read_frame_tables(tmp_path, reader=reader, **options)

    return read


def labels(found):
    return [found.classes[place] if place >= 0 else None for place in found.records[0].labels[:3].tolist()]


@pytest.mark.parametrize(
    ("options", "classes", "first"),
    [
        ({}, ("0.0", "1.0", "4.0"), ["0.0", "1.0", "4.0"]),
        ({"unlabelled": [0]}, ("1.0", "4.0"), [None, "1.0", "4.0"]),
        ({"unlabelled": ["0"]}, ("1.0", "4.0"), [None, "1.0", "4.0"]),
        ({"merge": {1: "walk", 4: "run"}}, ("0.0", "run", "walk"), ["0.0", "walk", "run"]),
        ({"merge": {1: 0}}, ("0.0", "4.0"), ["0.0", "0.0", "4.0"]),
        ({"merge": {4: None}}, ("0.0", "1.0"), ["0.0", "1.0", None]),
        ({"classes": [4, 0, 1]}, ("4.0", "0.0", "1.0"), ["0.0", "1.0", "4.0"]),
        ({"label_column": 0}, ("0", "1"), ["0", "1", "0"]),
    ],
)
def test_numbers_name_labels_and_columns_of_tables(tables, options, classes, first):
    found = tables(**options)
    assert found.classes == classes
    assert labels(found) == first


def test_numbers_name_groups_and_features(tables):
    found = tables(splits={"test_groups": [1], "val_groups": ["04"]}, columns=[0])
    assert {record.id: record.split for record in found.records} == {
        "r01": "test",
        "r02": "train",
        "r03": "train",
        "r04": "val",
    }
    with pytest.raises(UserError, match=r"column '1' is a feature and says the label, split or group"):
        tables(columns=[0, 1])
    with pytest.raises(UserError, match=r"r01.csv: no column '7' for the label \(found: t, 0, 1, a, s\)"):
        tables(label_column=7)
    with pytest.raises(UserError, match=r"data.merge: no label '7' \(found: 0.0, 1.0, 4.0\)"):
        tables(merge={7: "walk"})
    with pytest.raises(UserError, match=r"label '0.0' is none of the 2 classes in data.classes"):
        tables(classes=[1, 4])


def test_several_labels_called_by_numbers(tables):
    found = tables(
        multilabel=True,
        label_columns=[0],
        merge={0: 9},
        label_column=None,
    )
    assert found.classes == ("9",)
    assert found.records[0].labels[:3, 0].tolist() == [0, 1, 0]


def test_classes_of_sentences_called_by_numbers(tmp_path):
    # "3" is the name of a column, though it is the second
    (tmp_path / "a.csv").write_text("text,3\n" + "".join(f"a word {n},{n % 4}\n" for n in range(80)))
    found = read_sentences(tmp_path / "a.csv", label_column=3, merge={0: 1, 2: None})
    assert found.classes == ("1", "3")
    assert [sum(record.label == name for record in found.records) for name in found.classes] == [40, 20]


def test_tracks_called_by_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("start,end,label,track\n0,1,0,1\n0,1,1,2\n")
    assert read_annotations(path, track=1).segments == {"": [Segment(0, 1, "0", "1")]}
