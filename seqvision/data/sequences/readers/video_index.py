"""Which packet of a video file holds which frame, and at which packets decoding may begin.

Frames are numbered as one decode of the whole file gives them. Where the container has a record for each frame with the
time at which it is shown, the packets alone say that; for all other files one decode does.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seqvision.data.sequences.readers.random_access import HEAD, Entry, entry_test, shows_nothing
from seqvision.data.sequences.readers.recording import MAX_FRAMES, expect_frames
from seqvision.data.sequences.readers.video_file import decoded, demuxed, library, opened

RECORDS = {"mov", "matroska", "nut", "flv", "avi", "asf", "mxf", "dv", "gif", "apng", "ivf", "ogg", "yuv4mpegpipe"}
TIMED = {"mov", "matroska", "nut", "flv"}  # those that keep the time of showing, not only that of decoding
NONE = int(np.iinfo(np.int64).min)  # no stamp


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """The packets of a stream in the order in which they lie in the file.

    sizes, sums  bytes of each packet, and a checksum of its beginning: what it is recognised by
    stamps       (packets, 2) when each is shown and decoded, in the stream's unit; `NONE` where the file does not say
    order        the packets of the decoded frames, in the order in which these are shown; None where the decoder does
                 not say which packet a frame belongs to, so that only counting tells frames apart
    frames       the number of decoded frames
    broken       the number of packets that cannot be decoded, as far as that is known
    entries      the packets at which decoding may begin
    """

    sizes: np.ndarray
    sums: np.ndarray
    stamps: np.ndarray
    order: np.ndarray | None
    frames: int
    broken: int
    entries: np.ndarray
    ranks: np.ndarray = field(init=False)  # of each packet's frame among the decoded ones; -1: none is shown

    def __post_init__(self) -> None:
        ranks = np.full(len(self.sizes), -1, dtype=np.int32)
        entries = self.entries[:0]
        if self.order is not None and len(self.order):
            ranks[self.order] = np.arange(len(self.order))
            # of the frames that are shown from an entry's own on, none may lie before it
            first = np.minimum.accumulate(self.order[::-1])[::-1]
            entries = self.entries[ranks[self.entries] >= 0]
            entries = entries[first[ranks[entries]] == entries]
        object.__setattr__(self, "ranks", ranks)
        object.__setattr__(self, "entries", entries)

    def is_packet(self, packet: Any, number: int) -> bool:
        return bool(packet.size == self.sizes[number] and _sum(_head(packet)) == self.sums[number])

    def shown_stamps(self, column: int) -> np.ndarray | None:
        """Rising stamps of the frames in the order in which they are shown; None where the file's make no sense."""
        if self.order is None or not len(self.order):
            return None
        stamps = np.sort(self.stamps[self.order, column])
        return None if stamps[0] == NONE or (np.diff(stamps) <= 0).any() else stamps

    def entry(self, rank: int) -> int:
        """The last packet at which decoding may begin so that the frame of this rank comes out; 0 if there is none."""
        place = int(np.searchsorted(self.ranks[self.entries], rank, side="right"))
        return int(self.entries[place - 1]) if place else 0

    def targets(self, entry: int) -> list[int]:
        """Stamps to seek, the best first, so that reading goes on at the entry or before it."""
        place = int(np.searchsorted(self.entries, entry))
        found = [*self.stamps[entry], self.stamps[self.entries[max(0, place - 1)], 1]]
        return list(dict.fromkeys(int(stamp) for stamp in found if stamp != NONE))


