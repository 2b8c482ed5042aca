"""Tiny videos whose frames say their own number, written where a test wants them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

STEP = 8  # grey levels from one frame to the next


def frame(number: int, width: int = 32, height: int = 24) -> np.ndarray:
    """A plain picture whose grey level is its number."""
    return np.full((height, width, 3), number * STEP % 256, dtype=np.uint8)


def write_film(
    path: Path,
    frames: int | Sequence[np.ndarray] = 10,
    *,
    rate: int = 25,
    codec: str = "libx264",
    milliseconds: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    rotation: int = 0,
) -> Path:
    """A video of numbered frames, or of the given ones; shown at `milliseconds` if its rate shall vary."""
    pictures = [frame(number) for number in range(frames)] if isinstance(frames, int) else list(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options={"g": "5", **(options or {})})
        stream.height, stream.width = pictures[0].shape[:2] if pictures else (24, 32)
        stream.pix_fmt = "yuv420p"
        if milliseconds is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, pixels in enumerate(pictures):
            picture = av.VideoFrame.from_ndarray(pixels, "rgb24")
            if milliseconds is not None:
                picture.pts, picture.time_base = milliseconds[number], Fraction(1, 1000)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path


def write_long_film(path: Path, *, seconds: int, rate: int = 25) -> Path:
    """A video of any length in no time: ten seconds are encoded, then the same packets over and over."""
    once = write_film(path.with_name("once.mp4"), [frame(n % 25, 16, 16) for n in range(10 * rate)], rate=rate)
    with av.open(str(once)) as source, av.open(str(path), "w") as file:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        copy = file.add_stream_from_template(stream)
        length = 10 * rate * (packets[0].duration or 1)
        stamps = [(packet.pts, packet.dts) for packet in packets]
        for turn in range(seconds // 10):
            for packet, (pts, dts) in zip(packets, stamps, strict=True):
                packet.pts, packet.dts, packet.stream = pts + turn * length, dts + turn * length, copy
                file.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and nothing to see."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), dtype=np.float32), format="fltp", layout="mono")
        sound.rate = 16000
        file.mux(stream.encode(sound))
        file.mux(stream.encode())
    return path


def numbers(frames) -> list[int]:
    """What the frames of a film of numbers are called, for a tensor (time, channels, height, width)."""
    return [round(level / STEP) for level in frames.float().mean((1, 2, 3)).tolist()]
