"""Videos with labels in every layout: as many labels as frames, sampled as they are, or an error that says why."""

import numpy as np
import pytest
from films import frame, numbers, write_film

from seqvision.data.annotations import Segment, write_boris_table, write_elan
from seqvision.data.sequences.classes.clips import read_clips
from seqvision.data.sequences.formats.video_labels import find_labels
from seqvision.data.sequences.formats.videos import read_videos
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.errors import UserError

SPLITS = {"val": 0.3, "test": 0.3}


def read(path, **options):
    return read_videos(path, **{"splits": SPLITS, "progress": False, **options})


@pytest.fixture
def films(tmp_path):
    """A folder with six videos of ten frames at 25 a second."""
    for name in "abcdef":
        write_film(tmp_path / f"{name}.mp4", 10)
    return tmp_path


def named(data, name):
    """A record's labels by name, None where nobody said."""
    record = next(record for record in data.records if record.id == name)
    return [data.classes[place] if place >= 0 else None for place in record.labels.tolist()]


def test_a_label_a_line_as_action_segmentation_has_it(films):
    for name in "abcdef":
        (films / "groundTruth").mkdir(exist_ok=True)
        (films / "groundTruth" / f"{name}.txt").write_text("walk\n" * 4 + "rest\n" * 6)
    (films / "mapping.txt").write_text("0 walk\n1 rest\n2 groom\n")
    (films / "splits").mkdir()
    for split, names in {"train": "abc", "val": "d", "test": "e"}.items():
        (films / "splits" / f"{split}.split1.bundle").write_text("".join(f"{name}.txt\n" for name in names))
    data = read(films)
    assert data.classes == ("walk", "rest", "groom")
    assert {record.id: record.split for record in data.records} == {
        "a.mp4": "train",
        "b.mp4": "train",
        "c.mp4": "train",
        "d.mp4": "val",
        "e.mp4": "test",
    }
    assert data.records[0].labels.tolist() == [0] * 4 + [1] * 6
    assert any("1 of 6 sequences in no list, left out: f.mp4" in note for note in data.notes)
    with pytest.raises(UserError, match=r"splits: no train.split2.bundle \(found: .*Set data.split to a number"):
        read(films, split=2)


def test_labels_are_sampled_as_the_frames_are(films):
    lines = [f"l{number}" for number in range(10)]
    for name in "abcdef":
        (films / f"{name}.txt").write_text("\n".join(lines) + "\n")
    for reader in (VideoReader(stride=3), VideoReader(frame_rate=10), VideoReader(frame_rate=50)):
        data = read(films, reader=reader)
        shown = numbers(reader.read(films / "a.mp4"))
        assert named(data, "a.mp4") == [lines[number] for number in shown]


def test_files_beside_the_videos_of_any_kind(films):
    segments = [Segment(0.0, 0.2, "walk"), Segment(0.28, 0.4, "rest")]
    expected = ["walk"] * 5 + [None] * 2 + ["rest"] * 3
    rows = "".join(f"a.mp4,{segment.start},{segment.stop},{segment.label}\n" for segment in segments)
    (films / "a.csv").write_text("file,start,end,label\n" + rows)
    write_elan(films / "b.eaf", segments)
    write_boris_table(films / "c.tsv", {"c.mp4": segments}, {})
    (films / "d.txt").write_text("".join(f"{name or ''}\n" for name in expected))
    (films / "e.csv").write_text("frame,label\n" + "".join(f"{n},{name}\n" for n, name in enumerate(expected) if name))
    data = read(films)
    for name in "abcde":
        assert named(data, f"{name}.mp4") == expected
    assert data.records[5].labels is None
    assert any("none for 1 of 6 videos, e.g. 'f.mp4'" in note for note in data.notes)
    assert named(read(films, background="nothing"), "a.mp4")[5:7] == ["nothing"] * 2


def test_one_table_for_all_videos(films):
    rows = "".join(f"{name},{begin},{end},{label},{group}\n" for name, group in zip("abcdef", "xxyyzz", strict=True)
                   for begin, end, label in [(0, 4, "walk"), (4, 10, "rest")])  # fmt: skip
    (films / "segments.csv").write_text("file,start_frame,end_frame,label,group\n" + rows)
    data = read(films)
    assert named(data, "c.mp4") == ["walk"] * 4 + ["rest"] * 6
    assert [record.group for record in data.records] == list("xxyyzz")
    splits = {record.group: record.split for record in data.records}
    assert set(splits.values()) == {"train", "val", "test"}


