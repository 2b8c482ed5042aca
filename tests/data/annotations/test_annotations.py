"""Files of annotation tools are read as the tools mean them, and what is written comes back, by their parsers too."""

import json

import pytest

from seqvision.data.annotations import (
    Segment,
    is_annotation,
    read_annotations,
    write_boris_project,
    write_boris_table,
    write_elan,
    write_subtitles,
)
from seqvision.errors import UserError

SEGMENTS = [
    Segment(0.0, 1.24, "walk", "Ada"),
    Segment(1.24, 3.0, "rest & sleep", "Ada"),
    Segment(0.52, 2.0, "groom <left>", "Bob"),
    Segment(3725.5, 3726.25, "walk", "Bob"),
]


def by_time(segments):
    return sorted(segments, key=lambda s: (s.start, s.stop, s.label))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("start,end,label\n0,1.5,walk\n", Segment(0, 1.5, "walk")),
        ("onset;offset;behaviour\n0,5;1,5;walk\n", Segment(0.5, 1.5, "walk")),
        ("start,duration,label\n2,1.5,walk\n", Segment(2, 3.5, "walk")),
        ("Start,Stop,Label,Tier\n0:00:02,1:02:03.5,walk,A\n", Segment(2, 3723.5, "walk", "A")),
        ("\ufeffstart,end,label\n1,1,walk\n", Segment(1, 1, "walk")),
    ],
)
def test_tables_of_segments(folder, text, expected):
    path = folder({"a.csv": text}) / "a.csv"
    assert is_annotation(path)
    read = read_annotations(path)
    assert read.segments == {"": [expected]}
    assert read.unit == "seconds"


def test_one_table_for_many_videos(folder):
    header = "video,start_frame,end_frame,label,split,subject"
    text = f"{header}\nx.mp4,0,5,a,train,s1\ny.mp4,2,3,b,test,s2\nx.mp4,5,9,b,train,s1\n"
    read = read_annotations(folder({"all.csv": text}) / "all.csv")
    assert read.segments["x.mp4"] == [Segment(0, 5, "a", "s1"), Segment(5, 9, "b", "s1")]
    assert read.unit == "frames"
    assert read.splits == {"x.mp4": "train", "y.mp4": "test"}
    assert read_annotations(folder({}) / "all.csv", unit="seconds").unit == "seconds"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "start,end,label\n1,x,walk\n",
            r"a.csv row 2: 'x' in column 'end' is no time. Write seconds \(62.5\), 0:01:02.5",
        ),
        ("start,end,label\n3,1,walk\n", r"a.csv row 2: ends at 1, before it starts at 3. Correct the row."),
        ("start,end,label\n1,3,\n", r"a.csv row 2: no label in column 'label'"),
        ("start,end,what\n1,3,a\n", r"a.csv: no column for the label"),
        ("start,end,label\n1,3\n", r"a.csv row 2: 2 fields, expected 3"),
        (
            "file,start,end,label,split\nx,1,2,a,train\nx,2,3,a,test\n",
            r"a.csv row 3: the split of 'x' is 'test' here and",
        ),
        ("", r"the file is empty"),
    ],
)
def test_rows_that_make_no_sense(folder, text, message):
    with pytest.raises(UserError, match=message):
        read_annotations(folder({"a.csv": text}) / "a.csv")


TABULAR = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,Time offset (s),"
    "Media duration (s),FPS,Subject,Behavior,Behavioral category,Behavior type,Time,Media file name,Image index,"
    "Image file path,Comment\n"
)
_OBSERVED = "obs1,2024-01-01 10:00:00,,60,Media file(s),player #1:/v/x.mp4,0.0,60.000,25.000"
TABULAR += (
    f"{_OBSERVED},Ada,walk,,START,1.000,x.mp4,25,NA,\n"
    f"{_OBSERVED},Ada,rear,,POINT,1.500,x.mp4,37,NA,\n"
    f"{_OBSERVED},No focal subject,rest,,START,1.700,x.mp4,42,NA,\n"
    f"{_OBSERVED},Ada,walk,,STOP,2.000,x.mp4,50,NA,\n"
    f"{_OBSERVED},No focal subject,rest,,STOP,3.000,x.mp4,75,NA,\n"
)
OLDER = (
    "Observation id\tobs1\n\nMedia file(s)\n\nPlayer #1\t/v/x.mp4\n\nObservation date\t2019-01-01 10:00:00\n\n"
    "Description\tcage 3, noon\n\nTime offset (s)\t0.000\n\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "1.000\t/v/x.mp4\t60\t25\tAda\twalk\t\t\tSTART\n2.000\t/v/x.mp4\t60\t25\tAda\twalk\t\t\tSTOP\n"
    "2.500\t/v/x.mp4\t60\t25\tAda\trear\t\t\tPOINT\n"
)
AGGREGATED = (
    "Observation id,Observation date,Description,Observation type,Source,Total length,FPS,Subject,"
    "Observation duration by subject by observation,Behavior,Behavioral category,Modifiers,Behavior type,Start (s),"
    "Stop (s),Duration (s),Image index start,Image index stop,Image file path start,Image file path stop,Comment start,"
    "Comment stop\n"
    "obs1,2024-01-01,,Media file(s),player #1:x.mp4,60,25.0,Ada,60,walk,,,STATE,1.000,2.000,1.000,,,,,,\n"
    "obs1,2024-01-01,,Media file(s),player #1:x.mp4,60,25.0,Ada,60,rear,,,POINT,1.500,1.500,NA,,,,,,\n"
)


