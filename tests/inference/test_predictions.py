"""Captions that others wrote are read in the forms in which they come, and go with the pictures that are meant."""

import json

import pytest
from PIL import Image

from seqvision.data import CaptionRecord, read_captions
from seqvision.errors import UserError
from seqvision.inference.predictions import match_predictions, read_predictions

RESULTS = [{"image_id": 139, "caption": "a"}, {"image_id": 285, "caption": "b, c"}]
WAYS = {
    "results.json": json.dumps(RESULTS),
    "results_with_a_mark.json": "\ufeff" + json.dumps(RESULTS, indent=1),
    "annotations.json": json.dumps({"annotations": RESULTS}),
    "captions.jsonl": "\n".join(json.dumps({"id": str(r["image_id"]), "caption": r["caption"]}) for r in RESULTS),
    "ranked.csv": 'id,rank,caption,score\n139,1,a,0\n139,2,x,0\n285,1,"b, c",0\n',
    "names.csv": "file_name;caption\n139;a\n285;b, c\n",
    "printed.txt": "139\ta\n139\tx\n285\tb, c\n",
}


@pytest.mark.parametrize("name", WAYS)
def test_each_way_of_writing_predictions_is_read(name, tmp_path):
    (tmp_path / name).write_text(WAYS[name], encoding="utf-8")
    assert read_predictions(tmp_path / name) == {"139": "a", "285": "b, c"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[" * 9999, "nested too deeply"),
        ("b.json", '[{"image_id": 1, "caption": {"raw": 1}}]', r"item 1: the caption is .*expected a text"),
        ("c.json", '[{"image_id": 1}]', "item 1: no caption"),
        ("d.json", '[{"image_id": 1, "caption": null}]', "item 1: no caption"),
        ("d.json", '[{"image_id": 1, "caption": NaN}]', "item 1: no caption"),
        ("d.json", '[{"image_id": NaN, "caption": "a"}]', "item 1: no id"),
        ("e.json", '[{"image_id": 1, "caption": "a"}, {"image_id": "1", "caption": "b"}]', "a second caption of '1'"),
        ("f.txt", "no tab here\n", "row 1: 'no tab here'; expected JSON lines"),
        ("g.json", '{"a": 1}', "expected JSON lines"),
    ],
)
def test_what_is_no_prediction_is_named(name, content, message, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        read_predictions(tmp_path / name)


def test_ids_of_coco_go_with_their_pictures(tmp_path):
    records = [CaptionRecord(f"val2017/{n:012}.jpg", tmp_path / f"{n:012}.jpg", ("x",)) for n in (139, 285)]
    assert match_predictions({"139": "a", "285": "b"}, records, records, source="p") == ["a", "b"]
    by_name = {"000000000139.jpg": "a", "000000000285": "b"}
    assert match_predictions(by_name, records, records, source="p") == ["a", "b"]


def test_ids_of_ones_own_coco_file_count_before_numbers_in_names(tmp_path):
    coco = {
        "images": [{"id": 1, "file_name": "2.jpg"}, {"id": "2", "file_name": "1.jpg"}],
        "annotations": [{"image_id": 1, "caption": "two"}, {"image_id": 2, "caption": "one"}],
    }
    for place, name in enumerate(("1.jpg", "2.jpg")):
        Image.new("L", (8, 8), 99 * place).save(tmp_path / name)
    (tmp_path / "captions_x.json").write_text(json.dumps(coco))
    records = read_captions(tmp_path)
    said = match_predictions({"1": "two", "2": "one"}, records, records, source="p")
    assert said == [record.captions[0] for record in records]


def test_names_of_files_match_however_they_are_composed_and_whatever_bytes_they_are(tmp_path):
    records = [CaptionRecord(name, tmp_path / name, ("a",)) for name in ("Mäuse.jpg", "b\udcff.jpg")]
    captions = {"Ma\u0308use.jpg": "one", "b\udcff.jpg": "two"}
    lines = [json.dumps({"id": name, "caption": caption}) for name, caption in captions.items()]
    (tmp_path / "p.jsonl").write_text("\n".join(lines))
    found = read_predictions(tmp_path / "p.jsonl")
    assert match_predictions(found, records, records, source="p.jsonl") == ["one", "two"]