def test_a_name_that_no_video_has(films):
    (films / "segments.csv").write_text("file,start,end,label\na.mp4,0,0.4,walk\nbb.mp4,0,0.4,rest\n")
    with pytest.raises(UserError, match=r"segments.csv row 3: no video 'bb.mp4' among the 6 that were found \(did you"):
        read(films)
    (films / "segments.csv").write_text("start,end,label\n0,0.4,walk\n")
    with pytest.raises(UserError, match=r"segments.csv: no column says which video a row is about, and there are 6"):
        read(films)


def test_several_labels_a_frame_from_overlapping_segments(films):
    rows = "".join(f"{name},0,6,walk\n{name},4,8,look\n" for name in "abcdef")
    (films / "segments.csv").write_text("file,start_frame,end_frame,label\n" + rows)
    with pytest.raises(UserError, match=r"segments.csv: two labels for frame 4: 'walk' 0 to 6 .* and 'look' 4 to 8"):
        read(films)
    data = read(films, multilabel=True)
    assert data.multilabel
    assert data.classes == ("look", "walk")
    assert data.records[0].labels.tolist() == [[0, 1]] * 4 + [[1, 1]] * 2 + [[1, 0]] * 2 + [[-1, -1]] * 2
    known = read(films, multilabel=True, background="nothing")
    assert known.records[0].labels[-1].tolist() == [0, 0]


def test_one_track_can_be_chosen(films):
    rows = "".join(f"{name},0,6,walk,gait\n{name},4,8,left,gaze\n{name},8,10,right,gaze\n" for name in "abcdef")
    (films / "segments.csv").write_text("file,start_frame,end_frame,label,tier\n" + rows)
    data = read(films, track="gaze")
    assert data.classes == ("left", "right")
    with pytest.raises(
        UserError, match=r"data.track=gase: no such track \(found: gait, gaze\) \(did you mean 'gaze'\?\)"
    ):
        read(films, track="gase")


def test_lengths_that_differ(films):
    for name in "abcdef":
        (films / f"{name}.txt").write_text("walk\n" * 5 + "rest\n" * (6 if name == "b" else 5))
    with pytest.raises(UserError, match=r"/b.mp4 holds 10 frames, /.*/b.txt 11 labels: there must be as many"):
        read(films)
    data = read(films, align="truncate")
    assert len(data.records[1].labels) == 10
    assert any(f"{films}/b.mp4 holds 10 frames, {films}/b.txt 11 labels" in note for note in data.notes)
    (films / "b.txt").write_text("walk\n" * 4 + "rest\n" * 3)
    data = read(films, align="truncate", reader=VideoReader(stride=2))
    assert data.records[1].span == (0, 4)
    assert len(data.records[1].labels) == 4


def test_segments_longer_than_the_video(films):
    (films / "segments.csv").write_text("file,start,end,label\n" + "".join(f"{n},0,0.6,walk\n" for n in "abcdef"))
    with pytest.raises(
        UserError,
        match=r"segments.csv row 2: 'walk' ends at 0.6 s, a.mp4 has 10 frames \(0.4 s\): the labels are longer",
    ):
        read(films)
    data = read(films, align="truncate")
    assert named(data, "a.mp4") == ["walk"] * 10
    assert any("a.mp4 has 10 frames (0.4 s): cut" in note for note in data.notes)


def test_videos_without_labels_are_there_to_be_predicted(films):
    data = read(films)
    assert data.classes == ()
    assert all(record.labels is None for record in data.records)
    assert [record.id for record in read([films / "b.mp4", films / "a.mp4"]).records] == ["b.mp4", "a.mp4"]


def test_the_truth_of_one_video_needs_no_splits(films):
    write_elan(films / "truth.eaf", [Segment(0.0, 0.2, "walk")])
    data = read_videos(
        films / "b.mp4", labels=films / "truth.eaf", split=None, classes=("rest", "walk"), progress=False
    )
    assert data.classes == ("rest", "walk")
    assert data.records[0].labels.tolist() == [1] * 5 + [-1] * 5
    assert data.records[0].split is None


def test_labels_by_the_clock_hold_for_uneven_frames(tmp_path):
    moments = [*range(0, 400, 40), *range(400, 1200, 80)]
    for name in "abc":
        write_film(tmp_path / f"{name}.mp4", 20, milliseconds=moments)
    rows = "".join(f"{name},0,0.8,walk\n{name},0.8,1.2,rest\n" for name in "abc")
    (tmp_path / "segments.csv").write_text("file,start,end,label\n" + rows)
    data = read(tmp_path, reader=VideoReader(frame_rate=25))
    assert named(data, "a.mp4")[:20] == ["walk"] * 20
    assert named(data, "a.mp4")[20:29] == ["rest"] * 9


