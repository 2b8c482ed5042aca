"""The CNN that sees all of a picture: as dear as asked, of pictures of any size."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seqvision.errors import UserError
from seqvision.models import WholePicture

pytestmark = pytest.mark.usefixtures("float64")


def whole(height=28, width=28, **settings):
    torch.manual_seed(0)
    return WholePicture(classes=10, pictures={"channels": 1, "height": height, "width": width}, **settings)


@pytest.mark.parametrize("shape", [(28, 28), (37, 110), (8, 8)])
def test_it_is_as_wide_as_its_operations_allow(shape):
    asked = 1_500_000
    model = whole(*shape, objects=3, multiply_adds=asked)
    with FlopCounterMode(display=False) as counter:
        model(torch.rand(1, 1, *shape))
    counted = counter.get_total_flops() // 2
    assert counted == model._cost(1, model.network[0].out_channels)
    assert counted <= asked < model._cost(1, model.network[0].out_channels + 1)


def test_every_symbol_has_its_scores_and_pictures_of_other_sizes_are_stretched():
    model = whole(20, 30, objects=2).eval()
    pictures = torch.zeros(3, 1, 40, 60)
    pictures[:, :, :20, :30] = torch.rand(3, 1, 20, 30)
    pictures[2] = torch.rand(1, 40, 60)
    sizes = torch.tensor([[20, 30], [20, 30], [40, 60]])
    found = model(pictures, sizes).logits
    assert found.shape == (3, 2, 10)
    assert torch.allclose(found[:2], model(pictures[:2, :, :20, :30]).logits, atol=1e-6)


def test_too_few_operations_are_an_error_that_says_how_many_it_takes():
    with pytest.raises(UserError, match=r"multiply_adds is 100, .* 28 x 28 pixels; the narrowest takes \d+"):
        whole(multiply_adds=100)
