"""Nothing breaks the feature cache: no interruption, damage or full disk, no second process beside the first."""

import errno
import subprocess
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from cached_pictures import PICTURES, Counting, compute, load, small, truth, write_pictures
from PIL import Image

from seqvision.encoders.feature_table import LINE
from seqvision.errors import UserError


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    return write_pictures(tmp_path / "pictures")


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
