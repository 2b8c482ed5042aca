"""Every layout is read as its users have it, and says the same records."""

import json

import pytest

from seqvision.data.formats import LAYOUTS, read_captions, read_captions_with_report
from seqvision.errors import UserError

TWO = {"dog.jpg": ("A dog.", "A brown dog, running."), "cat.png": ("A cat.",)}
PICTURES = {"images/dog.jpg": None, "images/cat.png": None}

CSV = 'image,caption\ndog.jpg,A dog.\ndog.jpg,"A brown dog, running."\ncat.png,A cat.\n'
KARPATHY = {
    "images": [
        {"filename": "dog.jpg", "split": "restval", "sentences": [{"raw": "A dog."}, {"raw": "A brown dog, running."}]},
        {"filename": "cat.png", "split": "val", "sentences": [{"tokens": ["A", "cat."]}]},
    ]
}
COCO = {
    "images": [{"id": 3, "file_name": "dog.jpg"}, {"id": 9, "file_name": "cat.png"}],
    "annotations": [
        {"image_id": 3, "caption": "A dog."},
        {"image_id": 9, "caption": "A cat.\n"},
        {"image_id": 3, "caption": "A brown dog, running."},
    ],
}

WAYS = {
    "csv": ("csv", {"captions.csv": CSV}),
    "csv with semicolons": (
        "csv",
        {"a.csv": 'File Name;Text\ndog.jpg;A dog.\ndog.jpg;A brown dog, running.\ncat.png;"A cat."'},
    ),
    "csv without a header": ("csv", {"a.csv": CSV.split("\n", 1)[1]}),
    "csv with a byte order mark": ("csv", {"a.csv": "\ufeff" + CSV}),
    "csv from Windows": ("csv", {"a.csv": CSV.replace("\n", "\r\n").replace("dog.jpg", "images\\dog.jpg")}),
    "csv with names without endings": ("csv", {"a.csv": CSV.replace(".jpg", "").replace(".png", "")}),
    "csv with captions side by side": (
        "csv",
        {"a.csv": 'image,caption_1,caption_2\ndog.jpg,A dog.,"A brown dog, running."\ncat.png,A cat.,\n'},
    ),
    "tsv": ("tsv", {"a.tsv": "caption\timage\nA dog.\tdog.jpg\nA brown dog, running.\tdog.jpg\nA cat.\tcat.png\n"}),
    "json lines": (
        "jsonl",
        {
            "metadata.jsonl": '{"file_name": "dog.jpg", "text": ["A dog.", "A brown dog, running."]}\n\n'
            '{"file_name": "cat.png", "text": "A cat."}\n'
        },
    ),
    "flickr8k": (
        "flickr8k",
        {"captions.txt": "image,caption\ndog.jpg,A dog.\ndog.jpg,A brown dog, running.\ncat.png,A cat.\n"},
    ),
    "flickr8k quoted": ("flickr8k", {"captions.txt": CSV}),
    "flickr8k without a header": (
        "flickr8k",
        {"captions.txt": "dog.jpg,A dog.\ndog.jpg,A brown dog, running.\ncat.png,A cat."},
    ),
    "flickr8k tokens": (
        "flickr8k",
        {"Flickr8k.token.txt": "dog.jpg#0\tA dog.\ndog.jpg#1\tA brown dog, running.\ncat.png#0\tA cat.\n"},
    ),
    "karpathy": ("karpathy", {"dataset_pets.json": json.dumps(KARPATHY)}),
    "coco": ("coco", {"annotations/captions_val2017.json": json.dumps(COCO)}),
    "sidecar": ("sidecar", {"images/dog.txt": "A dog.\n\nA brown dog, running.\n", "images/cat.png.txt": "A cat."}),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_layout_is_recognised_and_read(way, folder):
    layout, files = WAYS[way]
    report = read_captions_with_report(folder(PICTURES | files))
    assert report.layout == layout
    assert not report.problems
    found = {record.image.name: record.captions for record in report.records}
    assert {name: set(captions) for name, captions in found.items()} == {n: set(c) for n, c in TWO.items()}
    assert all(record.image.is_file() for record in report.records)
    if way != "sidecar":
        assert [record.image.name for record in report.records] == ["dog.jpg", "cat.png"]
        assert found["dog.jpg"] == TWO["dog.jpg"]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "sidecar"])
