"""Scores stand beside controls that mean what their names say, and intervals know which pictures belong together."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqvision.data import CaptionRecord
from seqvision.data.scenes import make_scene, reference_captions
from seqvision.errors import UserError
from seqvision.inference import load_captioner
from seqvision.inference.evaluation import evaluate_split
from seqvision.inference.neighbours import neighbour_captions, pooled_features
from seqvision.inference.predictions import match_predictions, read_predictions

TEXTS = ["a red cat", "a blue dog on a mat", "two green birds", "a house", "three boats at sea", "an old tree"]


def records(texts, split="test"):
    return [CaptionRecord(f"{i}.png", Path(f"{i}.png"), (text,), split) for i, text in enumerate(texts)]


def test_the_references_themselves_are_perfect_and_shuffled_ones_are_not():
    found = evaluate_split(TEXTS, records(TEXTS), split="test", training=records(TEXTS), resamples=100)
    assert found.scores["bleu_4"] == pytest.approx(found.scores["exact_match"]) == 100
    assert "exact_match" not in found.intervals, "all are right: nothing shows how far another one may be"
    assert found.controls["shuffled"]["exact_match"] == 0
    assert found.controls["most_frequent"]["exact_match"] == pytest.approx(100 / 6)
    assert "nearest_neighbour" not in found.controls
    assert set(found.controls["shuffled"]) == set(found.scores)
    json.dumps(found.to_dict())


def test_pictures_with_the_same_references_are_drawn_together():
    twins = records([text for text in TEXTS for _ in range(8)])
    captions = [text if place < 24 else "nothing" for place, text in enumerate(r.captions[0] for r in twins)]
    found = evaluate_split(captions, twins, split="test", resamples=400)
    lower, upper = found.intervals["exact_match"]
    # 6 independent names, half of them right: hardly anything is known; 48 independent pictures would give 36 to 64
    assert upper - lower > 50


def test_collapse_is_called_by_its_name():
    many = records([f"a {colour} {thing}" for colour in ("red", "blue", "pink") for thing in TEXTS])
    assert "collapsed" in evaluate_split(["a cat"] * len(many), many, split="test", resamples=0).collapse
    found = evaluate_split([r.captions[0] for r in many], many, split="test", resamples=0)
    assert found.collapse is None
    assert found.intervals == {}
    assert any("no training captions" in note for note in found.notes)


def test_truth_is_judged_where_scenes_are_known():
    scenes = {f"{i}.png": make_scene(0, i, "test") for i in range(20)}
    references = [reference_captions(scene) for scene in scenes.values()]
    data = [CaptionRecord(id, Path(id), texts, "test") for id, texts in zip(scenes, references, strict=True)]
    captions = [texts[0] for texts in references]
    captions[3] = "there is a cat"
    found = evaluate_split(captions, data, split="test", scenes=scenes, resamples=200)
    assert found.scores["true"] == pytest.approx(95)
    assert found.per_item["true"][3] == 0
    assert found.controls["references"]["true"] == 100
    assert found.controls["shuffled"]["true"] < 20
    assert 60 < found.intervals["true"][0] < 95 < found.intervals["true"][1] < 100
    assert "true" not in evaluate_split(captions, data, split="test", scenes={}, resamples=0).scores


def test_no_picture_is_its_own_neighbour_in_other_data_nor_is_a_copy_of_it(tiny_run, tiny_pictures, tmp_path):
    captioner = load_captioner(tiny_run)
    data = [CaptionRecord(path.name, path, (path.name,)) for path in tiny_pictures]
    copies = []
    for path in tiny_pictures:  # in another format, and lossy
        Image.open(path).convert("RGB").save(tmp_path / f"{path.stem}.jpg", quality=90)
        copies.append(CaptionRecord(path.stem, tmp_path / f"{path.stem}.jpg", (path.name,)))
    for queries in (data, copies):
        found = neighbour_captions(captioner, data, queries, apart=True)
        assert all(found), "another picture is there for each"
        assert not any(caption == record.captions[0] for caption, record in zip(found, queries, strict=True))
    assert neighbour_captions(captioner, data[:1], data[:1], apart=True) == [""]


def test_the_nearest_picture_to_itself_is_itself(tiny_run, tiny_pictures, tmp_path):
    captioner = load_captioner(tiny_run)
    data = [CaptionRecord(path.name, path, (path.name,)) for path in tiny_pictures]
    assert neighbour_captions(captioner, data[::-1], data) == [path.name for path in tiny_pictures]
    direct = pooled_features(captioner, tiny_pictures)
    assert direct.shape == (12, 16)
    cached = pooled_features(captioner, tiny_pictures, tmp_path / "cache")
    np.testing.assert_allclose(cached, direct, rtol=1e-4, atol=1e-5)
    assert any((tmp_path / "cache").iterdir())
    assert not captioner.model.encoder.pooled
    assert not captioner.model.encoder.frozen, "the model itself must be left as it was"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.jsonl", '{"id": "0.png", "caption": "a"}\n\n{"id": "1.png", "caption": "b, c", "more": 1}\n'),
        ("p.csv", 'id,rank,caption\n0.png,1,a\n0.png,2,z\n1.png,1,"b, c"\n'),
        ("bom.csv", '\ufeffid,caption\n0.png,a\n1.png,"b, c"\n'),
    ],
)
def test_predictions_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_predictions(tmp_path / name) == {"0.png": "a", "1.png": "b, c"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.jsonl", "", "the file is empty"),
        ("p.jsonl", '{"id": "0.png", "caption": "a"}\n{"id": ', "row 2: not valid JSON"),
        ("p.jsonl", '{"id": 3, "said": "a"}', "row 1: no caption; expected JSON lines"),
        ("p.jsonl", "[1]", "item 1: no id and no caption"),
        ("p.csv", "what,caption\n0.png,a\n", "row 2: no id;"),
        ("p.csv", "id,caption\n0.png,a\n0.png,b\n", r"row 3: a second caption of '0\.png'"),
    ],
)
def test_predictions_that_cannot_be_read_name_the_row(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}.*{message}"):
        read_predictions(tmp_path / name)


def test_predictions_that_are_not_there_or_not_text(tmp_path):
    with pytest.raises(UserError, match="no such file of predictions"):
        read_predictions(tmp_path / "absent.jsonl")
    (tmp_path / "latin.jsonl").write_bytes('{"id": "a", "caption": "é"}'.encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.jsonl row 1: byte 0xe9 .* is not utf-8"):
        read_predictions(tmp_path / "latin.jsonl")


def test_predictions_go_with_pictures_by_id_or_path(tmp_path, monkeypatch):
    data = records(TEXTS)
    wanted = data[:2]
    monkeypatch.chdir(tmp_path)
    by_path = {"./0.png": "a", str(tmp_path / "1.png"): "b", "5.png": "another split's"}
    by_absolute = [CaptionRecord(r.id, tmp_path / r.image, r.captions) for r in data]
    assert match_predictions(by_path, by_absolute, by_absolute[:2], source="p") == ["a", "b"]
    with pytest.raises(
        UserError, match=r"p: 1 of 2 ids are no picture of the data, e\.g\. '00\.png': did you mean '0\."
    ):
        match_predictions({"00.png": "a", "1.png": "b"}, data, wanted, source="p")
    with pytest.raises(UserError, match=r"e\.g\. 'xyz': ids look like '0\.png'"):
        match_predictions({"xyz": "a"}, data, wanted, source="p")
    with pytest.raises(UserError, match=r"p: 1 of 2 pictures have no prediction, e\.g\. '1\.png'"):
        match_predictions({"0.png": "a"}, data, wanted, source="p")
