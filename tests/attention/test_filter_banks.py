"""DRAW's filter banks against the paper's equations, written out in NumPy, and against finite differences."""

import numpy as np
import pytest
import torch

from seqvision.attention.filter_banks import Window, filter_banks, put, read, take, window, write

pytestmark = pytest.mark.usefixtures("float64")

SIDES = [(7, 11), (12, 5), (8, 8)]


def by_the_equations(
    parameters: np.ndarray, size: int, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """F_Y, F_X and the gain of one picture, filter by filter, pixels counted from 1 as the paper does."""
    across, down, log_variance, log_stride, log_gain = parameters
    g_x, g_y = (width + 1) / 2 * (across + 1), (height + 1) / 2 * (down + 1)
    stride = (max(width, height) - 1) / (size - 1) * np.exp(log_stride)
    banks = []
    for centre, side in ((g_y, height), (g_x, width)):
        bank = np.zeros((size, side))
        for i in range(1, size + 1):
            mean = centre + (i - size / 2 - 0.5) * stride
            for a in range(1, side + 1):
                bank[i - 1, a - 1] = np.exp(-((a - mean) ** 2) / (2 * np.exp(log_variance)))
            bank[i - 1] /= bank[i - 1].sum()
        banks.append(bank)
    return banks[0], banks[1], np.exp(log_gain)


@pytest.mark.parametrize(("height", "width"), SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_reads_and_writes_as_the_equations_say(height, width, channels):
    torch.manual_seed(0)
    size = 4
    parameters = torch.randn(5, 5, dtype=torch.float64) * 0.5
    pictures = torch.rand(5, channels, height, width, dtype=torch.float64)
    patches = torch.randn(5, channels, size, size, dtype=torch.float64)
    where = window(parameters, size=size, height=height, width=width)
    seen, painted = read(pictures, where, size=size), write(patches, where, height=height, width=width)
    banks = filter_banks(where, size=size, height=height, width=width)
    for row in range(5):
        rows, columns, gain = by_the_equations(parameters[row].numpy(), size, height, width)
        np.testing.assert_allclose(banks.rows[row].numpy(), rows, atol=1e-12)
        np.testing.assert_allclose(banks.columns[row].numpy(), columns, atol=1e-12)
        for channel in range(channels):
            picture, patch = pictures[row, channel].numpy(), patches[row, channel].numpy()
            np.testing.assert_allclose(seen[row, channel].numpy(), gain * rows @ picture @ columns.T, atol=1e-12)
            np.testing.assert_allclose(painted[row, channel].numpy(), rows.T @ patch @ columns / gain, atol=1e-12)


def test_gradients_by_finite_differences():
    torch.manual_seed(1)
    parameters = (torch.randn(2, 5, dtype=torch.float64) * 0.3).requires_grad_()
    pictures = torch.rand(2, 2, 6, 4, dtype=torch.float64, requires_grad=True)

    def there_and_back(parameters, pictures):
        where = window(parameters, size=3, height=6, width=4)
        return write(read(pictures, where, size=3), where, height=6, width=4)

    assert torch.autograd.gradcheck(there_and_back, (parameters, pictures))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_window_of_a_filter_a_pixel_gives_the_picture_back(channels):
    pictures = torch.rand(2, channels, 9, 9)
    parameters = torch.zeros(2, 5)  # the whole picture
    parameters[:, 2] = -9.0
    where = window(parameters, size=9, height=9, width=9)
    torch.testing.assert_close(where.stride, torch.ones(2))
    torch.testing.assert_close(read(pictures, where, size=9), pictures)
    torch.testing.assert_close(write(pictures, where, height=9, width=9), pictures)


def test_zeros_lie_over_the_whole_of_the_longer_side_in_the_middle():
    where = window(torch.zeros(1, 5), size=3, height=5, width=9)
    assert [float(part) for part in where] == [4.0, 2.0, 4.0, 1.0, 1.0]


def test_put_is_the_transpose_of_take():
    torch.manual_seed(2)
    banks = filter_banks(window(torch.randn(3, 5).double(), size=4, height=6, width=8), size=4, height=6, width=8)
    pictures, patches = torch.randn(3, 2, 6, 8).double(), torch.randn(3, 2, 4, 4).double()
    seen, painted = take(pictures, banks), put(patches, banks)
    torch.testing.assert_close((seen * patches).sum((1, 2, 3)), (pictures * painted).sum((1, 2, 3)))


def test_one_filter_is_a_window_too():
    picture = torch.arange(12.0).reshape(1, 1, 3, 4)
    parameters = torch.tensor([[0.2, 0.0, -9.0, 0.0, 0.0]])  # 2.5 * 1.2 - 1 = 2 across, 1 down
    seen = read(picture, window(parameters, size=1, height=3, width=4), size=1)
    torch.testing.assert_close(seen, torch.tensor([[[[6.0]]]]))


def test_a_narrow_filter_far_outside_has_numbers_and_gradients():
    place = torch.tensor([-40.0], requires_grad=True)
    one = torch.ones(1)
    banks = filter_banks(Window(place, 100 * one, one, 1e-3 * one, one), size=3, height=5, width=5)
    torch.testing.assert_close(banks.columns.sum(-1), torch.ones(1, 3))
    banks.columns.square().sum().backward()
    assert torch.isfinite(place.grad).all()