def test_two_files_for_one_video(films):
    (films / "a.txt").write_text("walk\n" * 10)
    write_elan(films / "a.eaf", [Segment(0, 1, "walk")])
    with pytest.raises(UserError, match=r"a.mp4: labels in two files, a.txt and a.eaf. Remove one of them"):
        read(films)


def test_folders_without_what_is_needed(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"no video in this folder or below it \(it holds: notes.txt; looked for"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"nowhere: no such video or folder"):
        read(tmp_path / "nowhere")
    write_film(tmp_path / "a.mp4")
    (tmp_path / "labels").mkdir()
    with pytest.raises(UserError, match=r"labels: no labels for any of 1 video, e.g. 'a.mp4' \(it holds: nothing\)"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"data.labels: no file or folder 'gone.csv'"):
        read(tmp_path, labels="gone.csv")
    with pytest.raises(UserError, match=r"data.align=cut: expected error, truncate or resample"):
        read(tmp_path, align="cut")


def test_numpy_pictures_are_videos_where_there_are_no_others(tmp_path):
    for name in "abcdef":
        np.savez(tmp_path / f"{name}.npz", frames=np.stack([frame(n) for n in range(4)]), rate=25.0)
        (tmp_path / f"{name}.txt").write_text("walk\nwalk\nrest\nrest\n")
    assert named(read(tmp_path), "a.npz") == ["walk", "walk", "rest", "rest"]


def test_clips_with_a_class_each(tmp_path):
    for label in ("walk", "rest"):
        for number in range(10):
            write_film(tmp_path / label / f"{number}.mp4", 2)
    data = read_clips(tmp_path)
    assert data.classes == ("rest", "walk")
    assert {record.label for record in data.records} == {"rest", "walk"}
    assert len(data.records) == 20
    rows = "".join(f"{label}/{number}.mp4,{label},{number % 5}\n" for label in ("walk", "rest") for number in range(10))
    (tmp_path / "list.csv").write_text("path,label,group\n" + rows)
    data = read_clips(tmp_path / "list.csv")
    assert {record.group for record in data.records} == set("01234")


@pytest.mark.slow
def test_a_speakers_mouth(shared_data):
    path = shared_data("grid_lips")
    with pytest.raises(UserError, match=r"lrae3s.mp4 holds 74 frames, .*/lrae3s.txt 75 labels: .* 3 more like this"):
        read(path)
    data = read(path, align="truncate", reader=VideoReader(channels=1))
    assert len(data.records) == 814
    assert len(data.classes) == 53
    assert sum(len(record.labels) for record in data.records) == 814 * 75 - 4
    assert any("in 4 of 814 sequences" in note for note in data.notes)
    assert VideoReader(channels=1).read(data.records[0].source).shape == (75, 1, 48, 96)


def test_a_project_of_deepethogram(films):
    for name in "abcdef":
        (films / name).mkdir()
        (films / f"{name}.mp4").rename(films / name / f"{name}.mp4")
        rows = "".join(f"{row},{int(row < 4)},{int(row >= 4)},0\n" for row in range(10))
        (films / name / f"{name}_labels.csv").write_text(f",background,groom,dig\n{rows}")
    data = read(films, multilabel=True)
    assert data.classes == ("groom", "dig")
    assert [record.labels[:, 0].tolist() for record in data.records] == [[0] * 4 + [1] * 6] * 6
    with pytest.raises(UserError, match=r"_labels.csv: a column of 0 and 1 for each label .* Set data.multilabel=true"):
        read(films)


def test_videos_without_labels_say_what_these_would_be_called(films):
    assert any(
        "labels: none found for 6 videos" in note and "a_labels.csv beside a.mp4" in note for note in read(films).notes
    )


def test_a_table_of_the_truth_may_be_about_further_videos(films):
    table = films / "truth.csv"
    table.write_text("file,start,end,label\na.mp4,0,0.2,walk\nz.mp4,0,9,rest\n")
    videos = [films / "a.mp4", films / "b.mp4"]
    found = find_labels(films, videos, ["a.mp4", "b.mp4"], given=table, others=True)
    assert {name: labelled.segments for name, labelled in found.of.items()} == {"a.mp4": [Segment(0, 0.2, "walk")]}
    assert found.notes == ["labels: truth.csv is about 1 further video too, e.g. 'z.mp4'"]
    with pytest.raises(UserError, match=r"truth.csv row 3: no video 'z.mp4' among the 2 that were found"):
        find_labels(films, videos, ["a.mp4", "b.mp4"], given=table)
