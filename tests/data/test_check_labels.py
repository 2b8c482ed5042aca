"""Labels that may be one in two spellings are suspected; labels that are two are not."""

import pytest

from seqvision.data.check_labels import suspects


@pytest.mark.parametrize(
    ("pair", "how"),
    [
        (("gromm", "groom"), "by a letter"),
        (("groom", "grooms"), "by a letter"),
        (("rearing", "raering"), "by a letter"),
        (("Walk", "walk"), "by capitals"),
        (("wall_rear", "wall rear"), "by capitals, accents or marks"),
        (("Preparação", "preparacao"), "by capitals, accents"),
    ],
)
def test_two_spellings_are_suspected(pair, how):
    for counts in (dict(zip(pair, (2, 90), strict=True)), dict(zip(reversed(pair), (90, 2), strict=True))):
        (said,) = suspects(counts)
        assert said.startswith(f"'{pair[0]}' (2) and '{pair[1]}' (90) differ {how}")
        assert f"data.merge={{'{pair[0]}': '{pair[1]}'}}" in said


@pytest.mark.parametrize(
    "pair",
    [("trial 1", "trial 2"), ("cat", "bat"), ("left", "right"), ("walk", "walking"), ("1", "2"), ("class10", "class1")],
)
def test_two_labels_are_not(pair):
    assert suspects(dict.fromkeys(pair, 5)) == []


def test_what_does_not_occur_is_no_suspect():
    assert suspects({"groom": 5, "gromm": 0}) == []
