"""What BORIS exports: tabular events (START, STOP and POINT rows) and aggregated events, of all versions."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqvision.data.annotations.annotations import Annotations, Fault
from seqvision.data.annotations.boris_observations import (
    Bout,
    Event,
    Observation,
    annotations_of,
    paired,
    runs_on,
    subject_of,
)
from seqvision.data.annotations.times import read_time
from seqvision.data.core.tables import cut_rows
from seqvision.data.core.text import read_text, text_begin
from seqvision.errors import UserError

_HEADER_WITHIN = 60  # lines; older versions write the observation's description before the table
_SOURCES = ("Source", "Media file", "Media file path")
_PLAYER = re.compile(r"(?:^|[|\s])player #(\d+):\s*")
_NO_VALUE = ("", "NA", "None", "nan")


def is_boris_export(file: Path) -> bool:
    """Whether a file is a table that BORIS exported."""
    lines = text_begin(file, 1 << 16).split("\n")[:_HEADER_WITHIN]
    return any(_is_header(_cells(line, file)) for line in lines)


def read_boris_export(file: Path, *, encoding: str = "utf-8") -> Annotations:
    """The segments of exported tabular or aggregated events (CSV or TSV), by the video in which they happen.

    An observation that cannot be placed in time is a fault of that observation.
    """
    export = _Export.open(file, encoding)
    aggregated = "Start (s)" in export.header
    faults: list[Fault] = []
    observations: dict[str, Observation | None] = {}
    for where, cells in export.rows:
        name = export.observation_id(cells)
        if name not in observations:
            try:
                observations[name] = export.observation(name, where)
            except UserError as error:
                observations[name] = None
                media = tuple(export.media(cells)) or (name,)
                faults.append(Fault(str(error), media, observation=name))
    kept = [
        (where, cells, observation)
        for where, cells in export.rows
        if (observation := observations[export.observation_id(cells)]) is not None
    ]
    if aggregated:
        return annotations_of(file, [_bout(*row) for row in kept], faults)
    return paired(file, [_event(*row) for row in kept], faults)


@dataclass(frozen=True)
class _Export:
    """The rows of an export by the names of their columns, and what the lines before the table say."""

    file: Path
    header: tuple[str, ...]
    rows: list[tuple[str, dict[str, str]]]
    preamble: dict[str, list[str]]

    @staticmethod
    def open(file: Path, encoding: str) -> "_Export":
        lines = read_text(file, encoding).split("\n")
        at = next((number for number, line in enumerate(lines) if _is_header(_cells(line, file))), None)
        if at is None:
            raise UserError(
                f"{file.name}: no row with the columns Behavior and Start (s), or Time and Behavior type. Export the "
                "events from BORIS again, as tabular or aggregated events."
            )
        preamble: dict[str, list[str]] = {}
        for line in lines[:at]:
            key, *values = _cells(line, file) or [""]
            preamble.setdefault(key, []).extend(value for value in values if value)
        table = cut_rows("\n".join(lines[at:]), file, _delimiter(lines[at], file), at)
        header, *cut = ([cell.strip() for cell in cells] for cells in table)
        for place, cells in enumerate(cut, start=1):
            if len(cells) != len(header):
                raise UserError(
                    f"{table.where(place)}: {len(cells)} fields, expected {len(header)}. The file may be cut off; "
                    "export the events from BORIS again."
                )
        if not cut:
            raise UserError(f"{file.name}: no event in it. Export the events from BORIS again, or remove the file.")
        # of two columns of one name the first counts
        named = [dict(reversed(list(zip(header, cells, strict=True)))) for cells in cut]
        rows = [(table.where(place), cells) for place, cells in enumerate(named, start=1)]
        return _Export(file, tuple(header), rows, preamble)

    def observation_id(self, cells: dict[str, str]) -> str:
        return cells.get("Observation id", next(iter(self.preamble.get("Observation id", [])), ""))

    def media(self, cells: dict[str, str]) -> list[str]:
        """The files of player 1."""
        own = cells.get("Media file name", "")
        source = next((cells[name] for name in _SOURCES if cells.get(name, "") not in _NO_VALUE), "")
        first = _first_player(source)
        if not first:
            return [] if own in (*_NO_VALUE, "Not found") else [own]
        if first == own or ";" not in first or len(_lengths(cells)) == 1:
            return [first if own in (*_NO_VALUE, "Not found") else own]
        return first.split(";")

    def observation(self, name: str, where: str) -> Observation:
        """What the rows of one observation say about it."""
        own = [cells for _, cells in self.rows if self.observation_id(cells) == name]
        kind = own[0].get("Observation type", "")
        if "picture" in kind or "images" in kind:
            raise UserError(f"{where}: of folders of pictures, which have no clock. Make an observation of a video.")
        media = tuple(dict.fromkeys(one for cells in own for one in self.media(cells)))
        media = tuple(dict.fromkeys((*self.preamble.get("Player #1", []), *media)))
        offset = self._offset(own[0], where)
        if len(media) < 2:
            return Observation(name, media, offset=offset)
        lengths = _lengths(own[0])
        if len(lengths) != len(media):
            raise runs_on(self.file, name, media)
        seconds = tuple(read_time(length, where, "Media duration (s)") for length in lengths)
        return Observation(name, media, seconds, offset)

    def _offset(self, cells: dict[str, str], where: str) -> float:
        """The observation's time offset: in a column, or in the lines before the table."""
        for key, value in [*cells.items(), *((key, next(iter(some), "")) for key, some in self.preamble.items())]:
            if key.startswith("Time offset") and value not in _NO_VALUE:
                return read_time(value, where, key, signed=True)
        return 0.0


