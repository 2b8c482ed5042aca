"""Features of videos are computed once: for the same bytes, weights and reader, and never for others."""

import errno
import json
import pickle

import pytest
import torch
from films import frame, write_film

from seqvision.data.sequences.readers.video import VideoReader
from seqvision.encoders.small_cnn import SmallCNN
from seqvision.encoders.video_cache import VideoFeatureCache
from seqvision.errors import UserError

READER = VideoReader(width=16, height=16)


def encoder(seed=0, trainable="none"):
    torch.manual_seed(seed)
    return SmallCNN(image_size=16, channels=[4, 6], strides=[2, 2], pooled=True, trainable=trainable)


@pytest.fixture
def videos(tmp_path):
    films = {
        "a": write_film(tmp_path / "a.mp4", 10),
        "b": write_film(tmp_path / "b.mp4", [frame(n) for n in (7, 3, 5)]),
    }
    return films


class Counted:
    """Reads chunks and counts frames."""

    def __init__(self, reader=READER):
        self.reader, self.frames = reader, 0

    def __call__(self, path):
        for chunk in self.reader.read_chunks(path, size=4):
            self.frames += len(chunk)
            yield chunk


def compute(folder, videos, network, read, **options):
    key = json.dumps(read.reader.settings())
    cache = VideoFeatureCache(folder, **options)
    return cache.features(network, read, videos, length=read.reader.length, reader_key=key, progress=False)


def test_features_are_those_of_the_frames_and_are_computed_once(tmp_path, videos):
    network, read = encoder().eval(), Counted()
    features = compute(tmp_path / "cache", videos, network, read)
    with torch.no_grad():
        for name, path in videos.items():
            torch.testing.assert_close(features[name], network(READER.read(path)), atol=1e-5, rtol=1e-5)
    assert read.frames == 13
    again = compute(tmp_path / "cache", videos, network, read)
    assert read.frames == 13
    assert torch.equal(again["a"], features["a"])
    assert list(again) == ["a", "b"]
    # a copy under another name is found by its bytes; workers get files, not numbers
    assert len(pickle.dumps(again)) < 1000


def test_other_weights_readers_and_files_are_computed_anew(tmp_path, videos):
    read = Counted()
    compute(tmp_path / "cache", videos, encoder(), read)
    compute(tmp_path / "cache", videos, encoder(seed=1), read)
    assert read.frames == 26
    strided = Counted(VideoReader(width=16, height=16, stride=2))
    assert len(compute(tmp_path / "cache", videos, encoder(), strided)["a"]) == 5
    write_film(videos["b"], [frame(1)])
    assert len(compute(tmp_path / "cache", videos, encoder(), read)["b"]) == 1
    assert read.frames == 27


def test_half_the_space(tmp_path, videos):
    read = Counted()
    whole = compute(tmp_path / "cache", videos, encoder(), read)
    half = compute(tmp_path / "cache", videos, encoder(), read, dtype="float16")
    assert half["a"].dtype == torch.float32
    torch.testing.assert_close(half["a"], whole["a"], atol=2e-3, rtol=2e-3)
    assert half.files["a"].stat().st_size < whole.files["a"].stat().st_size


def test_what_is_interrupted_leaves_nothing_half_done(tmp_path, videos):
    class Broken(Counted):
        def __call__(self, path):
            yield from super().__call__(path)
            if path == videos["b"]:
                raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match=r"feature cache .*: no space left for features .*what was computed is kept"):
        compute(tmp_path / "cache", videos, encoder(), Broken())
    assert [path.name[0] for path in (tmp_path / "cache").glob("*.npy")] == ["a"]
    assert not list((tmp_path / "cache").glob("*.tmp"))
    read = Counted()
    assert len(compute(tmp_path / "cache", videos, encoder(), read)["b"]) == 3
    assert read.frames == 3


def test_an_encoder_that_learns_is_refused(tmp_path, videos):
    with pytest.raises(UserError, match=r"SmallCNN is being trained, so its features change; set trainable='none'"):
        compute(tmp_path / "cache", videos, encoder(trainable="all"), Counted())
