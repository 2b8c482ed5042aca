"""ELAN: annotations happen when ELAN shows them, whatever their tier hangs on."""

import random

import pytest

from seqvision.data.annotations import Segment, read_annotations
from seqvision.errors import UserError

TYPES = "".join(
    f'<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="{name}" CONSTRAINTS="{name}"/>'
    for name in ("Symbolic_Subdivision", "Symbolic_Association", "Time_Subdivision", "Included_In")
)


def aligned(name, begin, end, value):
    slots = f'TIME_SLOT_REF1="ts{begin}" TIME_SLOT_REF2="ts{end}"'
    value = f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" {slots}>{value}</ALIGNABLE_ANNOTATION></ANNOTATION>'
    )


def referring(name, parent, value, previous=None):
    before = f' PREVIOUS_ANNOTATION="{previous}"' if previous else ""
    value = f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"
    ids = f'ANNOTATION_ID="{name}" ANNOTATION_REF="{parent}"{before}'
    return f"<ANNOTATION><REF_ANNOTATION {ids}>{value}</REF_ANNOTATION></ANNOTATION>"


def tier(name, *annotations, kind="", parent=None):
    under = f' PARENT_REF="{parent}"' if parent else ""
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="{kind}"{under}>{"".join(annotations)}</TIER>'


def document(slots, *tiers, media=""):
    """slots: milliseconds by number, None where there are none."""
    order = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="ts{n}"' + (f' TIME_VALUE="{time}"/>' if time is not None else "/>")
        for n, time in slots.items()
    )
    header = f'<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">{media}</HEADER>'
    return f"<ANNOTATION_DOCUMENT>{header}<TIME_ORDER>{order}</TIME_ORDER>{''.join(tiers)}{TYPES}</ANNOTATION_DOCUMENT>"


def read(folder, text, **choice):
    return read_annotations(folder({"a.eaf": text}) / "a.eaf", **choice).segments


BOUT = tier("bout", aligned("a1", 1, 2, "grooming"))
PARTS = [Segment(1, 3, "paws", "phase"), Segment(3, 5, "face", "phase"), Segment(5, 7, "body", "phase")]


@pytest.mark.parametrize("seed", range(3))
def test_a_symbolic_subdivision_is_equal_parts_in_the_order_of_previous_annotation(folder, seed):
    parts = [referring("b", "a1", "paws"), referring("c", "a1", "face", "b"), referring("d", "a1", "body", "c")]
    random.Random(seed).shuffle(parts)
    phase = tier("phase", *parts, kind="Symbolic_Subdivision", parent="bout")
    # and what refers to a part has the part's time; a part of it a part of that
    gait = tier("gait", referring("e", "c", "slow"), kind="Symbolic_Association", parent="phase")
    step = [referring("f", "e", "left"), referring("g", "e", "right", "f")]
    steps = tier("step", *step, kind="Symbolic_Subdivision", parent="gait")
    text = document({1: 1000, 2: 7000}, BOUT, phase, gait, steps)
    assert read(folder, text, track="phase")[""] == PARTS
    assert read(folder, text, track="gait")[""] == [Segment(3, 5, "slow", "gait")]
    assert read(folder, text, track="step")[""] == [Segment(3, 4, "left", "step"), Segment(4, 5, "right", "step")]
    assert read(folder, text, track="bout")[""] == [Segment(1, 7, "grooming", "bout")]


def test_slots_without_a_time_lie_evenly_between_those_of_their_tier(folder):
    slots = {1: 1000, 5: None, 6: None, 3: None, 4: None, 7: None, 2: 7000}
    parts = [aligned("b", 1, 3, "paws"), aligned("c", 3, 4, "face"), aligned("d", 4, 2, "body")]
    phase = tier("phase", *parts, kind="Time_Subdivision", parent="bout")
    # a tier below it, and one beside it whose slots stand between the others' in the document
    below = [aligned("e", 3, 7, "left"), aligned("f", 7, 4, "right")]
    step = tier("step", *below, kind="Time_Subdivision", parent="phase")
    beside = tier("look", aligned("g", 1, 5, "up"), aligned("h", 5, 2, "down"), kind="Time_Subdivision", parent="bout")
    loose = tier("loose", aligned("i", 6, 6, "never"), kind="Included_In", parent="bout")
    text = document(slots, loose, step, beside, phase, BOUT)
    assert read(folder, text, track="phase")[""] == PARTS
    assert read(folder, text, track="step")[""] == [Segment(3, 4, "left", "step"), Segment(4, 5, "right", "step")]
    assert read(folder, text, track="look")[""] == [Segment(1, 4, "up", "look"), Segment(4, 7, "down", "look")]
    # what has no place concerns only those who ask for it
    for choice in ({}, {"track": "loose"}):
        with pytest.raises(UserError, match=r"a.eaf: annotation i \('never'\) has no time. .* \(tier 'loose'\)"):
            read(folder, text, **choice)


