"""An open video file and its packets."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqvision.data.pictures import MAX_PIXELS
from seqvision.errors import UserError

SMALL = 640 * 360  # pixels of a frame; below, starting threads costs more than they bring


def library() -> Any:
    """PyAV, or a UserError that says how to install it."""
    try:
        return importlib.import_module("av")
    except ImportError:
        raise UserError("reading videos needs PyAV, which is not installed: pip install 'seqvision[video]'") from None


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The open file and its first true video stream (a cover picture is none); a UserError if it has none."""
    av = library()
    try:
        # what a header claims is memory that the decoder takes, in the search for streams already
        container = av.open(str(path), metadata_errors="ignore", options={"max_pixels": str(MAX_PIXELS)})
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
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise UserError(
                f"{path}: frames of {width} x {height} pixels, more than the limit of {MAX_PIXELS} pixels. Make the "
                "video smaller, or copy the file again: it may be damaged."
            )
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        small = width * height <= SMALL
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = 1 if small else 0
        yield container, stream


def demuxed(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of the stream, as far as they can be had; last an empty one, with which the decoder is emptied."""
    av = library()
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.error.FFmpegError):
            return
        if packet.size or packet.dts is None:  # to a decoder, an empty packet is the end
            yield packet


def decoded(packet: Any) -> list[Any] | None:
    """The frames that come out of the decoder when a packet goes in; None if the packet is broken."""
    try:
        frames: list[Any] = packet.decode()
    except library().error.FFmpegError:
        return None
    return frames


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
