"""The likeliest string is the likeliest of all strings, by one reader and by two."""

from itertools import product

import numpy as np
import pytest

from seqvision.inference.strings import best_string


def probabilities(places, classes, seed):
    rows = np.random.default_rng(seed).dirichlet(np.full(classes, 0.5), size=places)
    return rows.astype(np.float64)


def every_string(places, classes, end):
    """All strings that a reader of so many places can say."""
    for length in range(1, places + 1):
        for string in product(range(classes), repeat=length):
            inside = [symbol for symbol in string[:-1] if symbol == end]
            if not inside and (length == places or string[-1] == end):
                yield string


def probability(string, rows):
    return float(np.prod([row[place] for row, place in zip(rows, string, strict=False)]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("end", [None, 2])
def test_it_is_the_likeliest_of_all(seed, end):
    rows = probabilities(4, 3, seed)
    found, p = best_string(rows, end=end)
    strings = [string for string in every_string(4, 3, end) if end is not None or len(string) == 4]
    best = max(strings, key=lambda string: probability(string, rows))
    assert tuple(found) == best
    assert p == pytest.approx(probability(best, rows))


@pytest.mark.parametrize("seed", range(6))
def test_two_directions_agree_on_the_string_that_both_find_likely(seed):
    forward, backward = probabilities(4, 3, seed), probabilities(4, 3, seed + 100)

    def turned(string):
        return (*string[-2::-1], 2) if string[-1] == 2 else string[::-1]

    found, p = best_string(forward, end=2, backward=backward)
    both = {s: (probability(s, forward) * probability(turned(s), backward)) ** 0.5 for s in every_string(4, 3, 2)}
    assert tuple(found) == max(both, key=both.get)
    assert p == pytest.approx(both[tuple(found)])


def test_a_reader_that_agrees_with_itself_changes_nothing():
    rows = probabilities(3, 4, 0)
    alone, p = best_string(rows, end=None)
    turned, q = best_string(rows, end=None, backward=rows[::-1])
    assert alone == turned
    assert p == pytest.approx(q)
