"""Scenes and their pictures: the same for the same numbers, clear to the eye, and with pairs kept for testing."""

import json
from collections import Counter

import numpy as np
import pytest

from seqvision.data.scenes import COLOURS, HELD_OUT, SHAPES, SPLITS, Scene, draw_scene, make_scene
from seqvision.data.scenes.draw import OUTLINES
from seqvision.data.scenes.generate import EXTENT
from seqvision.data.scenes.scene import EDGES, MARGIN
from seqvision.errors import UserError


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[Scene]]:
    return {split: [make_scene(3, index, split) for index in range(400)] for split in SPLITS}


def test_a_scene_depends_on_its_numbers_alone() -> None:
    late_first = [make_scene(0, index, "val") for index in (5, 0)]
    assert late_first == [make_scene(0, 5, "val"), make_scene(0, 0, "val")]
    others = [make_scene(0, 6, "val"), make_scene(1, 5, "val"), make_scene(0, 5, "test")]
    assert late_first[0] not in others


def test_a_picture_is_the_same_every_time_and_at_every_size_of_its_kind() -> None:
    scene = make_scene(0, 1)
    for size in (32, 64, 97):
        picture = draw_scene(scene, size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        np.testing.assert_array_equal(picture, draw_scene(scene, size))
    coarse, fine = draw_scene(scene, 64), draw_scene(scene, 128)
    halved = fine.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - coarse).mean() < 2


def test_scenes_survive_json(scenes: dict[str, list[Scene]]) -> None:
    for scene in scenes["train"][:20]:
        assert Scene.from_dict(json.loads(json.dumps(scene.to_dict()))) == scene


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(UserError, match="no split 'dev'; expected one of train, val, test, combinations"):
        make_scene(0, 0, "dev")


def test_held_out_pairs_are_seen_in_combinations_only(scenes: dict[str, list[Scene]]) -> None:
    pairs = {
        split: [{(item.colour, item.shape) for item in scene.objects} for scene in scenes[split]] for split in SPLITS
    }
    for split in ("train", "val", "test"):
        assert not any(HELD_OUT & found for found in pairs[split])
    assert all(HELD_OUT & found for found in pairs["combinations"])
    assert set.union(*pairs["combinations"]) >= HELD_OUT
    assert set.union(*pairs["train"]) == {(c, s) for c in COLOURS for s in SHAPES} - HELD_OUT


def test_every_colour_and_every_shape_is_held_out_once() -> None:
    assert Counter(colour for colour, _ in HELD_OUT) == dict.fromkeys(COLOURS, 1)
    assert Counter(shape for _, shape in HELD_OUT) == dict.fromkeys(SHAPES, 1)


def test_nothing_overlaps_leaves_the_picture_or_lies_between_two_answers(scenes: dict[str, list[Scene]]) -> None:
    for scene in scenes["train"] + scenes["combinations"]:
        assert len({item.place for item in scene.objects}) == len(scene.objects)
        for item in scene.objects:
            for centre in (item.x, item.y):
                assert item.radius * EXTENT <= centre <= 1 - EXTENT * item.radius
                assert min(abs(centre - edge) for edge in EDGES) > 0.05
            for other in scene.objects:
                if other is not item:
                    assert np.hypot(item.x - other.x, item.y - other.y) > EXTENT * (item.radius + other.radius)
                    for distance in (abs(item.x - other.x), abs(item.y - other.y)):
                        assert abs(distance - MARGIN) > 0.04


def test_sizes_lie_far_apart(scenes: dict[str, list[Scene]]) -> None:
    radii: dict[str, list[float]] = {"small": [], "large": []}
    for scene in scenes["train"]:
        for item in scene.objects:
            radii[item.size].append(item.radius)
    assert min(radii["large"]) > 1.4 * max(radii["small"])


def test_no_outline_reaches_beyond_its_stated_extent() -> None:
    assert set(OUTLINES) == set(SHAPES)
    assert max(np.hypot(*outline.T).max() for outline in OUTLINES.values()) <= EXTENT + 0.01


def test_objects_are_drawn_in_their_colour_at_their_place(scenes: dict[str, list[Scene]]) -> None:
    plain = [(scene, item) for scene in scenes["train"] for item in scene.objects if item.texture == "plain"]
    solid = [(scene, item) for scene, item in plain if item.shape != "moon"]  # a moon is hollow at its centre
    assert len(solid) > 100
    for scene, item in solid[:60]:
        pixel = draw_scene(scene, 64)[int(item.y * 64), int(item.x * 64)].astype(int)
        assert np.abs(pixel - item.tint).max() < 16
