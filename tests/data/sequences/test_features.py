"""Features come out as they were written, window by window, whatever the layout, the columns and the holes."""

import numpy as np
import pytest
import torch
from feature_files import VALUES, npy, table
from hypothesis import given
from hypothesis import strategies as st

from seqvision.data.sequences.readers.features import FeatureReader, fit_reader
from seqvision.data.sequences.readers.numbers import find_layout, interpolated
from seqvision.data.sequences.records import SequenceRecord
from seqvision.errors import UserError


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "uint8"])
@pytest.mark.parametrize("layout", ["time_first", "features_first"])
def test_numpy_files_in_both_layouts_give_the_same_frames(tmp_path, layout, dtype):
    file = npy(tmp_path, (VALUES if layout == "time_first" else VALUES.T).astype(dtype))
    reader = FeatureReader(layout=layout)
    frames = reader.read(file)
    assert frames.dtype == torch.float32
    assert torch.equal(frames, torch.from_numpy(VALUES).float())
    assert reader.length(file) == 6
    assert reader.rate(file) is None


@given(st.integers(0, 6), st.integers(0, 7))
def test_a_window_is_a_piece_of_the_whole(tmp_path_factory, start, stop):
    folder = tmp_path_factory.mktemp("windows")
    text = "x,y,label\n" + "".join(f"{x},{y},a\n" for x, y in VALUES)
    for source in (npy(folder, VALUES), table(folder, text), VALUES):
        reader = FeatureReader(layout="time_first")
        assert torch.equal(reader.read(source, start, stop), reader.read(source)[start:stop])


def test_a_single_row_of_numbers_is_one_feature(tmp_path):
    reader = FeatureReader().fitted([npy(tmp_path, np.arange(5))])
    assert reader.frame_shape == (1,)
    assert reader.read(tmp_path / "a.npy").shape == (5, 1)


def test_what_was_read_can_be_written_to_and_leaves_the_file_alone(tmp_path):
    file = npy(tmp_path, VALUES.astype("float32"))
    FeatureReader(layout="time_first").read(file).zero_()
    assert np.load(file).sum() == VALUES.sum()


@pytest.mark.parametrize(
    ("shapes", "lengths", "layout", "why"),
    [
        ([(4, 9), (4, 7)], None, "features_first", "the first axis is 4 in all 2 files and the second varies"),
        ([(3, 9), (2, 9)], None, "time_first", "the second axis is 9 in all 2 files and the first varies"),
        ([(2048, 30)], [30], "features_first", "the second axis is as long as the labels in 1 of 1 files"),
        ([(30, 4), (31, 4)], [30, 33], "time_first", "the first axis is as long as the labels in 1 of 2 files"),
        ([(2048, 900)], [810], "features_first", "the second axis is about as long as the labels"),
        ([(30, 4), (31, 4)], [300, 310], "time_first", "the second axis is 4 in all 2 files and the first varies"),
        ([(4, 30)], None, "features_first", "4 is the smaller of 4 x 30 in every file: set the other if that is time"),
        ([(30, 4)], [99], "time_first", "4 is the smaller of 30 x 4 in every file: set the other if that is time"),
    ],
)
def test_the_layout_is_found_and_the_reason_given(shapes, lengths, layout, why):
    assert find_layout({f"{n}.npy": shape for n, shape in enumerate(shapes)}, lengths) == (layout, why)


def test_labels_decide_the_layout_of_a_lone_file(tmp_path):
    file = npy(tmp_path, np.zeros((7, 5)))
    reader = fit_reader(FeatureReader(), [SequenceRecord("a", file, labels=np.zeros(5, dtype=np.int64))])
    assert reader == FeatureReader(layout="features_first", features=7)
    assert reader.notes == (
        "features: data.reader.layout=features_first, because the second axis is as long as the labels in 1 of 1 files",
    )


def test_blocks_of_a_file_find_the_layout_that_the_whole_had(tmp_path):
    file = npy(tmp_path, np.zeros((64, 50)))
    parts = [SequenceRecord(f"{a}", file, labels=np.zeros(9), span=(a, a + 9)) for a in (0, 31)]
    assert fit_reader(FeatureReader(), parts).layout == "features_first"