@dataclass
class Packets:
    """What demuxing the stream gives, a value for each packet."""

    sizes: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    stamps: list[tuple[int, int]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    hidden: list[bool] = field(default_factory=list)  # by an edit list
    entries: list[int] = field(default_factory=list)
    whole: bool = True  # each packet holds one frame, and the first one can be decoded

    def __len__(self) -> int:
        return len(self.sizes)

    def take(self, packets: Iterator[Any], name: str, codec: str, is_entry: Entry) -> None:
        half = False
        for packet in packets:
            if not packet.size:
                continue
            head = _head(packet)
            if is_entry(head):
                self.entries.append(len(self))
            self.whole = self.whole and not shows_nothing(codec, head, packet.size) and bool(self or packet.is_keyframe)
            if len(self) > MAX_FRAMES:
                expect_frames(name, len(self))
            self.sizes.append(packet.size)
            self.sums.append(_sum(head))
            pts, dts = (NONE if stamp is None else stamp for stamp in (packet.pts, packet.dts))
            self.stamps.append((pts, dts))
            self.lengths.append(packet.duration or 0)
            self.hidden.append(packet.is_discard)
            half = packet.is_corrupt
        if len(self) > 1 and half:  # half of the last one is there
            for values in (self.sizes, self.sums, self.stamps, self.lengths, self.hidden):
                values.pop()
            self.entries = [entry for entry in self.entries if entry < len(self)]

    def order(self, kinds: set[str], *, reordered: bool) -> np.ndarray | None:
        """The packets in the order in which their frames are shown; None where only decoding them can tell."""
        stamps = np.array(self.stamps, dtype=np.int64).reshape(-1, 2)[:, 0]
        shown = np.flatnonzero(~np.array(self.hidden, dtype=bool))
        if not len(shown) or not self.whole or not kinds & RECORDS or NONE in stamps:
            return None
        order = shown[np.argsort(stamps[shown], kind="stable")]
        leading = stamps[order[0]] < stamps[0]  # shown before the first one that is decoded: can they be?
        as_stored = bool((np.diff(order) > 0).all())
        if leading or (np.diff(stamps[order]) <= 0).any() or (reordered and (as_stored or not kinds & TIMED)):
            return None
        return order

    def index(self, order: np.ndarray | None, frames: int, broken: int) -> VideoIndex:
        return VideoIndex(
            sizes=np.array(self.sizes, dtype=np.int32),
            sums=np.array(self.sums, dtype=np.uint32),
            stamps=np.array(self.stamps, dtype=np.int64).reshape(-1, 2),
            order=order,
            frames=frames,
            broken=broken,
            entries=np.array(self.entries, dtype=np.int64),
        )


@dataclass(frozen=True)
class Stream:
    """What the file's headers say."""

    kinds: set[str]
    timed: bool  # whether the container keeps stamps at all
    rates: list[float]
    unit: float
    declared: int
    promised: float
    size: tuple[int, int]
    aspect: float


def read_index(path: Path) -> tuple[Stream, Packets, VideoIndex]:
    """One pass over the packets, and one decode of all where they do not tell. UserError if the file is no video."""
    packets = Packets()
    with opened(path) as (container, stream):
        context = stream.codec_context
        codec, palette = context.codec.canonical_name, context.pix_fmt == "pal8"
        is_entry = entry_test(
            codec, bytes(context.extradata or b""), intra_only=context.codec.intra_only, palette=palette
        )
        packets.take(demuxed(container, stream), str(path), codec, is_entry)
        headers = Stream(
            kinds=set(container.format.name.split(",")),
            timed=not container.format.flags & library().format.Flags.no_timestamps.value,
            rates=[float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate],
            unit=float(stream.time_base or 0),
            declared=stream.frames,
            promised=container.duration / 1e6 if container.duration else 0.0,
            size=(context.width, context.height),
            aspect=float(stream.sample_aspect_ratio or 1),
        )
        reordered = bool(context.has_b_frames)
    order = packets.order(headers.kinds, reordered=reordered)
    if order is not None or not len(packets):
        return headers, packets, packets.index(order, len(packets) - sum(packets.hidden), broken=0)
    return headers, packets, packets.index(*_by_decoding(path, len(packets)))


def _by_decoding(path: Path, count: int) -> tuple[np.ndarray | None, int, int]:
    """The order of the first `count` packets, the number of their frames, and that of packets which are broken.

    What cannot be decoded before the first frame is no damage: recordings of a broadcast begin anywhere.
    """
    came: list[int | None] = []
    broken = 0
    with opened(path) as (container, stream):
        for number, packet in numbered(demuxed(container, stream)):
            if number < count or not packet.size:
                frames = decoded(packet)
                broken += frames is None and bool(came)
                came += [frame.pts for frame in frames or ()]
    order = np.array([-1 if packet is None else packet for packet in came], dtype=np.int64)
    told = len(np.unique(order)) == len(order) and not (order < 0).any() and not (order >= count).any()
    return (order if told else None), len(came), broken


def numbered(packets: Iterator[Any], first: int = 0) -> Iterator[tuple[int, Any]]:
    """Packets with their numbers from `first`, which they also carry as stamps: a decoder hands them to the frames."""
    for number, packet in enumerate(packets, first):
        if packet.size:
            packet.pts = number
        yield number, packet


def _head(packet: Any) -> bytes:
    return bytes(memoryview(packet)[:HEAD])


def _sum(head: bytes) -> int:
    return zlib.crc32(head)
