"""The feature cache: nothing is computed twice, and nothing stale is served."""

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from cached_pictures import PICTURES, Counting, compute, small, truth, write_pictures
from PIL import Image
from rich.console import Console


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    return write_pictures(tmp_path / "pictures")


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
