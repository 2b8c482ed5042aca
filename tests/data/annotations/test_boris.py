"""BORIS: what it pairs is paired, and every time is that of the video in which it happens."""

import json

import pytest

from seqvision.data.annotations import Segment, read_annotations
from seqvision.data.annotations.read import open_annotations
from seqvision.errors import UserError

STATES = ("groom", "walk")


def project(*observations, **fields):
    conf = {str(n): {"type": "State event", "code": code} for n, code in enumerate(STATES)}
    conf["9"] = {"type": "Point event", "code": "click"}
    return json.dumps({"behaviors_conf": conf, "observations": dict(observations), **fields})


def observation(name, events, media=("C:/v/a.mp4",), lengths=(10,), **fields):
    info = {"length": dict(zip(media, lengths, strict=False)), **fields.pop("media_info", {})}
    said = {"file": {"1": list(media), "2": []}, "type": "MEDIA", "time offset": 0.0, "events": events}
    return name, {**said, "media_info": info, **fields}


def read(folder, text, name="p.boris", **choice):
    return read_annotations(folder({name: text}) / name, **choice).segments


COLUMNS = "Observation id,Source,Time offset (s),Media duration (s),Subject,Behavior"
TABULAR = f"{COLUMNS},Modifier #1,Behavior type,Time,Media file name,Comment\n"
AGGREGATED = f"{COLUMNS},Behavior type,Start (s),Stop (s),Media file name\n"


@pytest.mark.parametrize("offset", [10, -10, 0.5])
def test_the_time_offset_is_taken_off_again(folder, offset):
    start, stop = 2 + offset, 5 + offset
    want = {"C:/v/a.mp4": [Segment(2, 5, "groom", "m")]}
    events = [[start, "m", "groom", ""], [stop, "m", "groom", ""]]
    assert read(folder, project(observation("o", events, **{"time offset": offset}))) == want
    row = f"o,player #1:C:/v/a.mp4,{offset},10.000,m,groom"
    tabular = f"{row},,START,{start:.3f},C:/v/a.mp4,\n{row},,STOP,{stop:.3f},C:/v/a.mp4,\n"
    assert read(folder, TABULAR + tabular, "t.csv") == want
    assert read(folder, f"{AGGREGATED}{row},STATE,{start:.3f},{stop:.3f},C:/v/a.mp4\n", "g.csv") == want
    old = (
        f"Observation id\to\t\t\t\n\t\t\t\t\nPlayer #1\tC:/v/a.mp4\t\t\t\n\t\t\t\t\nTime offset (s)\t{offset}\t\t\t\n"
        f"Time\tMedia file path\tSubject\tBehavior\tStatus\n{start}\tC:/v/a.mp4\tm\tgroom\tSTART\n"
        f"{stop}\tC:/v/a.mp4\tm\tgroom\tSTOP\n"
    )
    assert read(folder, old, "o.tsv") == want


@pytest.mark.parametrize("kind", ["project", "tabular", "aggregated"])
def test_videos_one_after_another_have_a_clock_each(folder, kind):
    media, times = ("C:/v/a.mp4", "C:/v/b.mp4"), [(2, 5), (9.5, 12), (13, 16)]
    if kind == "project":
        events = [[time, "", "groom", ""] for pair in times for time in pair] + [[10, "", "click", ""]]
        found = read(folder, project(observation("o", events, media, (10, 20))))
    else:
        row = f"o,player #1:{';'.join(media)},0.0,10.000;20.000,No focal subject"
        rows = [
            f"{row},groom,,START,{a:.3f},C:/v/a.mp4,\n{row},groom,,STOP,{b:.3f},C:/v/b.mp4,\n" for a, b in times
        ] + [f"{row},click,,POINT,10.000,C:/v/b.mp4,\n"]
        if kind == "aggregated":
            rows = [f"{row},groom,STATE,{a:.3f},{b:.3f},C:/v/a.mp4\n" for a, b in times]
            rows.append(f"{row},click,POINT,10.000,10.000,C:/v/b.mp4\n")
        found = read(folder, (TABULAR if kind == "tabular" else AGGREGATED) + "".join(rows), "e.csv")
    assert found["C:/v/a.mp4"] == [Segment(2, 5, "groom"), Segment(9.5, 10, "groom")]
    assert sorted(found["C:/v/b.mp4"], key=lambda s: (s.start, s.label)) == [
        Segment(0, 0, "click"),
        Segment(0, 2, "groom"),
        Segment(3, 6, "groom"),
    ]


