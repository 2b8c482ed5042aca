"""Zeros and ones from grey levels."""

import pytest
import torch

from seqvision.data.binarise import binarised, own_noise
from seqvision.errors import UserError


def test_each_pixel_is_one_as_often_as_it_is_bright():
    torch.manual_seed(0)
    grey = torch.tensor([0, 51, 204, 255], dtype=torch.uint8).reshape(1, 1, 2, 2)
    drawn = binarised(grey.expand(20_000, 1, 2, 2), "sampled")
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(drawn.mean(0).flatten(), torch.tensor([0.0, 0.2, 0.8, 1.0]), atol=0.01, rtol=0)


def test_by_name_a_picture_is_drawn_in_the_same_way_in_any_batch():
    grey = torch.randint(256, (6, 1, 4, 4), dtype=torch.uint8)
    names = [f"digit/{row}" for row in range(6)]
    whole = binarised(grey, "sampled", ids=names)
    parts = torch.cat([binarised(grey[a:b], "sampled", ids=names[a:b]) for a, b in ((0, 1), (1, 4), (4, 6))])
    assert torch.equal(whole, parts)
    noise = own_noise(names, 2, 3)
    assert torch.equal(noise[4:], own_noise(names[4:], 2, 3))
    assert not torch.equal(noise, own_noise(names, 2, 3, seed=1))
    assert len({tuple(row.flatten().tolist()) for row in noise}) == 6


def test_half_the_range_and_grey_levels():
    grey = torch.tensor([0, 127, 128, 255], dtype=torch.uint8).reshape(1, 1, 2, 2)
    assert binarised(grey, "threshold").flatten().tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(binarised(grey, "none"), grey / 255)


def test_anything_else_is_refused():
    with pytest.raises(UserError, match=r"task\.binarise is 'coin', expected one of sampled, threshold, none"):
        binarised(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), "coin")
