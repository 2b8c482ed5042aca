"""Videos are read as they are shown: every frame once, in order, upright, at its time, and nothing is dropped in
silence."""

import resource
import sys

import numpy as np
import pytest
import torch
from films import frame, numbers, write_film, write_long_film, write_sound

from seqvision.data.sequences.readers import footage as footage_module
from seqvision.data.sequences.readers.video import GREY, MAGNIFIED, VideoReader
from seqvision.errors import UserError


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "libx264"), ("b.avi", "mpeg4"), ("a.webm", "libvpx-vp9")],
)
def test_frames_come_in_the_order_in_which_they_are_shown(tmp_path, name, codec):
    path = write_film(tmp_path / name, 23, codec=codec)
    reader = VideoReader()
    frames = reader.read(path)
    assert frames.dtype == torch.uint8
    assert frames.shape == (23, 3, 24, 32)
    assert numbers(frames) == list(range(23))
    assert reader.length(path) == 23
    assert reader.rate(path) == 25


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize(("start", "stop"), [(0, 3), (4, 5), (7, 19), (22, 23), (18, None), (5, 5), (20, 99)])
def test_a_span_is_what_reading_all_gives(tmp_path, name, start, stop):
    path = write_film(tmp_path / name, 23)
    reader = VideoReader(width=32, height=24)
    assert torch.equal(reader.read(path, start, stop), reader.read(path)[start:stop])


