"""What a video file holds, found without decoding it, and its frames in the order in which they are shown."""

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqvision.data.sequences.readers.recording import Fitting, Recording, Size
from seqvision.errors import UserError

SMALL = 640 * 360  # pixels of a frame; below, starting threads costs more than they bring


@dataclass(frozen=True, eq=False)
class Footage(Recording):
    """The frames of a video file.

    stamps  each frame's time stamp in the file's own unit; None where only counting tells frames apart
    keys    numbers of the frames from which decoding can begin
    aspect  the width of a pixel over its height
    """

    path: Path
    stamps: np.ndarray | None
    keys: np.ndarray
    aspect: float

    def upright_size(self) -> Size:
        for _, frame in decode(self, 0, len(self)):
            width, height = round(frame.width * self.aspect), frame.height
            return (height, width) if frame.rotation % 180 else (width, height)
        return self.size

    def pixels(self, first: int, last: int, wanted: set[int], fitting: Fitting) -> Iterator[tuple[int, np.ndarray]]:
        resizer = library().video.reformatter.VideoReformatter()  # one for all frames: its tables are made once
        kind = "gray" if fitting.channels == 1 else "rgb24"
        for number, frame in decode(self, first, last):
            if number in wanted:
                turns = round(frame.rotation / 90) % 4
                stored = (frame.width, frame.height)
                if turns % 2:
                    width, height = fitting.inner(stored[::-1], 1 / self.aspect)[::-1]
                else:
                    width, height = fitting.inner(stored, self.aspect)
                smaller = width * height < frame.width * frame.height
                resized = resizer.reformat(frame, width, height, kind, interpolation="AREA" if smaller else "BICUBIC")
                array = resized.to_ndarray()
                yield number, fitting.place(np.rot90(array.reshape(height, width, fitting.channels), turns))


class _Packet(NamedTuple):
    stamp: int | None
    key: bool
    length: int


def library() -> Any:
    """PyAV, or a UserError that says how to install it."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise UserError("reading videos needs PyAV, which is not installed: pip install 'seqvision[video]'") from None


def footage(path: Path) -> Footage:
    """What the video holds; found once for each version of a file.

    UserError if the file is missing, empty, no video, or has no frame.
    """
    try:
        stat = path.stat()
    except OSError:
        raise UserError(f"{path}: no such video. Check the name and the folder.") from None
    return _scan(path, stat.st_size, stat.st_mtime_ns)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The open file and its first true video stream (a cover picture is none); a UserError if it has none."""
    av = library()
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise UserError(f"{path}: no such video. Check the name and the folder.") from None
        raise UserError(f"{path}: {_what_it_is(path)}") from None
    with container:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            raise UserError(f"{path}: no video stream in the file (it holds: {kinds}). Leave it out, or name another.")
        stream = streams[0]
        if stream.codec_context is None:
            raise UserError(f"{path}: the video is cut off or of an unknown kind. Copy it again, or convert it to MP4.")
        small = stream.codec_context.width * stream.codec_context.height <= SMALL
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 1 if small else 0
        yield container, stream