def medium(name, origin=None, kind="video/mp4"):
    begin = f' TIME_ORIGIN="{origin}"' if origin is not None else ""
    return f'<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20videos/{name}" MIME_TYPE="{kind}"{begin}/>'


def test_the_time_origin_says_where_in_the_medium_annotations_begin(folder):
    sound = medium("a.wav", 0, "audio/x-wav")
    text = document({1: 2000, 2: 5000}, BOUT, media=medium("a.mp4", 10000) + sound)
    assert read(folder, text) == {"": [Segment(12, 15, "grooming", "bout")]}
    text = document({1: 2000, 2: 5000}, BOUT, media=medium("a.mp4", 10000) + medium("b%20c.mp4") + sound)
    assert read(folder, text) == {
        "a.mp4": [Segment(12, 15, "grooming", "bout")],
        "b c.mp4": [Segment(2, 5, "grooming", "bout")],
    }
    with pytest.raises(UserError, match=r"a.eaf: TIME_ORIGIN 'x' of 'a.mp4', expected milliseconds"):
        read(folder, document({1: 2000, 2: 5000}, BOUT, media=medium("a.mp4", "x")))


def circle(**names):
    return document({1: 0, 2: 1000}, BOUT, tier("t", *names["parts"], kind=names.get("kind", "Symbolic_Subdivision")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            document({1: 0, 2: 9}, tier("t", aligned("b", 1, 2, "x"), parent="u"), tier("u", parent="t")),
            r"annotation b \('x'\) is on a tier that is its own parent's parent. Correct PARENT_REF \(tier 't'\)",
        ),
        (
            circle(parts=[referring("b", "c", "x"), referring("c", "b", "y")], kind="Symbolic_Association"),
            r"annotation b \('x'\) refers to b in a circle. Correct ANNOTATION_REF, or remove it \(tier 't'\)",
        ),
        (
            circle(parts=[referring("b", "a1", "x", "c"), referring("c", "a1", "y", "b")]),
            r"annotation b \('x'\) is one of those that follow in a circle. Correct PREVIOUS_ANNOTATION \(tier 't'\)",
        ),
        (
            circle(parts=[referring("b", "a1", "x"), referring("c", "a1", "y")]),
            r"annotation c \('y'\) and b both come first in a1. Correct PREVIOUS_ANNOTATION, or make it a symbolic",
        ),
        (circle(parts=[referring("b", "a1", "x", "z")]), r"annotation b \('x'\) comes after z, which is no part of a1"),
        (circle(parts=[referring("b", "z", "x")]), r"annotation b \('x'\) refers to z, which is not there"),
        (
            circle(parts=[aligned("b", 1, 8, "x")]),
            r"annotation b \('x'\) begins or ends at the time slot 'ts8', which",
        ),
        (circle(parts=[aligned("b", 2, 1, "x")]), r"annotation b \('x'\) ends at 0 s, before its start at 1 s"),
        (
            document({1: "12 s", 2: 9}, BOUT),
            r"annotation a1 \('grooming'\) is at the time '12 s', expected mill",
        ),
        (document({1: 0, 2: "9" * 5000}, BOUT), r"annotation a1 \('grooming'\) is at the time '9999"),
    ],
)
def test_what_has_no_place_in_time_is_named_and_never_looped_over(folder, text, message):
    with pytest.raises(UserError, match=rf"a.eaf: {message}"):
        read(folder, text)


def test_entities_are_not_resolved(folder, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    text = document({1: 0, 2: 1000}, tier("t", aligned("b", 1, 2, "&x;")))
    for entity in (f'<!ENTITY x SYSTEM "{tmp_path}/secret.txt">', '<!ENTITY x "many">'):
        with pytest.raises(UserError, match=r"a.eaf: declares entities of XML, which ELAN never writes"):
            read(folder, f"<!DOCTYPE d [{entity}]>{text}")
    with pytest.raises(UserError, match=r"a.eaf: not valid XML \(undefined entity"):
        read(folder, text)
    with pytest.raises(UserError, match=r"a.eaf: times in 'PAL-frames', expected milliseconds"):
        read(folder, document({}).replace("milliseconds", "PAL-frames"))
