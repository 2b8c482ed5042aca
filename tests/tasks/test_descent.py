"""A walk down a surface is the optimiser's own path, recorded step by step; nothing else is made of it."""

import csv

import pytest
import torch

from seqvision.cli import main
from seqvision.models import Valley

TRAIN = ["train", "pattern=surface", "trainer=cpu", "model.surface.condition=10", "model.start=[-3,1]"]


def walk(folder, *overrides):
    assert main([*TRAIN, *overrides, f"hydra.run.dir={folder}"]) == 0
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    train = [(float(row["train/x"]), float(row["train/y"])) for row in rows if row.get("train/x")]
    (end,) = [row for row in rows if row.get("val/height")]
    return train, end


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_the_recorded_path_is_gradient_descents_own(tmp_path, capsys):
    path, end = walk(tmp_path / "run", "optimizer=sgd_plain", "optimizer.lr=0.15", "data.examples=12")
    x, y = -3.0, 1.0
    for place in path:
        assert place == pytest.approx((x, y), abs=1e-5)
        x, y = x - 0.15 * x, y - 0.15 * 10 * y
    assert len(path) == 12
    assert float(end["val/x"]) == pytest.approx(x, abs=1e-5)
    assert float(end["val/distance"]) == pytest.approx((x * x + y * y) ** 0.5, abs=1e-5)
    assert float(end["val/height"]) == pytest.approx(float(Valley(condition=10)(torch.tensor([x, y]))), abs=1e-4)

    for command in (["evaluate", "--checkpoint"], ["report"]):
        assert main([*command, str(tmp_path / "run")]) == 2
        assert "predicts nothing" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
def test_a_line_search_leaves_no_trace_in_the_path(tmp_path):
    """L-BFGS tries several places a step; recorded is where the point stood."""
    path, end = walk(tmp_path, "optimizer=lbfgs", "optimizer.max_iter=1", "data.examples=8")
    heights = [float(Valley(condition=10)(torch.tensor(place))) for place in path]
    assert heights == sorted(heights, reverse=True)
    assert float(end["val/height"]) < 1e-6 * heights[0]