def test_files_of_one_name_in_two_folders_are_two_files(tmp_path):
    (tmp_path / "other").mkdir()
    files = [npy(tmp_path, np.zeros((4, 9))), npy(tmp_path / "other", np.zeros((4, 8)))]
    assert FeatureReader().fitted(files, [9, 8]).features == 4


TABLE = "\ufefftime,x;left,label,note,y\n0.00,1,rest,m,2\n0.04,3,rest,n,4\n0.08,5,walk,o,6\n"


def test_the_columns_of_numbers_are_features_and_the_choice_is_told(tmp_path):
    file = table(tmp_path, TABLE)
    reader = FeatureReader().fitted([file])
    assert reader.columns == ("x;left", "y")
    assert reader.read(file).tolist() == [[1, 2], [3, 4], [5, 6]]
    assert reader.notes == (
        "features: 2 columns (x;left, y) of a.csv; not used: time, label, note (data.reader.columns, "
        "data.reader.exclude)",
        "time: column 'time' in s, 25 frames per second (data.reader.time_unit)",
    )
    assert FeatureReader(exclude=["y"]).fitted([file]).frame_shape == (1,)
    assert FeatureReader(columns=["y", "time"]).fitted([file]).read(file)[1].tolist() == pytest.approx([4, 0.04])


def test_a_fitted_reader_takes_its_columns_by_name_from_a_table_without_labels(tmp_path):
    reader = FeatureReader().fitted([table(tmp_path, TABLE)])
    assert reader.read(table(tmp_path, "y,x;left\n8,7\n", "b.csv")).tolist() == [[7, 8]]


def test_a_table_that_was_written_anew_is_read_anew(tmp_path):
    reader = FeatureReader()
    assert reader.read(table(tmp_path, "x\n1\n")).tolist() == [[1]]
    assert reader.read(table(tmp_path, "x\n1\n22\n")).tolist() == [[1], [22]]


@pytest.mark.parametrize(
    ("times", "options", "rate"),
    [
        ("0 0.04 0.08", {}, 25),
        ("0 40 80 121", {}, 25),
        ("0 40 80", {"time_unit": "s"}, 0.025),
        ("0 40000 80000", {"time_unit": "us"}, 25),
        ("0 0.04 0.08", {"frame_rate": 30}, 30),
        ("0 0.04 0.08", {"time_column": "x"}, 0.5),
        ("7", {}, None),
    ],
)
def test_frames_a_second_come_from_the_times_or_from_the_user(tmp_path, times, options, rate):
    rows = "".join(f"{time},{2 * n}\n" for n, time in enumerate(times.split()))
    found = FeatureReader(**{"time_unit": "s" if "time_column" in options else "auto", **options}).rate(
        table(tmp_path, f"timestamp,x\n{rows}")
    )
    assert found == (None if rate is None else pytest.approx(rate))


HOLES = np.array([[np.nan, 1.0], [2.0, np.inf], [np.nan, np.nan], [6.0, 7.0], [np.nan, 9.0]])


@pytest.mark.parametrize(
    ("on_nan", "expected"),
    [
        ("zero", [[0, 1], [2, 0], [0, 0], [6, 7], [0, 9]]),
        ("interpolate", [[2, 1], [2, 3], [4, 5], [6, 7], [6, 9]]),
    ],
)
def test_holes_are_filled_as_asked_in_a_window_as_in_the_whole(tmp_path, on_nan, expected):
    text = "x,y\n" + "".join(f"{x},{y}\n".replace("nan", "") for x, y in HOLES)
    for source in (HOLES, npy(tmp_path, HOLES), table(tmp_path, text)):
        reader = FeatureReader(layout="time_first", on_nan=on_nan)
        assert reader.read(source).tolist() == expected
        assert reader.read(source, 2, 3).tolist() == expected[2:3]


def test_a_feature_without_any_number_becomes_zero():
    assert interpolated(np.full((3, 1), np.nan)).tolist() == [[0], [0], [0]]