def test_a_span_decodes_only_from_the_nearest_key_frame(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", 100)
    decoded = []
    kept = footage_module._decode_from
    monkeypatch.setattr(
        footage_module,
        "_decode_from",
        lambda *a, **k: (decoded.append(number) or (number, f) for number, f in kept(*a, **k)),
    )
    assert numbers(VideoReader().read(path, 87, 90)) == [number % 32 for number in (87, 88, 89)]
    assert len(decoded) <= 8  # a key frame is at every fifth


def test_chunks_are_the_whole(tmp_path):
    path = write_film(tmp_path / "a.mp4", 23)
    chunks = list(VideoReader().read_chunks(path, 2, 21, size=8))
    assert [len(chunk) for chunk in chunks] == [8, 8, 3]
    assert torch.equal(torch.cat(chunks), VideoReader().read(path, 2, 21))


@pytest.mark.parametrize(("rate", "expected"), [(5, [0, 5, 10, 15, 20]), (50, [n // 2 for n in range(50)])])
def test_sampling_by_rate(tmp_path, rate, expected):
    path = write_film(tmp_path / "a.mp4", 25)
    reader = VideoReader(frame_rate=rate)
    assert numbers(reader.read(path)) == expected
    assert reader.length(path) == len(expected)
    assert reader.rate(path) == rate
    assert reader.frame_numbers(path).tolist() == expected


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])  # mkv rounds time stamps to milliseconds
def test_sampling_at_its_own_rate_changes_nothing(tmp_path, name):
    path = write_film(tmp_path / name, 29, rate=30)
    assert VideoReader(frame_rate=30).frame_numbers(path).tolist() == list(range(29))


def test_stride(tmp_path):
    path = write_film(tmp_path / "a.mp4", 10)
    assert numbers(VideoReader(stride=4).read(path)) == [0, 4, 8]
    assert VideoReader(stride=4).rate(path) == 25 / 4
    assert numbers(VideoReader(frame_rate=12.5, stride=2).read(path)) == [0, 4, 8]


def test_a_variable_frame_rate_is_said_and_sampled_by_time(tmp_path):
    moments = [*range(0, 400, 40), *range(400, 1200, 80)]
    path = write_film(tmp_path / "uneven.mp4", 20, milliseconds=moments)
    with pytest.raises(
        UserError,
        match=r"uneven.mp4: a variable frame rate, frames are 40 to 80 ms apart. Sample it evenly with "
        r"data.reader.frame_rate=17, or take each frame as it comes with data.reader.on_variable_rate=keep.",
    ):
        VideoReader().read(path)
    even = VideoReader(frame_rate=25).frame_numbers(path).tolist()
    assert even[:21] == [*range(10), 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15]
    assert numbers(VideoReader(on_variable_rate="keep").read(path)) == list(range(20))


@pytest.mark.parametrize(("width", "height"), [(16, 12), (32, 24), (48, 40)])
@pytest.mark.parametrize("channels", [1, 3])
def test_size_and_channels(tmp_path, width, height, channels):
    path = write_film(tmp_path / "a.mp4", 3)
    reader = VideoReader(width=width, height=height, channels=channels)
    assert reader.frame_shape == (channels, height, width)
    assert reader.read(path).shape == (3, *reader.frame_shape)
    assert numbers(reader.read(path)) == [0, 1, 2]


def test_fits(tmp_path):
    picture = np.full((16, 32, 3), 128, dtype=np.uint8)
    picture[:, :8], picture[:, 24:] = 255, 255  # bright ends, grey middle
    for source in (write_film(tmp_path / "a.mp4", [picture]), picture[None]):
        pad = VideoReader(width=16, height=16, fit="pad", channels=1).read(source)[0, 0].int()
        assert pad[:3].max() < 5
        assert pad[-3:].max() < 5
        assert pad[6:10, 6:10].float().mean() == pytest.approx(128, abs=4)
        crop = VideoReader(width=16, height=16, fit="crop", channels=1).read(source)[0, 0].int()
        assert crop.float().mean() == pytest.approx(128, abs=8)
        stretch = VideoReader(width=16, height=16, channels=1).read(source)[0, 0].int()
        assert stretch[:, :2].min() > 240
        assert stretch.min() > 110


def test_a_turned_video_comes_upright(tmp_path):
    picture = np.zeros((24, 32, 3), dtype=np.uint8)
    picture[:, :16] = 200  # bright on the left; turned counter-clockwise by 90 degrees it is bright at the bottom
    path = write_film(tmp_path / "a.mp4", [picture], rotation=90)
    reader = VideoReader(channels=1).fitted([path])
    assert (reader.width, reader.height) == (24, 32)
    upright = reader.read(path)[0, 0]
    assert upright[20:].float().mean() > 190
    assert upright[:12].float().mean() < 10
    crop = VideoReader(width=8, height=16, fit="crop", channels=1).read(path)[0, 0]
    assert crop[10:].float().mean() > 190


def test_own_size_is_learnt_from_the_videos(tmp_path):
    small, large = write_film(tmp_path / "small.mp4"), write_film(tmp_path / "large.mp4", [frame(0, 64, 48)])
    assert VideoReader().fitted([small, small]).frame_shape == (3, 24, 32)
    with pytest.raises(
        UserError,
        match=r"small.mp4 is 32 x 24, .*large.mp4 is 64 x 48 pixels. Bring them to one, e.g. with "
        r"data.reader.width=32 data.reader.height=24",
    ):
        VideoReader().fitted([small, large])


def test_settings_make_an_equal_reader():
    reader = VideoReader(width=16, height=12, fit="crop", channels=1, frame_rate=12.5, stride=2)
    assert VideoReader.from_settings(reader.settings()) == reader


def test_one_frame(tmp_path):
    path = write_film(tmp_path / "one.mp4", 1)
    assert VideoReader().read(path).shape == (1, 3, 24, 32)
    assert VideoReader(frame_rate=10).read(path).shape == (1, 3, 24, 32)
    assert VideoReader().rate(path) == 25


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_truncated_video_is_refused_or_kept_as_far_as_it_goes(tmp_path, kind):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    early = {"movflags": "faststart"} if kind == "mp4" else {}
    whole = write_film(tmp_path / f"whole.{kind}", list(noise), container=early).read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        UserError,
        match=rf"cut.{kind}: the video ends early: \d\d of 60 frames came. Copy the file again, or use what is there "
        "with data.reader.on_truncated=keep.",
    ):
        VideoReader().read(path)
    reader = VideoReader(on_truncated="keep")
    assert 20 < reader.length(path) < 40
    assert len(reader.read(path)) == reader.length(path)
    assert torch.equal(reader.read(path)[5:9], VideoReader().read(tmp_path / f"whole.{kind}")[5:9])


def test_a_video_without_its_index_is_called_damaged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), dtype=np.uint8)
    whole = write_film(tmp_path / "whole.mp4", list(noise)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut.mp4: the video is damaged: its index is missing, as in a file that was"):
        VideoReader().length(tmp_path / "cut.mp4")


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video at all")
    sound = write_sound(tmp_path / "sound.mp4")
    whole = write_film(tmp_path / "whole.mp4", 3, container={"movflags": "faststart"}).read_bytes()
    none, header = tmp_path / "none.mp4", tmp_path / "header.mkv"
    none.write_bytes(whole[: whole.index(b"mdat") + 4])
    header.write_bytes(write_film(tmp_path / "whole.mkv", 3).read_bytes()[:200])
    for path, message in [
        (tmp_path / "empty.mp4", r"empty.mp4: the file is empty \(0 bytes\). Copy it again, or leave it out."),
        (tmp_path / "text.mp4", r"text.mp4: not a video that can be read \(it starts with b'not a video at a'\)"),
        (tmp_path / "missing.mp4", r"missing.mp4: no such video. Check the name and the folder."),
        (tmp_path, r"a folder, not a video"),
        (sound, r"sound.mp4: no video stream in the file \(it holds: audio\). Leave it out, or name another."),
        (none, r"none.mp4: none of its 3 frames can be read; the file was cut off."),
        (header, r"header.mkv: the video is damaged"),
    ]:
        with pytest.raises(UserError, match=message):
            VideoReader().read(path)


def test_without_pyav_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = write_film(tmp_path / "a.mp4", 2)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"reading videos needs PyAV, .*pip install 'seqvision\[video\]'"):
        VideoReader().read(path)


