"""Arrays in files: what a header claims is refused before memory is taken for it, and damage is named."""

import io
import zipfile

import numpy as np
import pytest

from seqvision.data import FeatureReader, VideoReader
from seqvision.data.core.arrays import open_npy, read_npz
from seqvision.errors import UserError


def npy(shape: object, descr: str = "|u1", data: bytes = bytes(64)) -> bytes:
    """A .npy file whose header says so."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def npz(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


FRAMES = npy((4, 8, 8), data=bytes(256))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.int64])
def test_arrays_come_as_numpy_reads_them(tmp_path, order, kind):
    values = np.asarray(np.arange(24).reshape(4, 6), dtype=kind, order=order)
    np.save(tmp_path / "a.npy", values)
    np.savez_compressed(tmp_path / "a.npz", x=values, y=np.float64(3))
    np.testing.assert_array_equal(open_npy(tmp_path / "a.npy"), np.load(tmp_path / "a.npy"))
    found = read_npz(tmp_path / "a.npz", "x", "y", "z")
    assert sorted(found) == ["x", "y"]
    np.testing.assert_array_equal(found["x"], values)
    assert found["y"].item() == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy((10**9, 100, 100)), r"a\.npy: cut off, \d+ of 10000000000\d+ bytes are there"),
        (npy((-1, 8, 8)), r"an array \(-1, 8, 8\), which cannot be"),
        (npy((10**18, 10**6)), r"an array \(10{18}, 10{6}\), which cannot be"),
        (npy((10**12, 0, 3)), r"frames of 3 x 0 pixels, expected 1 to 64000000"),
        (npy("(" * 3000), r"not a NumPy file, or cut off"),
        (npy("9" * 5000), r"not a NumPy file, or cut off"),
        (npy((5,), "|O"), r"holds Python objects, which are not opened"),
        (npy((4, 8, 8))[:9], r"not a NumPy file, or cut off"),
        (b"hello", r"not a NumPy file, or cut off"),
        (b"", r"the file is empty"),
    ],
)
def test_what_a_header_claims(tmp_path, data, message):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(UserError, match=message):
        VideoReader(width=8, height=8).read(tmp_path / "a.npy")
    with pytest.raises(UserError):
        FeatureReader().fitted([tmp_path / "a.npy"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npz(frames=npy((10**7, 100, 100))), r"frames: an array .* up to 512 are read from an archive"),
        (npz(frames=FRAMES, rate=npy((10**11,))), r"rate: an array .* up to 512 are read"),
        (npz(frames=FRAMES[:-1]), r"not a NumPy file that can be read"),
        (npz(frames=FRAMES, rate=npy((3,))), r"`rate` is \[0 0 0\], expected the frames a second"),
        (npz(frames=FRAMES, rate=npy((), "<f8", np.float64("nan").tobytes())), r"`rate` is nan, expected"),
        (npz(frames=FRAMES, rate=npy((), "<U3", "abc".encode("utf-32-le"))), r"rate: holds <U3, expected numbers"),
        (npz(frames=b"hello"), r"frames: not a NumPy file"),
        (npz(frames=FRAMES).replace(b"\x08\x00", b"\x63\x00"), r"not a NumPy file that can be read .*compression"),
        (npz(frames=FRAMES)[:-9], r"not a NumPy file that can be read"),
    ],
)
def test_what_an_archive_claims(tmp_path, data, message):
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(UserError, match=message):
        VideoReader(width=8, height=8).read(tmp_path / "a.npz")


def test_more_frames_than_a_recording_has_are_refused(tmp_path):
    path = tmp_path / "long.npy"
    path.write_bytes(npy((3 * 10**9, 1, 1), data=b""))
    with open(path, "r+b") as file:
        file.truncate(3 * 10**9 + 200)  # sparse: it takes no room
    with pytest.raises(UserError, match=r"3000000000 frames, more than the limit of 10000000"):
        VideoReader(width=8, height=8).length(path)
    timed = tmp_path / "timed.npz"
    np.savez(timed, frames=np.zeros((10, 8, 8), dtype=np.uint8), rate=10.0)
    with pytest.raises(UserError, match="more than the limit of 10000000"):
        VideoReader(frame_rate=1e9).length(timed)
