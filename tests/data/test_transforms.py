"""One transform for validation and use; augmentation as a pure function of picture and seed."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from seqvision.data.augment_colour import ColourJitter, change_colours
from seqvision.data.pictures import read_image
from seqvision.data.transforms import ImageTransform, TrainTransform
from seqvision.errors import UserError


def wide() -> Image.Image:
    """A 40 x 20 picture: a red, a green and a blue part beside each other, green twice as wide."""
    picture = Image.new("RGB", (40, 20), (0, 255, 0))
    picture.paste((255, 0, 0), (0, 0, 10, 20))
    picture.paste((0, 0, 255), (30, 0, 40, 20))
    return picture


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 50, 3), dtype=np.uint8))


def test_pad_shows_the_whole_picture_between_borders():
    pixels = ImageTransform(20, "pad")(wide())
    assert pixels.shape == (3, 20, 20)
    assert pixels.dtype == torch.uint8
    assert (pixels[:, :5] == 255).all()
    assert (pixels[:, 15:] == 255).all()
    assert pixels[:, 10, [0, 10, 19]].T.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert (ImageTransform(20, "pad", fill=7)(wide())[:, :5] == 7).all()


def test_crop_shows_the_middle():
    assert (ImageTransform(10, "crop")(wide())[1, :, 1:-1] == 255).all()
    assert (ImageTransform(10, "crop")(wide())[0, :, 1:-1] == 0).all()


def test_stretch_shows_everything_without_borders():
    pixels = ImageTransform(20, "stretch")(wide())
    assert pixels[:, 0, [0, 10, 19]].T.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_grey_has_one_channel():
    transform = ImageTransform(16, grey=True)
    assert transform(wide()).shape == (1, 16, 16)
    assert (transform.channels, ImageTransform().channels) == (1, 3)


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_extreme_pictures_still_have_the_size(fit):
    for size in ((1, 1), (1, 500), (500, 1)):
        assert ImageTransform(32, fit)(Image.new("RGB", size)).shape == (3, 32, 32)


def test_downscaling_does_not_alias():
    stripes = Image.fromarray(np.tile(np.array([[0, 255]], dtype=np.uint8), (128, 64)))
    pixels = ImageTransform(16, "stretch")(stripes).float()
    assert (pixels - 127.5).abs().max() < 8  # 127.5, were every other stripe left out


def test_a_path_and_the_opened_picture_give_the_same_pixels(tmp_path):
    noise().save(tmp_path / "a.png")
    assert torch.equal(ImageTransform(24)(tmp_path / "a.png"), ImageTransform(24)(noise()))


def test_an_opened_picture_is_seen_as_its_file_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = wide().convert("RGBA")
    clear.putalpha(100)
    clear.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        pixels = ImageTransform(24, "stretch")(opened)
    assert torch.equal(pixels, ImageTransform(24, "stretch")(tmp_path / "a.png"))
    assert pixels[:, 0, 0].tolist() == [255, 155, 155]
    assert torch.equal(ImageTransform(24)(read_image(tmp_path / "a.png")), ImageTransform(24)(tmp_path / "a.png"))


def test_decoding_at_reduced_scale_changes_little(shared_data):
    path = sorted((shared_data("coco") / "val2017").glob("*.jpg"))[0]
    reduced = ImageTransform(48, "pad")(path).float()
    with Image.open(path) as opened:
        whole = ImageTransform(48, "pad")(opened).float()
    assert (reduced - whole).abs().mean() < 3
    finer = ImageTransform(48, "pad", margin=2.0)(path).float()
    assert (finer - whole).abs().mean() < 1


def test_settings_are_plain_and_enough():
    transform = ImageTransform(96, "crop", grey=True, fill=0)
    assert ImageTransform.from_settings(transform.settings()) == transform
    assert {type(value) for value in transform.settings().values()} <= {int, str, bool, float}


def test_an_older_checkpoint_keeps_its_pixels():
    settings = ImageTransform(96).settings()
    del settings["margin"]
    assert ImageTransform.from_settings(settings).margin == 2


def test_keys_differ_where_pixels_may():
    transforms = [
        ImageTransform(),
        ImageTransform(96),
        ImageTransform(fit="crop"),
        ImageTransform(grey=True),
        ImageTransform(fill=0),
        ImageTransform(margin=2.0),
    ]
    assert len({transform.key() for transform in transforms}) == len(transforms)
    assert ImageTransform().key() == "v2-128-pad-rgb-255-1"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ImageTransform(64, "fill"), "fit is 'fill', expected one of pad, crop, stretch"),
        (lambda: ImageTransform(0), "size is 0"),
        (lambda: ImageTransform(fill=300), "fill is 300"),
        (lambda: ImageTransform(margin=0.5), "margin is 0.5, expected 1 or more"),
        (lambda: ImageTransform.from_settings({"size": 64, "zoom": 2}), "unknown setting zoom .*newer seqvision"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(UserError, match=message):
        wrong()


def augmented(*augmentations) -> TrainTransform:
    return TrainTransform(ImageTransform(32), list(augmentations))


def test_augmentation_is_a_function_of_picture_and_seed_alone():
    transform = augmented(v2.RandomResizedCrop(32, antialias=True), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4))
    first = transform(noise(), 5)
    torch.rand(3)  # whatever others draw
    assert torch.equal(transform(noise(), 5), first)
    assert not torch.equal(transform(noise(), 6), first)


def test_augmentation_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    augmented(v2.RandomHorizontalFlip())(noise(), 5)
    assert torch.equal(torch.rand(2), expected)


def test_without_augmentations_training_sees_what_validation_sees():
    assert torch.equal(augmented()(noise(), 3), ImageTransform(32)(noise()))


def test_an_augmentation_that_changes_the_shape_is_refused():
    with pytest.raises(
        UserError, match=r"\(3, 32, 32\) uint8 pixels became \(3, 16, 16\) uint8.*RandomResizedCrop\(32\)"
    ):
        augmented(v2.CenterCrop(16))(noise(), 0)


@pytest.mark.parametrize("grey", [False, True])
def test_each_picture_of_a_batch_is_augmented_by_its_own_seed(grey):
    steps = [v2.RandomResizedCrop(32, antialias=True), ColourJitter(0.4, 0.4, 0.4, 0.1), v2.RandomHorizontalFlip()]
    transform = TrainTransform(ImageTransform(32, grey=grey), steps)
    pictures = torch.stack([transform.transform(noise()), transform.transform(wide()), transform.transform(wide())])
    together = transform.augment(pictures, [7, 8, 9])
    for place, seed in enumerate((7, 8, 9)):
        assert torch.equal(transform.augment(pictures[place : place + 1], [seed])[0], together[place])
    assert not torch.equal(together[1], together[2])


def muted(seed: int) -> torch.Tensor:
    """Pictures without black or white, so that nothing is clipped."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(70, 180, (4, 3, 12, 12), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize(
    ("place", "adjust", "amounts"),
    [
        (0, v2.functional.adjust_brightness, (0.8, 1.0, 1.3)),
        (1, v2.functional.adjust_contrast, (0.8, 1.0, 1.3)),
        (2, v2.functional.adjust_saturation, (0.7, 1.0, 1.3)),
        (3, v2.functional.adjust_hue, (-1 / 3, 0.0, 1 / 3)),  # between thirds, HSV's hue turns along edges
    ],
)
def test_colours_change_as_torchvision_changes_them(place, adjust, amounts):
    pictures = muted(place)
    for amount in amounts:
        arguments = [torch.ones(4), torch.ones(4), torch.ones(4), torch.zeros(4)]
        arguments[place] = torch.full((4,), amount * (2 * np.pi if place == 3 else 1))
        changed = change_colours(pictures, *arguments).int()
        expected = torch.stack([adjust(picture, amount) for picture in pictures]).int()
        assert (changed - expected).abs().max() <= 1


def test_a_jitter_of_nothing_changes_nothing():
    assert torch.equal(ColourJitter()(muted(0), range(4)), muted(0))


def test_a_jitter_stays_within_its_bounds():
    grey = torch.full((200, 3, 1, 1), 100, dtype=torch.uint8)
    found = ColourJitter(brightness=0.2)(grey, range(200)).int()
    assert 80 <= found.min() < 85
    assert 115 < found.max() <= 120
