"""Whose answer an item gets in the shuffled baseline: the one way of shuffling for all tasks."""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from seqvision.wording import counted, folded

_PROBES = 30  # places that are tried at random before all are


def partners(references: Sequence[str | Iterable[str]], *, seed: int) -> tuple[list[int] | None, str | None]:
    """For each item the place of the one whose answer it gets, and what is to be said of that.

    A random permutation that leaves no item in its place nor with one of the same reference (a derangement over
    references); items with several references have none in common with their partners. References are compared without
    regard to capitals and blanks. Where more than half of the items have one reference there is no such permutation:
    some answers then serve several items, and the sentence says how many. None where an item has a partner of another
    reference nowhere, which the sentence says too: a shuffled baseline would be no baseline.

    Args:
        references: of each item its class, or its captions or translations.
        seed: of the permutation.
    """
    keys = [frozenset(folded(text) for text in ([each] if isinstance(each, str) else each)) for each in references]
    generator = np.random.default_rng(seed)
    partner = generator.permutation(len(keys)).tolist()

    def fits(item: int, other: int) -> bool:
        return item != other and keys[item].isdisjoint(keys[other])

    hopeless: set[tuple[frozenset[str], frozenset[str]]] = set()
    stuck: list[int] = []
    for item in generator.permutation(len(keys)).tolist():
        if fits(item, partner[item]):
            continue
        wanted = keys[item], keys[partner[item]]
        found = None
        if wanted not in hopeless:
            probes = chain(generator.integers(len(keys), size=_PROBES).tolist(), range(len(keys)))
            pairs = (other for other in probes if fits(item, partner[other]) and fits(other, partner[item]))
            found = next(pairs, None)
        if found is None:
            hopeless.add(wanted)
            stuck.append(item)
        else:
            partner[item], partner[found] = partner[found], partner[item]
    able: dict[frozenset[str], list[int]] = {}
    for item in stuck:
        if keys[item] not in able:
            able[keys[item]] = [other for other in range(len(keys)) if keys[item].isdisjoint(keys[other])]
        others = able[keys[item]]
        if not others:
            return None, f"shuffled: left out, for no other item has another reference than '{min(keys[item])}'"
        partner[item] = others[int(generator.integers(len(others)))]
    if not stuck:
        return partner, None
    return partner, (
        f"shuffled: more than half of the items have one reference, so that {counted(len(stuck), 'item')} got an "
        "answer that another one has got too"
    )
