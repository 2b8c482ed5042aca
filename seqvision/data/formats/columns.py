"""Which column of a table holds the picture, which the captions, which the split."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqvision.data.formats.rows import ReadOptions, did_you_mean
from seqvision.errors import UserError
from seqvision.names import Name, meant, text_of

_IMAGE = """image image_name image_file image_path image_filename filename file_name file filepath file_path path
    img img_name img_path picture photo name image_id"""
_CAPTION = "caption captions text sentence sentences description comment raw title"
IMAGE_NAMES, CAPTION_NAMES = tuple(_IMAGE.split()), tuple(_CAPTION.split())
SPLIT_NAMES = ("split", "subset", "partition")
_NUMBERED = re.compile(r"(caption|text|sentence|description|comment)_?\d+")


@dataclass(frozen=True)
class Columns:
    """The names of the columns to read; several captions may stand side by side (`caption_1`, `caption_2`, …)."""

    image: str
    captions: tuple[str, ...]
    split: str | None

    def __str__(self) -> str:
        split = f", split '{self.split}'" if self.split else ""
        return f"picture '{self.image}', caption {', '.join(map(repr, self.captions))}{split}"


def expect_once(header: Sequence[str], used: Iterable[str | None], where: str) -> None:
    """Nothing, if each column that is read has a name of its own; else a UserError."""
    double = next((name for name in used if name is not None and header.count(name) > 1), None)
    if double is not None:
        raise UserError(f"{where}: two columns are called '{double}'. Give each column a name of its own.")


def plausible(header: Sequence[str], options: ReadOptions) -> bool:
    """Whether a table with this header holds captions of pictures."""
    try:
        find_columns(header, options, "")
    except UserError:
        return False
    return True


def find_columns(header: Sequence[str], options: ReadOptions, where: str) -> Columns:
    """The columns of the given or else of the usual names; a UserError that lists what was found."""
    image = column_named(header, options.image_column, IMAGE_NAMES, "picture", "data.image_column", where)
    split = options.split_column
    if split is not None:
        split = column_named(header, split, SPLIT_NAMES, "split", "data.split_column", where)
    else:
        split = first_of(header, SPLIT_NAMES)
    numbered = tuple(name for name in header if _NUMBERED.fullmatch(_plain(name)))
    if options.caption_column is None and first_of(header, CAPTION_NAMES) is None and numbered:
        return Columns(image, numbered, split)
    caption = column_named(header, options.caption_column, CAPTION_NAMES, "caption", "data.caption_column", where)
    if caption == image:
        raise UserError(
            f"{where}: column '{image}' cannot be both the picture and the caption. Set data.caption_column."
        )
    expect_once(header, (image, caption, split), where)
    return Columns(image, (caption,), split)


def column_named(header: Sequence[str], given: Name, usual: Sequence[str], what: str, option: str, where: str) -> str:
    found = first_of(header, usual if given is None else [text_of(given)])
    if given is not None and meant(given, header):
        return meant(given, header)[0]
    if found is not None:
        return found
    listed = ", ".join(header)
    if given is None:
        raise UserError(
            f"{where}: no column for the {what} (found: {listed}; usual names: {', '.join(usual)}). "
            f"Name it with {option}=COLUMN."
        )
    name = text_of(given)
    raise UserError(f"{where}: no column '{name}' (found: {listed}){did_you_mean(name, header)}. Correct {option}.")


def first_of(header: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in reversed(header)}
    return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())
