"""Readers of sentences, parallel text, and of numbers: recordings, features, tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from target import Files, Target, npy


def sentences(name: str, row: str, head: str = "") -> Callable[[], Files]:
    text = head + "".join(
        row.format(text=f"film {n} is {'good' if n % 2 else 'bad'}", label="ab"[n % 2], split="train")
        for n in range(12)
    )
    return lambda: {name: text.encode()}


def read_sentence_folder(folder: Path) -> object:
    from seqvision.data import TextReader, read_sentences

    found = read_sentences(folder, on_missing="skip", splits={"val": 0.2, "test": 0.2, "seed": 1})
    reader = TextReader().fitted([record.source for record in found.records])
    return [reader.read(record.source).shape for record in found.records]


def read_parallel_folder(folder: Path) -> object:
    from seqvision.data.parallel.formats import read_parallel

    return read_parallel(folder, source="de", target="en", on_empty="skip")


def table(rows: int = 20, *, label: bool = True, seed: int = 0) -> str:
    draws = np.random.default_rng(seed).normal(size=(rows, 2))
    heads = ["time", "x", "y"] + (["label"] if label else [])
    lines = [
        [f"{n / 10:.1f}", f"{x:.3f}", f"{y:.3f}", "ab"[n // 5 % 2]][: len(heads)] for n, (x, y) in enumerate(draws)
    ]
    return "\n".join(",".join(cells) for cells in [heads, *lines]) + "\n"


def features() -> Files:
    draws = np.random.default_rng(0)
    names = ["x", "y", "z"]
    arrays = {f"features/{name}.npy": npy(draws.random((20, 4), dtype=np.float32)) for name in names}
    labels = {f"groundTruth/{name}.txt": b"rest\n" * 10 + b"walk\n" * 10 for name in names}
    lists = {"splits/train.split1.bundle": b"x.txt\ny.txt\n", "splits/test.split1.bundle": b"z.txt\n"}
    return arrays | labels | lists | {"mapping.txt": b"0 rest\n1 walk\n"}


def read_frames(found: Any, reader: Any) -> object:
    from seqvision.data.sequences.readers.features import fit_reader

    reader = fit_reader(reader, found.records)
    return [reader.read(record.source, *(record.span or ())).shape for record in found.records]


def read_features(folder: Path) -> object:
    from seqvision.data import FeatureReader, read_mstcn

    reader = FeatureReader(on_nan="zero")
    return read_frames(read_mstcn(folder, reader=reader, align="truncate"), reader)


def read_tables(folder: Path) -> object:
    from seqvision.data import FeatureReader, read_frame_tables

    reader = FeatureReader(on_nan="zero")
    return read_frames(read_frame_tables(folder, reader=reader), reader)


def check_tables(folder: Path) -> object:
    from seqvision.data import FeatureReader, SequenceData, check_sequences, read_frame_tables

    data = SequenceData(read_frame_tables, FeatureReader(on_nan="zero"), path=folder)
    return check_sequences(data, "here", layout="tables").to_text()


def check_recordings(folder: Path) -> object:
    from seqvision.data import FeatureReader, SequenceData, check_sequences, read_recordings

    data = SequenceData(read_recordings, FeatureReader(on_nan="zero"), path=folder)
    return check_sequences(data, "here", layout="recordings").to_text()


def recordings() -> Files:
    rows = "".join(f"{label}/{label}{n}.csv,{label},s{n},train\n" for label in "ab" for n in range(3))
    files = {f"{label}/{label}{n}.csv": table(8, label=False, seed=n).encode() for label in "ab" for n in range(3)}
    return files | {"labels.csv": f"path,label,subject,split\n{rows}".encode()}


def long_recordings() -> Files:
    rows = "".join(f"r{n},{'ab'[n % 2]},s{n},{t},{n}.5\n" for n in range(6) for t in range(3))
    return {"all.csv": f"recording,label,subject,x,y\n{rows}".encode()}


def read_recording_folder(folder: Path) -> object:
    from seqvision.data import FeatureReader, read_recordings

    return read_frames(read_recordings(folder), FeatureReader(on_nan="zero"))


TARGETS = {
    "sentences_csv": Target(
        sentences("reviews.csv", "{text},{label},{split}\n", "text,label,split\n"), read_sentence_folder
    ),
    "sentences_tsv": Target(sentences("films.tsv", "{text}\t{label}\n"), read_sentence_folder),
    "sentences_words": Target(sentences("films.txt", "{label} {text}\n"), read_sentence_folder),
    "sentences_jsonl": Target(
        sentences("train.jsonl", '{{"text": "{text}", "label": "{label}"}}\n'), read_sentence_folder
    ),
    "sentences_files": Target(
        lambda: {f"{label}.txt": b"a fine film\na joy\nno more\nand so\n" for label in "ab"}, read_sentence_folder
    ),
    "parallel_lines": Target(
        lambda: {f"{split}.{name}": b"ein Hund\neine Katze\n\n" for split in ("train", "val") for name in ("de", "en")},
        read_parallel_folder,
    ),
    "parallel_table": Target(
        lambda: {"train.de-en.tsv": b"de\ten\nein Hund\ta dog\neine Katze\ta cat\n", "val.de-en.tsv": b"zwei\ttwo\n"},
        read_parallel_folder,
    ),
    "features_npy": Target(features, read_features),
    "tables": Target(lambda: {f"{n}.csv": table(seed=n).encode() for n in range(3)}, read_tables),
    "data_check_tables": Target(lambda: {f"{n}.csv": table(seed=n).encode() for n in range(3)}, check_tables),
    "data_check_recordings": Target(recordings, check_recordings),
    "recordings": Target(recordings, read_recording_folder),
    "recordings_long": Target(long_recordings, read_recording_folder),
}
