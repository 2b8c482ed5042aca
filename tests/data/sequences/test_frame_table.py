"""Tables with features and labels side by side: as published, a file a recording, or many in one."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqvision.data.sequences.formats.frame_table import read_frame_tables
from seqvision.data.sequences.readers.features import FeatureReader, fit_reader
from seqvision.errors import UserError


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def recording(labels: str, *, extra: str = "") -> str:
    return "x,y,label\n" + "".join(f"{n},{n * 2},{label}{extra}\n" for n, label in enumerate(labels))


FOUR = {f"{name}.csv": recording("aab") for name in "pqrs"}


def test_a_file_a_recording_with_splits_by_recording(tmp_path):
    found = read_frame_tables(write(tmp_path, FOUR), splits={"test_groups": ["q"], "val_groups": ["r"]})
    assert {r.id: r.split for r in found.records} == {"p": "train", "q": "test", "r": "val", "s": "train"}
    assert found.classes == ("a", "b")
    assert all(r.labels.tolist() == [0, 0, 1] for r in found.records)
    assert found.notes == [
        "features: 2 columns (x, y) of p.csv; not used: label (data.reader.columns, data.reader.exclude)"
    ]


def test_lists_of_recordings_make_the_splits(tmp_path):
    found = read_frame_tables(write(tmp_path, {**FOUR, "train.txt": "p\nq.csv\n", "val.txt": "r\n"}))
    assert {r.id: r.split for r in found.records} == {"p": "train", "q": "train", "r": "val"}
    assert found.notes[0] == "splits: 1 of 4 sequences in no list, left out: s"


LONG = "recording,subject,split,x,label\n" + "".join(
    f"{name},{name[0]},{split},{n},{'ab'[n % 2]}\n"
    for name, split in (("a1", "train"), ("a2", "train"), ("b1", "val"))
    for n in range(3)
)


def test_one_table_with_a_column_of_ids_keeps_its_groups_and_splits(tmp_path):
    folder = write(tmp_path, {"all.csv": LONG})
    found = read_frame_tables(folder / "all.csv")
    assert [(r.id, r.span, r.group, r.split) for r in found.records] == [
        ("a1", (0, 3), "a", "train"),
        ("a2", (3, 6), "a", "train"),
        ("b1", (6, 9), "b", "val"),
    ]
    reader = fit_reader(FeatureReader(), found.records)
    assert reader.columns == ("x",)
    assert reader.read(found.records[1].source, *found.records[1].span).tolist() == [[0], [1], [2]]


def test_several_labels_a_frame_are_columns_that_are_named(tmp_path):
    text = "x,dig,rear\n1,0,1\n2,1,\n3,0,0\n"
    folder = write(tmp_path, {f"{name}.csv": text for name in "pqr"})
    reader = FeatureReader(exclude=["dig", "rear"])
    found = read_frame_tables(folder, reader=reader, multilabel=True, label_columns=["dig", "rear"])
    assert (found.classes, found.multilabel) == (("dig", "rear"), True)
    assert found.records[0].labels.tolist() == [[0, 1], [1, -1], [0, 0]]


def test_labels_from_files_beside_are_aligned_as_asked(tmp_path):
    files = {f"{name}.csv": recording("aaab") for name in "pqr"}
    files |= {f"labels/{name}_labels.csv": "label\n" + "a\n" * 3 for name in "pqr"}
    options = {"files": "?.csv", "label_files": "labels/{stem}_labels.csv"}
    with pytest.raises(
        UserError, match=r"/p\.csv holds 4 frames, .*/labels/p_labels\.csv 3 labels: .* 2 more like this"
    ):
        read_frame_tables(write(tmp_path, files), **options)
    found = read_frame_tables(tmp_path, align="truncate", **options)
    assert [r.span for r in found.records] == [(0, 3)] * 3


def test_one_long_recording_is_split_in_blocks_with_a_gap_in_seconds(tmp_path):
    rows = "".join(f"{n / 10},{n},{'ab'[n // 5 % 2]}\n" for n in range(200))
    file = write(tmp_path, {"long.csv": f"time,x,label\n{rows}"}) / "long.csv"
    found = read_frame_tables(file, splits={"blocks": 5, "gap": "0.5s"})
    spans = sorted(r.span for r in found.records)
    assert all(after[0] - before[1] == 5 for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"notes.md": "x"}, {}, ": no tables '*' with the ending .csv or .tsv (found: notes.md). Correct data.path or"),
        (
            FOUR,
            {"files": "*_raw.csv"},
            ": no tables '*_raw.csv' with the ending .csv or .tsv (found: p.csv, q.csv, r.csv",
        ),
        (
            {**FOUR, "t.csv": "x,y\n1,2\n"},
            {},
            "t.csv: no column for the label (found: x, y; usual names: label, ",
        ),
        (
            {"all.csv": "id,x,label\np,1,a\nq,2,a\np,3,a\n"},
            {},
            "all.csv row 4: recording 'p' goes on here after it ended in row 2. Sort the table by 'id', and by time",
        ),
        ({"all.csv": "id,x,label\n,1,a\n"}, {}, "all.csv row 2: no name of a recording in column 'id'. Fill it in."),
        (
            {"p.csv": "subject,x,label\na,1,a\nb,2,a\n"},
            {},
            "p.csv row 3: group 'b' in column 'subject', but 'a' in row 2 of the same recording. Correct the row; if",
        ),
        (
            {f"{name}.csv": "x,kind\n1,0\n2,1\n" for name in "pqr"},
            {"label_column": "kind"},
            "column 'kind' is a feature and says the label, split or group: the network would read the answer. Set "
            "data.reader.exclude=[kind].",
        ),
        (
            FOUR,
            {"multilabel": True},
            "data.multilabel=true: which columns are labels? Name them with data.label_columns",
        ),
        (
            FOUR,
            {"multilabel": True, "label_columns": ["z"]},
            "p.csv: no column 'z' for the label (found: x, y, label). Correct data.label_columns.",
        ),
        (
            FOUR,
            {"multilabel": True, "label_column": "label", "label_columns": ["label"]},
            "data.label_column=label has no effect with data.multilabel=true.",
        ),
        (
            {"p.csv": "x,dig,rear\n1,0,1\n2,1,0\n"},
            {"multilabel": True, "label_columns": ["dig", "rear"], "unlabelled": ["none"]},
            "data.unlabelled=[none] has no effect with a column of 0 and 1 for each label",
        ),
        (FOUR, {"files": ""}, "data.files='': not a pattern of names within "),
        (FOUR, {"files": "/*.csv"}, "data.files='/*.csv': not a pattern of names within "),
        (
            {"all.csv": LONG},
            {"label_files": "{stem}.csv"},
            "all.csv: holds several recordings, for which data.label_files",
        ),
        (FOUR, {"label_files": "{stem}_l.csv"}, "p_l.csv: there is no such file. Correct its name."),
        ({**FOUR, "p.csv": ""}, {}, "p.csv: the file is empty (0 bytes)."),
        (
            {"p.csv": recording("ab")},
            {},
            "the split 'val' is empty: 1 sequence in 1 group gave train 1, val 0, test 0.",
        ),
    ],
)
def test_broken_tables_say_what_is_wrong_and_what_to_do(tmp_path, files, options, message):
    with pytest.raises(UserError, match=re.escape(message)):
        read_frame_tables(write(tmp_path, files), **options)


def test_a_missing_place_says_so(tmp_path):
    with pytest.raises(UserError, match=r"nowhere: there is no such file or folder\. Correct data\.path"):
        read_frame_tables(tmp_path / "nowhere")


@pytest.mark.parametrize(("files", "features", "classes"), [("*_raw.csv", 18, 5), ("*_va3.csv", 32, 5)])
def test_gesture_phases_leave_one_recording_out(shared_data, files, features, classes):
    folder = shared_data("gesture_phase")
    merge = {"Preparacao": "Preparation"} if "raw" in files else {}
    found = read_frame_tables(
        folder, files=files, merge=merge, splits={"group": "^[a-z][0-9]", "test_groups": ["b1"], "val_groups": ["a3"]}
    )
    assert {r.group: r.split for r in found.records} == {
        "a1": "train",
        "a2": "train",
        "a3": "val",
        "b1": "test",
        "c1": "train",
    }
    assert len(found.classes) == classes
    assert fit_reader(FeatureReader(), found.records).frame_shape == (features,)
    assert not any("spelt in two ways" in note for note in found.notes)
    assert all(np.bincount(r.labels, minlength=classes).sum() == len(r.labels) for r in found.records)


def test_empty_columns_and_those_that_the_first_table_lacks_are_said(tmp_path):
    first = "x,,y,z,label\n" + "".join(f"{n},,{n * 2},,{'ab'[n % 2]}\n" for n in range(4))
    other = "x,,y,z,w,label\n" + "".join(f"{n},,{n * 2},1,2,{'ab'[n % 2]}\n" for n in range(4))
    found = read_frame_tables(write(tmp_path, {"p.csv": first, "q.csv": other, "r.csv": other}))
    assert found.notes[:2] == [
        "features: 2 columns (x, y) of p.csv; not used: column 2 (empty), z (empty), label (data.reader.columns, "
        "data.reader.exclude)",
        "columns: 'z' (2 tables), 'w' (2 tables) not used, because p.csv has no such numbers",
    ]