def test_a_file_is_as_good_as_its_folder_and_naming_the_layout_changes_nothing(way, folder):
    layout, files = WAYS[way]
    root = folder(PICTURES | files)
    records = read_captions(root)
    assert read_captions(root / next(iter(files))) == records
    assert read_captions(root, layout=layout) == records
    assert read_captions(root / next(iter(files)), layout=layout, images=root / "images") == records


def test_every_layout_has_a_test():
    assert {layout.name for layout in LAYOUTS} == {layout for layout, _ in WAYS.values()}


def test_karpathys_splits_are_kept_and_restval_is_for_training(folder):
    records = read_captions(folder(PICTURES | {"dataset.json": json.dumps(KARPATHY)}))
    assert [record.split for record in records] == ["train", "val"]


def test_coco_annotation_files_are_splits_if_there_are_several(folder):
    one = {"images": COCO["images"][:1], "annotations": [{"image_id": 3, "caption": "A dog."}]}
    files = {"annotations/captions_val2017.json": json.dumps(one), "val2017/dog.jpg": None}
    assert [r.split for r in read_captions(folder(files))] == [None]
    files |= {"annotations/captions_train2017.json": json.dumps(one), "train2017/dog.jpg": None}
    records = read_captions(folder(files))
    assert [(r.id, r.split) for r in records] == [("train2017/dog.jpg", "train"), ("val2017/dog.jpg", "val")]
    assert records[0].image != records[1].image


def test_tables_called_train_and_val_are_splits(folder):
    files = {"train.csv": "image,caption\ndog.jpg,A dog.\n", "val.csv": "image,caption\ncat.png,A cat.\n"}
    assert [r.split for r in read_captions(folder(PICTURES | files))] == ["train", "val"]


def test_folders_called_train_and_val_are_splits_in_a_folder_of_texts(folder):
    files = {"train/dog.jpg": None, "train/dog.txt": "A dog.", "valid/cat.png": None, "valid/cat.txt": "A cat."}
    assert [(r.id, r.split) for r in read_captions(folder(files))] == [
        ("train/dog.jpg", "train"),
        ("valid/cat.png", "val"),
    ]


def test_a_split_column_is_honoured_and_further_test_sets_keep_their_names(folder):
    table = "image,caption,split\ndog.jpg,A dog.,Training\ncat.png,A cat.,combinations\n"
    assert [r.split for r in read_captions(folder(PICTURES | {"a.csv": table}))] == ["train", "combinations"]


def test_lists_of_picture_names_are_splits_and_what_they_leave_out_is_told(folder):
    lists = {"train.txt": "dog.jpg\n", "val.txt": "cat\nghost.jpg\n", "images/cow.jpg": None}
    table = "image,caption\ndog.jpg,A dog.\ncat.png,A cat.\ncow.jpg,A cow.\n"
    report = read_captions_with_report(folder(PICTURES | {"a.csv": table} | lists))
    assert [(r.id, r.split) for r in report.records] == [("dog.jpg", "train"), ("cat.png", "val")]
    assert [(p.kind, p.name) for p in report.problems] == [("unlisted", "cow.jpg"), ("unknown", "ghost.jpg")]


def test_flickr8ks_own_lists_are_splits(folder):
    files = {"Flickr8k.token.txt": "dog.jpg#0\tA dog.\ncat.png#0\tA cat.\n"}
    files |= {"Flickr_8k.trainImages.txt": "dog.jpg\n", "Flickr_8k.devImages.txt": "cat.png\n"}
    assert [r.split for r in read_captions(folder(PICTURES | files))] == ["train", "val"]


