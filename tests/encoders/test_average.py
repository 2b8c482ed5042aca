"""Average pooling against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from seqvision.encoders.average import average_pool

pytestmark = pytest.mark.usefixtures("float64")


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (5, 4), (6, 8), (9, 11)], ids=str)
def test_equals_the_adaptive_pooling_of_torch(shape):
    """Values and gradients; sizes that divide, that do not, and that are larger than the map."""
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 6, 8).contiguous(memory_format=torch.channels_last).requires_grad_()
    found, expected = average_pool(maps, *shape), F.adaptive_avg_pool2d(maps, shape)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    gradients = (torch.autograd.grad(each, maps, weights)[0] for each in (found, expected))
    torch.testing.assert_close(*gradients)


def test_half_precision_stays_so_and_autocast_changes_no_share():
    maps = torch.full((1, 1, 7, 7), 3.0, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = average_pool(maps, 3, 3)
    assert torch.equal(found, torch.full((1, 1, 3, 3), 3.0, dtype=torch.bfloat16))
