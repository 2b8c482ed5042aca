"""Damaged files end in a result or in a `UserError`: a seeded thousand of them, and what campaigns have found."""

import json
import tempfile
from pathlib import Path

import pytest
from campaign import results, spread
from targets import TARGETS

from seqvision.errors import UserError


@pytest.mark.slow
def test_a_thousand_damaged_files_end_in_a_result_or_a_user_error():
    ended = list(results(spread(1000)))
    assert len(ended) >= 1000
    assert len({target for target, _, _ in ended}) == len(TARGETS)
    assert not [each for each in ended if each[2].startswith("!")]


STATE = {
    "kind": "words",
    "tokens": ["<pad>", "<start>", "<end>", "<unk>", "a"],
    "lowercase": True,
    "punctuation": "keep",
}
FOUND = [  # (target, file, its content, the message)
    ("vocabulary", "vocabulary.json", ["x"], r"state is \['x'\], expected one of words, subwords"),
    ("vocabulary", "vocabulary.json", {**STATE, "kind": []}, r"has the kind \[\]"),
    ("vocabulary", "vocabulary.json", {**STATE, "tokens": -1}, "'tokens' is -1, expected a list"),
    ("vocabulary", "vocabulary.json", {**STATE, "tokens": [*STATE["tokens"], {}]}, "'tokens' is .*expected a list"),
    ("vocabulary", "vocabulary.json", {"kind": "words", "tokens": STATE["tokens"]}, "there is no 'lowercase'"),
    (
        "vocabulary_subwords",
        "vocabulary.json",
        {"kind": "subwords", "tokenizer": "{", "lowercase": False},
        "no descript",
    ),
    ("sweep", "sweep.json", b"[" * 100_000, "cannot be read"),
    ("sweep", "sweep.json", {"format": 1, "name": []}, "name is .*; expected a text"),
    (
        "frequencies",
        "frequencies.json",
        {"format": "seqvision document frequencies 1"},
        "expected a number of 'pictures'",
    ),
    ("scenes", "scenes.json", {"scenes": [1]}, "damaged, or no scenes"),
    ("statistics", "check.json", {"channel_mean": [float("nan")], "channel_std": [1]}, "not finite"),
    ("predictions_jsonl", "p.jsonl", b'{"id": ' + b"9" * 5000 + b"}", "row 1: a number has too many digits"),
    ("run_folder", "run.json", b"[" * 100_000, "nested too deeply"),
    ("run_folder", "metrics.csv", b"step,\xde\n1,2\n", "row 1: byte 0xde"),
    ("idx", "train-images-idx3-ubyte", bytes((0, 0, 8, 3, 0, 0, 0, 12, 0, 0, 0)), "11 bytes, expected"),
    ("idx", "train-images-idx3-ubyte", bytes((0, 0, 8, 3)) + b"\xff" * 12, "expected 79228162458924105385300197391"),
    (
        "features_npy",
        "features/x.npy",
        b"\x93NUMPY\x01\x00\x46\x00" + b"{'shape': (20".ljust(70),
        "not a NumPy file, or cut off",
    ),
    ("features_npy", "mapping.txt", b"9" * 5000 + b" rest\n", "row 1: .*expected a number and a class"),
    ("frame_labels_rows.csv", "rows.csv", b"frame,label\n" + b"1" * 400 + b",a\n", "is no frame number"),
    ("videos_npz", "a.npz", b"PK\x03\x04", "not a NumPy file that can be read"),
]


@pytest.mark.parametrize(("target", "name", "content", "message"), FOUND)
def test_what_was_found_is_said_in_a_sentence(target, name, content, message):
    with tempfile.TemporaryDirectory() as folder:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        for each, valid in {**TARGETS[target].files(), name: data}.items():
            (Path(folder) / each).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / each).write_bytes(valid)
        with pytest.raises(UserError, match=message):
            TARGETS[target].read(Path(folder))