@pytest.mark.parametrize(
    ("name", "text", "video", "expected"),
    [
        (
            "tabular.csv",
            TABULAR,
            "x.mp4",
            [Segment(1, 2, "walk", "Ada"), Segment(1.5, 1.5, "rear", "Ada"), Segment(1.7, 3, "rest")],
        ),
        ("older.tsv", OLDER, "/v/x.mp4", [Segment(1, 2, "walk", "Ada"), Segment(2.5, 2.5, "rear", "Ada")]),
        ("aggregated.csv", AGGREGATED, "x.mp4", [Segment(1, 2, "walk", "Ada"), Segment(1.5, 1.5, "rear", "Ada")]),
    ],
)
def test_exports_of_boris(folder, name, text, video, expected):
    path = folder({name: text}) / name
    assert is_annotation(path)
    read = read_annotations(path)
    assert {key: by_time(some) for key, some in read.segments.items()} == {video: expected}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "STOP,2.000",
            "START,2.000",
            r"row 5: 'walk' starts at 2 s, but the START in tabular.csv row 2 has no STOP yet",
        ),
        ("START,1.000", "STOP,1.000", r"row 2: 'walk' stops at 1 s, but has not started. Correct the events in BORIS"),
        ("STOP,3.000", "POINT,3.000", r"row 4: 'rest' starts at 1.7 s and never stops"),
        ("STOP,3.000", "HALT,3.000", r"row 6: 'HALT' is none of START, STOP and POINT"),
    ],
)
def test_unpaired_events_of_boris(folder, old, new, message):
    path = folder({"tabular.csv": TABULAR.replace(old, new)}) / "tabular.csv"
    with pytest.raises(UserError, match=message):
        read_annotations(path)


def test_boris_round_trip(tmp_path):
    moments = [*SEGMENTS, Segment(2.5, 2.5, "rear", "Ada"), Segment(3.0, 4.0, "rest & sleep", "Ada")]
    for path in (
        write_boris_table(tmp_path / "a.csv", {"x.mp4": moments}, {"x.mp4": 25.0}),
        write_boris_project(tmp_path / "a.boris", {"x.mp4": moments}, {"x.mp4": 25.0}),
    ):
        assert is_annotation(path)
        assert by_time(read_annotations(path).segments["x.mp4"]) == by_time(moments)
    project = json.loads((tmp_path / "a.boris").read_text())
    assert {conf["code"]: conf["type"] for conf in project["behaviors_conf"].values()}["rear"] == "Point event"
    assert project["observations"]["x"]["file"]["1"] == ["x.mp4"]


def test_elan_round_trip_and_its_usual_parser(tmp_path):
    path = write_elan(tmp_path / "a.eaf", SEGMENTS, video=tmp_path / "x.mp4")
    assert by_time(read_annotations(path).segments[""]) == by_time(SEGMENTS)
    elan = pytest.importorskip("pympi").Elan.Eaf(str(path))
    assert sorted(elan.get_tier_names()) == ["Ada", "Bob"]
    assert sorted(elan.get_annotation_data_for_tier("Ada")) == [(0, 1240, "walk"), (1240, 3000, "rest & sleep")]
    assert elan.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./x.mp4"
    # and what that one writes, with a tier whose annotations refer to another's
    elan.add_linguistic_type("dependent", constraints="Symbolic_Association", timealignable=False)
    elan.add_tier("gait", ling="dependent", parent="Ada")
    elan.add_ref_annotation("gait", "Ada", 100, "slow")
    elan.to_file(str(tmp_path / "b.eaf"))
    read = read_annotations(tmp_path / "b.eaf").segments[""]
    assert by_time(read) == by_time([*SEGMENTS, Segment(0.0, 1.24, "slow", "gait")])


