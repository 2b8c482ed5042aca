"""The feature cache: nothing is computed twice, nothing stale is served, nothing breaks."""

import errno
import pickle
import subprocess
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torchvision.transforms.v2.functional import pil_to_tensor

from seqvision.encoders import FeatureCache, SmallCNN
from seqvision.encoders.feature_table import LINE
from seqvision.errors import UserError

PICTURES = 20


def small(**settings) -> SmallCNN:
    torch.manual_seed(0)
    given = {"channels": (4, 8), "strides": (2, 2), "pooled": True, "trainable": "none", "image_size": 16}
    return SmallCNN(**{**given, **settings}).eval()


def load(path: Path) -> torch.Tensor:
    with Image.open(path) as picture:
        return pil_to_tensor(picture)


class Counting:
    """Reads a picture and remembers which; `compute` needs the first one always, for the shape."""

    def __init__(self) -> None:
        self.names: Counter[str] = Counter()

    def __call__(self, path: Path) -> torch.Tensor:
        self.names[path.name] += 1
        return load(path)


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for index in range(PICTURES):
        pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8, generator=generator)
        Image.fromarray(pixels.numpy()).save(folder / f"{index:02d}.png")
    return sorted(folder.iterdir())


def compute(folder: Path, paths: list[Path], load=load, encoder=None, split="train", key="png", **settings):
    cache = FeatureCache(folder / "cache", dtype=settings.pop("dtype", "float32"))
    settings = {"batch_size": 4, **settings}
    return cache.compute(encoder or small(), load, paths, split=split, transform_key=key, **settings)


def truth(paths: list[Path], encoder=None) -> torch.Tensor:
    with torch.no_grad():
        return (encoder or small())(torch.stack([load(path) for path in paths]))


@pytest.mark.parametrize("pooled", [True, False])
def test_the_table_holds_what_the_encoder_gives(pooled, tmp_path, paths):
    encoder = small(pooled=pooled)
    table = compute(tmp_path, paths, encoder=encoder)
    expected = truth(paths, encoder)
    assert table.shape == expected.shape
    torch.testing.assert_close(torch.stack([table[i] for i in range(len(table))]), expected)
    torch.testing.assert_close(table.batch([3, 0, 3]), expected[[3, 0, 3]])


def test_a_batch_is_read_from_the_file_without_the_rest(tmp_path, paths):
    table = compute(tmp_path, paths)
    assert isinstance(table.batch([5, 1]), torch.Tensor)
    assert isinstance(table._array, np.memmap), "mapped, not loaded"
    assert torch.equal(table.batch([5, 1, 5]), torch.stack([table[5], table[1], table[5]]))
    batch = table.batch([2])
    batch += 1  # one's own copy
    torch.testing.assert_close(table.batch([2]), truth(paths)[[2]])


def test_pictures_in_an_archive_are_told_apart_by_their_bytes(tmp_path, paths):
    """`ARCHIVE/NAME` is no file of its own; the transform knows how to read it."""
    archive = tmp_path / "two.tar"
    archive.write_bytes(b"an archive")

    class FromArchive(Counting):
        def __call__(self, path: Path) -> torch.Tensor:
            return super().__call__(tmp_path / "pictures" / path.name)

        def read_bytes(self, path: Path) -> bytes:
            return (tmp_path / "pictures" / path.name).read_bytes()

    compute(tmp_path, paths[:10])
    counting = FromArchive()
    table = compute(tmp_path, [archive / path.name for path in paths], counting)
    assert counting.names == Counter([paths[0].name, *(path.name for path in paths[10:])])
    torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))


def test_a_second_run_computes_nothing(tmp_path, paths):
    first, again = Counting(), Counting()
    table = compute(tmp_path, paths, first)
    assert all(first.names[path.name] == 1 + (path == paths[0]) for path in paths)
    same = compute(tmp_path, list(reversed(paths)), again)
    assert again.names == {paths[-1].name: 1}
    assert torch.equal(same[0], table[PICTURES - 1])


def test_order_copies_and_new_pictures(tmp_path, paths):
    compute(tmp_path, paths[:10])
    copy = tmp_path / "renamed.png"
    copy.write_bytes(paths[2].read_bytes())
    counting = Counting()
    table = compute(tmp_path, [copy, *paths], counting)
    assert counting.names == {"renamed.png": 1, **{path.name: 1 for path in paths[10:]}}
    assert torch.equal(table[0], table[3])
    torch.testing.assert_close(table.batch(range(1, PICTURES + 1)), truth(paths))


