"""References are true of their own scene and of hardly any other; the reader catches every kind of untruth."""

from dataclasses import replace
from itertools import pairwise

import pytest

from seqvision.data.scenes import (
    SPLITS,
    Scene,
    SceneObject,
    check_caption,
    check_captions,
    make_scene,
    reference_captions,
)


def thing(shape: str, colour: str, x: float, y: float, *, size: str = "large", texture: str = "plain") -> SceneObject:
    return SceneObject(shape, colour, size, texture, x, y, 0.1, 0.0, (200, 0, 0))


CIRCLE = thing("circle", "red", 0.22, 0.22, texture="striped")
STAR = thing("star", "blue", 0.5, 0.5, size="small")
HEART = thing("heart", "orange", 0.78, 0.52, size="small", texture="dotted")
SCENE = Scene((CIRCLE, STAR, HEART), ((230, 230, 230), (210, 210, 210)), 0.0, 1)


@pytest.mark.parametrize("split", SPLITS)
def test_every_reference_is_true_and_says_much(split) -> None:
    facts = []
    for index in range(300):
        scene = make_scene(11, index, split)
        for caption in reference_captions(scene, 5, seed=index):
            verdict = check_caption(caption, scene)
            assert verdict.true, (caption, verdict.reason)
            facts.append(verdict.facts / len(scene.objects))
    assert sum(facts) / len(facts) > 4


@pytest.mark.slow
def test_references_are_hardly_ever_true_of_another_scene() -> None:
    scenes = [make_scene(5, index, "test") for index in range(600)]
    wrong = [
        check_caption(caption, other).true for scene, other in pairwise(scenes) for caption in reference_captions(scene)
    ]
    assert sum(wrong) / len(wrong) < 0.03


def test_references_vary_and_repeat_with_their_seed() -> None:
    scene = make_scene(0, 0)
    assert reference_captions(scene) == reference_captions(scene)
    assert reference_captions(scene, 5, seed=1) != reference_captions(scene, 5, seed=2)
    assert len(set(reference_captions(scene, 12))) >= 6
    assert reference_captions(scene, 7)[:5] == reference_captions(scene, 5)


@pytest.mark.parametrize(
    ("caption", "facts"),
    [
        ("a circle", 1),
        ("A large striped red circle.", 4),
        ("an orange heart on the right", 3),
        ("a small dotted orange heart to the right of a little plain blue star", 9),
        ("there is a red circle above a star and left of a heart", 6),
        ("a red circle above a star, and there is a heart", 5),
        ("a circle above a star which is left of a heart", 5),
        ("a circle above a star and a heart", 5),
        ("three shapes: a circle in the top left, a star in the middle and a heart", 6),
        ("three shapes a circle in the top left corner a star in the centre and a heart", 6),
        ("a star below a circle and below a circle", None),
    ],
)
def test_facts_are_counted(caption: str, facts: int | None) -> None:
    verdict = check_caption(caption, SCENE)
    assert verdict.true == (facts is not None), verdict.reason
    if facts is not None:
        assert verdict.facts == facts


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("a red star", "there is no red star"),
        ("a small red circle", "there is no small red circle"),
        ("a dotted red circle", "there is no dotted red circle"),
        ("a circle at the top", "there is no circle in the place top-middle"),
        ("a red circle below a star", "not in these relations"),
        ("a star left of a circle", "not in these relations"),
        ("a star above a heart", "not in these relations"),
        ("a circle above a star, which is above a heart", "not in these relations"),
        ("two shapes: a circle and a star", "says 2 shapes, there are 3"),
        ("only a circle", "says 1 shapes, there are 3"),
        ("a circle and a circle", "not in these relations"),
        ("a circle, a star, a heart and a circle", "names 4 objects, there are 3"),
    ],
)
def test_untruths_are_caught(caption: str, reason: str) -> None:
    verdict = check_caption(caption, SCENE)
    assert not verdict.true
    assert verdict.facts > 0
    assert reason in verdict.reason


@pytest.mark.parametrize(
    ("caption", "reason"),
    [
        ("", "expected 'a' at 'the end'"),
        ("circle", "expected 'a' at 'circle'"),
        ("a red", "expected a shape at 'the end'"),
        ("a red blue circle", "a second colour, 'blue'"),
        ("a orange heart", "wrong article before 'orange heart'"),
        ("an red circle", "wrong article"),
        ("a red dog", "expected a shape at 'dog'"),
        ("a circle above", "expected 'a' at 'the end'"),
        ("a circle and", "stops making sense"),
        ("a circle in the left", None),
        ("a circle a circle above a star", "stops making sense before 'above a star'"),
        ("a circle which is in the top left", "stops making sense"),
        ("a circle on the left of a star", "stops making sense"),
        ("a circle above a star circle", "stops making sense before 'circle'"),
    ],
)
def test_what_is_outside_the_grammar_is_false(caption: str, reason: str | None) -> None:
    verdict = check_caption(caption, SCENE)
    assert not verdict.true
    if reason is not None:
        assert verdict.facts == 0
        assert reason in verdict.reason


def test_two_like_objects_are_told_apart_by_what_is_said_of_them() -> None:
    """Any sharing out of the objects that makes all of it true will do, but no object may be two items."""
    twins = replace(SCENE, objects=(CIRCLE, replace(CIRCLE, x=0.78, texture="dotted"), STAR))
    assert check_caption("a red circle to the right of a red circle", twins).true
    assert check_caption("a dotted circle right of a striped circle", twins).true
    assert not check_caption("a striped circle right of a dotted circle", twins).true
    assert not check_caption("a striped circle and a striped circle", twins).true


def test_the_same_relation_said_twice_is_one_fact() -> None:
    once = check_caption("a circle above a star", SCENE)
    assert once.facts == 3
    assert check_caption("a circle above a star and left of a heart", SCENE).facts == 5


def test_a_set_is_summed_up() -> None:
    scenes = [make_scene(0, index, "test") for index in range(50)]
    references = [reference_captions(scene)[0] for scene in scenes]
    summary = check_captions(references, scenes)
    assert summary["true"] == summary["readable"] == 100
    assert summary["facts_ratio"] == pytest.approx(1, abs=0.1)
    terse = check_captions([f"a {scene.objects[0].shape}" for scene in scenes], scenes)
    assert terse["true"] == 100
    assert terse["facts_ratio"] < 0.2
    assert check_captions(["hello"] * 50, scenes) == {"true": 0, "facts_ratio": 0, "readable": 0}
    with pytest.raises(ValueError, match="1 captions, 50 scenes"):
        check_captions(["a circle"], scenes)