def test_a_second_player_shows_the_same_and_changes_nothing(folder):
    row = "o,player #1:a.mp4|player #2:b.mp4,0.0,10.000|12.000,,walk,STATE,1.000,2.000,a.mp4\n"
    assert read(folder, AGGREGATED + row, "g.csv") == {"a.mp4": [Segment(1, 2, "walk")]}


def test_videos_in_a_row_of_unknown_length_are_refused(folder):
    events = [[1, "", "groom", ""], [2, "", "groom", ""]]
    message = r"p.boris: the observation 'o' is of 2 videos in a row, whose times run on \(a.mp4, b.mp4\)"
    with pytest.raises(UserError, match=message):
        read(folder, project(observation("o", events, ("a.mp4", "b.mp4"), (10,))))
    old = (
        "Observation id\to\t\t\nPlayer #1\ta.mp4\t\t\nPlayer #1\tb.mp4\t\t\n"
        "Time\tMedia file path\tBehavior\tStatus\n12\tb.mp4\tclick\tPOINT\n"
    )
    with pytest.raises(UserError, match=message):  # of whatever track
        read(folder, project(observation("o", [[1, "m", "click"]], ("a.mp4", "b.mp4"), (10,))), track="o")
    paired = project(
        observation("o", [[1, "m", "groom"], [2, "m", "groom"], [3, "", "walk"], [4, "n", "walk"]]),
        observation("p", [[1, "m", "groom"]], ("a.mp4", "b.mp4"), (10,)),
    )
    with pytest.raises(UserError, match=r"the observation 'p' is of 2 videos in a row"):
        read(folder, paired, track="m")
    assert read(folder, paired, track="m", observation="o")["C:/v/a.mp4"] == [Segment(1, 2, "groom", "m")]
    with pytest.raises(UserError, match=r"o.tsv: the observation 'o' is of 2 videos in a row"):
        read(folder, old, "o.tsv")


def test_states_are_paired_by_their_modifiers_too(folder):
    want = {"C:/v/a.mp4": [Segment(1, 4, "groom", "m"), Segment(2, 5, "groom", "m")]}
    events = [[t, "m", "groom", modifier] for t, modifier in ((1, "head"), (2, "tail"), (4, "head"), (5, "tail"))]
    assert read(folder, project(observation("o", events))) == want
    row = "o,player #1:C:/v/a.mp4,0.0,10.000,m,groom"
    rows = [
        f"{row},{modifier},{kind},{time}.000,C:/v/a.mp4,\n"
        for modifier, kind, time in (
            ("head", "START", 1),
            ("tail", "START", 2),
            ("head", "STOP", 4),
            ("tail", "STOP", 5),
        )
    ]
    assert read(folder, TABULAR + "".join(rows), "t.csv") == want
    with pytest.raises(UserError, match=r"event 1: 'groom' \(head\) starts at 1 s and never stops"):
        read(folder, project(observation("o", events[:2] + events[3:])))


