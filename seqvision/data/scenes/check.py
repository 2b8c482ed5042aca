"""Is a sentence true of a scene? A reader of the grammar in `captions`, written apart from it.

    caption  = [("two" | "three") "shapes" | "only"] ["there is"] part {["and"] "there is" part}
    part     = item {["and"] item} | item related {("and" | "which is") related}
    related  = relation item {"and" item}
    item     = ("a" | "an") {size | texture | colour} shape [place]

Case and punctuation do not matter. "and" before a relation goes on about the part's first item, "which is" about the
item just named. A place is one of the nine: "at the top" means the middle of the top row. What cannot be read is false.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations

from seqvision.data.scenes.captions import reference_captions
from seqvision.data.scenes.scene import Scene, SceneObject

ATTRIBUTES = {
    **dict.fromkeys(["large", "big"], ("size", "large")),
    **dict.fromkeys(["small", "little"], ("size", "small")),
    **{word: ("texture", word) for word in ("plain", "striped", "dotted")},
    **{word: ("colour", word) for word in ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")},
}
NOUNS = {"circle", "square", "triangle", "star", "heart", "cross", "moon", "diamond"}
PLACE = re.compile(r"(in|at|on) the ((top|bottom) (left|right)( corner)?|top|bottom|left|right|centre|middle)(?! of\b)")
RELATION = re.compile(r"(above|below|under|(to the )?(left|right) of)\b")
COUNT = re.compile(r"(two|three) shapes\b|only\b")


@dataclass(frozen=True)
class Verdict:
    """Whether the caption is true, how many different facts it states (0 if it cannot be read), and why not."""

    true: bool
    facts: int
    reason: str


@dataclass
class Mention:
    attributes: dict[str, str]
    place: tuple[str, str] | None = None


@dataclass
class Reading:
    """What a caption says: its items, which lies "left of" or "above" which, and how many there are."""

    mentions: list[Mention] = field(default_factory=list)
    relations: set[tuple[int, str, int]] = field(default_factory=set)
    number: int | None = None

    def count_facts(self) -> int:
        stated = sum(len(mention.attributes) + (mention.place is not None) for mention in self.mentions)
        return stated + len(self.relations) + (self.number is not None)


class _Unreadable(Exception):
    pass


def check_caption(caption: str, scene: Scene) -> Verdict:
    """True where the scene's objects can be shared out among the named items, no object twice, and all of it holds."""
    try:
        reading = _Reader(caption).read()
    except _Unreadable as error:
        return Verdict(False, 0, f"cannot be read: {error}")
    facts = reading.count_facts()
    if reading.number not in (None, len(scene.objects)):
        return Verdict(False, facts, f"says {reading.number} shapes, there are {len(scene.objects)}")
    if len(reading.mentions) > len(scene.objects):
        return Verdict(False, facts, f"names {len(reading.mentions)} objects, there are {len(scene.objects)}")
    for mention in reading.mentions:
        if not any(_fits(mention, item) for item in scene.objects):
            return Verdict(False, facts, f"there is no {_describe(mention)}")
    for choice in permutations(scene.objects, len(reading.mentions)):
        if all(map(_fits, reading.mentions, choice)) and all(_holds(choice, claim) for claim in reading.relations):
            return Verdict(True, facts, "")
    return Verdict(False, facts, "every object is there, but not in these relations")


def check_captions(captions: Sequence[str], scenes: Sequence[Scene]) -> dict[str, float]:
    """Over a set: `true`, in percent; `facts_ratio`, facts in the true captions over facts in those scenes' references.

    A model that says little is seldom wrong: read the two numbers together. `readable`, in percent, are those
    in the grammar.
    """
    if len(captions) != len(scenes) or not scenes:
        raise ValueError(
            f"expected one caption a scene and at least one: {len(captions)} captions, {len(scenes)} scenes"
        )
    verdicts = [check_caption(caption, scene) for caption, scene in zip(captions, scenes, strict=True)]
    stated, expected = 0.0, 0.0
    for verdict, scene in zip(verdicts, scenes, strict=True):
        if verdict.true:
            references = [check_caption(reference, scene).facts for reference in reference_captions(scene)]
            stated += verdict.facts
            expected += sum(references) / len(references)
    return {
        "true": 100 * sum(verdict.true for verdict in verdicts) / len(verdicts),
        "facts_ratio": stated / expected if expected else 0.0,
        "readable": 100 * sum(verdict.facts > 0 for verdict in verdicts) / len(verdicts),
    }


