"""Where parallel text lies: two files a split, or one with a tab; which languages, which splits."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqvision.data.core.faults import fault
from seqvision.data.parallel.languages import pair_in_name, same_language
from seqvision.data.parallel.lines import read_columns, read_two
from seqvision.data.parallel.records import ParallelText, SentencePair
from seqvision.data.splits import split_name
from seqvision.errors import UserError
from seqvision.names import Name, one_meant
from seqvision.wording import counted

# endings of two or three letters that are no language
_OTHER = "gz|bz2|xz|zip|tar|tgz|tsv|txt|csv|md|log|py|sh|xml|pdf|png|jpg"
_LINES = re.compile(
    rf"(?P<stem>.+)\.(?P<language>(?!(?:{_OTHER})\b)[A-Za-z]{{2,3}}(?:[-_][A-Za-z]{{2,8}})?)(?:\.txt)?(?:\.gz)?"
)
_TABLE = re.compile(r".+\.tsv(?:\.gz)?")
_EXPECTED = "expected train.de with train.en (or .gz), or train.de-en.tsv with a tab between sentence and translation"


@dataclass(frozen=True)
class Corpus:
    """Where the pairs of one stem are: two files, or one with two columns and the languages that its name says."""

    stem: str
    files: tuple[Path, ...]
    named: tuple[str, str] | None = None

    def read(self, names: tuple[str | None, str | None], encoding: str) -> tuple[list[tuple[int, str, str]], str]:
        """(row, source, target) of all rows, and of a table a sentence that says which column is which."""
        if len(self.files) == 1:
            return read_columns(self.files[0], names, self.named, encoding=encoding)
        return read_two(*self.files, encoding=encoding), ""


def read_parallel(
    path: str | Path,
    *,
    source: Name = None,
    target: Name = None,
    encoding: str = "utf-8",
    on_empty: str = "error",
) -> ParallelText:
    """The pairs of a folder, of one file with tabs, or of all files that begin with `path`.

    source, target: the languages as the files' names have them; only needed where there are several. on_empty: whether
    a row with nothing on one side is an error, or is left out ("skip") and counted. Splits are those that the files'
    names say, as in train.de, val.de and test_2016_flickr.de (`test` where it is the only one); None where they say
    none.
    """
    if on_empty not in ("error", "skip"):
        raise UserError(f"data.on_empty={on_empty}: expected error or skip")
    path = Path(path)
    found = list(_files(path))
    if not found:
        raise UserError(f"{path}: no parallel text there; {_EXPECTED}")
    languages = _languages(path, found, source, target)
    corpora = _corpora(found, languages)
    if not corpora:
        raise UserError(f"{path}: {_missing(found, languages)}")
    pairs, notes = [], []
    splits = _splits([corpus.stem for corpus in corpora])
    for corpus in corpora:
        empty = []
        rows, direction = corpus.read(languages, encoding)
        notes += [direction] if direction else []
        for row, *sides in rows:
            ours, theirs = (side.strip() for side in sides)
            if ours and theirs:
                pairs.append(SentencePair(f"{corpus.stem}:{row}", ours, theirs, splits[corpus.stem]))
                continue
            empty.append(row)
            if on_empty == "error":
                file = corpus.files[0] if not ours or len(corpus.files) == 1 else corpus.files[1]
                fault(
                    UserError(
                        f"{file} row {row}: nothing there to {'translate' if not ours else 'learn as its translation'};"
                        " fill it in, or leave such rows out with data.on_empty=skip"
                    )
                )
        if empty:
            notes.append(
                f"{corpus.stem}: {counted(len(empty), 'row')} with an empty side left out, the first is row {empty[0]}"
            )
    return ParallelText(pairs, languages, notes)


def is_parallel(path: Path) -> bool:
    """Whether a folder holds files of lines in two languages that are called by a split, such as train.de, train.en."""
    if not path.is_dir():
        return False
    languages: dict[str, set[str]] = {}
    for stem, named, _ in _files(path):
        if named is not None and split_name(re.split(r"[._-]", stem)[0]):
            languages.setdefault(stem, set()).update(named)
    return any(len(found) > 1 for found in languages.values())


def _files(path: Path) -> Iterator[tuple[str, tuple[str, ...] | None, Path]]:
    """(stem, languages, file): one language for a file of lines, two, or None, for a table."""
    if path.is_file():
        yield _table(path)
        return
    folder, stem = (path, None) if path.is_dir() else (path.parent, path.name)
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        table, lines = _table(file), _LINES.fullmatch(file.name)
        if _TABLE.fullmatch(file.name) and stem in (None, table[0]):
            yield table
        elif lines and stem in (None, lines["stem"]):
            yield lines["stem"], (lines["language"],), file


def _table(file: Path) -> tuple[str, tuple[str, ...] | None, Path]:
    """The stem of a table's name without its languages, and these, if it says some."""
    stem = Path(file.name.removesuffix(".gz")).stem
    pair = pair_in_name(stem)
    return (pair[0] or stem, pair[1:], file) if pair else (stem, None, file)


