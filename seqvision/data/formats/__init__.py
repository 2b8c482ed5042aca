"""Caption data sets as they come, read into records. One file a layout; a new one is a `Layout` and a line below."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvision.data.formats import coco, flickr8k, jsonlines, karpathy, sidecar, table
from seqvision.data.formats.lookup import PictureFinder, Problem, gather, picture_folders
from seqvision.data.formats.rows import Layout, ReadOptions, did_you_mean, in_split_folders, split_files
from seqvision.data.records import CaptionRecord
from seqvision.data.shards import is_sharded
from seqvision.data.splits import apply_split_lists, split_lists
from seqvision.errors import UserError
from seqvision.names import Name
from seqvision.wording import counted, some_of

__all__ = ["LAYOUTS", "Problem", "ReadReport", "read_captions", "read_captions_with_report"]

# In the order in which a file is recognised; the folder of texts comes last, when no caption file is found.
LAYOUTS = (karpathy.LAYOUT, coco.LAYOUT, flickr8k.LAYOUT, jsonlines.LAYOUT, table.CSV, table.TSV, sidecar.LAYOUT)

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadReport:
    """The records, the layout they were recognised by, the caption files, and all that was left out.

    Attributes:
        problems: rows that cannot be used
        unused: pictures beside the others that no caption names
        notes: sentences on everything else in the folders that was left out
        columns: which columns were read, in words; empty where there are none
    """

    records: list[CaptionRecord]
    layout: str
    files: list[Path]
    problems: list[Problem] = field(default_factory=list)
    unused: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: str = ""

    def left_out(self) -> list[str]:
        """Sentences on all that was left out: the problems' counts with the first of them, unused pictures, notes."""
        lines = []
        if self.problems:
            counts = ", ".join(f"{count} {kind}" for kind, count in Counter(p.kind for p in self.problems).items())
            kept = counted(len(self.records), "picture")
            lines.append(f"{self.files[0].name}: left out {counts}; {kept} kept")
            lines += [f"  {problem.message}" for problem in self.problems[:10]]
            lines += [f"  … and {len(self.problems) - 10} more"] if len(self.problems) > 10 else []
        if self.unused:
            names = some_of([file.name for file in self.unused])
            lines.append(f"{counted(len(self.unused), 'picture')} beside the others without a caption: {names}")
        return lines + self.notes


def read_captions(
    source: str | Path,
    *,
    layout: str = "auto",
    images: str | Path | None = None,
    image_column: Name = None,
    caption_column: Name = None,
    split_column: Name = None,
    encoding: str = "utf-8",
    on_missing: str = "error",
) -> list[CaptionRecord]:
    """One record a picture with all its captions, in the order of the file; see data/README.md for the layouts.

    `source` is a caption file or the folder of a data set. `on_missing` is for rows that cannot be used (no such
    picture, no caption): "error" refuses the data, "skip" leaves them out and logs a warning that lists them. UserError
    with the row and what to do for all that is wrong with the files.
    """
    report = read_captions_with_report(
        source,
        layout=layout,
        images=images,
        image_column=image_column,
        caption_column=caption_column,
        split_column=split_column,
        encoding=encoding,
        on_missing=on_missing,
    )
    if left_out := report.left_out():
        logger.warning("%s", "\n".join(left_out))
    return report.records


