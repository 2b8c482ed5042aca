"""Clocks and counters are told from measurements, by names and by values; times have units."""

import numpy as np
import pytest

from seqvision.data.core.clocks import frame_rate, is_clock, is_clock_name

STEPS = np.arange(60)
NOISE = np.random.default_rng(0).random(60)


@pytest.mark.parametrize(
    "name",
    [
        *("Time (s)", "timestamp", "frame_idx", "frameIdx", "Frame No.", "seconds_elapsed", "Timestamp [ns]"),
        *("time_ms", "unix_timestamp", "LocalTimestamp", "Elapsed Time [s]", "Zeit", "index", "DateTime"),
        *("video_frame", "Unnamed: 0"),
    ],
)
def test_names_of_clocks(name):
    assert is_clock_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("x", "reaction_time", "time_to_collision", "frame_width", "count", "temp", "instance.score", "t1_signal"),
        *("timer_voltage", "sample", "nose_x", "step_length", "indexfinger_x", "second_peak", "ms", "s"),
    ],
)
def test_names_of_measurements(name):
    assert not is_clock_name(name)


CLOCKS = {
    "a counter": ("lfd", STEPS),
    "a counter from anywhere": ("packet", 4071 + STEPS),
    "seconds since 1970": ("a", 1.7e9 + 0.02 * STEPS + 0.001 * NOISE),
    "milliseconds since 1970": ("a", 1.7e12 + 20.0 * STEPS),
    "nanoseconds since 1970": ("a", 1.7e18 + 2e7 * STEPS),
    "a clock that jitters": ("t", 83021.1 + 0.02 * STEPS + 0.005 * NOISE),
    "every fifth row": ("sample", 5 * STEPS),
}
MEASUREMENTS = {
    "a position that is swept": ("x", STEPS),
    "steadily growing": ("nose_y", 50 + 0.1 * STEPS),
    "growing, not evenly": ("distance", np.cumsum(NOISE)),
    "whole numbers that grow": ("steps", np.cumsum(NOISE > 0.7)),
    "phases": ("count", STEPS % 3),
    "constant": ("frame_rate", np.full(60, 25.0)),
    "duration of trials": ("reaction_time", NOISE),
    "not whole": ("lfd", 0.5 + STEPS + 0.1 * NOISE),
    "too few": ("a", np.arange(4)),
}


@pytest.mark.parametrize("case", CLOCKS)
def test_values_of_clocks(case):
    name, values = CLOCKS[case]
    assert is_clock(name, values.astype(float))


@pytest.mark.parametrize("case", MEASUREMENTS)
def test_values_of_measurements(case):
    name, values = MEASUREMENTS[case]
    assert not is_clock(name, values.astype(float))


def test_a_counter_may_begin_anew_in_each_recording():
    values = np.concatenate([STEPS, STEPS]).astype(float)
    assert is_clock("n", values, [60])
    assert not is_clock("n", values)


def test_the_first_column_may_count_time_under_any_name():
    assert is_clock("vremya", 0.02 * STEPS, first=True)
    assert not is_clock("vremya", 0.02 * STEPS)
    assert not is_clock("height", 100 + 0.02 * STEPS, first=True)


@pytest.mark.parametrize(
    ("name", "values", "rate", "unit"),
    [
        ("Time (s)", 0.02 * STEPS, 50, "s"),
        ("time", 20.0 * STEPS, 50, "ms"),
        ("time", 2e4 * STEPS, 50, "us"),
        ("time", 2e7 * STEPS, 50, "ns"),
        ("time_us", 1000.0 * STEPS, 1000, "us"),
        ("time (ms)", 1.0 * STEPS, 1000, "ms"),
        ("time_min", STEPS / 3000, 50, "min"),
        ("Time [h]", STEPS / 180000, 50, "h"),
        ("timestamp", 1.7e12 + 1.0 * STEPS, 1000, "ms"),
        ("timestamp", 1.7e18 + 2e7 * STEPS, 50, "ns"),
        ("time_s", 2e7 * STEPS, 50, "ns"),  # the rate that its name would mean is none
    ],
)
def test_units_of_time(name, values, rate, unit):
    found = frame_rate(name, [], values)
    assert found == (pytest.approx(rate, rel=1e-3), unit)


def test_dates_and_times_of_day():
    cells = [f"2024-03-01 23:59:{59 + step / 25:06.3f}" for step in range(20)]
    assert frame_rate("time", cells, None) == (pytest.approx(25), "date and time")
    assert frame_rate("time", ["0:00:01.5", "0:00:02,0", "0:00:02.5"], None) == (2, "date and time")
    assert frame_rate("time", ["2024-03-01T10:00:00.000000000Z", "2024-03-01T10:00:00.500000000Z"], None)[0] == 2
    assert frame_rate("time", ["noon", "one"], None) is None
    assert frame_rate("time", [], np.zeros(5)) is None
