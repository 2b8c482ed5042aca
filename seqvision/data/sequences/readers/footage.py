"""What a video file holds, and its frames by number, as one decode of the whole file gives them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.sequences.readers.recording import Fitting, Recording, Size
from seqvision.data.sequences.readers.upright import is_turned, upright
from seqvision.data.sequences.readers.video_file import decoded, demuxed, library, opened
from seqvision.data.sequences.readers.video_index import NONE, Stream, VideoIndex, numbered, read_index
from seqvision.errors import UserError


@dataclass(frozen=True, eq=False)
class Footage(Recording):
    """The frames of a video file.

    index   which packet holds which frame
    shown   for each frame its place among the decoded ones, which differs where the file says "as before"
    aspect  the width of a pixel over its height
    """

    path: Path
    index: VideoIndex
    shown: np.ndarray
    aspect: float

    def upright_size(self) -> Size:
        for _, frame in decode(self, 0, len(self) - 1):
            width, height = round(frame.width * self.aspect), frame.height
            return (height, width) if is_turned(frame) else (width, height)
        return self.size

    def pixels(self, first: int, last: int, wanted: set[int], fitting: Fitting) -> Iterator[tuple[int, np.ndarray]]:
        resizer = library().video.reformatter.VideoReformatter()  # one for all frames: its tables are made once
        kind = "gray" if fitting.channels == 1 else "rgb24"
        for number, frame in decode(self, first, last):
            if number in wanted:
                stored = (frame.width, frame.height)
                if is_turned(frame):
                    width, height = fitting.inner(stored[::-1], 1 / self.aspect)[::-1]
                else:
                    width, height = fitting.inner(stored, self.aspect)
                smaller = width * height < frame.width * frame.height
                resized = resizer.reformat(frame, width, height, kind, interpolation="AREA" if smaller else "BICUBIC")
                array = resized.to_ndarray()
                yield number, fitting.place(upright(array.reshape(height, width, fitting.channels), frame))


def footage(path: Path) -> Footage:
    """What the video holds; found once for each version of a file.

    UserError if the file is missing, empty, no video, or has no frame.
    """
    try:
        stat = path.stat()
    except OSError:
        raise UserError(f"{path}: no such video. Check the name and the folder.") from None
    return _scan(path, stat.st_size, stat.st_mtime_ns)


def decode(film: Footage, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """The frames `first` … `last` with their numbers; those that cannot be decoded are passed over."""
    number = first
    for rank, frame in _ranked(film, int(film.shown[first]), int(film.shown[last])):
        while number <= last and film.shown[number] < rank:
            number += 1
        while number <= last and film.shown[number] == rank:
            yield number, frame
            number += 1


def _ranked(film: Footage, first: int, last: int) -> Iterator[tuple[int, Any]]:
    """Decoded frames with their places among all, in the quickest way in which all of them come."""
    entry = film.index.entry(first)
    for begin, seeks in dict.fromkeys([(entry, entry > 0), (entry, False), (0, False)]):
        for rank, frame in _decode_from(film, begin, last, seeks=seeks):
            if rank > first and begin > 0:
                break  # one is missing
            if rank >= first:
                yield rank, frame
                first = rank + 1
        if first > last:
            return


def _decode_from(film: Footage, entry: int, last: int, *, seeks: bool) -> Iterator[tuple[int, Any]]:
    """What comes out when decoding begins at a packet, up to the frame whose place is `last`."""
    index, count = film.index, 0
    with opened(film.path) as (container, stream):
        packets = _sought(film, entry, container, stream) if seeks else numbered(demuxed(container, stream))
        for number, packet in packets:
            if number < entry:
                continue
            for frame in decoded(packet) or ():
                if index.order is None:
                    rank = count
                elif frame.pts is None or not 0 <= frame.pts < len(index.ranks):
                    continue
                else:
                    rank = int(index.ranks[frame.pts])
                count += 1
                if 0 <= rank <= last:
                    yield rank, frame
                if rank >= last:
                    return


def _sought(film: Footage, entry: int, container: Any, stream: Any) -> Iterator[tuple[int, Any]]:
    """The packets from the entry on, found by seeking; none, or not all, where seeking leads elsewhere."""
    index = film.index
    pts, dts = index.stamps[entry].tolist()
    for target in index.targets(entry):
        try:
            container.seek(target, stream=stream, backward=True)
        except library().error.FFmpegError:
            continue
        packets = demuxed(container, stream)
        for packet in packets:
            if not packet.size or (packet.dts is not None and NONE != dts < packet.dts):
                break  # too far
            if (packet.dts == dts if pts == NONE else packet.pts == pts) and index.is_packet(packet, entry):
                packet.pts = entry
                yield entry, packet
                for number, following in numbered(packets, entry + 1):
                    if following.size and not (number < len(index.sizes) and index.is_packet(following, number)):
                        return
                    yield number, following
                return


@lru_cache(maxsize=1024)
def _scan(path: Path, size: int, _changed: int) -> Footage:
    if not size:
        raise UserError(f"{path}: the file is empty (0 bytes). Copy it again, or leave it out.")
    stream, packets, index = read_index(path)
    declared = max(0, stream.declared - sum(packets.hidden))
    if not index.frames:
        of = f"its {declared} frames" if declared else "its frames"
        raise UserError(f"{path}: none of {of} can be read; the file was cut off. Copy it again, or leave it out.")
    shown, stamps = np.arange(index.frames, dtype=np.int32), index.shown_stamps(0)
    if "avi" in stream.kinds and stream.rates:
        shown, stamps = _repeated(path, size, stream, index), None
    if index.order is not None and stamps is not None and stream.timed:
        times = (stamps - stamps[0]) * stream.unit
        rate = _rate(times, stream.unit, stream.rates)
        step = packets.lengths[int(index.order[-1])] * stream.unit or (1 / rate if rate else 0.0)
    else:
        rate = stream.rates[0] if stream.rates else None
        step = 1 / rate if rate else 0.0
        times = np.arange(len(shown)) * step
    duration = float(times[-1]) + step
    if "matroska" in stream.kinds and rate and stream.promised > duration + max(0.5, 3 / rate):
        # this kind says how long it is, not of how many frames; its sound may be longer than its pictures
        declared = max(declared, round((stream.promised - _end(path)) * rate) + len(times))
    return Footage(
        name=str(path),
        times=times,
        duration=duration,
        rate=rate,
        declared=max(declared, len(times) + index.broken),
        size=stream.size,
        path=path,
        index=index,
        shown=shown,
        aspect=stream.aspect,
    )


def _repeated(path: Path, size: int, stream: Stream, index: VideoIndex) -> np.ndarray:
    """The decoded frame of each frame of an AVI file: it counts frames, and one of no bytes is the one before it."""
    slots = index.shown_stamps(1)
    if slots is None or abs(stream.unit * stream.rates[0] - 1) > 1e-3:
        return np.arange(index.frames, dtype=np.int32)
    slots -= min(0, slots[0])
    count = int(slots[-1]) + 1
    with open(path, "rb") as file:
        whole = int.from_bytes(file.read(8)[4:], "little") + 8 <= size
    if whole:
        count = max(count, stream.declared)  # empty ones at the end
    if count > size // 8:  # of a chunk's header: so many cannot be there
        return np.arange(index.frames, dtype=np.int32)
    return np.maximum(np.searchsorted(slots, np.arange(count), side="right") - 1, 0).astype(np.int32)


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
            for packet in demuxed(container, None)
            if packet.size and packet.pts is not None
        ]
    return max(ends, default=0.0)