def test_of_two_observations_of_a_video_one_is_chosen(folder):
    both = project(
        observation("a_anna", [[1, "", "groom", ""], [4, "", "groom", ""]]),
        observation("a_ben", [[1.2, "", "walk", ""], [3.5, "", "walk", ""]]),
    )
    with pytest.raises(UserError, match=r"C:/v/a.mp4 has 2 observations \(a_anna, a_ben\). Choose one with data.obs"):
        read(folder, both)
    anna, ben = [Segment(1, 4, "groom")], [Segment(1.2, 3.5, "walk")]
    assert read(folder, both, observation="a_anna")["C:/v/a.mp4"] == anna
    assert read(folder, both, observation="*_ben")["C:/v/a.mp4"] == ben
    assert read(folder, both, track="a_anna")["C:/v/a.mp4"] == anna
    assert read(folder, both, observation=["a_anna", "a_ben"])["C:/v/a.mp4"] == anna + ben
    with pytest.raises(UserError, match=r"data.observation=b_anna: no such observation \(found: a_anna, a_ben\) \(did"):
        read(folder, both, observation="b_anna")


def test_what_is_wrong_elsewhere_stops_nobody(folder):
    text = project(
        observation("good", [[1, "", "groom", ""], [4, "", "groom", ""]]),
        observation("loose", [[1, "", "groom", ""]], ("b.mp4",)),
        observation("torn", [["", "", "groom", ""]], ("c.mp4",)),
    )
    assert read(folder, text, observation="good")["C:/v/a.mp4"] == [Segment(1, 4, "groom")]
    everything = open_annotations(folder({}) / "p.boris")
    everything.checked("C:/v/a.mp4")
    with pytest.raises(UserError, match=r"observation 'loose' event 1: 'groom' starts at 1 s and never stops"):
        everything.checked("b.mp4")
    with pytest.raises(UserError, match=r"observation 'torn' event 1: '' in column 'time' is no time"):
        everything.checked("c.mp4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (project(("o", "\0")), r"p.boris observation 'o': no observation of BORIS"),
        (project(observation("o", [[]])), r"observation 'o' event 1: not a time, a subject and a behaviour"),
        (project(observation("o", [["\0", "", "walk"]])), r"event 1: '.*' in column 'time' is no time"),
        (project(observation("o", [[1, "", "dig", ""]])), r"event 1: 'dig' is no behaviour of the project's ethogram"),
        (project(observation("o", [], type="IMAGES")), r"observation 'o': of folders of pictures, which have no clock"),
        (project(observation("o", [], **{"time offset": "x"})), r"observation 'o': 'x' in column 'time offset' is no"),
        (
            project(observation("o", [], ("a.mp4", "b.mp4"), ("x", 2))),
            r"observation 'o' media_info of 'a.mp4': 'x' in column 'length' is no time",
        ),
        ('{"observations": {}}', r"p.boris: no project of BORIS \(no 'behaviors_conf' in it\)"),
        ("[]", r"p.boris: no project of BORIS \(no 'observations' in it\)"),
    ],
)
def test_damaged_projects_are_refused_by_name(folder, text, message):
    with pytest.raises(UserError, match=message):
        read(folder, text)


def test_the_date_of_a_recording_as_offset(folder):
    events = [[1.7e9 + 12, "", "groom", ""], [1.7e9 + 15, "", "groom", ""]]
    info = {"media_creation_time": {"C:/v/a.mp4": 1.7e9}}
    said = observation("o", events, **{"time offset": 10, "media_creation_date_as_offset": True, "media_info": info})
    assert read(folder, project(said)) == {"C:/v/a.mp4": [Segment(2, 5, "groom")]}


def test_quoted_line_ends_and_names_that_hold_separators(folder):
    row = 'o,player #1:a;b.mp4,0.0,10.000,,walk,,{},{}.000,a;b.mp4,"two\nlines"\n'
    found = read(folder, TABULAR + row.format("START", 1) + row.format("STOP", 2), "t.csv")
    assert found == {"a;b.mp4": [Segment(1, 2, "walk")]}
    with pytest.raises(UserError, match=r"t.csv row 4: 'walk' starts at 2 s, but the START in t.csv row 2 has no STOP"):
        read(folder, TABULAR + row.format("START", 1) + row.format("START", 2), "t.csv")
