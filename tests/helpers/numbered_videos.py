"""Videos of many containers and codecs whose frames carry their number in their pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

BITS = 8


@dataclass(frozen=True)
class Kind:
    """A file name that says the container, a codec, and what is special about it."""

    name: str
    codec: str
    pixels: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    frames: int = 100
    gop: int = 12
    reordered: int | None = None  # frames in a row that are shown before they are decoded; None: the codec's own choice
    options: Mapping[str, str] = field(default_factory=dict)
    container: Mapping[str, str] = field(default_factory=dict)
    format: str | None = None
    milliseconds: Sequence[int] = ()  # from each frame to the next, over and over


def _x264(parameters: str) -> dict[str, str]:
    return {"x264-params": f"scenecut=0:{parameters}"}


X265 = {"x265-params": "log-level=none:keyint=12"}
OPEN, REFRESH = _x264("open-gop=1:b-pyramid=normal"), _x264("intra-refresh=1")
LOOK_AHEAD = {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "8", "deadline": "realtime"}

H264 = ("mp4", "mov", "mkv", "avi", "flv", "ts", "m2ts", "3gp", "nut", "mxf", "f4v", "h264")
MPEG2 = ("mpg", "vob", "ts", "m2v", "mkv", "mp4", "avi", "mxf", "wtv")
KINDS = [
    *(Kind(f"h264.{c}", "libx264", reordered=2) for c in H264),
    Kind("h264.wmv", "libx264", reordered=2, format="asf"),
    *(Kind(f"h264_open_gop.{c}", "libx264", reordered=3, options=OPEN) for c in ("mp4", "mkv", "ts", "flv")),
    *(Kind(f"h264_intra_refresh.{c}", "libx264", options=REFRESH) for c in ("mp4", "ts")),
    *(Kind(f"h264_no_b.{c}", "libx264", reordered=0) for c in ("avi", "h264", "ts")),
    Kind("h264_interlaced.ts", "libx264", reordered=2, options={"flags": "+ilme+ildct"}),
    Kind("h264_fragments.mp4", "libx264", reordered=2, container={"movflags": "frag_keyframe+empty_moov"}),
    Kind("h264_uneven.mp4", "libx264", reordered=2, milliseconds=(40, 20, 80)),
    Kind("h264_uneven.mkv", "libx264", reordered=2, milliseconds=(40, 20, 80)),
    Kind("h264_10_bit.mkv", "libx264", "yuv420p10le", reordered=2),
    Kind("h264_odd.mkv", "libx264", "yuv444p", (67, 51), reordered=2),
    *(Kind(f"hevc.{c}", "libx265", options=X265) for c in ("mp4", "mkv", "ts", "hevc")),
    *(Kind(f"mpeg1.{c}", "mpeg1video", reordered=2) for c in ("mpg", "m1v")),
    *(Kind(f"mpeg2.{c}", "mpeg2video", reordered=2) for c in MPEG2),
    Kind("mpeg2_no_b.mpg", "mpeg2video", reordered=0),
    *(Kind(f"mpeg4.{c}", "mpeg4", reordered=2) for c in ("mp4", "avi", "mkv", "ts", "m4v")),
    *(Kind(f"mpeg4_no_b.{c}", "mpeg4", reordered=0) for c in ("avi", "3gp")),
    *(Kind(f"vp8.{c}", "libvpx", options=LOOK_AHEAD) for c in ("webm", "ivf", "ogv")),
    *(Kind(f"vp9.{c}", "libvpx-vp9", options=LOOK_AHEAD) for c in ("webm", "mp4", "ivf")),
    *(Kind(f"av1.{c}", "libsvtav1", gop=24, options={"preset": "12"}) for c in ("mp4", "webm", "obu")),
    Kind("av1_open_gop.mkv", "libsvtav1", gop=24, options={"preset": "12", "svtav1-params": "irefresh-type=1"}),
    Kind("flv1.flv", "flv"),
    Kind("flv1.swf", "flv"),
    *(Kind(f"wmv{n}.wmv", f"wmv{n}") for n in (1, 2)),
    Kind("msmpeg4.avi", "msmpeg4"),
    Kind("h263.3gp", "h263", size=(176, 144)),
    Kind("h263p.avi", "h263p"),
    Kind("h261.h261", "h261", size=(176, 144)),
    Kind("rv20.rm", "rv20"),
    *(Kind(f"mjpeg.{c}", "mjpeg", "yuvj420p") for c in ("avi", "mov", "mkv", "mjpeg")),
    *(Kind(f"ffv1.{c}", "ffv1") for c in ("avi", "mkv")),
    Kind("ffv1_gray.mkv", "ffv1", "gray"),
    Kind("huffyuv.avi", "huffyuv", "yuv422p"),
    Kind("utvideo.avi", "utvideo"),
    Kind("raw.avi", "rawvideo", "bgr24"),
    Kind("raw.nut", "rawvideo"),
    Kind("raw.y4m", "wrapped_avframe"),
    Kind("prores.mov", "prores_ks", "yuv422p10le"),
    Kind("dnxhr.mov", "dnxhd", "yuv422p", (256, 128), options={"profile": "dnxhr_sq"}),
    Kind("dnxhd.mxf", "dnxhd", "yuv422p", (1280, 720), 30, options={"b": "60M"}),
    Kind("jpeg2000.mxf", "jpeg2000"),
    Kind("dv.dv", "dvvideo", size=(720, 576), frames=30),
    Kind("svq1.mov", "svq1", "yuv410p"),
    Kind("qtrle.mov", "qtrle", "rgb24"),
    Kind("rpza.mov", "rpza", "rgb555le"),
    Kind("zmbv.avi", "zmbv", "bgr0"),
    Kind("flashsv.flv", "flashsv", "bgr24"),
    Kind("gif.gif", "gif", "rgb8"),
    Kind("apng.apng", "apng", "rgb24"),
]


def numbered_picture(number: int, size: tuple[int, int]) -> np.ndarray:
    """Bars for the bits above; below a square that moves, so that no frame is a copy of another."""
    width, height = size
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    bar = width // BITS
    for bit in range(BITS):
        pixels[: height // 2, bit * bar : (bit + 1) * bar] = 235 if number >> bit & 1 else 20
    at = number * 3 % (width - 8)
    pixels[height // 2 :, :, 0] = 150
    pixels[height // 2 + 4 : height // 2 + 12, at : at + 8] = (20, 200, 60)
    return pixels


def numbers_of(frames: torch.Tensor) -> list[int]:
    """The numbers that frames (time, channels, height, width) carry."""
    height, width = frames.shape[2:]
    bar = width // BITS
    above = frames[:, :, 2 : height // 2 - 2].float().mean((1, 2))
    bars = torch.stack([above[:, bit * bar + 1 : (bit + 1) * bar - 1].mean(1) for bit in range(BITS)], dim=1) > 110
    return (bars * 2 ** torch.arange(BITS)).sum(1).tolist()


def write_numbered(folder: Path, kind: Kind) -> Path:
    """ValueError or an error of PyAV where this FFmpeg has no such encoder."""
    path = folder / kind.name
    with av.open(str(path), "w", format=kind.format, options=dict(kind.container)) as file:
        stream = file.add_stream(kind.codec, rate=Fraction(25), options=dict(kind.options))
        stream.width, stream.height = kind.size
        stream.pix_fmt = kind.pixels
        stream.codec_context.gop_size = kind.gop
        if kind.reordered is not None:
            stream.codec_context.max_b_frames = kind.reordered
        if kind.milliseconds:
            stream.codec_context.time_base = Fraction(1, 1000)
        moment = 0
        for number in range(kind.frames):
            picture = av.VideoFrame.from_ndarray(numbered_picture(number, kind.size), "rgb24")
            if kind.milliseconds:
                picture.pts, picture.time_base = moment, Fraction(1, 1000)
                moment += kind.milliseconds[number % len(kind.milliseconds)]
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return path