def test_a_changed_picture_is_computed_again(tmp_path, paths):
    compute(tmp_path, paths)
    Image.new("RGB", (16, 16), "red").save(paths[5])
    torch.testing.assert_close(compute(tmp_path, paths)[5], truth(paths)[5])


@pytest.mark.parametrize("change", ["weights", "mean", "transform", "dtype", "grid", "split"])
def test_whatever_changes_the_features_changes_the_key(change, tmp_path, paths):
    compute(tmp_path, paths)
    encoder, settings = small(grid=2) if change == "grid" else small(), {}
    if change == "weights":
        encoder.stages[0][0].convolution.weight.data[0, 0, 0, 0] += 1e-3
    elif change == "mean":
        encoder.mean += 1e-3
    else:
        settings = {"transform": {"key": "crop"}, "dtype": {"dtype": "float16"}, "split": {"split": "val"}}.get(change)
    counting = Counting()
    table = compute(tmp_path, paths, counting, encoder=encoder, **settings or {})
    assert len(counting.names) == PICTURES
    tolerance = 2e-3 if change == "dtype" else 1e-5
    torch.testing.assert_close(table[1], truth(paths, encoder)[1], atol=tolerance, rtol=tolerance)
    assert table[1].dtype == torch.float32


def test_what_was_computed_before_an_interruption_is_kept(tmp_path, paths):
    def interrupted(path: Path) -> torch.Tensor:
        if path == paths[11]:
            raise KeyboardInterrupt
        return load(path)

    with pytest.raises(KeyboardInterrupt):
        compute(tmp_path, paths, interrupted)
    counting = Counting()
    table = compute(tmp_path, paths, counting)
    assert set(counting.names) == {path.name for path in (paths[0], *paths[8:])}  # two whole batches are there
    torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))


@pytest.mark.parametrize("damage", ["half a row", "half a line", "lines without rows", "flipped", "empty", "settings"])
def test_a_damaged_table_is_mended(damage, tmp_path, paths):
    compute(tmp_path, paths)
    data, rows, head = (next((tmp_path / "cache").glob(f"train-*{end}")) for end in (".bin", ".rows", ".json"))
    content = bytearray(data.read_bytes())
    width = len(content) // PICTURES
    kept = PICTURES
    if damage == "half a row":
        data.write_bytes(content[: 7 * width + 3])
        kept = 7
    elif damage == "half a line":
        rows.write_bytes(rows.read_bytes()[: 9 * LINE - 5])
        kept = 8
    elif damage == "lines without rows":
        data.write_bytes(b"")
        kept = 0
    elif damage == "flipped":
        content[4 * width + 1] ^= 0xFF
        data.write_bytes(content)
        kept = PICTURES - 1
    elif damage == "empty":
        rows.unlink()
        kept = 0
    else:
        head.write_text('{"format": 0')
        kept = 0
    counting = Counting()
    table = compute(tmp_path, paths, counting)
    # the first is always read, for the shape; once more where its features were lost
    assert sum(counting.names.values()) == 1 + PICTURES - kept
    torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))
    again = Counting()
    compute(tmp_path, paths, again)
    assert sum(again.names.values()) == 1


def test_a_damaged_list_of_files_only_costs_time(tmp_path, paths):
    compute(tmp_path, paths)
    (tmp_path / "cache" / "files.json").write_text("[1,")
    counting = Counting()
    compute(tmp_path, paths, counting)
    assert sum(counting.names.values()) == 1


def test_an_unreadable_picture_is_named(tmp_path, paths):
    paths[13].write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"13\.png: not a picture that can be read"):
        compute(tmp_path, paths)
    paths[13].unlink()
    with pytest.raises(UserError, match=r"13\.png: no picture that can be read \(No such file"):
        compute(tmp_path, paths)


def test_pictures_of_several_sizes_are_named(tmp_path, paths):
    Image.new("RGB", (8, 8)).save(paths[2])
    with pytest.raises(UserError, match=r"02\.png: a picture of shape \(3, 8, 8\) among those of \(3, 16, 16\)"):
        compute(tmp_path, paths)


def test_an_encoder_that_learns_is_refused(tmp_path, paths):
    with pytest.raises(UserError, match=r"is being trained.*trainable='none'"):
        compute(tmp_path, paths, encoder=small(trainable=1))
    with pytest.raises(UserError, match="no pictures in split 'train'"):
        compute(tmp_path, [])
    with pytest.raises(UserError, match="dtype is 'int8'; expected 'float32' or 'float16'"):
        compute(tmp_path, paths, dtype="int8")


