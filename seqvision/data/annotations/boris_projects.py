"""Projects of BORIS (.boris), of all versions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqvision.data.annotations.annotations import Annotations, Fault
from seqvision.data.annotations.boris_observations import Event, Observation, paired, runs_on, subject_of
from seqvision.data.annotations.times import read_time
from seqvision.data.formats.rows import read_json
from seqvision.errors import UserError


def read_boris_project(file: Path, *, encoding: str = "utf-8") -> Annotations:
    """The segments of all observations of videos, and of live ones by the observation's name.

    An observation that cannot be placed in time is a fault of that observation.
    """
    project = read_json(file, encoding)
    if not isinstance(project, dict) or not isinstance(project.get("observations"), dict):
        raise UserError(f"{file.name}: no project of BORIS (no 'observations' in it). Save it again in BORIS.")
    states = _states(file, project.get("behaviors_conf"))
    events: list[Event] = []
    faults: list[Fault] = []
    for name, observation in project["observations"].items():
        try:
            known = _observation(file, name, observation)
        except UserError as error:
            faults.append(Fault(str(error), _videos(name, observation), observation=name))
            continue
        try:
            events += list(_events(file, known, observation["events"], states))
        except UserError as error:
            faults.append(Fault(str(error), known.videos, observation=name))
    return paired(file, events, faults)


def _states(file: Path, behaviours: Any) -> dict[str, bool]:
    """Whether each behaviour of the ethogram is a state, which starts and stops, or a point."""
    if not isinstance(behaviours, dict) or not all(isinstance(one, dict) for one in behaviours.values()):
        raise UserError(f"{file.name}: no project of BORIS (no 'behaviors_conf' in it). Save it again in BORIS.")
    return {str(one.get("code", "")): "state" in str(one.get("type", "")).lower() for one in behaviours.values()}


def _observation(file: Path, name: str, said: Any) -> Observation:
    where = f"{file.name} observation '{name}'"
    if not isinstance(said, dict) or not isinstance(said.get("events"), list):
        raise UserError(f"{where}: no observation of BORIS (no 'events' in it). Save the project again in BORIS.")
    if said.get("type") == "IMAGES":
        raise UserError(f"{where}: of folders of pictures, which have no clock. Make an observation of a video.")
    media = _media(said)
    offset = read_time(str(said.get("time offset") or 0), where, "time offset", signed=True)
    info: dict[str, Any] = said["media_info"] if isinstance(said.get("media_info"), dict) else {}
    if said.get("media_creation_date_as_offset"):
        if len(media) > 1:
            raise runs_on(file, name, media)
        offset += sum(_number(info, "media_creation_time", one, where) for one in media)
    if len(media) < 2:
        return Observation(name, media, offset=offset)
    if not isinstance(info.get("length"), dict) or any(one not in info["length"] for one in media):
        raise runs_on(file, name, media)
    return Observation(name, media, tuple(_number(info, "length", one, where) for one in media), offset)


def _number(info: dict[str, Any], kind: str, media: str, where: str) -> float:
    of = info.get(kind)
    value = of.get(media) if isinstance(of, dict) else None
    return read_time(str(value), f"{where} media_info of '{media}'", kind)


def _media(observation: dict[str, Any]) -> tuple[str, ...]:
    """The files of the first player, by whose clock events are written."""
    files = observation.get("file")
    first = files.get("1") if isinstance(files, dict) else files
    return tuple(str(one) for one in first if one) if isinstance(first, list) else ()


def _videos(name: str, observation: Any) -> tuple[str, ...]:
    return (_media(observation) if isinstance(observation, dict) else ()) or (name,)


def _events(file: Path, observation: Observation, events: list[Any], states: dict[str, bool]) -> Iterator[Event]:
    timed = []
    for number, event in enumerate(events, 1):
        where = f"{file.name} observation '{observation.name}' event {number}"
        if not isinstance(event, list) or len(event) < 3:
            raise UserError(f"{where}: not a time, a subject and a behaviour. Save the project again in BORIS.")
        timed.append((read_time(str(event[0]), where, "time", signed=True), event, where))
    open_now: set[tuple[str, str, str]] = set()
    for time, event, where in sorted(timed, key=lambda one: one[0]):
        key = (str(event[1]), str(event[2]), str(event[3]) if len(event) > 3 else "")
        if key[1] not in states:
            raise UserError(
                f"{where}: '{key[1]}' is no behaviour of the project's ethogram ({', '.join(states) or 'empty'}). Add "
                "it there, or correct the event in BORIS."
            )
        kind = "POINT" if not states[key[1]] else "STOP" if key in open_now else "START"
        open_now ^= {key} if kind != "POINT" else set()
        yield Event(observation, subject_of(key[0]), key[1], key[2], kind, time, where)