def test_elan_files_that_cannot_be_read(folder):
    root = folder(
        {
            "cut.eaf": '<?xml version="1.0"?><ANNOTATION_DOCUMENT><TIER',
            "other.eaf": "<html></html>",
            "loose.eaf": '<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1"/></TIME_ORDER>'
            '<TIER TIER_ID="t"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" '
            'TIME_SLOT_REF2="ts1"><ANNOTATION_VALUE>walk</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
            "</ANNOTATION_DOCUMENT>",
        }
    )
    for name, message in [
        ("cut.eaf", r"cut.eaf: not valid XML \("),
        ("other.eaf", r"other.eaf: a 'html', expected an ANNOTATION_DOCUMENT as ELAN saves it"),
        ("loose.eaf", r"loose.eaf: annotation a1 \('walk'\) has no time. Align it in ELAN, or remove it."),
    ]:
        with pytest.raises(UserError, match=message):
            read_annotations(root / name)


@pytest.mark.parametrize("kind", ["short_textgrid", "long_textgrid"])
def test_praat(tmp_path, kind):
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.Textgrid()
    grid.addTier(textgrid.IntervalTier("phones", [(0.5, 1.25, "a"), (1.25, 2.0, "b")], 0, 4))
    grid.addTier(textgrid.PointTier("clicks", [(3.0, "click")], 0, 4))
    grid.save(str(tmp_path / "a.TextGrid"), format=kind, includeBlankSpaces=True)
    assert read_annotations(tmp_path / "a.TextGrid").segments[""] == [
        Segment(0.5, 1.25, "a", "phones"),
        Segment(1.25, 2.0, "b", "phones"),
        Segment(3.0, 3.0, "click", "clicks"),
    ]
    (tmp_path / "b.TextGrid").write_text("no grid")
    with pytest.raises(UserError, match=r"b.TextGrid: not a TextGrid that can be read"):
        read_annotations(tmp_path / "b.TextGrid")


def test_other_files_are_refused_by_name(folder):
    with pytest.raises(UserError, match=r"a.docx: not a kind of annotation that is read \(.csv .tsv .boris .eaf"):
        read_annotations(folder({"a.docx": "x"}) / "a.docx")


def test_subtitles(tmp_path):
    text = write_subtitles(tmp_path / "a.vtt", SEGMENTS).read_text()
    assert text.startswith(
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.240\nwalk\n\n00:00:00.520 --> 00:00:02.000\ngroom &lt;left>"
    )
    assert "01:02:05.500 --> 01:02:06.250\nwalk\n" in text
    # a video library opens it as subtitles
    import av

    with av.open(str(tmp_path / "a.vtt")) as file:
        cues = [bytes(packet).decode() for packet in file.demux() if packet.size]
    assert cues == ["walk", "groom &lt;left>", "rest &amp; sleep", "walk"]


def test_events_of_bids(folder):
    text = "onset\tduration\ttrial_type\tresponse_time\n0.5\t1.5\tgo\tn/a\n2\tn/a\tstop\t1\n3\t1\tn/a\t2\n4\t0\tgo\t1\n"
    path = folder({"sub-01_task-x_events.tsv": text}) / "sub-01_task-x_events.tsv"
    assert is_annotation(path)
    read = read_annotations(path)
    assert read.segments == {"": [Segment(0.5, 2, "go"), Segment(2, 2, "stop"), Segment(4, 4, "go")]}
    assert read.notes == ("labels: 1 row of sub-01_task-x_events.tsv left out, whose trial_type is n/a",)


def test_times_that_programs_round(folder):
    path = folder({"a.csv": "start,end,label\n5.551115123125783e-17,1E0,walk\n-1e-17,+2.5,rest\n"}) / "a.csv"
    assert read_annotations(path).segments[""] == [Segment(5.551115123125783e-17, 1, "walk"), Segment(0, 2.5, "rest")]
    for time, message in (("-1", "lies before the beginning"), ("1e999", "is no time"), ("nan", "is no time")):
        with pytest.raises(UserError, match=rf"a.csv row 2: '{time}' in column 'start' {message}"):
            read_annotations(folder({"a.csv": f"start,end,label\n{time},1,walk\n"}) / "a.csv")
