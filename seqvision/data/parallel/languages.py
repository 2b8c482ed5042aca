"""Which language a column or a file is in, by what names say: de, de_AT, German; corpus.de-en.tsv, tuv_en."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# ISO 639-1
_CODES = """aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee
    el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja
    jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne
    ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su
    sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"""
CODES = frozenset(_CODES.split())
_NAMES = """arabic=ar bulgarian=bg catalan=ca chinese=zh croatian=hr czech=cs danish=da dutch=nl english=en estonian=et
    finnish=fi french=fr german=de deutsch=de greek=el hebrew=he hindi=hi hungarian=hu indonesian=id italian=it
    japanese=ja korean=ko latvian=lv lithuanian=lt norwegian=no persian=fa polish=pl portuguese=pt romanian=ro
    russian=ru serbian=sr slovak=sk slovenian=sl spanish=es swedish=sv thai=th turkish=tr ukrainian=uk vietnamese=vi"""
NAMES = dict(entry.split("=") for entry in _NAMES.split())
_ROLES = ({"source", "src", "input"}, {"target", "tgt", "trg", "translation", "output"})
_LANGUAGE = r"[A-Za-z]{2,3}(?:[-_][A-Z]{2,4})?"
_PAIR = re.compile(
    rf"(?:(?P<stem>.+?)(?P<before>[._-]))??(?P<first>{_LANGUAGE})(?P<between>-to-|_to_|-|_|2)(?P<second>{_LANGUAGE})"
)
_LONGEST = 30  # letters of a heading


@dataclass(frozen=True)
class Heading:
    """A row that names columns: the columns of source and target, and what they are called."""

    columns: tuple[int, int]
    names: tuple[str, str]


def same_language(first: str, second: str) -> bool:
    """Whether both mean one language: de and German, en and en_US; en_GB and en_US are two."""
    ours, theirs = (_parts(name) for name in (first, second))
    return ours[0] == theirs[0] and (ours[1] == theirs[1] or "" in (ours[1], theirs[1]))


def pair_in_name(stem: str) -> tuple[str, str, str] | None:
    """(what comes before, the first language, the second) of a table's name without its ending, if it says them.

    After a dot and divided by a hyphen (`corpus.de-en`) any two short words are languages, otherwise only known ones.
    """
    found = _PAIR.fullmatch(stem)
    if found is None:
        return None
    first, second = found["first"], found["second"]
    usual = found["before"] == "." and found["between"] == "-"
    if found["between"] == "_" and second.isupper():
        return None  # a region: pt_BR
    if not usual and not all(re.split("[-_]", name)[0].lower() in CODES for name in (first, second)):
        return None
    return found["stem"] or "", first, second


def find_heading(row: Sequence[str], languages: tuple[str | None, str | None]) -> Heading | None:
    """What the first row of a table says of its columns; None where it is a pair of sentences.

    languages: source and target as the user calls them; None where the table has to say them.
    """
    cells = [cell.strip() for cell in row]
    if any(len(cell) > _LONGEST for cell in cells[:2]):
        return None
    if None not in languages:
        columns = [_column(cells, str(language)) for language in languages]
    else:
        columns = [next((at for at, cell in enumerate(cells) if cell.lower() in role), None) for role in _ROLES]
        if None in columns and len(cells) > 1 and all(_parts(cell)[0] in CODES for cell in cells[:2]):
            columns = [0, 1]
    if columns[0] is None or columns[1] is None or columns[0] == columns[1]:
        return None
    return Heading((columns[0], columns[1]), (cells[columns[0]], cells[columns[1]]))


def _column(cells: Sequence[str], language: str) -> int | None:
    """The one column whose heading is the language, or names it beside a word or two: `tuv_en`, `text (en)`."""
    for fits in (
        lambda cell: cell == language,
        lambda cell: same_language(cell, language),
        lambda cell: len(_words(cell)) <= 3 and any(same_language(word, language) for word in _words(cell)),
    ):
        found = [at for at, cell in enumerate(cells) if fits(cell)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _words(cell: str) -> list[str]:
    return [word for word in re.split(r"[^A-Za-z]+", cell) if word]


def _parts(name: str) -> tuple[str, str]:
    """(the language's code, its region) in lower case."""
    language, _, region = name.strip().lower().replace("_", "-").partition("-")
    return NAMES.get(language, language), region