def test_holes_outside_a_window_do_not_disturb_it():
    assert FeatureReader().read(HOLES, 3, 4).tolist() == [[6, 7]]


def test_the_first_hole_is_named(tmp_path):
    advice = r"Correct the file, or set data\.reader\.on_nan=interpolate \(between the frames around\) or zero\."
    reader = FeatureReader(layout="time_first")
    with pytest.raises(
        UserError, match=r"a\.npy frame 1, feature 1 \(from 0\): infinity, .* 3 of 6 values read are such\. " + advice
    ):
        reader.read(npy(tmp_path, HOLES), 1, 4)
    with pytest.raises(UserError, match=r"a\.csv row 4, column 'y': no number \(empty or nan\); 1 of 4 values read"):
        reader.read(table(tmp_path, "x,y\n1,2\n\n3,\n"))
    with pytest.raises(UserError, match=r"an array frame 0, feature 0 \(from 0\): infinity, or too large for float32"):
        reader.read(np.array([[1e300]]))


def test_settings_make_an_equal_reader(tmp_path):
    reader = FeatureReader(exclude=("note",), frame_rate=25).fitted([table(tmp_path, TABLE)])
    again = FeatureReader.from_settings(reader.settings())
    assert again == reader
    assert type(reader.settings()["columns"]) is list


@pytest.mark.parametrize("set_name", ["50salads", "gtea"])
def test_published_features_are_d_x_t_and_every_file_is_as_long_as_its_labels(shared_data, set_name):
    folder = shared_data(set_name)
    files = sorted(folder.glob("features/*.npy"))
    reader = FeatureReader().fitted(files)
    assert (reader.layout, reader.features) == ("features_first", {"50salads": 18, "gtea": 11}[set_name])
    for file in files:
        labels = (folder / "groundTruth" / f"{file.stem}.txt").read_text().split()
        assert reader.length(file) == len(labels)


def test_gesture_recordings_read_with_their_quirks(shared_data):
    folder = shared_data("gesture_phase")
    raw = FeatureReader().fitted(sorted(folder.glob("*_raw.csv")))
    assert raw.features == 18
    assert raw.read(folder / "b1_raw.csv").shape == (1073, 18)  # a byte order mark in front
    assert raw.rate(folder / "a1_raw.csv") == pytest.approx(30, rel=0.1)
    moved = FeatureReader().fitted(sorted(folder.glob("*_va3.csv")))
    assert moved.features == 32
    assert moved.read(folder / "a1_va3.csv").shape == (1743, 32)  # its lines end in the oldest way


def test_a_reader_that_knows_tables_tells_the_axes_of_an_array_by_their_columns(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n5,6\n")
    reader = FeatureReader().fitted([tmp_path / "a.csv"])
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    np.save(tmp_path / "time_first.npy", values)
    np.save(tmp_path / "features_first.npy", values.T)
    for name in ("time_first", "features_first"):
        assert reader.read(tmp_path / f"{name}.npy").tolist() == values.tolist()
    np.save(tmp_path / "square.npy", np.ones((2, 2)))
    with pytest.raises(UserError, match=r"square\.npy: 2 x 2, .* of which training had 2\. Set data\.reader\.layout"):
        reader.read(tmp_path / "square.npy")


def test_relative_features_are_deviations_from_their_own_recordings_mean(tmp_path):
    values = np.array([[1.0, 5.0, 0.0], [3.0, 5.0, 2.0], [5.0, 5.0, 4.0], [7.0, 5.0, np.nan]])
    file = npy(tmp_path, values)
    reader = FeatureReader(layout="time_first", relative=True, on_nan="interpolate")
    frames = reader.read(file)
    expected = (values[:3] - np.nanmean(values, axis=0)) / np.array([np.sqrt(5), 1.0, np.sqrt(8 / 3)])
    np.testing.assert_allclose(frames[:3], expected, atol=1e-6)
    assert torch.equal(reader.read(file, 1, 3), frames[1:3])
    other = npy(tmp_path, values * 10 + 4, "b.npy")  # another camera
    torch.testing.assert_close(reader.read(other), frames)
    assert FeatureReader.from_settings(reader.settings()).relative