def _fits(mention: Mention, item: SceneObject) -> bool:
    same = all(getattr(item, name) == value for name, value in mention.attributes.items())
    return same and mention.place in (None, item.place)


def _holds(choice: tuple[SceneObject, ...], claim: tuple[int, str, int]) -> bool:
    first, relation, second = claim
    if relation == "left of":
        return choice[first].is_left_of(choice[second])
    return choice[first].is_above(choice[second])


def _describe(mention: Mention) -> str:
    words = " ".join(
        mention.attributes[name] for name in ("size", "texture", "colour", "shape") if name in mention.attributes
    )
    return words if mention.place is None else f"{words} in the place {'-'.join(mention.place)}"


class _Reader:
    """Reads a caption from left to right, one word of look-ahead, no going back."""

    def __init__(self, caption: str) -> None:
        self.rest = " ".join(re.findall(r"[a-z]+", caption.lower()))
        self.reading = Reading()

    def read(self) -> Reading:
        if count := self._take(COUNT):
            self.reading.number = {"two": 2, "three": 3}.get(count.group(1), 1)
        self._take_words("there is")
        self._part()
        while self.rest:
            self._take_words("and")
            if not self._take_words("there is"):
                raise _Unreadable(f"stops making sense before {self._here()}")
            self._part()
        return self.reading

    def _part(self) -> None:
        first = self._item()
        if self._relations(first):
            return
        while self._at_article():
            self._take_words("and")
            self._item()

    def _relations(self, subject: int) -> bool:
        """Reads "above a … and left of a …, which is below a …"; false if there is no relation here."""
        if not self._related(subject):
            return False
        while True:
            if self._take_words("which is"):
                subject = len(self.reading.mentions) - 1
                if not self._related(subject):
                    raise _Unreadable(f"expected a relation at {self._here()}")
            elif RELATION.match(self.rest.removeprefix("and ")):
                self._take_words("and")
                self._related(subject)
            else:
                return True

    def _related(self, subject: int) -> bool:
        relation = self._take(RELATION)
        if relation is None:
            return False
        while True:
            other = self._item()
            word = relation.group(3) or relation.group(1)
            pair = (subject, other) if word in ("left", "above") else (other, subject)
            self.reading.relations.add((pair[0], "left of" if word in ("left", "right") else "above", pair[1]))
            if not (self.rest.startswith("and ") and self._at_article()):
                return True
            self._take_words("and")

    def _item(self) -> int:
        article = self._take(re.compile(r"an?\b"))
        if article is None:
            raise _Unreadable(f"expected 'a' at {self._here()}")
        if (article.group() == "an") != (self.rest[:1] in tuple("aeiou")):
            raise _Unreadable(f"wrong article before {self._here()}")
        attributes: dict[str, str] = {}
        while (word := self.rest.partition(" ")[0]) in ATTRIBUTES:
            name, value = ATTRIBUTES[word]
            if name in attributes:
                raise _Unreadable(f"a second {name}, {word!r}, for one object")
            attributes[name] = value
            self._take_words(word)
        if word not in NOUNS:
            raise _Unreadable(f"expected a shape at {self._here()}")
        self._take_words(word)
        self.reading.mentions.append(Mention({**attributes, "shape": word}, self._place()))
        return len(self.reading.mentions) - 1

    def _place(self) -> tuple[str, str] | None:
        match = self._take(PLACE)
        if match is None:
            return None
        words = match.group(2).split()
        row = next((word for word in words if word in ("top", "bottom")), "middle")
        column = next((word for word in words if word in ("left", "right")), "middle")
        return row, column

    def _at_article(self) -> bool:
        return re.match(r"(and )?an? ", self.rest) is not None

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.rest)
        if match is not None:
            self.rest = self.rest[match.end() :].lstrip()
        return match

    def _take_words(self, words: str) -> bool:
        return self._take(re.compile(rf"{words}\b")) is not None

    def _here(self) -> str:
        return repr(" ".join(self.rest.split()[:3]) or "the end")
