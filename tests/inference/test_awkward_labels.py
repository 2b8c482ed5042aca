"""Labels of any letters come through every kind of output, and what is written leads back to them."""

import csv
from pathlib import Path

import av
import numpy as np
import pytest
from films import frame, write_film

from seqvision.data import VideoReader
from seqvision.data.annotations import Segment, read_annotations
from seqvision.figures.video import cut_clips
from seqvision.files import file_names
from seqvision.inference.label_outputs import FORMATS, Labelled, names_of, write_labelled, write_timeline
from seqvision.wording import from_line, in_line, visible

CLASSES = (
    *("rest", "Rest", "a/b", "../up", "$x$", "$\\frac{", "a\0b", "two\nlines", "<b>&amp;", "-->", "50 %", "con"),
    *(".dot", "x" * 300, "ä", "a\u0308", "\x1b[31m", "\ud800", "😀", "a,b;c", '"quoted"', "\ufffe", "NOTE a"),
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Labelled:
    """A recording in which every class has two frames."""
    labels = np.repeat(np.arange(len(CLASSES)), 2)
    source = tmp_path_factory.mktemp("in") / "a & <b> $c$.mp4"
    return Labelled("a", source, CLASSES, labels, np.eye(len(CLASSES))[labels], np.arange(len(labels) + 1) / 2)


def written(labelled: Labelled, kind: str, folder: Path) -> Path:
    path = folder / f"a{FORMATS[kind]}"
    write_labelled(labelled, kind, path)
    return path


@pytest.mark.parametrize("kind", ["frames", "segments"])
def test_tables_hold_the_labels_themselves(labelled, kind, tmp_path):
    with open(written(labelled, kind, tmp_path), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times = 2 if kind == "frames" else 1
    assert [row["label"] for row in rows] == [
        each.replace("\ud800", "\ufffd") for each in CLASSES for _ in range(times)
    ]


@pytest.mark.parametrize("kind", ["eaf", "boris"])
def test_annotations_are_read_again(labelled, kind, tmp_path):
    found = read_annotations(written(labelled, kind, tmp_path))
    (segments,) = found.segments.values()
    shown = visible if kind == "eaf" else lambda text: text.replace("\ud800", "\ufffd")
    assert {segment.label: segment.start for segment in segments} == {
        shown(label).strip(): float(place) for place, label in enumerate(CLASSES)
    }


def test_subtitles_have_a_cue_each(labelled, tmp_path):
    text = written(labelled, "vtt", tmp_path).read_text(encoding="utf-8").strip()
    cues = [block.split("\n") for block in text.split("\n\n")[1:]]
    assert [len(cue) for cue in cues] == [2] * len(CLASSES), "the time and one line"
    assert "&lt;b>&amp;amp;" in text
    assert "\0" not in text


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_timeline_shows_them_as_they_are(labelled, tmp_path):
    write_timeline(labelled, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_pieces_have_a_folder_for_each_label_and_hold_it(tmp_path):
    film = write_film(tmp_path / ("x" * 240 + ".mp4"), [frame(n, 32, 24) for n in range(len(CLASSES))], rate=1)
    segments = [Segment(place, place + 1, label) for place, label in enumerate(CLASSES)]
    pieces = cut_clips(film, segments, tmp_path / "out")
    folders = file_names(CLASSES)
    assert [piece.parent.name for piece in pieces] == [folders[label] for label in CLASSES]
    assert len({piece.parent.name.casefold() for piece in pieces}) == len(CLASSES)
    for piece, label in zip(pieces, CLASSES, strict=True):
        with av.open(str(piece)) as opened:
            title = opened.metadata["title"]
        assert title[:200] == label.replace("\0", "\ufffd").replace("\ud800", "?")[:200]
    assert len(VideoReader().read(pieces[0])) == 1


def test_what_is_called_after_a_long_name_fits_too(tmp_path):
    files = [tmp_path / f"{name}.csv" for name in ("a", "ä" * 120, "ä" * 121)]
    names = names_of([(tmp_path, file) for file in files])
    assert len(set(names)) == 3
    assert all(len(f"{name}.segments.csv".encode()) < 255 for name in names)


@pytest.mark.parametrize("label", CLASSES)
def test_a_cell_of_printed_output_is_one_line_and_leads_back(label):
    assert not {"\t", "\n", "\r"} & set(in_line(f"{label}\r\n\t"))
    if "\\" not in label:  # a backslash stays as it is, so that paths can be copied
        assert from_line(in_line(f"{label}\r\n\t")) == f"{label}\r\n\t"