def read_captions_with_report(
    source: str | Path,
    *,
    layout: str = "auto",
    images: str | Path | None = None,
    image_column: Name = None,
    caption_column: Name = None,
    split_column: Name = None,
    encoding: str = "utf-8",
    on_missing: str = "error",
) -> ReadReport:
    """As `read_captions`, with the layout that was found and the problems as data instead of a warning."""
    source = Path(source)
    if on_missing not in ("error", "skip"):
        raise UserError(f"data.on_missing is '{on_missing}', expected 'error' or 'skip'")
    if not source.exists():
        raise UserError(f"data.path: no file or folder '{source}' (looked from {Path.cwd()}).")
    if is_sharded(source):
        raise UserError(f"{source}: a folder of shards. Train from it with data=shards data.folder={source}")
    folder = None if images is None else Path(images)
    options = ReadOptions(folder, image_column, caption_column, split_column, encoding)
    chosen, files = _recognise(source, layout, options)
    base = files[0] if files[0].is_dir() else files[0].parent
    if in_split_folders(files):
        base = base.parent
    finder = PictureFinder(picture_folders(base, folder))
    records, problems = gather(chosen.read(files, options), finder, on_missing=on_missing, base=base)
    if not records:
        first = f" The first: {problems[0].message}." if problems else ""
        raise UserError(f"{source}: no picture with a caption is left of {len(problems)} that were named.{first}")
    lists = split_lists(base) if all(record.split is None for record in records) else {}
    if lists:
        records, unlisted, unknown = apply_split_lists(records, lists, encoding=encoding)
        problems += [Problem("unlisted", name, f"'{name}' is in no split's list") for name in unlisted]
        problems += [
            Problem("unknown", name, f"'{name}' is listed for a split and has no captions") for name in unknown
        ]
    notes = sidecar.aside(base) if chosen is sidecar.LAYOUT else finder.left_out
    columns = chosen.columns(files, options)
    return ReadReport(records, chosen.name, files, problems, finder.unused(), notes, columns)


def _recognise(source: Path, name: str, options: ReadOptions) -> tuple[Layout, list[Path]]:
    """The layout and its files; a UserError where there is none, or more than one."""
    known = [layout.name for layout in LAYOUTS]
    if name not in ("auto", *known):
        raise UserError(
            f"data.layout is '{name}', expected auto or one of {', '.join(known)}{did_you_mean(name, known)}"
        )
    found: list[tuple[Layout, list[Path]]] = []
    for layout in LAYOUTS:
        if name == layout.name and source.is_file() and layout is not sidecar.LAYOUT:
            return layout, [source]  # told so, whatever it looks like
        if name == layout.name or (name == "auto" and not (found and layout is sidecar.LAYOUT)):
            files = layout.find(source, options)
            if files:
                found.append((layout, files))
    if not found:
        raise UserError(_nothing(source, name))
    if len(found) > 1:
        raise UserError(
            f"{source}: captions in several layouts ("
            + "; ".join(f"{layout.name}: {', '.join(f.name for f in files)}" for layout, files in found)
            + "). Name one file with data.path=FILE, or choose with data.layout=NAME."
        )
    layout, files = found[0]
    _refuse_many(source, layout, files)
    return layout, files


def _refuse_many(source: Path, layout: Layout, files: Sequence[Path]) -> None:
    """Several caption files are splits of one set only where their names say so."""
    if len(files) > 1 and layout is not coco.LAYOUT and not (split_files(files) or in_split_folders(files)):
        raise UserError(
            f"{source}: several caption files ({', '.join(file.name for file in files)}). "
            "Name one with data.path=FILE, or call them train, val and test."
        )


def _packed(source: Path) -> list[Path]:
    """The archives in a folder or in its folders, or the source itself, if it is one."""
    inside = [source] if source.is_file() else sorted([*source.glob("*"), *source.glob("*/*")])
    return [file for file in inside if file.name.lower().endswith(_ARCHIVES) and file.is_file()]


def _nothing(source: Path, name: str) -> str:
    if packed := _packed(source):
        folder = packed[0].parent / "unpacked"
        unpack = f"unzip -d {folder}" if packed[0].suffix.lower() == ".zip" else f"tar -C {folder} -xf"
        return (
            f"{source}: archives ({some_of([file.name for file in packed])}) without an index. Tars are read with the "
            "index and the tables that `seqvision data shard` writes; others' tars, WebDataset's among them, are "
            f"unpacked first: mkdir {folder}; {unpack} {packed[0]} (and so on). Pictures and texts of one name (.txt) "
            f"are then read as they are, and `seqvision data shard {folder} --output shards` packs them anew"
        )
    wanted = [layout for layout in LAYOUTS if name in ("auto", layout.name)]
    examples = "".join(f"\n  {layout.name:<9} {layout.example}" for layout in wanted)
    what = "captions" if name == "auto" else f"captions in the layout '{name}'"
    inside = sorted(f.name for f in source.iterdir())[:8] if source.is_dir() else [source.name]
    return (
        f"{source}: no {what} found (it holds: {', '.join(inside) or 'nothing'}). Expected one of:{examples}\n"
        "Name the file with data.path=FILE; data/README.md shows every layout."
    )
