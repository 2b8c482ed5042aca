"""True sentences about a scene, from a small grammar. `check` reads them back, and shares no code with this file."""

import numpy as np

from seqvision.data.scenes.scene import Scene, SceneObject

SIZE_WORDS = {"large": ("large", "large", "big"), "small": ("small", "small", "little")}
PLACE_WORDS = {
    ("top", "left"): ("in the top left", "in the top left corner"),
    ("top", "middle"): ("at the top",),
    ("top", "right"): ("in the top right", "in the top right corner"),
    ("middle", "left"): ("on the left",),
    ("middle", "middle"): ("in the centre", "in the middle"),
    ("middle", "right"): ("on the right",),
    ("bottom", "left"): ("in the bottom left", "in the bottom left corner"),
    ("bottom", "middle"): ("at the bottom",),
    ("bottom", "right"): ("in the bottom right", "in the bottom right corner"),
}
OMITTED = {"size": 0.1, "texture": 0.2, "place": 0.1}
"""How often a reference leaves an attribute out. Below one half, so that the likeliest sentence states them all."""


def reference_captions(scene: Scene, n: int = 5, seed: int = 0) -> tuple[str, ...]:
    """`n` true sentences in lower case, without a full stop; they differ in wording and in what they state."""
    rng = np.random.default_rng([seed, scene.seed])
    return tuple(_caption(rng, scene) for _ in range(n))


def _caption(rng: np.random.Generator, scene: Scene) -> str:
    in_reading_order = sorted(scene.objects, key=lambda item: (_row(item), item.x))
    if len(scene.objects) == 1:
        return _choose(rng, ("", "", "there is ", "only ")) + _placed(rng, scene.objects[0])
    if rng.random() < 0.5:
        opening = _choose(rng, ("", "", "there is ", f"{_number(scene)} shapes: "))
        return opening + _listing([_placed(rng, item) for item in in_reading_order])
    order = in_reading_order if rng.random() < 0.65 else in_reading_order[::-1]
    return _choose(rng, ("", "", "there is ")) + _related(rng, order)


def _related(rng: np.random.Generator, order: list[SceneObject]) -> str:
    first, second = order[:2]
    start = f"{_noun_phrase(rng, first)} {_relation(rng, first, second)} {_noun_phrase(rng, second)}"
    if len(order) == 2:
        return start
    third = order[2]
    form = int(rng.integers(3))
    if form == 0:
        return f"{start} and {_relation(rng, first, third)} {_noun_phrase(rng, third)}"
    if form == 1:
        return f"{start}, which is {_relation(rng, second, third)} {_noun_phrase(rng, third)}"
    return f"{start}, and there is {_placed(rng, third)}"


def _listing(items: list[str]) -> str:
    return ", ".join(items[:-1]) + " and " + items[-1]


def _placed(rng: np.random.Generator, item: SceneObject) -> str:
    phrase = _noun_phrase(rng, item)
    return phrase if rng.random() < OMITTED["place"] else f"{phrase} {_choose(rng, PLACE_WORDS[item.place])}"


def _noun_phrase(rng: np.random.Generator, item: SceneObject) -> str:
    words = [item.colour, item.shape]
    if rng.random() >= OMITTED["texture"]:
        words.insert(0, item.texture)
    if rng.random() >= OMITTED["size"]:
        words.insert(0, _choose(rng, SIZE_WORDS[item.size]))
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"


def _relation(rng: np.random.Generator, first: SceneObject, second: SceneObject) -> str:
    """One of the relations that hold; different places always differ clearly in a row or in a column."""
    true = []
    if first.is_above(second):
        true.append("above")
    if second.is_above(first):
        true.append(_choose(rng, ("below", "below", "under")))
    if first.is_left_of(second):
        true.append(_choose(rng, ("to the left of", "left of")))
    if second.is_left_of(first):
        true.append(_choose(rng, ("to the right of", "right of")))
    return _choose(rng, true)


def _row(item: SceneObject) -> int:
    return ("top", "middle", "bottom").index(item.place[0])


def _number(scene: Scene) -> str:
    return {2: "two", 3: "three"}[len(scene.objects)]


def _choose(rng: np.random.Generator, options) -> str:
    return options[int(rng.integers(len(options)))]
