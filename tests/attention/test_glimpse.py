"""The sensor cuts out what a direct evaluation of its definition cuts out, of pictures of any size and shape."""

import numpy as np
import pytest
import torch

from seqvision.attention.glimpse import GlimpseSensor


def direct(picture: np.ndarray, place: tuple[float, float], size: int, step: int) -> np.ndarray:
    """A patch (channels, size, size) of the picture averaged over squares of `step` pixels, interpolated by hand."""
    channels, height, width = picture.shape
    padded = np.zeros((channels, height + -height % step, width + -width % step))
    padded[:, :height, :width] = picture
    level = padded.reshape(channels, padded.shape[1] // step, step, padded.shape[2] // step, step).mean(axis=(2, 4))
    x, y = (place[0] + 1) / 2 * width / step, (place[1] + 1) / 2 * height / step
    found = np.zeros((channels, size, size))
    for row in range(size):
        for column in range(size):
            down, across = y + row - (size - 1) / 2 - 0.5, x + column - (size - 1) / 2 - 0.5
            top, left = int(np.floor(down)), int(np.floor(across))
            for r in (top, top + 1):
                for c in (left, left + 1):
                    if 0 <= r < level.shape[1] and 0 <= c < level.shape[2]:
                        found[:, row, column] += (1 - abs(down - r)) * (1 - abs(across - c)) * level[:, r, c]
    return found


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (20, 33, 3), (5, 4, 1), (1, 1, 3)])
@pytest.mark.parametrize("scales", [1, 3])
def test_it_equals_a_direct_evaluation(height, width, channels, scales):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(4, channels, height, width, generator=generator)
    places = torch.rand(4, 2, generator=generator) * 2 - 1
    places[0], places[1] = torch.tensor([-1.0, 1.0]), torch.zeros(2)
    sensor = GlimpseSensor(6, scales=scales)
    patches = sensor(sensor.scene(pictures), places)
    assert patches.shape == (4, scales, channels, 6, 6)
    for row in range(4):
        for scale in range(scales):
            expected = direct(pictures[row].numpy(), tuple(places[row].tolist()), 6, 2**scale)
            np.testing.assert_allclose(patches[row, scale], expected, atol=1e-5)


def test_a_look_at_the_middle_of_an_even_picture_is_its_middle():
    picture = torch.arange(64.0).reshape(1, 1, 8, 8)
    sensor = GlimpseSensor(4)
    torch.testing.assert_close(sensor(sensor.scene(picture), torch.zeros(1, 2))[0, 0], picture[0, :, 2:6, 2:6])


def test_beyond_the_edge_there_is_nothing():
    sensor = GlimpseSensor(4)
    patch = sensor(sensor.scene(torch.ones(1, 1, 8, 8)), torch.tensor([[-1.0, -1.0]]))[0, 0, 0]
    assert patch[2:, 2:].eq(1).all()
    assert patch[:2].eq(0).all()
    assert patch[:, :2].eq(0).all()


@pytest.mark.usefixtures("float64")
def test_pictures_of_several_sizes_are_seen_as_each_alone():
    generator = torch.Generator().manual_seed(0)
    pictures = [torch.rand(3, *size, generator=generator) for size in ((10, 16), (24, 12), (3, 2))]
    places = torch.rand(3, 2, generator=generator) * 2 - 1
    sizes = torch.tensor([picture.shape[1:] for picture in pictures])
    together = torch.zeros(3, 3, *sizes.amax(dim=0).tolist())
    for row, picture in zip(together, pictures, strict=True):
        row[:, : picture.shape[1], : picture.shape[2]] = picture
    sensor = GlimpseSensor(5, scales=2)
    found = sensor(sensor.scene(together, sizes), places)
    for row, picture in enumerate(pictures):
        alone = sensor(sensor.scene(picture.unsqueeze(0)), places[row : row + 1])
        torch.testing.assert_close(found[row], alone[0], atol=1e-5, rtol=1e-4)


def test_bytes_are_seen_as_numbers_from_0_to_1():
    pixels = torch.randint(256, (2, 1, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    sensor, places = GlimpseSensor(4, scales=2), torch.tensor([[0.3, -0.2], [-0.9, 0.9]])
    torch.testing.assert_close(sensor(sensor.scene(pixels), places), sensor(sensor.scene(pixels.float() / 255), places))
