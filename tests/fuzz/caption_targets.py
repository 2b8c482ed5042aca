"""Readers of captions: every layout, the check of it, shards, predictions, vocabularies."""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from target import PICTURES, TEXTS, Files, Target, no_picture, only_file


def captions(*files: tuple[str, str]) -> Callable[[], Files]:
    return lambda: PICTURES | {name: text.encode() for name, text in files}


def read(folder: Path) -> object:
    from seqvision.data import read_captions

    return [str(record.image) for record in read_captions(folder, on_missing="skip")]


def check(folder: Path) -> object:
    from seqvision.data import check_captions

    return check_captions(folder).to_text()


PAIRS = "image,caption\n" + "".join(f'{name}.png,"{text}"\n' for name, text in TEXTS.items())
TABLE = "image,caption,split\n" + "".join(f'{name}.png,"{text}",train\n' for name, text in TEXTS.items())
TOKENS = "".join(f"{name}.png#0\t{text}\n{name}.png#1\t{text} Yes.\n" for name, text in TEXTS.items())
ROWS = [{"file_name": f"{name}.png", "text": [text, "Yes."], "split": "train"} for name, text in TEXTS.items()]
COCO = {
    "info": {},
    "images": [{"id": n, "file_name": f"{name}.png", "height": 6, "width": 8} for n, name in enumerate(TEXTS)],
    "annotations": [{"id": n, "image_id": n, "caption": text} for n, text in enumerate(TEXTS.values())],
}
KARPATHY = {
    "dataset": "x",
    "images": [
        {
            **{"filename": f"{name}.png", "filepath": "", "split": split, "imgid": n},
            "sentences": [{"raw": TEXTS[name], "tokens": TEXTS[name].split()}],
        }
        for n, (name, split) in enumerate(zip(TEXTS, ("train", "restval", "val", "test"), strict=True))
    ],
}
LAYOUTS = {
    "csv": captions(("captions.csv", TABLE)),
    "tsv": captions(("captions.tsv", TOKENS.replace("#0", "").replace("#1", ""))),
    "jsonl": captions(("captions.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS))),
    "coco": captions(("annotations/captions_val2017.json", json.dumps(COCO))),
    "karpathy": captions(("dataset.json", json.dumps(KARPATHY))),
    "flickr8k": captions(("captions.txt", PAIRS)),
    "flickr_old": captions(
        ("Flickr8k.token.txt", TOKENS),
        ("Flickr_8k.trainImages.txt", "a.png\nb.png\n"),
        ("Flickr_8k.devImages.txt", "c.png\n"),
    ),
    "sidecar": captions(*((f"{name}.txt", text) for name, text in TEXTS.items())),
    "split_lists": captions(("captions.csv", PAIRS), ("train.txt", "a.png\nb.png\n"), ("val.txt", "c\n")),
}


@cache
def shards() -> Files:
    from seqvision.data import CaptionRecord
    from seqvision.data.shards.write import write_shards

    with tempfile.TemporaryDirectory() as folder:
        root, written = Path(folder), Path(folder) / "shards"
        for name, data in PICTURES.items():
            (root / name).write_bytes(data)
        records = [
            CaptionRecord(f"{name}.png", root / f"{name}.png", (text,), "val" if name == "d" else "train")
            for name, text in TEXTS.items()
        ]
        write_shards(records, written, source={"x": 1}, shard_size=2, progress=False)
        found = [file for file in sorted(written.rglob("*")) if file.is_file() and not file.name.startswith(".")]
        return {str(file.relative_to(written)): file.read_bytes() for file in found}


def read_shards(folder: Path) -> object:
    from seqvision.data.shards.index import ShardIndex

    return [record.captions for records in ShardIndex(folder).records().values() for record in records]


def verify(folder: Path) -> object:
    from seqvision.data import read_image
    from seqvision.data.shards.verify import verify_shards

    records, faults = verify_shards(folder)
    return [read_image(record.image).size for record in records], faults


def predictions(name: str) -> Callable[[], Files]:
    if name.endswith(".csv"):
        rows = "".join(f'{each}.png,"{text}",1\n' for each, text in TEXTS.items())
        return lambda: {name: f"id,caption,rank\n{rows}".encode()}
    lines = [json.dumps({"id": f"{each}.png", "caption": text, "rank": 1}) for each, text in TEXTS.items()]
    return lambda: {name: "\n".join(lines).encode()}


def coco_results() -> Files:
    """As COCO's evaluation server takes captions: an array, the images by their numbers."""
    return {"r.json": json.dumps([{"image_id": n, "caption": text} for n, text in enumerate(TEXTS.values())]).encode()}


def read_prediction_file(folder: Path) -> object:
    from seqvision.inference.predictions import read_predictions

    return read_predictions(only_file(folder))


WORDS = ["<pad>", "<start>", "<end>", "<unk>", "a", "cat", "dog"]
STATE = {"kind": "words", "tokens": WORDS, "lowercase": True, "punctuation": "keep"}


@cache
def subwords() -> Files:
    from seqvision.data import SubwordVocabulary

    return {"vocabulary.json": json.dumps(SubwordVocabulary.build([*TEXTS.values()] * 3, size=300).state()).encode()}


def vocabulary(folder: Path) -> object:
    """What a checkpoint says of its words; what is no JSON stands for nothing that it can say."""
    from seqvision.data import vocabulary_from_state

    try:
        state = json.loads((folder / "vocabulary.json").read_bytes())
    except (ValueError, RecursionError):
        return None
    made = vocabulary_from_state(state)
    return made.decode(made.encode("a dog and a cat")), len(made), made.state()


TARGETS = {
    **{f"captions_{name}": Target(files, read, no_picture) for name, files in LAYOUTS.items()},
    **{f"data_check_{name}": Target(files, check) for name, files in LAYOUTS.items()},
    "shards": Target(shards, read_shards),
    "shards_verify": Target(shards, verify),
    "predictions_csv": Target(predictions("p.csv"), read_prediction_file),
    "predictions_jsonl": Target(predictions("p.jsonl"), read_prediction_file),
    "predictions_coco": Target(coco_results, read_prediction_file),
    "vocabulary": Target(lambda: {"vocabulary.json": json.dumps(STATE).encode()}, vocabulary),
    "vocabulary_subwords": Target(subwords, vocabulary),
}
