"""Numbers with their names, a small translation that is always there: `2 1 7` to `two hundred seventeen`.

English as it is written in the United States (no "and"); German by the rules of Duden, in one word up to 999,999.
"""

import random
from collections.abc import Mapping
from pathlib import Path

from seqvision.errors import UserError
from seqvision.files import write_text

LIMIT = 1_000_000
SIZES: Mapping[str, int] = {"train": 4000, "val": 300, "test": 300}
_ENGLISH = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_GERMAN = """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn"""
_ENGLISH_TENS = "ten twenty thirty forty fifty sixty seventy eighty ninety"
_GERMAN_TENS = "zehn zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig"
_ONES, _EINS = _ENGLISH.split(), _GERMAN.split()
_TENS, _ZEHN = (["", *tens.split()] for tens in (_ENGLISH_TENS, _GERMAN_TENS))


def number_words(number: int, language: str = "en") -> str:
    """The cardinal number from 0 to 999,999 in words: `twenty-one` (en), `einundzwanzig` (de).

    A German number is one word, so that its translation wants a vocabulary of subwords.
    """
    if language not in ("en", "de"):
        raise UserError(f"numbers: language is '{language}', expected en or de")
    if not 0 <= number < LIMIT:
        raise UserError(f"numbers: {number} is out of range, expected 0 to {LIMIT - 1}")
    return _english(number) if language == "en" else _german(number)


def write_numbers(
    folder: str | Path, *, language: str = "en", sizes: Mapping[str, int] = SIZES, seed: int = 0, below: int = LIMIT
) -> Path:
    """The folder, with `<split>.num` (digits with spaces between them) and `<split>.<language>` (the words), line by
    line; the same for the same arguments on every machine.

    Every number below `below` is in one split at most. All lengths are equally common as far as numbers last, since
    of numbers drawn evenly nine in ten would have the most digits. Files that are there already are written again.
    """
    folder = Path(folder)
    for split, pairs in number_pairs(language=language, sizes=sizes, seed=seed, below=below).items():
        for name, side in (("num", 0), (language, 1)):
            text = "".join(f"{pair[side]}\n" for pair in pairs)
            write_text(folder / f"{split}.{name}", text)
    return folder


def number_pairs(
    *, language: str = "en", sizes: Mapping[str, int] = SIZES, seed: int = 0, below: int = LIMIT
) -> dict[str, list[tuple[str, str]]]:
    """(digits, words) of each split's numbers; see `write_numbers`."""
    if sum(sizes.values()) > below or not 1 <= below <= LIMIT:
        raise UserError(
            f"numbers: {sum(sizes.values())} different numbers were asked for ({dict(sizes)}), there are {below} below "
            f"{below} (at most {LIMIT}). Ask for fewer, or raise `below`."
        )
    drawn = iter(_drawn(sum(sizes.values()), below, seed))
    numbers = {split: [next(drawn) for _ in range(size)] for split, size in sizes.items()}
    return {split: [(" ".join(str(n)), number_words(n, language)) for n in some] for split, some in numbers.items()}


def _drawn(count: int, below: int, seed: int) -> list[int]:
    """Different numbers in random order."""
    draw = random.Random(seed).random  # the one method whose numbers Python promises to keep
    lengths = [range(0 if digits == 1 else 10 ** (digits - 1), min(10**digits, below)) for digits in range(1, 7)]
    lengths = [numbers for numbers in lengths if numbers]
    taken: dict[int, None] = {}
    left = {numbers: len(numbers) for numbers in lengths}
    while len(taken) < count:
        numbers = lengths[int(draw() * len(lengths))]
        number = numbers[int(draw() * len(numbers))]
        if number not in taken:
            taken[number] = None
            left[numbers] -= 1
            if not left[numbers]:
                lengths.remove(numbers)
    return list(taken)


def _english(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    parts = [f"{_english_below_thousand(thousands)} thousand"] if thousands else []
    return " ".join([*parts, _english_below_thousand(rest)] if rest or not parts else parts)


def _english_below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    parts = [f"{_ONES[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        parts.append(_TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else ""))
    elif rest or not parts:
        parts.append(_ONES[rest])
    return " ".join(parts)


def _german(number: int) -> str:
    thousands, rest = divmod(number, 1000)
    # "ein" before a noun's part, "eins" only where the number ends
    head = f"{_german_below_thousand(thousands, end='ein')}tausend" if thousands else ""
    return head + (_german_below_thousand(rest, end="eins") if rest or not head else "")


def _german_below_thousand(number: int, *, end: str) -> str:
    hundreds, rest = divmod(number, 100)
    head = f"{'ein' if hundreds == 1 else _EINS[hundreds]}hundert" if hundreds else ""
    if rest >= 20:
        one = rest % 10
        first = f"{'ein' if one == 1 else _EINS[one]}und" if one else ""
        return head + first + _ZEHN[rest // 10]
    if rest == 1:
        return head + end
    return head + (_EINS[rest] if rest or not head else "")
