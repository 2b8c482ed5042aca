"""Labels that look like one label, written in two ways."""

import re
import unicodedata
from collections.abc import Mapping

_MARKS = re.compile(r"[\W_]+")
_SHORT = 4  # letters: shorter words that differ by one are likely two words


def suspects(counts: Mapping[str, int]) -> list[str]:
    """Sentences on pairs of labels that differ by case, accents, blanks and marks, or by one letter; the rarer first.

    Labels that differ by a digit, as `trial 1` and `trial 2` do, are two labels.
    """
    names = [name for name in counts if counts[name]]
    plain = {name: _plain(name) for name in names}
    found = []
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            if plain[first] == plain[second]:
                how = "differ by capitals, accents or marks"
            elif _one_letter(plain[first], plain[second]):
                how = "differ by a letter"
            else:
                continue
            rare, usual = sorted((first, second), key=lambda name: counts[name])
            found.append(
                f"'{rare}' ({counts[rare]:,}) and '{usual}' ({counts[usual]:,}) {how}: if they are one, correct the "
                f"rows, or set data.merge={{'{rare}': '{usual}'}}"
            )
    return found


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold())
    bare = _MARKS.sub("", "".join(letter for letter in letters if not unicodedata.combining(letter)))
    return bare or name


def _one_letter(first: str, second: str) -> bool:
    """Whether one letter, added, left out, changed, or exchanged with the next, makes one of the other."""
    if len(first) > len(second):
        first, second = second, first
    if len(second) - len(first) > 1 or len(first) < _SHORT:
        return False
    begin = next(
        (place for place, pair in enumerate(zip(first, second, strict=False)) if len(set(pair)) > 1), len(first)
    )
    one, other = first[begin:], second[begin:]
    if any(letter.isdigit() for letter in (one[:1] if len(first) == len(second) else "") + other[:1]):
        return False
    if len(first) < len(second):
        return one == other[1:]
    return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