def test_columns_can_be_named(folder):
    table = "a,b,c\nA dog.,dog.jpg,val\nA cat.,cat.png,train\n"
    records = read_captions(folder(PICTURES | {"x.csv": table}), image_column="b", caption_column="a", split_column="c")
    assert [(r.id, r.captions, r.split) for r in records] == [
        ("dog.jpg", ("A dog.",), "val"),
        ("cat.png", ("A cat.",), "train"),
    ]


def test_latin_1_is_read_when_said(folder):
    root = folder(PICTURES | {"a.csv": "image,caption\ndog.jpg,Un café\n".encode("latin-1")})
    assert read_captions(root, encoding="latin-1")[0].captions == ("Un café",)


def test_skipping_counts_and_lists_what_it_skips(folder, caplog):
    table = "image,caption\nghost.jpg,A ghost.\nghost.jpg,A white ghost.\ndog.jpg,\ndog.jpg,A dog.\n"
    root = folder(PICTURES | {"a.csv": table})
    report = read_captions_with_report(root, on_missing="skip")
    assert [(r.id, r.captions) for r in report.records] == [("dog.jpg", ("A dog.",))]
    assert [(p.kind, p.name) for p in report.problems] == [("missing", "ghost.jpg"), ("empty", "dog.jpg")]
    read_captions(root, on_missing="skip")
    assert "a.csv: left out 1 missing, 1 empty; 1 picture kept" in caplog.text
    assert "a.csv row 2: no picture 'ghost.jpg'" in caplog.text


def test_pictures_of_one_name_in_two_folders_are_not_taken_for_each_other(folder):
    root = folder({"a/1.jpg": None, "b/1.jpg": None, "x.csv": "image,caption\na/1.jpg,A.\nb/1.jpg,B.\n"})
    assert [r.image.parent.name for r in read_captions(root)] == ["a", "b"]
    with pytest.raises(UserError, match=r"x.csv row 3: 'b/1.jpg' and 'a/1.jpg' both lead to .*Set data.images"):
        read_captions(root, images=root / "a")


def test_the_real_sets_are_read(shared_data):
    emoji = read_captions(shared_data("emoji"))
    assert len(emoji) == 6966
    assert [sum(r.split == name for r in emoji) for name in ("train", "val", "test")] == [5586, 746, 634]
    coco = read_captions(shared_data("coco"))
    assert (len(coco), sum(len(r.captions) for r in coco)) == (221, 1105)
    stamps = read_captions(shared_data("tuxpaint_stamps"))
    assert len(stamps) == 622
    assert any('not diagonally."' not in c and c.endswith("not diagonally.") for r in stamps for c in r.captions)