def _languages(
    path: Path, found: list[tuple[str, tuple[str, ...] | None, Path]], source: Name, target: Name
) -> tuple[str | None, str | None]:
    """Source and target: as they are given, else what the files' names leave no doubt about."""
    known = sorted({language for _, named, _ in found for language in named or ()})
    source, target = (side if side is None else one_meant(side, known) for side in (source, target))
    if source is not None and target is not None:
        return source, target
    pairs = sorted({named for _, named, _ in found if named is not None and len(named) == 2})
    fitting = [pair for pair in pairs if _fits(source, pair[0]) and _fits(target, pair[1])]
    if len(fitting) == 1:
        return source or fitting[0][0], target or fitting[0][1]
    given = [language for language in (source, target) if language is not None]
    others = [language for language in known if not any(same_language(language, said) for said in given)]
    if given and len(others) == 1:
        return source or others[0], target or others[0]
    if not known and source is None and target is None:
        return None, None
    raise UserError(
        f"{path}: from which language into which? The files are in {', '.join(known) or 'no language they name'}; "
        f"say e.g. data.source={known[0] if known else 'de'} data.target={known[-1] if known else 'en'}"
    )


def _corpora(
    found: list[tuple[str, tuple[str, ...] | None, Path]], languages: tuple[str | None, str | None]
) -> list[Corpus]:
    """The stems that have both languages."""
    corpora: dict[str, Corpus] = {}
    sides: dict[str, dict[str, Path]] = {}
    for stem, named, file in found:
        if named is None:
            corpora.setdefault(stem, Corpus(stem, (file,)))
        elif len(named) == 1:
            sides.setdefault(stem, {})[named[0]] = file
        elif all(any(language and same_language(language, name) for name in named) for language in languages):
            corpora[stem] = Corpus(stem, (file,), (named[0], named[1]))
    for stem, files in sides.items():
        ours, theirs = (_one(files, language) for language in languages)
        if ours and theirs and ours != theirs:
            corpora[stem] = Corpus(stem, (ours, theirs))
    return [corpora[stem] for stem in sorted(corpora)]


def _fits(wanted: str | None, named: str) -> bool:
    return wanted is None or same_language(wanted, named)


def _one(files: dict[str, Path], language: str | None) -> Path | None:
    """The file of a language: of its very name, else the only one that means it."""
    if language is None or language in files:
        return files.get(str(language))
    found = [file for name, file in files.items() if same_language(name, language)]
    return found[0] if len(found) == 1 else None


def _missing(found: list[tuple[str, tuple[str, ...] | None, Path]], languages: tuple[str | None, str | None]) -> str:
    names = ", ".join(file.name for _, _, file in found[:6])
    return (
        f"nothing with both {languages[0]} and {languages[1]}, found {names}{' …' if len(found) > 6 else ''}; "
        "set data.source and data.target to two languages whose files are there"
    )


def _splits(stems: list[str]) -> dict[str, str | None]:
    """Each stem's split by its first word; a set that is none of train, val and the only test keeps its own name."""
    said = {stem: split_name(re.split(r"[._-]", stem)[0]) for stem in stems}
    if not any(said.values()):
        return dict.fromkeys(stems)
    tests = [stem for stem, split in said.items() if split == "test"]
    return {
        stem: split if split in ("train", "val") or (split == "test" and len(tests) == 1) else stem
        for stem, split in said.items()
    }
