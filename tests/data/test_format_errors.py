"""What a user can get wrong in caption files has a message with the place, the finding and the way out."""

import json

import pytest

from seqvision.data.formats import read_captions
from seqvision.errors import UserError

PICTURES = {"images/dog_12.jpeg": None, "images/cat.png": None}
HEAD = "image,caption\n"

BROKEN = {
    "a picture that is called otherwise": (
        {"captions.csv": HEAD + "cat.png,A cat.\ndog_12.jpg,A dog.\nghost.jpg,A ghost.\n"},
        r"captions.csv row 3: no picture 'dog_12.jpg' in .*images/ \(did you mean 'dog_12.jpeg'\?\)\."
        r" 1 more like this\. .*data\.images=FOLDER.*data\.on_missing=skip",
    ),
    "a row with too many fields": (
        {"captions.csv": HEAD + "cat.png,A cat, sleeping\n"},
        r"captions.csv row 2: 3 fields, expected 2 \(image, caption\).*quotes",
    ),
    "a quote that never closes": (
        {"captions.csv": HEAD + 'cat.png,A cat.\ncat.png,"A cat\ncat.png,x\n'},
        r"captions.csv row 3: not valid CSV",
    ),
    "an empty caption": (
        {"captions.csv": HEAD + "cat.png,  \n"},
        r"captions.csv row 2: the caption of 'cat.png' is empty\. Write the caption, or .*data\.on_missing=skip",
    ),
    "an empty file": ({"captions.csv": ""}, r"captions.csv: the file is empty \(0 bytes\)"),
    "no column for the caption": (
        {"captions.csv": "image,words\ncat.png,A cat.\n"},
        r"captions.csv: no column for the caption \(found: image, words; usual names: caption, .*"
        r"data\.caption_column=COLUMN",
    ),
    "latin-1 text": (
        {"captions.csv": (HEAD + "cat.png,Un café noir\n").encode("latin-1")},
        r"captions.csv row 2: byte 0xe9 \(number 28 of the file\) is not utf-8\. .*'cat.png,Un café noir'.*"
        r"data\.encoding=latin-1",
    ),
    "utf-16, cut off": (
        {"captions.csv": HEAD.encode("utf-16")[:-1]},
        r"captions.csv row 1: .* is not utf-16-le",
    ),
    "a misspelt split": (
        {"captions.csv": "image,caption,split\ncat.png,A cat.,trian\n"},
        r"captions.csv row 2: the split is 'trian' \(did you mean 'train'\?\)",
    ),
    "one picture in two splits": (
        {"captions.csv": "image,caption,split\ncat.png,A cat.,train\ncat.png,A cat!,test\n"},
        r"captions.csv row 3: 'cat.png' is in test here and in train in captions.csv row 2",
    ),
    "a broken line of JSON": (
        {"captions.jsonl": '{"image": "cat.png", "caption": "A cat."}\n{"image": "cat.png", \n'},
        r"captions.jsonl row 2: not valid JSON \(.*Each line holds one whole object",
    ),
    "a line of JSON that is no object": (
        {"captions.jsonl": '["cat.png", "A cat."]\n'},
        r"captions.jsonl row 1: expected an object such as",
    ),
    "others' tars": (
        {"00000.tar": b"x", "00001.tar": b"x"},
        r"archives \(00000.tar, 00001.tar\) without an index.*WebDataset.*tar -C .*unpacked -xf .*data shard",
    ),
    "a zip in a folder": ({"in/pictures.zip": b"x"}, r"archives \(pictures.zip\).*unzip -d .*in/unpacked"),
    "an object for a caption": (
        {"captions.jsonl": '{"image": "cat.png", "caption": {"raw": "A cat."}}\n'},
        r"captions.jsonl row 1: the caption is .*raw.*, expected a text",
    ),
    "half a surrogate pair": (
        {"captions.jsonl": '{"image": "cat.png", "caption": "A cat \\ud83d"}\n'},
        r"captions.jsonl row 1: the text holds \\ud83d",
    ),
    "a name that is null": (
        {"captions.jsonl": '{"image": null, "caption": "A cat."}\n'},
        r"captions.jsonl row 1: 'image' is null, expected a name",
    ),
    "lists nested beyond reason": (
        {"captions.jsonl": '{"image": "cat.png", "caption": ' + "[" * 9999 + "\n"},
        r"captions.jsonl row 1: lists and objects are nested too deeply",
    ),
    "a number of 5,000 digits": (
        {"dataset.json": '{"sentences": ' + "9" * 5000 + "}"},
        r"dataset.json: a number has too many digits",
    ),
    "COCO's images without their list": (
        {"annotations/captions_x.json": json.dumps({"images": {"id": 1}, "annotations": []})},
        r"captions_x.json: expected COCO's lists .*could not find 'images'",
    ),
    "one id of COCO for two pictures": (
        {
            "annotations/captions_x.json": json.dumps(
                {"images": [{"id": 1, "file_name": "a.png"}, {"id": "1", "file_name": "b.png"}], "annotations": []}
            )
        },
        r"captions_x.json images\[1\]: a second image with the id 1",
    ),
    "a name of 300 letters": (
        {"captions.csv": HEAD + "x" * 300 + ".png,A cat.\n"},
        r"captions.csv row 2: no picture 'x{200}' in",
    ),
    "a name with NUL": ({"captions.jsonl": '{"image": "a/\\u0000.png", "caption": "x"}\n'}, r"row 1: no picture 'a/"),
    "a split that is a number": (
        {"captions.jsonl": '{"image": "cat.png", "caption": "A cat.", "split": 1}\n'},
        r"captions.jsonl row 1: the split is 1, expected a text",
    ),
    "JSON that is cut off": (
        {"dataset.json": '{"images": [\n{"filename": "cat.png", "sentences": ['},
        r"dataset.json row 2: not valid JSON .*cut off",
    ),
    "Karpathy's JSON without a split": (
        {"dataset.json": json.dumps({"images": [{"filename": "cat.png", "sentences": [{"raw": "A cat."}]}]})},
        r"dataset.json images\[0\]: expected filename, split and sentences .*could not find 'split'",
    ),
    "COCO's annotation of an unknown picture": (
        {
            "annotations/captions_val2017.json": json.dumps(
                {"images": [], "annotations": [{"image_id": 1, "caption": "x"}]}
            )
        },
        r"captions_val2017.json annotations\[0\]: image_id 1 is not among the file's images",
    ),
    "COCO's instances for captions": (
        {"annotations/captions_x.json": json.dumps({"images": [], "annotations": [{"bbox": []}]})},
        r"could not find 'image_id'.*take captions_\*\.json",
    ),
    "Flickr8k's list with a row without a comma": (
        {"captions.txt": HEAD + "cat.png A cat\n"},
        r"captions.txt row 2: expected 'picture.jpg,caption', found no comma in 'cat.png A cat'",
    ),
    "Flickr8k's tokens with a row without a number": (
        {"Flickr8k.token.txt": "cat.png#0\tA cat.\ncat.png\tA cat.\n"},
        r"Flickr8k.token.txt row 2: expected 'picture.jpg#0', a tab and the caption",
    ),
    "a picture without its text": (
        {"images/cat.txt": "A cat."},
        r"images/dog_12.jpeg \(no dog_12.txt beside it\): 'images/dog_12.jpeg' has no caption",
    ),
    "two pictures for one text": (
        {"images/cat.txt": "A cat.", "images/cat.gif": None},
        r"images/cat.txt: stands beside two pictures of one name",
    ),
    "nothing to read": ({}, r"no captions found \(it holds: images\)\. Expected one of:\n  karpathy .*data/README.md"),
    "two data sets in one folder": (
        {"captions.csv": HEAD + "cat.png,A cat.\n", "metadata.jsonl": '{"image": "cat.png", "caption": "A cat."}\n'},
        r"captions in several layouts \(jsonl: metadata.jsonl; csv: captions.csv\).*data\.path=FILE",
    ),
    "two tables of no particular name": (
        {"a.csv": HEAD + "cat.png,A cat.\n", "b.csv": HEAD + "cat.png,A cat.\n"},
        r"several caption files \(a.csv, b.csv\).*call them train, val and test",
    ),
    "lists that name other pictures": (
        {"captions.csv": HEAD + "cat.png,A cat.\n", "train.txt": "x1\n", "val.txt": "x2\n"},
        r"none of the 2 names in train.txt, val.txt is one of the 1 pictures: 'x1' is listed, 'cat.png' is a picture",
    ),
    "a picture in two lists": (
        {"captions.csv": HEAD + "cat.png,A cat.\n", "train.txt": "cat.png\n", "val.txt": "cat.png\n"},
        r"'cat.png' is listed in train.txt and in val.txt",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said(case, folder):
    files, message = BROKEN[case]
    with pytest.raises(UserError, match=f"(?s){message}"):
        read_captions(folder(PICTURES | files))


OPTIONS = {
    "a misspelt column": ({"caption_column": "captoin"}, r"captions.csv: no column 'captoin' \(found: image, caption\)"
                          r" \(did you mean 'caption'\?\)\. Correct data.caption_column"),
    "an unknown layout": ({"layout": "karpati"}, r"data.layout is 'karpati', .* \(did you mean 'karpathy'\?\)"),
    "an unknown encoding": ({"encoding": "utf8000"}, r"data.encoding: no encoding is called 'utf8000'"),
    "an unknown way": ({"on_missing": "ignore"}, r"data.on_missing is 'ignore', expected 'error' or 'skip'"),
    "no such folder of pictures": ({"images": "nowhere"}, r"data.images: no folder 'nowhere' \(looked from "),
    "another layout's folder": ({"layout": "sidecar"}, r"no captions in the layout 'sidecar' found"),
    "a column for both": ({"caption_column": "image"}, r"'image' cannot be both"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
def test_a_wrong_option_is_named(case, folder):
    options, message = OPTIONS[case]
    with pytest.raises(UserError, match=message):
        read_captions(folder(PICTURES | {"captions.csv": HEAD + "cat.png,A cat.\n"}), **options)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"data.path: no file or folder '.*gone' \(looked from "):
        read_captions(tmp_path / "gone")


def test_skipping_everything_is_still_an_error(folder):
    with pytest.raises(UserError, match=r"no picture with a caption is left of 1 .*row 2: no picture 'ghost.jpg'"):
        read_captions(folder({"a.csv": HEAD + "ghost.jpg,A ghost.\n"}), on_missing="skip")