@pytest.mark.parametrize("partly", [0, 50])
def test_a_full_disk_breaks_nothing(partly, tmp_path, paths, monkeypatch):
    from seqvision.encoders import feature_table

    write, calls = feature_table._write, Counter()

    def full(file, content):
        calls["n"] += 1
        if calls["n"] > 4:  # two batches, each rows and lines, and then no more than a part
            write(file, content[:partly])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(feature_table, "_write", full)
    with pytest.raises(UserError, match=r"feature cache .*cache: no space left .* MB free; what was computed is kept"):
        compute(tmp_path, paths)
    data = next((tmp_path / "cache").glob("*.bin"))
    assert data.stat().st_size == 8 * 8 * 4  # eight rows of eight numbers
    monkeypatch.undo()
    counting = Counting()
    table = compute(tmp_path, paths, counting)
    assert sum(counting.names.values()) == 1 + PICTURES - 8
    torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))


def test_too_little_space_is_noticed_before_the_work(tmp_path, paths, monkeypatch):
    counting = Counting()
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 100})())
    with pytest.raises(UserError, match="no space left for features"):
        compute(tmp_path, paths, counting)
    assert sum(counting.names.values()) == 1


def test_a_folder_that_is_a_file_is_named(tmp_path, paths):
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match=r"feature cache .*cache: cannot be written \(File exists\)"):
        compute(tmp_path, paths)


def test_workers_get_the_place_and_not_the_numbers(tmp_path, paths):
    table = compute(tmp_path, paths)
    table[0]
    sent = pickle.dumps(table)
    assert len(sent) < 1500
    assert torch.equal(pickle.loads(sent)[7], table[7])


def test_work_of_more_than_two_seconds_shows_a_bar_and_less_shows_nothing(tmp_path, paths, monkeypatch, capfd):
    compute(tmp_path, paths[:8])
    assert capfd.readouterr().err == ""
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr("seqvision.encoders.cache.monotonic", lambda: next(clock))
    monkeypatch.setattr("seqvision.encoders.cache.Console", lambda **kw: Console(**kw, force_terminal=True))
    compute(tmp_path, paths, progress=False)
    assert capfd.readouterr().err == ""
    compute(tmp_path, paths, split="val")
    assert "features of val" in capfd.readouterr().err


def test_the_encoder_is_left_in_the_mode_it_was_in(tmp_path, paths):
    encoder = small(dropout=0.5).train()
    torch.testing.assert_close(compute(tmp_path, paths, encoder=encoder)[0], truth(paths, small(dropout=0.5))[0])
    assert encoder.training


def test_two_at_once_do_the_work_once(tmp_path, paths, caplog):
    counting, encoder = Counting(), small()

    def slow(path: Path) -> torch.Tensor:
        time.sleep(0.07)
        return counting(path)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(compute, tmp_path, paths, slow, encoder, workers=1) for _ in range(2)]
        tables = [future.result() for future in both]
    assert sum(counting.names.values()) == PICTURES + 2
    for table in tables:
        torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))
    assert "another process computes the features" in caplog.text


SCRIPT = """
import os, sys, time, torch
from pathlib import Path
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor
from seqvision.encoders import FeatureCache, SmallCNN

folder, die = Path(sys.argv[1]), sys.argv[2] == "die"
paths = sorted((folder / "pictures").iterdir())
torch.manual_seed(0)
encoder = SmallCNN(channels=(4, 8), strides=(2, 2), pooled=True, trainable="none", image_size=16)

def load(path):
    if die and path == paths[11]:
        time.sleep(0.3)
        os.kill(os.getpid(), 9)
    time.sleep(0.01)
    with Image.open(path) as picture:
        return pil_to_tensor(picture)

FeatureCache(folder / "cache").compute(
    encoder, load, paths, split="train", transform_key="png", batch_size=4, workers=1)
"""


def start(folder: Path, how: str) -> subprocess.Popen:
    script = folder / "compute.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen([sys.executable, str(script), str(folder), how], stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_processes_lose_little_and_two_at_once_do_the_work_once(tmp_path, paths):
    """One process is killed in the middle; then two start together on what it left."""
    killed = start(tmp_path, "die")
    killed.communicate()
    assert killed.returncode == -9
    data = next((tmp_path / "cache").glob("*.bin"))
    assert data.stat().st_size == 8 * 8 * 4
    both = [start(tmp_path, "live") for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert data.stat().st_size == PICTURES * 8 * 4  # nobody did what was done
    counting = Counting()
    table = compute(tmp_path, paths, counting)
    assert sum(counting.names.values()) == 1
    torch.testing.assert_close(table.batch(range(PICTURES)), truth(paths))
