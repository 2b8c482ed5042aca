"""One name for several checkpoints: all snapshots of a run, or what fits a pattern."""

import argparse

import pytest

from seqvision.cli.options import add_checkpoint_options, checkpoints_of
from seqvision.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for run in ("seed0", "seed1"):
        (tmp_path / run).mkdir()
        for name in ("best", "snapshot_1", "snapshot_2", "snapshot_10"):
            (tmp_path / run / f"{name}.ckpt").touch()
    return tmp_path


def test_the_snapshots_of_a_run_are_named_together_in_the_order_of_their_cycles(folder):
    options = argparse.ArgumentParser()
    add_checkpoint_options(options)
    options.add_argument("inputs", nargs="*")
    arguments = ["--checkpoint", f"{folder}/seed0:snapshots", "--checkpoint", "best.ckpt", "a.png", "b.png"]
    given = options.parse_args(arguments)
    snapshots = [f"{folder}/seed0/snapshot_{number}.ckpt" for number in (1, 2, 10)]
    assert given.checkpoint == [*snapshots, "best.ckpt"]
    assert given.inputs == ["a.png", "b.png"]
    assert options.parse_args(["--checkpoint", "x"]).checkpoint == ["x"], "nothing is kept from the call before"


def test_a_pattern_stands_for_what_fits_it(folder):
    assert checkpoints_of(f"{folder}/seed*/best.ckpt") == [f"{folder}/seed{seed}/best.ckpt" for seed in (0, 1)]
    assert checkpoints_of(f"{folder}/seed?") == [f"{folder}/seed0", f"{folder}/seed1"]
    (folder / "odd*name").mkdir()
    assert checkpoints_of(f"{folder}/odd*name") == [f"{folder}/odd*name"], "what is there is meant as it is"


def test_where_nothing_is_meant_it_is_said(folder):
    with pytest.raises(UserError, match=r"elsewhere:snapshots: no snapshot_1\.ckpt, .* callbacks=snapshots"):
        checkpoints_of(f"{folder}/elsewhere:snapshots")
    with pytest.raises(UserError, match=r"no file or folder fits this pattern"):
        checkpoints_of(f"{folder}/none*/best.ckpt")
