"""What a user can get wrong in data with classes has a message with the place, the finding and the way out."""

import numpy as np
import pytest
from PIL import Image

from seqvision.data.sequences.classes import FileKind, read_files, read_pictures, read_recordings, read_sentences
from seqvision.errors import UserError

HEAD = "text,label\n"
MANY = "".join(f"film {n},{label}\n" for n in range(20) for label in ("good", "bad"))

SENTENCES = {
    "an empty file": ({"a.csv": ""}, {}, r"a.csv: the file is empty \(0 bytes\)"),
    "a wrong encoding": (
        {"a.csv": (HEAD + "un café,good\n").encode("latin-1")},
        {},
        r"a.csv row 2: byte 0xe9 .* is not utf-8.*'un café,good'.*data.encoding=latin-1",
    ),
    "a missing column with a near name": (
        {"a.csv": HEAD + MANY},
        {"label_column": "lable"},
        r"a.csv: no column 'lable' \(found: text, label\) \(did you mean 'label'\?\)\. Correct data.label_column",
    ),
    "columns of no usual name": (
        {"a.csv": "one,two,three\n1,2,3\n"},
        {},
        r"a.csv: 3 columns \(one, two, three\), of which none .*data.text_column=NUMBER",
    ),
    "a column that is not there": (
        {"a.csv": HEAD + MANY},
        {"text_column": 1, "label_column": 3, "header": True},
        r"a.csv: no column 3 \(there are 2, from 1\)\. Correct data.label_column",
    ),
    "a header of unusual names": (
        {"a.csv": "quote,kind\n" + MANY},
        {},
        r"a.csv row 1: 'quote' and 'kind' are not the usual names .*data.text_column=NAME .*data.header=false",
    ),
    "a header of unusual names above columns by number": (
        {"a.csv": "quote,kind\n" + MANY},
        {"text_column": 1, "label_column": 2},
        r"a.csv row 1: 'quote' and 'kind' are not the usual names .*data.header=false",
    ),
    "columns of lines without any": (
        {"a.txt": MANY.replace("film", "good film").replace(",good", "").replace(",bad", "")},
        {"layout": "words", "label_column": 2},
        r"data.label_column=2 has no effect: a.txt has a label and a sentence in each line",
    ),
    "a header of files of one class": (
        {"good.txt": "a\n", "bad.txt": "b\n"},
        {"header": True},
        r"data.header=true has no effect: bad.txt holds the sentences of one class",
    ),
    "what ends no label's coarse part": (
        {"a.csv": HEAD + MANY},
        {"coarse": ":"},
        r"data.coarse=':' has no effect: no label holds it, e.g. 'good'",
    ),
    "a split to rename that is not there": (
        {"train.csv": HEAD + MANY, "dev.csv": HEAD + MANY},
        {"splits": {"rename": {"valid": "test"}}},
        r"data.splits.rename: no split 'valid' \(found: dev, train\)",
    ),
    "renamed to what is no mapping": (
        {"a.csv": HEAD + MANY},
        {"splits": {"rename": ["dev"]}},
        r"data.splits.rename is \['dev'\]; expected a mapping, such as \{dev: test\}",
    ),
    "two columns alike": (
        {"a.tsv": "x\ty\nz\tw\n"},
        {},
        r"a.tsv: no header, and both columns have 2 different values.*data.label_column=NUMBER",
    ),
    "a row without a label": (
        {"a.csv": HEAD + MANY + "a lost film,\n"},
        {},
        r"a.csv row 42: no label beside the text 'a lost film'\. Fill it in, .*data.on_missing=skip",
    ),
    "a row without a text": (
        {"a.csv": HEAD + " ,good\n" + MANY + " ,bad\n"},
        {},
        r"a.csv row 2: no text beside the label 'good'\. 1 more like this\.",
    ),
    "a row with too many fields": (
        {"a.csv": HEAD + "a film, and more,good\n"},
        {},
        r"a.csv row 2: 3 fields, expected 2 \(text, label\).*quotes",
    ),
    "one class": (
        {"a.csv": HEAD + "a film,good\na day,good\n"},
        {},
        r"all 2 sentences are of the class 'good': there is nothing to tell apart",
    ),
    "a text for a label": (
        {"a.csv": "label,text\n" + "".join(f"film {n},good\n" for n in range(30))},
        {},
        r"30 classes for 30 sentences \('film 0', .*hardly the label.*data.label_column=COLUMN",
    ),
    "a class seen only in validation": (
        {"train.csv": HEAD + MANY, "val.csv": HEAD + "so so,mixed\n"},
        {},
        r"the class 'mixed' is seen only in val \(1 of 41 sentences, e.g. val.csv row 2\) and never in training. "
        r".*data.merge=\{mixed: OTHER\}.*data.merge=\{mixed: null\}",
    ),
    "a misspelt split": (
        {"a.csv": "text,label,split\na film,good,trian\n"},
        {},
        r"a.csv row 2: the split is 'trian' \(did you mean 'train'\?\)",
    ),
    "some rows without a split": (
        {"a.csv": "text,label,split\na film,good,train\na day,bad,\n"},
        {},
        r"no split for 1 of 2 sequences, e.g. 'a.csv row 3'",
    ),
    "sentences without labels": (
        {"a.txt": "one film\ntwo films\nthree films\n"},
        {},
        r"a.txt: no label found.*3 different words in 3 lines.*'label TAB text'.*data.layout=words",
    ),
    "no text at all": ({"cat.png": ""}, {}, r"no files of text in this folder \(it holds: cat.png\)"),
    "several tables": (
        {"a.csv": HEAD + MANY, "b.csv": HEAD},
        {},
        r"several tables \(a.csv, b.csv\).*data.layout=files",
    ),
    "several data sets": (
        {"x.train": "a\tb\n", "x.test": "a\tb\n", "y.train": "a\tb\n"},
        {},
        r"several data sets \(x, y\)\. Name one of them with data.path=.*/x",
    ),
    "a broken line of JSON": ({"a.jsonl": '{"text": "a", \n'}, {}, r"a.jsonl row 1: not valid JSON"),
    "JSON that is no object": ({"a.jsonl": "[1]\n"}, {}, r'a.jsonl row 1: expected an object such as \{"text": …'),
    "a class to merge that is not there": (
        {"a.csv": HEAD + MANY},
        {"merge": {"god": "good"}},
        r"data.merge: no sentences of a class 'god' \(found: bad, good\) \(did you mean 'good'\?\)",
    ),
    "an unknown layout": ({"a.csv": HEAD + MANY}, {"layout": "xml"}, r"data.layout is 'xml', expected one of auto"),
    "an unknown way": (
        {"a.csv": HEAD},
        {"on_missing": "drop"},
        r"data.on_missing is 'drop', expected 'error' or 'skip'",
    ),
    "impossible shares": ({"a.csv": HEAD + MANY}, {"splits": {"val": 1.5}}, r"data.splits: val=1.5 and test=0.1"),
}


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            np.save(path, content)
        elif isinstance(content, Image.Image):
            content.save(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize("case", SENTENCES)
def test_what_is_wrong_with_sentences_is_said(case, tmp_path):
    files, options, message = SENTENCES[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        read_sentences(write(tmp_path, files), **options)


def test_a_path_that_is_not_there_is_named(tmp_path):
    write(tmp_path, {"films.good": "a"})
    with pytest.raises(UserError, match=r"no file or folder '.*film' and no files .* \(did you mean 'films'\?\)"):
        read_sentences(tmp_path / "film")


DOT = Image.new("L", (4, 4))
LIST = "path,label\n"

PICTURES = {
    "nothing there": (
        {"notes.txt": "x"},
        "",
        {},
        r"no pictures in folders of classes \(it holds: notes.txt\).*CLASS/FILE",
    ),
    "one class": ({"cat/a.png": DOT}, "", {}, r"all 1 pictures are of the class 'cat'"),
    "splits beside classes": (
        {"train/cat/a.png": DOT, "val/cat/b.png": DOT, "dog/c.png": DOT},
        "",
        {},
        r"folders of splits \(train, val\) beside dog",
    ),
    "a picture in no class": (
        {"train/cat/a.png": DOT, "train/b.png": DOT, "val/cat/b.png": DOT},
        "",
        {},
        r"train: 'b.png' lies in no class's folder. Move it into train/CLASS/",
    ),
    "a listed file that is not there": (
        {"labels.csv": LIST + "a.jpg,cat\nb.jpg,dog\n", "a.jpeg": b"", "c.jpg": b""},
        "",
        {},
        r"labels.csv row 2: no file 'a.jpg' in .* \(did you mean 'a.jpeg'\?\)\. 1 more like this\..*on_missing=skip",
    ),
    "a row without a label": (
        {"labels.csv": LIST + "a.png,\n", "a.png": DOT},
        "",
        {},
        r"labels.csv row 2: no label beside 'a.png'",
    ),
    "a file twice": (
        {"labels.csv": LIST + "a.png,cat\na.png,dog\n", "a.png": DOT},
        "",
        {},
        r"labels.csv row 3: 'a.png' stands in labels.csv row 2 already",
    ),
    "a list without labels": (
        {"labels.csv": "path,width\na.png,3\n"},
        "",
        {},
        r"labels.csv: no column for the label \(found: path, width; usual names: label, .*data.label_column=COLUMN",
    ),
    "a column of folders": (
        {"cat/a.png": DOT, "dog/a.png": DOT},
        "",
        {"label_column": 2},
        r"data.label_column=2 has no effect: .* holds folders of classes and no list",
    ),
    "a split to rename that is not there": (
        {"labels.csv": "path,label,split\na.png,cat,train\n", "a.png": DOT},
        "",
        {"splits": {"rename": {"dev": "test"}}},
        r"data.splits.rename: no split 'dev' \(found: train\)",
    ),
    "no list": ({"a.png": DOT}, "a.png", {}, r"a.png: a list of pictures was expected"),
    "no such folder of files": (
        {"labels.csv": LIST + "a.png,cat\n"},
        "",
        {"files": "nowhere"},
        r"data.files: no folder 'nowhere'",
    ),
    "no such folder": ({}, "gone", {}, r"data.path: no file or folder '.*gone' \(looked from "),
    "an unknown way": ({}, "", {"on_missing": "drop"}, r"data.on_missing is 'drop', expected 'error' or 'skip'"),
}


@pytest.mark.parametrize("case", PICTURES)
def test_what_is_wrong_with_pictures_is_said(case, tmp_path):
    files, path, options, message = PICTURES[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        read_pictures(write(tmp_path, files) / path, **options)


TABLE = "id,label,x,y\n"

RECORDINGS = {
    "no number": (TABLE + "1,a,0,1\n1,a,0,up\n", {}, r"t.csv row 3: 'up' in column 'y' is no number"),
    "two classes": (TABLE + "1,a,0,1\n1,b,0,1\n", {}, r"t.csv row 3: recording '1' is 'b' here and 'a' in t.csv row 2"),
    "no label": (TABLE + "1,,0,1\n", {}, r"t.csv row 2: no label\. Fill it in, in every row"),
    "no features": ("id,label\n1,a\n2,b\n", {}, r"t.csv: no column of numbers beside id, label"),
    "no column": (
        TABLE + "1,a,0,1\n",
        {"id_column": "idd"},
        r"t.csv: no column 'idd' for the recording's id \(found: id, label, x, y\) \(did you mean 'id'\?\)",
    ),
    "no feature": (TABLE + "1,a,0,1\n", {"columns": ["z"]}, r"t.csv: no column 'z' for the feature .*data.columns"),
    "one class": (TABLE + "1,a,0,1\n2,a,0,1\n", {}, r"all 2 recordings are of the class 'a'"),
}


@pytest.mark.parametrize("case", RECORDINGS)
def test_what_is_wrong_with_recordings_is_said(case, tmp_path):
    text, options, message = RECORDINGS[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        read_recordings(write(tmp_path, {"t.csv": text}) / "t.csv", **options)


def test_a_missing_measurement_is_named_when_it_is_read(tmp_path):
    from seqvision.data.sequences.readers.features import FeatureReader

    text = TABLE + "".join(f"{n},{'ab'[n % 2]},{'' if n == 3 else n},1\n" for n in range(40))
    found = read_recordings(write(tmp_path, {"t.csv": text}) / "t.csv")
    broken = next(record for record in found.records if record.id == "3")
    with pytest.raises(UserError, match=r"(?i)nan"):
        FeatureReader().fitted([found.records[0].source]).read(broken.source)


def test_a_group_in_two_splits_is_refused(tmp_path):
    files = {
        "labels.csv": "path,label,subject,split\na.png,cat,ann,train\nb.png,dog,ann,val\n",
        "a.png": DOT,
        "b.png": DOT,
    }
    with pytest.raises(UserError, match=r"group 'ann' is in two splits: 'a.png' in train, 'b.png' in val"):
        read_files(write(tmp_path, files), FileKind("pictures", (".png",)))