VARIANTS = {
    "ids that are texts in one list and numbers in the other": {
        "images": [{"id": "0", "file_name": "dog.jpg"}, {"id": "1", "file_name": "cat.png"}],
        "annotations": [{"image_id": 0, "caption": "A dog."}, {"image_id": 1.0, "caption": "A cat."}],
    },
    "ids of both kinds": {
        "images": [{"id": "zero", "file_name": "dog.jpg"}, {"id": 0, "file_name": "cat.png"}],
        "annotations": [{"image_id": "zero", "caption": "A dog."}, {"image_id": "0", "caption": "A cat."}],
    },
    "captions in a list": {
        "images": [{"id": 0, "file_name": "dog.jpg"}, {"id": 1, "file_name": "cat.png"}],
        "annotations": [{"image_id": 0, "caption": ["A dog."]}, {"image_id": 1, "caption": ["A cat."]}],
    },
    "a null beside a caption": {
        "images": [{"id": 0, "file_name": "dog.jpg"}, {"id": 1, "file_name": "cat.png"}],
        "annotations": [
            {"image_id": 0, "caption": "A dog."},
            {"image_id": 1, "caption": None},
            {"image_id": 1, "caption": "A cat."},
        ],
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["annotations/captions_val.json", "my_captions.json", "annotations/train.json"])
def test_coco_files_of_ones_own(variant, name, folder):
    report = read_captions_with_report(folder({**PICTURES, name: json.dumps(VARIANTS[variant])}), on_missing="skip")
    assert report.layout == "coco"
    assert {r.id.rpartition("/")[2]: r.captions for r in report.records} == {
        "dog.jpg": ("A dog.",),
        "cat.png": ("A cat.",),
    }


def test_captions_that_are_numbers_are_texts_and_null_is_none(folder):
    rows = [("dog.jpg", 42), ("dog.jpg", 1.5), ("cat.png", None), ("cow.png", float("nan")), ("pig.png", ["A pig.", 2])]
    coco = {
        "images": [{"id": place, "file_name": name} for place, name in enumerate(dict(rows))],
        "annotations": [{"image_id": list(dict(rows)).index(name), "caption": said} for name, said in rows],
    }
    lines = "\n".join(json.dumps({"image": name, "caption": said}) for name, said in rows)
    for name, content in {"captions.jsonl": lines, "captions_x.json": json.dumps(coco)}.items():
        pictures = {f"images/{name}": None for name in dict(rows)}
        report = read_captions_with_report(folder({**pictures, name: content}) / name, on_missing="skip")
        found = {record.id.rpartition("/")[2]: record.captions for record in report.records}
        assert found == {"dog.jpg": ("42", "1.5"), "pig.png": ("A pig.", "2")}
        assert [problem.kind for problem in report.problems] == ["uncaptioned", "uncaptioned"]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("base", ["", "data/"])
def test_hugging_faces_folders_of_splits_have_a_table_each(ending, base, folder):
    files = {}
    for split in ("train", "validation", "test"):
        rows = [("0.jpg", f"{split} one"), ("deep/1.jpg", f"{split} two")]
        files |= {f"{base}{split}/{name}": None for name, _ in rows}
        table = "file_name,text\n" + "".join(f"{name},{text}\n" for name, text in rows)
        lines = "".join(json.dumps({"file_name": name, "text": text}) + "\n" for name, text in rows)
        files[f"{base}{split}/metadata.{ending}"] = table if ending == "csv" else lines
    source = folder(files)
    report = read_captions_with_report(source)
    assert report.columns == "picture 'file_name', caption 'text'"
    said = {record.id: (record.split, record.captions[0], record.image) for record in report.records}
    assert said == {
        f"{split}/{name}": (usual, f"{split} {number}", source / base / split / name)
        for split, usual in (("train", "train"), ("validation", "val"), ("test", "test"))
        for name, number in (("0.jpg", "one"), ("deep/1.jpg", "two"))
    }


def test_bars_and_lone_quotes_as_flickr30k_has_them(folder):
    rows = ['dog.jpg| 0| "Big Sale" says a dog, running; fast .', 'cat.png| 0| A "cat" .']
    records = read_captions(
        folder({**PICTURES, "results.csv": "\n".join(["image_name| comment_number| comment", *rows])})
    )
    assert [record.captions[0] for record in records] == ['"Big Sale" says a dog, running; fast .', 'A "cat" .']


def test_a_separator_is_looked_for_outside_quotes(folder):
    rows = ['dog.jpg,"big; brown; bold; bright"', 'cat.png,"small; grey; shy; mild"']
    records = read_captions(folder({**PICTURES, "captions.csv": "\n".join(rows)}))
    assert [record.captions[0] for record in records] == ["big; brown; bold; bright", "small; grey; shy; mild"]


def test_a_column_that_is_read_is_there_once(tmp_path):
    (tmp_path / "captions.csv").write_text("image,caption,caption\ndog.jpg,A dog.,A hound.\n")
    with pytest.raises(UserError, match=r"captions\.csv: two columns are called 'caption'\. Give each column a name"):
        read_captions(tmp_path / "captions.csv")
