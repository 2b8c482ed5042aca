"""In the shuffled baseline nobody gets an answer to the same reference, where another is to be had."""

import numpy as np
import pytest

from seqvision.metrics import partners


def drawn(seed):
    """Labels of any number of classes and any balance, in the order of their classes as folders give them."""
    rng = np.random.default_rng(seed)
    classes = int(rng.integers(2, 9))
    shares = rng.dirichlet(np.full(classes, rng.choice([0.3, 1.0, 30.0])))
    return sorted(map(str, rng.choice(classes, int(rng.integers(2, 120)), p=shares)))


@pytest.mark.parametrize("seed", range(60))
def test_classes(seed):
    labels = drawn(seed)
    places, said = partners(labels, seed=seed)
    if len(set(labels)) == 1:
        assert places is None
        assert f"no other item has another reference than '{labels[0]}'" in said
        return
    assert all(labels[other] != labels[item] for item, other in enumerate(places))
    most = max(map(labels.count, labels))
    if 2 * most <= len(labels):
        assert sorted(places) == list(range(len(labels))), "a permutation, where there is one"
        assert said is None
    else:
        assert f"so that {2 * most - len(labels)} item" in said
    assert partners(labels, seed=seed) == (places, said)


@pytest.mark.parametrize("seed", range(20))
def test_items_with_several_references_have_none_in_common_with_their_partners(seed):
    rng = np.random.default_rng(seed)
    texts = [[f"A  dog {n}", f"a cat {n % 7}"] for n in rng.permutation(40).tolist()]
    places, said = partners(texts, seed=seed)
    assert said is None
    assert sorted(places) == list(range(40))
    plain = [{" ".join(text.lower().split()) for text in some} for some in texts]
    assert all(plain[item].isdisjoint(plain[other]) for item, other in enumerate(places))


def test_capitals_and_blanks_make_no_other_reference():
    assert partners(["A dog", "a  DOG "], seed=0)[0] is None
    assert partners(["a"], seed=0)[0] is None
    assert partners([], seed=0) == ([], None)


def test_partners_are_of_all_other_classes():
    """Not only of the next one: what is left of a score must not hang on which two classes are confused."""
    labels = [str(n // 30) for n in range(300)]
    places, _ = partners(labels, seed=0)
    assert len({(labels[item], labels[other]) for item, other in enumerate(places)}) > 80  # of 90


def test_many_items_of_which_most_are_alike():
    labels = ["0"] * 1800 + [str(n) for n in range(200)]
    places, _ = partners(labels, seed=0)
    assert all(labels[other] != labels[item] for item, other in enumerate(places))
