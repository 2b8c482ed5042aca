"""Readers of annotations and of labels of frames."""

import json
from pathlib import Path

from target import Target, only_file


def boris_project() -> str:
    kinds = {"groom": "State event", "sniff": "Point event"}
    codes = {
        str(n): {"type": kind, "key": "", "code": code, "description": "", "modifiers": {}}
        for n, (code, kind) in enumerate(kinds.items())
    }
    events = [[0.5, "", "groom", "", ""], [0.7, "", "sniff", "", "x"], [1.5, "", "groom", "", ""]]
    observation = {
        **{"file": {"1": ["x.mp4"], "2": []}, "type": "MEDIA", "time offset": 0.0, "events": events},
        "media_info": {"length": {"x.mp4": 3.0}, "fps": {"x.mp4": 25.0}},
    }
    head = {"time_format": "s", "project_name": "x", "project_format_version": "7.0", "subjects_conf": {}}
    return json.dumps({**head, "behaviors_conf": codes, "observations": {"one": observation}})


def eaf() -> str:
    slots = "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{n * 400}"/>\n' for n in range(3))
    told = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{n}" TIME_SLOT_REF1="ts{n}" TIME_SLOT_REF2="ts{n + 1}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        for n, text in enumerate(("walk", "rest"))
    )
    below = "".join(
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="b{n}" ANNOTATION_REF="a0"{before}>'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>\n"
        for n, (text, before) in enumerate({"fast": "", "slow": ' PREVIOUS_ANNOTATION="b0"'}.items())
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR="" FORMAT="3.0" VERSION="3.0">\n'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">'
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///x.mp4" MIME_TYPE="video/mp4"/></HEADER>\n'
        f'<TIME_ORDER>{slots}</TIME_ORDER>\n<TIER TIER_ID="a" LINGUISTIC_TYPE_REF="d">{told}</TIER>\n'
        f'<TIER TIER_ID="b" LINGUISTIC_TYPE_REF="s" PARENT_REF="a">{below}</TIER>\n'
        '<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="d" TIME_ALIGNABLE="true"/>\n<LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="s" '
        'CONSTRAINTS="Symbolic_Subdivision" TIME_ALIGNABLE="false"/>\n</ANNOTATION_DOCUMENT>\n'
    )


GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "a"
        xmin = 0
        xmax = 2
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.2
            text = "walk"
        intervals [2]:
            xmin = 1.2
            xmax = 2
            text = "say ""hi"" twice"
    item [2]:
        class = "TextTier"
        name = "b"
        xmin = 0
        xmax = 2
        points: size = 1
        points [1]:
            number = 0.4
            mark = "blink"
"""
BORIS = (
    "Observation id,Observation date,Media file,Total length,FPS,Subject,Behavior,Behavioral category,Comment,Status,"
    "Time\n"
    "one,2020-01-01,x.mp4,3.0,25,mouse,groom,,,START,0.5\none,2020-01-01,x.mp4,3.0,25,mouse,sniff,,,POINT,0.7\n"
    "one,2020-01-01,x.mp4,3.0,25,mouse,groom,,,STOP,1.5\n"
)
AGGREGATED = (
    "Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Start (s),"
    "Stop (s)\n"
    "one,x.mp4,3.0,25,mouse,groom,STATE,0.5,1.5\none,x.mp4,3.0,25,mouse,sniff,POINT,0.7,0.7\n"
)
ANNOTATIONS = {
    "x.boris": boris_project(),
    "x.eaf": eaf(),
    "x.TextGrid": GRID,
    "events.csv": BORIS,
    "events.tsv": BORIS.replace(",", "\t"),
    "aggregated.csv": AGGREGATED,
    "segments.csv": "file,start,end,label,split,group\na.mp4,0.0,2.4,rest,train,m\na.mp4,2.4,0:00:07.1,walk,train,m\n",
}


def read_annotation(folder: Path) -> object:
    from seqvision.data.annotations import is_annotation, read_annotations

    file = only_file(folder)
    return is_annotation(file), read_annotations(file)


def frame_labels(folder: Path) -> object:
    from seqvision.data.sequences.frame_labels import read_frame_labels

    file = only_file(folder)
    return read_frame_labels(file, multilabel="multi" in file.name, frames=5)


FRAME_LABELS = {
    "lines.txt": "rest\n\nwalk\nwalk\nrest\n",
    "rows.csv": "frame,label\n0,rest\n2,walk\n4,walk\n",
    "multi.csv": ",background,groom,dig\n0,1,0,0\n1,0,1,1\n2,-1,-1,-1\n3,0,1,0\n4,1,0,0\n",
}


TARGETS = {
    **{
        f"annotations_{name}": Target(lambda name=name, text=text: {name: text.encode()}, read_annotation)
        for name, text in ANNOTATIONS.items()
    },
    **{
        f"frame_labels_{name}": Target(lambda name=name, text=text: {name: text.encode()}, frame_labels)
        for name, text in FRAME_LABELS.items()
    },
}
