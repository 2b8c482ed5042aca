"""When the annotations of an ELAN document happen: aligned, between others, or as parts of those that they refer to."""

import xml.etree.ElementTree as ET

from seqvision.errors import UserError

ALIGNED = "ALIGNABLE_ANNOTATION"
REFERRING = "REF_ANNOTATION"
_PARTS = "Symbolic_Subdivision"  # the kind of tier whose annotations share out their parent's time
_LATEST = 1 << 40  # milliseconds; ELAN's own times are below


class TierTimes:
    """The times of a document's annotations, in seconds of the annotations' clock.

    ELAN spaces slots without a time evenly between the nearest on their tier that have one, parents before children,
    and shows the annotations of a symbolic subdivision as equal parts of their parent, in the order that
    PREVIOUS_ANNOTATION gives.
    """

    def __init__(self, root: ET.Element, file: str):
        self.file = file
        self.tier_of: dict[str, ET.Element] = {}
        self.annotations: dict[str, ET.Element] = {}
        self.tiers = {tier.get("TIER_ID") or "": tier for tier in root.iter("TIER")}
        # by tier and parent: what each annotation comes after
        self._before: dict[tuple[str, str], dict[str, str | None]] = {}
        for tier in root.iter("TIER"):
            for one in tier.iter():
                if one.tag not in (ALIGNED, REFERRING):
                    continue
                name = one.get("ANNOTATION_ID") or ""
                self.annotations[name], self.tier_of[name] = one, tier
                if one.tag == REFERRING:
                    siblings = self._before.setdefault(_siblings(tier, one), {})
                    siblings[name] = one.get("PREVIOUS_ANNOTATION")
        self.slots = {slot.get("TIME_SLOT_ID") or "": slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
        self.kinds = {
            kind.get("LINGUISTIC_TYPE_ID") or "": kind.get("CONSTRAINTS") for kind in root.iter("LINGUISTIC_TYPE")
        }
        self.between: dict[str, float] = {}  # slots without a time of their own
        self._depths: dict[str, int | None] = {name: self._depth(name) for name in self.tiers}
        for tier in sorted(root.iter("TIER"), key=lambda tier: self._depths[tier.get("TIER_ID") or ""] or 0):
            self._space(tier)
        self._parts: dict[tuple[str, str], list[str]] = {}

    def of(self, annotation: ET.Element) -> tuple[float, float]:
        """Start and stop. Raises UserError, with the annotation and its tier, where ELAN could not say it either."""
        steps: list[tuple[int, int]] = []  # (which part, of how many), from the annotation up to what is aligned
        seen: set[str] = set()
        one = annotation
        self._check_parents(one)
        while one.tag == REFERRING:
            name = one.get("ANNOTATION_ID") or ""
            if name in seen:
                raise self._error(annotation, f"refers to {name} in a circle. Correct ANNOTATION_REF, or remove it")
            seen.add(name)
            steps.append(self._part(one))
            parent = one.get("ANNOTATION_REF") or ""
            if parent not in self.annotations:
                raise self._error(one, f"refers to {parent}, which is not there. Save the file again in ELAN")
            one = self.annotations[parent]
        start, stop = self._slot(one, "TIME_SLOT_REF1"), self._slot(one, "TIME_SLOT_REF2")
        if stop < start:
            raise self._error(one, f"ends at {stop / 1000:g} s, before its start at {start / 1000:g} s. Correct it")
        for place, count in reversed(steps):
            width = (stop - start) / count
            start, stop = start + place * width, start + (place + 1) * width
        return round(start / 1000, 6), round(stop / 1000, 6)

    def _slot(self, annotation: ET.Element, end: str) -> float:
        """The time of one of an annotation's ends, in milliseconds."""
        slot = annotation.get(end) or ""
        if slot not in self.slots:
            raise self._error(
                annotation, f"begins or ends at the time slot '{slot}', which is not there. Save the file again in ELAN"
            )
        if slot in self.between:
            return self.between[slot]
        value = self._aligned(slot)
        if value is None:
            said = self.slots[slot]
            if said is not None:
                raise self._error(annotation, f"is at the time '{said[:40]}', expected milliseconds. Correct {slot}")
            raise self._error(annotation, "has no time. Align it in ELAN, or remove it")
        return value

    def _aligned(self, slot: str) -> float | None:
        said = self.slots.get(slot)
        try:
            value = int(said) if said is not None else None
        except ValueError:
            return None
        return None if value is None or abs(value) > _LATEST else float(value)

    def _space(self, tier: ET.Element) -> None:
        """Times for the slots of a tier that have none: evenly along each chain of annotations that touch."""
        ends = {one.get("TIME_SLOT_REF1") or "": one.get("TIME_SLOT_REF2") or "" for one in tier.iter(ALIGNED)}

        def known(slot: str) -> float | None:
            return self.between[slot] if slot in self.between else self._aligned(slot)

        for begin in ends:
            start = known(begin)
            if start is None:
                continue
            chain = [begin]
            while chain[-1] in ends and len(chain) <= len(ends):
                chain.append(ends[chain[-1]])
                if known(chain[-1]) is not None:
                    break
            stop = known(chain[-1])
            if stop is None:
                continue
            for place, slot in enumerate(chain[1:-1], start=1):
                if self.slots.get(slot) is None:
                    self.between[slot] = start + (stop - start) * place / (len(chain) - 1)

    def _part(self, annotation: ET.Element) -> tuple[int, int]:
        """Which part of its parent an annotation takes, and of how many."""
        name = annotation.get("ANNOTATION_ID") or ""
        tier = self.tier_of[name]
        kind = self.kinds.get(tier.get("LINGUISTIC_TYPE_REF") or "")
        shared = any(self._before[_siblings(tier, annotation)].values()) if kind is None else kind == _PARTS
        if not shared:
            return 0, 1
        parts = self._in_order(tier, annotation)
        return parts.index(name), len(parts)

    def _in_order(self, tier: ET.Element, annotation: ET.Element) -> list[str]:
        """The annotations of a tier that share one parent, in order."""
        parent = annotation.get("ANNOTATION_REF") or ""
        key = _siblings(tier, annotation)
        if key in self._parts:
            return self._parts[key]
        before = self._before[key]
        after: dict[str | None, str] = {}
        for name, previous in before.items():
            if previous is not None and previous not in before:
                raise self._error(annotation, f"comes after {previous}, which is no part of {parent}. Correct it")
            if previous in after:
                place = f"directly after {previous}" if previous else "first"
                raise self._error(
                    self.annotations[name],
                    f"and {after[previous]} both come {place} in {parent}. Correct PREVIOUS_ANNOTATION, or make it a "
                    "symbolic association",
                )
            after[previous] = name
        ordered: list[str] = []
        following = after.get(None)
        while following is not None:
            ordered.append(following)
            following = after.get(following)
        if len(ordered) < len(before):
            raise self._error(annotation, "is one of those that follow in a circle. Correct PREVIOUS_ANNOTATION")
        self._parts[key] = ordered
        return ordered

    def _depth(self, name: str) -> int | None:
        """How many tiers a tier hangs on; None where these go round in a circle."""
        seen = [name]
        while (parent := self.tiers[seen[-1]].get("PARENT_REF")) in self.tiers:
            if parent in seen:
                return None
            seen.append(parent or "")
        return len(seen) - 1

    def _check_parents(self, annotation: ET.Element) -> None:
        tier = self.tier_of[annotation.get("ANNOTATION_ID") or ""]
        if self._depths[tier.get("TIER_ID") or ""] is None:
            raise self._error(annotation, "is on a tier that is its own parent's parent. Correct PARENT_REF")

    def _error(self, annotation: ET.Element, problem: str) -> UserError:
        name = annotation.get("ANNOTATION_ID") or ""
        tier = self.tier_of[name].get("TIER_ID")
        return UserError(f"{self.file}: annotation {name} ('{value_of(annotation)[:40]}') {problem} (tier '{tier}').")


def _siblings(tier: ET.Element, annotation: ET.Element) -> tuple[str, str]:
    return tier.get("TIER_ID") or "", annotation.get("ANNOTATION_REF") or ""


def value_of(annotation: ET.Element) -> str:
    """What an annotation says."""
    return (annotation.findtext("ANNOTATION_VALUE") or "").strip()