def decode(film: Footage, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Frames with their numbers, from `first` or earlier up to `last`, beginning at the nearest place that allows it.

    Ends early where the file does, or where what is left of it cannot be decoded; places that cannot be decoded are
    passed over.
    """
    key = int(film.keys[film.keys <= max(first, int(film.keys[0]))][-1])
    begun = False
    for number, frame in _decode_from(film, key, last):
        if not begun and number > first and key > 0:
            yield from _decode_from(film, 0, last)  # the jump went too far
            return
        begun = True
        yield number, frame


def _decode_from(film: Footage, key: int, last: int) -> Iterator[tuple[int, Any]]:
    av = library()
    with opened(film.path) as (container, stream):
        if key > 0 and film.stamps is not None:
            container.seek(int(film.stamps[key]), stream=stream, backward=True)
        count = 0
        for packet in _demuxed(container, stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                number = count
                if film.stamps is not None and frame.pts is not None:
                    number = int(np.searchsorted(film.stamps, frame.pts, side="right")) - 1
                count += 1
                if 0 <= number <= last:
                    yield number, frame
                if number >= last:
                    return


def _demuxed(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of the stream, as far as they can be had."""
    av = library()
    packets = container.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


@lru_cache(maxsize=1024)
def _scan(path: Path, size: int, _changed: int) -> Footage:
    if not size:
        raise UserError(f"{path}: the file is empty (0 bytes). Copy it again, or leave it out.")
    with opened(path) as (container, stream):
        packets, hidden, half = [], 0, False
        for packet in _demuxed(container, stream):
            if packet.size:
                hidden, half = hidden + packet.is_discard, packet.is_corrupt
                if not packet.is_discard:
                    stamp = packet.dts if packet.pts is None else packet.pts
                    packets.append(_Packet(stamp, packet.is_keyframe, packet.duration or 0))
        if len(packets) > 1 and half:
            packets.pop()  # half of it is there
        context, kind = stream.codec_context, container.format.name
        unit = float(stream.time_base or 0)
        declared = max(0, stream.frames - hidden)
        promised = container.duration / 1e6 if container.duration else 0.0
        # AVI knows no order of showing, only one of decoding
        reordered = kind == "avi" and context.has_b_frames and not all(packet.key for packet in packets)
        rates = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
        aspect = float(stream.sample_aspect_ratio or 1)
        size_stored = (context.width, context.height)
    if not packets:
        of = f"its {declared} frames" if declared else "its frames"
        raise UserError(f"{path}: none of {of} can be read; the file was cut off. Copy it again, or leave it out.")
    stamped = sorted((packet for packet in packets if packet.stamp is not None), key=lambda packet: packet.stamp or 0)
    stamps = np.array([packet.stamp for packet in stamped], dtype=np.int64)
    trusted = len(stamps) == len(packets) and not reordered and bool((np.diff(stamps) > 0).all())
    if trusted:
        times = (stamps - stamps[0]) * unit
        rate = _rate(times, unit, rates)
        step = stamped[-1].length * unit or (1 / rate if rate else 0.0)
    else:
        rate = rates[0] if rates else None
        step = 1 / rate if rate else 0.0
        times = np.arange(len(packets)) * step
    duration = float(times[-1]) + step
    if "matroska" in kind and rate and promised > duration + max(0.5, 3 / rate):
        # this kind says how long it is, not of how many frames; its sound may be longer than its pictures
        declared = max(declared, round((promised - _end(path)) * rate) + len(times))
    keys = np.flatnonzero([packet.key for packet in stamped]) if trusted else np.array([0])
    return Footage(
        name=str(path),
        times=times,
        duration=duration,
        rate=rate,
        declared=max(declared, len(times)),
        size=size_stored,
        path=path,
        stamps=stamps if trusted else None,
        keys=keys if len(keys) else np.array([0]),
        aspect=aspect,
    )


def _rate(times: np.ndarray, unit: float, said: Sequence[float]) -> float | None:
    """Frames a second: what the file says, where its time stamps agree, else their average."""
    if len(times) == 1:
        return said[0] if said else None
    steps = len(times) - 1
    agreed = [rate for rate in said if abs(times[-1] - steps / rate) <= 2 * unit]
    return agreed[0] if agreed else float(steps / times[-1])


def _end(path: Path) -> float:
    """The second at which the last packet of any stream ends."""
    with opened(path) as (container, _):
        ends = [
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in _demuxed(container, None)
            if packet.size and packet.pts is not None
        ]
    return max(ends, default=0.0)


def _what_it_is(path: Path) -> str:
    """Why a file is no video, and what to do."""
    if path.is_dir():
        return "a folder, not a video. Name the files in it, or let a command list them."
    with open(path, "rb") as file:
        start = file.read(16)
    if start[4:8] in (b"ftyp", b"moov", b"mdat"):
        return "the video is damaged: its index is missing, as in a file that was cut off. Copy or record it again."
    if start[:4] in (b"\x1aE\xdf\xa3", b"RIFF"):
        return "the video is damaged: its beginning makes no sense, as in a file that was cut off. Copy it again."
    return f"not a video that can be read (it starts with {start!r}). Convert it to MP4, or leave it out."
