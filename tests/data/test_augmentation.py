"""What augmentations change, and that a clip's frames are changed alike."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2

from seqvision.data import ColourJitter, ColourOffsets, CropJitter, Mirror, PictureJitter
from seqvision.data.augment_colour import PRINCIPAL, SPREAD
from seqvision.data.augmentation import FeatureNoise, augmented, augmented_sequence, even_draws
from seqvision.encoders.base import GREY
from seqvision.errors import UserError

EACH = [
    ColourJitter(0.3, 0.3, 0.3, 0.1),
    ColourOffsets(0.5),
    CropJitter(area=(0.3, 0.6)),
    Mirror(0.5),
    PictureJitter(stretch=0.3, shear=10, lens=0.2, border="mirror"),
]
STILL = {"rotation": 0, "scale": 0, "shift": 0}


def pictures(number=6, channels=3, height=12, width=18):
    draws = torch.Generator().manual_seed(0)
    return torch.randint(60, 200, (number, channels, height, width), dtype=torch.uint8, generator=draws)


@pytest.mark.parametrize("augmentation", EACH, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_changed_by_its_own_seed_in_any_batch(augmentation, channels):
    some, seeds = pictures(channels=channels), [*range(6)]
    together = augmentation(some, seeds)
    assert together.shape == some.shape
    assert together.dtype == torch.uint8
    for place in range(6):
        assert torch.equal(augmentation(some[place : place + 1], [seeds[place]])[0], together[place])
    same = augmentation(some[:1].expand(6, -1, -1, -1), seeds)
    assert any(not torch.equal(each, same[0]) for each in same[1:])


@pytest.mark.parametrize("augmentation", [*EACH, v2.RandomHorizontalFlip()], ids=lambda each: type(each).__name__)
def test_all_frames_of_a_clip_have_the_same_draw(augmentation):
    clip = pictures(1).expand(5, -1, -1, -1)
    changes = 0
    for seed in range(8):
        found = augmented_sequence(clip, seed, [augmentation])
        assert all(torch.equal(frame, found[0]) for frame in found)
        changes += not torch.equal(found, clip)
    assert changes >= 2


def test_augmentations_follow_one_another_with_draws_of_their_own():
    some = pictures()
    found = augmented(some, range(6), [Mirror(1.0), v2.RandomVerticalFlip(1.0), Mirror(1.0)])
    assert torch.equal(found, some.flip(2))
    flips = [augmented(some[:1], [seed], [Mirror(), Mirror()]) for seed in range(40)]
    same = sum(torch.equal(each, some[:1]) for each in flips)
    assert 8 <= same <= 32  # two equal draws would undo each other every time


def test_half_of_the_pictures_are_mirrored():
    some = pictures(1).expand(400, -1, -1, -1)
    found = Mirror()(some, range(400))
    mirrored = sum(torch.equal(each, some[0].flip(2)) for each in found)
    assert 160 < mirrored < 240
    assert sum(torch.equal(each, some[0]) for each in found) == 400 - mirrored


def test_an_offset_is_one_colour_along_the_principal_directions():
    some = pictures()
    offset = (ColourOffsets(0.3)(some, range(6)).float() - some.float())[4].mean(dim=(1, 2))
    drawn = torch.randn(3, generator=torch.Generator().manual_seed(4)).numpy()
    expected = np.array(PRINCIPAL) @ (0.3 * drawn * np.array(SPREAD))
    assert offset.numpy() == pytest.approx(expected, abs=0.5)
    grey = (ColourOffsets(0.3)(some[:, :1], range(6)).float() - some[:, :1].float())[4].mean()
    assert float(grey) == pytest.approx(expected @ np.array(GREY), abs=0.5)


def test_a_crop_shows_a_part_at_the_size_of_all():
    across = torch.arange(0, 250, 5, dtype=torch.uint8).expand(1, 1, 50, 50)
    found = CropJitter(area=(0.25, 0.25), aspect=(1, 1))(across.expand(100, -1, -1, -1), range(100)).float()
    steps = (found[:, 0, :, 40] - found[:, 0, :, 10]).mean(dim=1) / 30
    assert steps.numpy() == pytest.approx(np.full(100, 2.5), abs=0.1)  # half a side, on the whole of it
    assert found.amax(dim=(1, 2, 3)).min() < 150  # some lie at the left
    assert found.amin(dim=(1, 2, 3)).max() > 100  # and some at the right


def test_shapes_change_as_torchvision_changes_them():
    smooth = v2.functional.gaussian_blur(pictures(1, 1, 60, 60), [9, 9])
    seed = 3
    turn, _, _, _, _, shear, _ = even_draws(7, [seed]).unbind(1)
    turned = PictureJitter(**{**STILL, "rotation": 30})(smooth, [seed]).float()
    _is_one_of_two(turned, smooth, v2.functional.rotate, float(turn) * 30, v2.InterpolationMode.BILINEAR)
    slanted = PictureJitter(**STILL, shear=20)(smooth, [seed]).float()
    _is_one_of_two(slanted, smooth, sheared, float(shear) * 20)


def sheared(picture, angle):
    return v2.functional.affine(picture, 0, [0, 0], 1.0, [angle, 0.0], v2.InterpolationMode.BILINEAR)


def _is_one_of_two(found, picture, change, angle, *rest):
    """One way or the other, whichever counts as positive, and not the other way as well."""
    inside = (..., slice(15, 45), slice(15, 45))
    errors = [float((found - change(picture.float(), way * angle, *rest))[inside].abs().max()) for way in (1, -1)]
    assert min(errors) < 2 < max(errors)


def test_a_lens_bends_lines_and_leaves_the_middle():
    lines = torch.zeros(1, 1, 61, 61, dtype=torch.uint8)
    lines[:, :, 10] = lines[:, :, 30] = 255
    seeds = range(30)
    found = PictureJitter(**STILL, lens=0.3)(lines.expand(30, -1, -1, -1), seeds).float()[:, 0]
    assert (found[:, 30] > 150).all()  # the line through the middle stays straight
    rows = torch.arange(26).float()
    places = (found[:, :26] * rows[:, None]).sum(dim=1) / found[:, :26].sum(dim=1).clamp(min=1)
    bends = places[:, 30] - places[:, 8]
    assert bends.max() > 1  # pinched
    assert bends.min() < -1  # and bulging


def test_borders_show_what_they_say():
    white = torch.full((1, 1, 20, 20), 255, dtype=torch.uint8)
    moved = {border: PictureJitter(**{**STILL, "shift": 8}, border=border) for border in ("black", "edge", "mirror")}
    least = {border: int(jitter(white, [5]).min()) for border, jitter in moved.items()}
    assert least == {"black": 0, "edge": 255, "mirror": 255}
    with pytest.raises(UserError, match="border is 'white', expected one of black, edge, mirror"):
        PictureJitter(border="white")


@pytest.mark.parametrize("wrong", [{"area": (0, 1)}, {"area": (0.8, 0.5)}, {"area": (0.5, 1.5)}, {"aspect": (0, 1)}])
def test_parts_that_cannot_be_are_refused(wrong):
    with pytest.raises(UserError, match="expected two shares up to 1 and two positive factors"):
        CropJitter(**wrong)


def test_a_shift_below_one_is_a_share_of_the_sides():
    dot = torch.zeros(200, 1, 20, 40, dtype=torch.uint8)
    dot[:, :, 10, 20] = 255
    found = PictureJitter(**{**STILL, "shift": 0.25})(dot, range(200))
    rows = found.sum(dim=3).argmax(dim=2)[:, 0] - 10
    columns = found.sum(dim=2).argmax(dim=2)[:, 0] - 20
    assert 4 <= rows.abs().max() <= 5
    assert 8 <= columns.abs().max() <= 10


def test_pictures_and_features_are_not_taken_for_each_other():
    with pytest.raises(UserError, match=r"Mirror varies pictures.*augmentation=noise"):
        augmented_sequence(torch.zeros(5, 3), 0, [Mirror()])
    for frames in (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(5, dtype=torch.long)):
        with pytest.raises(UserError, match=r"augmentation=noise is for features"):
            augmented_sequence(frames, 0, [FeatureNoise(0.1)])
