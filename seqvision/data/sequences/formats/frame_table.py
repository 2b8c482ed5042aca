"""Tables with a row a frame, features and label side by side: a file a recording, or one with a column of ids."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqvision.data.core.faults import each
from seqvision.data.core.file_names import NamedFiles
from seqvision.data.formats.rows import row_split
from seqvision.data.sequences.formats.labelled import Labelled, labelled_set
from seqvision.data.sequences.formats.table import GROUP_NAMES, ID_NAMES, SPLIT_NAMES, Table, read_table
from seqvision.data.sequences.frame_labels import FrameMatrix, FrameNames, label_column_of, label_matrix
from seqvision.data.sequences.label_names import UNLABELLED
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.readers.features import FeatureReader
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.data.sequences.split_lists import listed_splits
from seqvision.data.splits import split_lists
from seqvision.errors import UserError
from seqvision.names import Name, text_of

ENDINGS = (".csv", ".tsv")


def read_frame_tables(
    path: str | Path,
    *,
    files: str = "*",
    reader: FrameReader | None = None,
    label_column: Name = None,
    label_files: str | Path | None = None,
    id_column: Name = None,
    group_column: Name = None,
    split_column: Name = None,
    multilabel: bool = False,
    label_columns: Sequence[Name] | None = None,
    align: str = "error",
    merge: Mapping[Any, Name] | None = None,
    unlabelled: Sequence[Name] = UNLABELLED,
    classes: Sequence[Name] | None = None,
    splits: Mapping[str, Any] | None = None,
    encoding: str = "utf-8",
) -> SequenceSet:
    """The recordings of a folder of tables, or of one table, with a label for every row.

    files           which tables of the folder are meant, e.g. "*_raw.csv"
    id_column       where one table holds several recordings: whose row it is (rows of one recording stand together)
    group_column, split_column   constant within a recording
    multilabel      a column of 0 and 1 for each of `label_columns`
    label_files     take the labels from another table instead: "{stem}" stands for the recording's file name without
                    its ending, e.g. "labels/{stem}.csv"; lengths that differ are then a matter for `align`
    align, merge, unlabelled, classes, splits   as `labelled_set` has them

    Files train.txt, val.txt and test.txt with the names of recordings in the folder are its splits.
    """
    source = Path(path)
    tables = _tables(source, files)
    if label_columns and not multilabel:
        raise UserError(
            f"data.label_columns=[{', '.join(map(text_of, label_columns))}] names a column of 0 and 1 for each label, "
            "but data.multilabel is false. Set data.multilabel=true, or name one column with data.label_column."
        )
    if multilabel and label_column is not None:
        raise UserError(
            f"data.label_column={text_of(label_column)} has no effect with data.multilabel=true. Name the columns of 0 "
            "and 1 with data.label_columns=[…], or leave out data.multilabel."
        )
    if multilabel and not label_columns and label_files is None:
        raise UserError(
            "data.multilabel=true: which columns are labels? Name them with data.label_columns=[…]; the other columns "
            "of numbers are the features."
        )
    found: list[Labelled] = []
    for file in tables:
        with each():
            table = read_table(file, encoding=encoding)
            beside = None if label_files is None else _beside(source, str(label_files), file)
            labelled = table if beside is None else read_table(beside, encoding=encoding)
            if multilabel:
                said: FrameNames | FrameMatrix = label_matrix(labelled, columns=label_columns)
            else:
                said = label_column_of(labelled, label_column=label_column, in_order=beside is None)
            for name, start, stop in _recordings(table, id_column, several=len(tables) > 1):
                whole = (start, stop) == (0, len(table))
                if beside is not None and not whole:
                    raise UserError(
                        f"{file.name}: holds several recordings, for which data.label_files cannot be taken."
                    )
                record = SequenceRecord(
                    name,
                    file,
                    span=None if whole else (start, stop),
                    group=_constant(table, group_column, GROUP_NAMES, "group", start, stop),
                    split=_split(table, split_column, start, stop),
                )
                found.append(Labelled(record, said if whole else _rows(said, start, stop), beside or file))
    notes: list[str] = []
    lists = split_lists(source) if source.is_dir() else {}
    if lists:
        listed, notes = listed_splits([one.record for one in found], lists, encoding=encoding)
        by_id = {one.record.id: one for one in found}
        found = [replace(by_id[record.id], record=record) for record in listed]
    reader = reader or FeatureReader(encoding=encoding)
    named = [*(label_columns or ()), label_column, id_column, group_column, split_column]
    told = [text_of(name) for name in named if name is not None]
    return labelled_set(
        found,
        reader,
        align=align,
        merge=merge,
        unlabelled=unlabelled,
        classes=classes,
        splits=splits,
        not_features=told,
        notes=notes,
    )


def _tables(source: Path, files: str) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise UserError(f"{source}: there is no such file or folder. Correct data.path.")
    try:
        tables = sorted(file for file in source.glob(files) if file.suffix.lower() in ENDINGS and file.is_file())
    except (ValueError, NotImplementedError, IndexError) as error:
        raise UserError(
            f"data.files='{files}': not a pattern of names within {source} ({error}). Write one such as '*_raw.csv'."
        ) from None
    if not tables:
        others = ", ".join(sorted(file.name for file in source.iterdir())[:5]) or "nothing"
        raise UserError(
            f"{source}: no tables '{files}' with the ending .csv or .tsv (found: {others}). Correct data.path or "
            "data.files."
        )
    return tables


def _recordings(table: Table, id_column: Name, *, several: bool) -> Iterator[tuple[str, int, int]]:
    """Name, first row and row past the last of each recording in a table."""
    column = table.find(id_column, ID_NAMES, "recording's name", "data.id_column")
    if column is None or (several and id_column is None):
        yield table.file.stem, 0, len(table)
        return
    names = table.column(column)
    seen: dict[str, int] = {}
    start = 0
    for row in range(1, len(names) + 1):
        if row < len(names) and names[row] == names[start]:
            continue
        name = names[start]
        if not name:
            raise UserError(f"{table.where(start)}: no name of a recording in column '{column}'. Fill it in.")
        if name in seen:
            raise UserError(
                f"{table.where(start)}: recording '{name}' goes on here after it ended in row "
                f"{table.numbers[seen[name] - 1]}. Sort the table by '{column}', and by time within a recording."
            )
        seen[name] = row
        yield f"{table.file.stem}/{name}" if several else name, start, row
        start = row


def _beside(source: Path, pattern: str, file: Path) -> Path:
    """The file of labels that belongs to a recording's file."""
    folder = source.parent if source.is_file() else source
    name = pattern.replace("{stem}", file.stem)
    return NamedFiles().find(folder, name) or folder / name


def _rows(labels: FrameNames | FrameMatrix, start: int, stop: int) -> FrameNames | FrameMatrix:
    if isinstance(labels, FrameMatrix):
        return replace(labels, values=labels.values[start:stop])
    return replace(labels, names=labels.names[start:stop], rows=labels.rows[start:stop])


def _constant(table: Table, given: Name, usual: Sequence[str], what: str, start: int, stop: int) -> str | None:
    """The one value of a column within a recording; None without such a column."""
    column = table.find(given, usual, what, f"data.{what}_column")
    if column is None:
        return None
    cells = table.column(column)[start:stop]
    other = next((row for row, cell in enumerate(cells) if cell != cells[0]), None)
    if other is not None:
        raise UserError(
            f"{table.where(start + other)}: {what} '{cells[other]}' in column '{column}', but '{cells[0]}' in row "
            f"{table.numbers[start]} of the same recording. Correct the row; if each is a recording of its own, name "
            "the column that tells them apart with data.id_column."
        )
    return cells[0] or None


def _split(table: Table, given: Name, start: int, stop: int) -> str | None:
    return row_split(_constant(table, given, SPLIT_NAMES, "split", start, stop), table.where(start))