def _event(where: str, cells: dict[str, str], observation: Observation) -> Event:
    kind = cells.get("Behavior type", cells.get("Status", "")).upper()
    if kind not in ("START", "STOP", "POINT"):
        raise UserError(f"{where}: '{kind}' is none of START, STOP and POINT. Export the events from BORIS again.")
    time = read_time(cells["Time"], where, "Time", signed=True)
    modifiers = "|".join(cell for name, cell in cells.items() if name.startswith("Modifier") and cell)
    return Event(observation, subject_of(cells.get("Subject", "")), cells["Behavior"], modifiers, kind, time, where)


def _bout(where: str, cells: dict[str, str], observation: Observation) -> Bout:
    start = read_time(cells["Start (s)"], where, "Start (s)", signed=True)
    stop = start
    if cells.get("Stop (s)", "") not in _NO_VALUE:
        stop = read_time(cells["Stop (s)"], where, "Stop (s)", signed=True)
    if stop < start:
        raise UserError(f"{where}: ends at {stop:g}, before it starts at {start:g}. Correct the row.")
    if not cells["Behavior"]:
        raise UserError(f"{where}: no behaviour in column 'Behavior'. Write one, or remove the row.")
    return Bout(observation, subject_of(cells.get("Subject", "")), cells["Behavior"], start, stop, where)


def _first_player(source: str) -> str:
    """What a cell says about the first player: `player #1:a.mp4;b.mp4|player #2:c.mp4`, or names without a player."""
    parts = _PLAYER.split(source)
    players = dict(zip(parts[1::2], parts[2::2], strict=True))
    return players.get("1", "" if players else source).strip()


def _lengths(cells: dict[str, str]) -> list[str]:
    """The media durations of player 1, as they are written."""
    first = cells.get("Media duration (s)", "").split("|")[0]
    return [] if first in _NO_VALUE else first.split(";")


def _is_header(cells: Sequence[str]) -> bool:
    names = set(cells)
    aggregated = "Start (s)" in names and bool(names & {"Observation id", "Media file name", *_SOURCES})
    return "Behavior" in names and (aggregated or ("Time" in names and bool(names & {"Behavior type", "Status"})))


def _delimiter(line: str, file: Path) -> str:
    return "\t" if file.suffix.lower() == ".tsv" or "\t" in line else max(",;", key=line.count)


def _cells(line: str, file: Path) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=_delimiter(line, file)), [])]