def test_numpy_pictures_need_no_decoder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    frames = np.stack([frame(number) for number in range(10)])
    np.save(tmp_path / "a.npy", frames)
    np.savez_compressed(tmp_path / "a.npz", frames=frames, rate=25.0)
    for source in (frames, tmp_path / "a.npy", tmp_path / "a.npz"):
        assert torch.equal(VideoReader().read(source), torch.from_numpy(frames).permute(0, 3, 1, 2))
        assert numbers(VideoReader(stride=3).read(source, 1, 3)) == [3, 6]
    assert VideoReader(frame_rate=5).frame_numbers(tmp_path / "a.npz").tolist() == [0, 5]
    assert VideoReader().rate(tmp_path / "a.npy") is None
    with pytest.raises(UserError, match=r"a.npy: no frame rate is known for it, .* store the pictures as .npz"):
        VideoReader(frame_rate=5).read(tmp_path / "a.npy")


def test_what_are_no_pictures_is_named(tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((5, 7), dtype=np.float32))
    with pytest.raises(UserError, match=r"features.npy: float32 \(5, 7\), expected pictures as uint8"):
        VideoReader().read(tmp_path / "features.npy")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(UserError, match=r"other.npz: holds x; expected an array `frames`"):
        VideoReader().read(tmp_path / "other.npz")
    with pytest.raises(UserError, match="holds no frame"):
        VideoReader().read(np.zeros((0, 4, 4, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fit": "squash"}, r"data.reader.fit is 'squash', expected one of pad, crop, stretch"),
        ({"channels": 4}, r"data.reader.channels is 4, expected 3 \(colour\) or 1 \(grey\)"),
        ({"width": 8}, r"only one of width and height is set"),
        ({"frame_rate": 0}, r"data.reader.frame_rate is 0, expected frames a second, above 0"),
        ({"stride": 0}, r"data.reader.stride is 0, expected 1 or more"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        VideoReader(**settings)


def test_the_end_of_an_hour_is_read_at_once(tmp_path):
    path = write_long_film(tmp_path / "hour.mp4", seconds=3600)
    reader = VideoReader(channels=1)
    assert reader.length(path) == 90_000
    assert numbers(reader.read(path, 89_990)) == [(89_990 + n) % 25 for n in range(10)]


@pytest.mark.slow
def test_an_hour_takes_no_more_memory_than_a_minute(tmp_path):
    path = write_long_film(tmp_path / "hour.mp4", seconds=3600)
    reader = VideoReader(channels=3)
    reader.length(path)
    next(reader.read_chunks(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(len(chunk) for chunk in reader.read_chunks(path, size=64)) == 90_000
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 20_000  # kilobytes; all frames at once are 69,000


@pytest.mark.parametrize("settings", [{}, {"stride": 2}, {"frame_rate": 10}])
def test_differences_are_to_the_frame_before_wherever_reading_begins(tmp_path, settings):
    film = write_film(tmp_path / "film.mp4", 75)
    plain, differing = (VideoReader(width=24, height=24, differences=each, **settings) for each in (False, True))
    frames, whole = plain.read(film).int(), differing.read(film)
    expected = (GREY + MAGNIFIED * (frames[1:] - frames[:-1])).clamp(0, 255)
    assert (whole[0] == GREY).all()
    assert torch.equal(whole[1:].int(), expected)
    assert expected.unique().numel() > 2
    for start, stop in ((0, 1), (0, 5), (7, 8), (7, 20), (len(whole) - 1, None), (-3, None), (5, 5)):
        assert torch.equal(differing.read(film, start, stop), whole[start:stop])
    assert torch.equal(torch.cat(list(differing.read_chunks(film, 3, size=4))), whole[3:])
