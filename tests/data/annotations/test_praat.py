"""Praat: every text format that it reads, in every encoding, and what other programs write into it."""

import pytest

from seqvision.data.annotations import Segment, read_annotations
from seqvision.errors import UserError

HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 4\ntiers? <exists>\n'


def intervals(name, *entries):
    text = f'class = "IntervalTier"\nname = "{name}"\nxmin = 0\nxmax = 4\nintervals: size = {len(entries)}\n'
    for number, (start, stop, label) in enumerate(entries, 1):
        text += f'intervals [{number}]:\n  xmin = {start}\n  xmax = {stop}\n  text = "{label}"\n'
    return text


def grid(*tiers):
    items = "".join(f"  item [{number}]:\n{tier}" for number, tier in enumerate(tiers, 1))
    return f"{HEAD}size = {len(tiers)}\nitem []:\n{items}"


def read(folder, text, **choice):
    return read_annotations(folder({"a.TextGrid": text}) / "a.TextGrid", **choice)


WALK = (Segment(0, 1.5, "rest", "act"), Segment(1.5, 4, 'say "hi"', "act"))
LONG = grid(intervals("act", (0, 1.5, "rest"), (1.5, 4, 'say ""hi""')))
SHORT = 'File type = "ooTextFile short"\n"TextGrid"\n\n0\n4\n<exists>\n1\n"IntervalTier"\n"act"\n0\n4\n2\n'
SHORT += '0\n1.5\n"rest"\n1.5\n4\n"say ""hi"""\n'
FREE = "\n".join(
    [
        'File type = "ooTextFile" Object class = "TextGrid"',
        "! made by hand on 3 May; the 2nd try",
        "from 0 to 4 seconds <exists> with 1 tier (of two), item[1]:",
        '"IntervalTier" called "act" 0 4 and 2 intervals: from 0 to 1.5 "rest" ! "no" 7',
        'then 1.5 to 4.0e0 "say ""hi"""',
    ]
)
CHRONOLOGICAL = "\n".join(
    [
        '"Praat chronological TextGrid text file"',
        "0 4   ! Time domain.",
        "1   ! Number of tiers.",
        '"IntervalTier" "act" 0 4',
        "",
        '1 0 1.5\n"rest"',
        '1 1.5 4\n"say ""hi"""',
    ]
)


@pytest.mark.parametrize("text", [LONG, SHORT, FREE, CHRONOLOGICAL, LONG.replace("\n", "\r\n"), "\ufeff" + LONG])
def test_all_text_formats_hold_the_same(folder, text):
    assert read(folder, text).segments == {"": list(WALK)}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_by_its_mark(folder, encoding):
    path = folder({}) / "b.TextGrid"
    path.write_bytes(("\ufeff" + LONG.replace("rest", "rést")).encode(encoding))
    assert read_annotations(path).segments[""][0].label == "rést"


def test_the_encoding_is_honoured_and_else_named(folder):
    path = folder({}) / "b.TextGrid"
    path.write_bytes(LONG.replace("rest", "rést").encode("latin-1"))
    assert read_annotations(path, encoding="latin-1").segments[""][0].label == "rést"
    with pytest.raises(UserError, match=r"b.TextGrid row 18: byte 0xe9 .* is not utf-8. .* set data.encoding=latin-1"):
        read_annotations(path)


def test_tiers_of_one_name_are_both_kept_and_told_apart(folder):
    tiers = [intervals("act", (0, 4, label)) for label in ("a", "b", "c")]
    text = grid(tiers[0], intervals("act (2)", (0, 4, "x")), *tiers[1:])
    assert [(s.label, s.track) for s in read(folder, text).segments[""]] == [
        ("a", "act"),
        ("x", "act (2)"),
        ("b", "act (3)"),
        ("c", "act (4)"),
    ]
    assert read(folder, text, track="act (3)").segments[""] == [Segment(0, 4, "b", "act (3)")]


@pytest.mark.parametrize("keys", [("number", "mark"), ("time", "mark"), ("time", "text")])
def test_points_of_all_versions(folder, keys):
    text = 'class = "TextTier"\nname = "c"\nxmin = 0\nxmax = 4\npoints: size = 1\npoints [1]:\n'
    text += f'  {keys[0]} = 1.25\n  {keys[1]} = "click"\n'
    assert read(folder, grid(text)).segments[""] == [Segment(1.25, 1.25, "click", "c")]


def test_gaps_of_boris_are_no_class(folder):
    found = read(folder, grid(intervals("act", (0, 1, "null"), (1, 2, "walk"), (2, 4, "null"))))
    assert found.segments[""] == [Segment(1, 2, "walk", "act")]
    assert found.notes == ("labels: a.TextGrid: 2 intervals 'null' left out, with which BORIS fills gaps",)


def test_borders_that_were_rounded(folder):
    found = read(folder, grid(intervals("act", (0, 1.0000001, "rest"), (1, 2.5, "walk"), (2, 4, "run"))))
    # what overlaps by more than rounding is left for the user to see
    assert [(s.start, s.stop) for s in found.segments[""]] == [(0, 1), (1, 2.5), (2, 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LONG[: LONG.rindex("text")], r"row 21: ends where a label"),
        (LONG.replace("xmax = 1.5", 'xmax = "1.5"'), r"row 17: '\"1.5\"', expected the end of an interval as a number"),
        (LONG.replace("xmax = 1.5", "xmax = 1.5.2"), r"row 17: '1.5.2', expected the end of an interval as a number"),
        (LONG.replace("Interval", "Pitch"), r"row 10: 'PitchTier', expected an IntervalTier or a TextTier"),
        (LONG.replace("size = 2", "size = 2.5"), r"row 14: 2.5, expected the number of intervals or points"),
        ('"ooTextFile" "Sound"', r"row 1: no TextGrid of Praat"),
    ],
)
def test_damaged_files_are_refused_with_the_row(folder, text, message):
    with pytest.raises(UserError, match=rf"a.TextGrid: not a TextGrid that can be read \({message}"):
        read(folder, text)


def test_a_binary_grid_says_what_to_do(folder):
    path = folder({}) / "b.TextGrid"
    path.write_bytes(b"ooBinaryFile\x08TextGrid" + bytes(40))
    with pytest.raises(UserError, match=r"b.TextGrid: a binary TextGrid. Save it again from Praat as a text file"):
        read_annotations(path)
