"""Videos with their labels drawn in, the pieces of each label, and a strip of frames for pages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from seqvision.data.annotations.segments import Segment, covered
from seqvision.data.sequences.readers.recording import Recording
from seqvision.data.sequences.readers.video import VideoReader
from seqvision.data.sequences.readers.video_file import library
from seqvision.errors import UserError
from seqvision.figures.timeline import class_colours
from seqvision.files import atomic_path, file_names, short_name

WIDEST, NARROWEST = 1280, 320  # pixels of a labelled video
LINE, BAR, GAP = 22, 12, 6
INK, GROUND, NOBODY = (40, 40, 42), (246, 245, 242), (255, 255, 255)
CLOCK = 90_000  # ticks a second, as in most players


def write_labelled_video(
    source: str | Path | np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    path: str | Path,
    *,
    reader: VideoReader | None = None,
    truth: np.ndarray | None = None,
    background: str = "background",
) -> Path:
    """The video with each frame's label below it, and bars that show the labels over its whole length, as MP4.

    labels: (time,) places among the classes, -1 for none, or (time, classes) of 0 and 1; one for each frame that
    `reader` gives. truth: the same, drawn below. Small videos are enlarged, large ones reduced, sound is left out.
    UserError where labels and frames differ in number.
    """
    reader = _at_own_size(reader)
    rows = {"": labels} if truth is None else {"said": labels, "true": truth}
    frames = reader.length(source)
    for name, given in rows.items():
        if len(given) != frames:
            raise UserError(
                f"{_name(source)}: {frames} frames and {len(given)} {'true labels' if name == 'true' else 'labels'}; "
                "expected one for each frame, sampled as the labels were made."
            )
    width, height = _shown_size(reader.recorded(source))
    panel = _Panel(rows, classes, width, background)
    rate = reader.rate(source) or 25.0
    with _encoder(path, width, height + panel.height, rate) as write:
        number = 0
        for chunk in replace(reader, width=width, height=height).read_chunks(source):
            for frame in chunk.permute(0, 2, 3, 1).numpy():
                write(np.concatenate([frame, panel.draw(number)]), number / rate)
                number += 1
    return Path(path)


def cut_clips(
    source: str | Path | np.ndarray,
    segments: Sequence[Segment],
    folder: str | Path,
    *,
    on_truncated: str = "error",
) -> list[Path]:
    """The pieces of each label as videos of their own, `LABEL/NAME_0001.mp4`, …, a folder a label, numbered by time.

    Every piece holds exactly the recorded frames whose middle lies in its segment (in seconds), at their own size and
    times, encoded anew without sound; a segment outside the video makes none.
    """
    reader = VideoReader(on_truncated=on_truncated, on_variable_rate="keep")
    film = reader.recorded(source)
    ends = np.append(film.times[1:], film.duration)
    middles = (film.times + ends) / 2
    width, height = film.upright_size()
    even = replace(reader, width=width + width % 2, height=height + height % 2)
    made: list[Path] = []
    counts: dict[str, int] = {}
    names = file_names(segment.label for segment in segments)
    for segment in sorted(segments, key=lambda segment: (segment.start, segment.stop)):
        first, last = covered(segment, middles)
        if first >= last:
            continue
        counts[segment.label] = counts.get(segment.label, 0) + 1
        name = f"{short_name(Path(_name(source)).stem)}_{counts[segment.label]:04}.mp4"
        path = Path(folder) / names[segment.label] / name
        with _encoder(path, even.width or 0, even.height or 0, film.rate or 25.0, segment.label) as write:
            number = first
            for chunk in even.read_chunks(source, first, last):
                for frame in chunk.permute(0, 2, 3, 1).numpy():
                    write(frame, float(film.times[number] - film.times[first]))
                    number += 1
        made.append(path)
    return made


def contact_strip(
    source: str | Path | np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    reader: VideoReader | None = None,
    truth: np.ndarray | None = None,
    pictures: int = 10,
    side: int = 120,
    background: str = "background",
) -> Image.Image:
    """Evenly spaced frames in a row, the label of each below it, and bars with the labels of all frames."""
    reader = _at_own_size(reader)
    numbers = np.unique(np.linspace(0, len(labels) - 1, min(pictures, len(labels))).round().astype(int))
    width, height = reader.recorded(source).upright_size()
    scale = side / max(width, height)
    sized = replace(reader, width=max(1, round(width * scale)), height=max(1, round(height * scale)))
    rows = {"": labels} if truth is None else {"said": labels, "true": truth}
    strip_width = len(numbers) * (side + GAP) + GAP
    panel = _Panel(rows, classes, strip_width, background)
    top = sized.height or side
    sheet = Image.new("RGB", (strip_width, GAP + top + LINE + panel.height), GROUND)
    draw, font = ImageDraw.Draw(sheet), _font(11)
    for place, number in enumerate(numbers.tolist()):
        left = GAP + place * (side + GAP)
        frame = sized.read(source, number, number + 1)[0].permute(1, 2, 0).numpy()
        sheet.paste(Image.fromarray(frame), (left + (side - frame.shape[1]) // 2, GAP))
        draw.text((left, GAP + top + 4), _fitting(panel.text(labels[number]), side, font), fill=INK, font=font)
    sheet.paste(Image.fromarray(panel.bars()), (0, GAP + top + LINE))
    return sheet.crop((0, 0, strip_width, GAP + top + LINE + panel.bars().shape[0]))


class _Panel:
    """What stands below a frame: its labels as text, and bars with a mark at the frame."""

    def __init__(self, rows: dict[str, np.ndarray], classes: Sequence[str], width: int, background: str):
        self.rows, self.classes, self.width = rows, classes, width
        colours = class_colours(classes, background=background)
        self.colours = [tuple(round(255 * part) for part in to_rgb(colour)) for colour in colours]
        self.font = _font(13)
        self.lead = 40 if len(rows) > 1 else GAP
        self._bars = self._drawn_bars()
        height = len(rows) * LINE + self._bars.shape[0]
        self.height = height + height % 2

    def text(self, label: Any) -> str:
        """A frame's label, or its labels, by name."""
        if np.ndim(label):
            return (
                ", ".join(name for name, value in zip(self.classes, label.tolist(), strict=True) if value == 1) or "–"
            )
        return self.classes[int(label)] if label >= 0 else "–"

    def bars(self) -> np.ndarray:
        """The bars without a mark, (height, width, 3)."""
        return self._bars

    def draw(self, number: int) -> np.ndarray:
        """The panel for a frame, (height, width, 3)."""
        picture = Image.new("RGB", (self.width, self.height), GROUND)
        draw = ImageDraw.Draw(picture)
        for place, (name, labels) in enumerate(self.rows.items()):
            top = place * LINE
            if name:
                draw.text((GAP, top + 3), name, fill=INK, font=self.font)
            label = labels[number]
            if not np.ndim(label):
                colour = self.colours[int(label)] if label >= 0 else NOBODY
                draw.rectangle((self.lead, top + 6, self.lead + 11, top + 17), fill=colour)
            room = self.width - self.lead - 2 * GAP - 16
            draw.text((self.lead + 16, top + 3), _fitting(self.text(label), room, self.font), fill=INK, font=self.font)
        top = len(self.rows) * LINE
        picture.paste(Image.fromarray(self._bars), (0, top))
        frames = len(next(iter(self.rows.values())))
        mark = GAP + round((number + 0.5) / frames * (self.width - 2 * GAP))
        draw.line((mark, top, mark, top + self._bars.shape[0] - 3), fill=INK, width=2)
        return np.asarray(picture)

    def _drawn_bars(self) -> np.ndarray:
        stripes = []
        for labels in self.rows.values():
            columns = labels[:, None] if labels.ndim == 1 else labels
            places = np.minimum(
                np.arange(self.width - 2 * GAP) * len(labels) // (self.width - 2 * GAP), len(labels) - 1
            )
            for column in range(columns.shape[1]):
                stripe = np.full((BAR if labels.ndim == 1 else 6, self.width, 3), GROUND, dtype=np.uint8)
                stripe[:-2, GAP : self.width - GAP] = self._coloured(columns[places, column], labels.ndim, column)
                stripes.append(stripe)
        return np.concatenate(stripes)

    def _coloured(self, values: np.ndarray, kind: int, column: int) -> np.ndarray:
        if kind == 1:
            palette = np.array([*self.colours, NOBODY], dtype=np.uint8)  # -1 is the last
            return palette[values]
        return np.array([(236, 235, 232), self.colours[column], NOBODY], dtype=np.uint8)[values]


@contextmanager
def _encoder(path: str | Path, width: int, height: int, rate: int | float, title: str = "") -> Iterator[Any]:
    """Writes frames (height, width, 3) with their seconds into an MP4 of H.264, or of MPEG-4 where that is missing; the
    title is what players show.
    """
    av = library()
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    options = {"crf": "18", "preset": "veryfast"} if codec == "libx264" else {"q:v": "3"}
    with atomic_path(path) as draft, av.open(str(draft), "w") as file:
        stream = file.add_stream(codec, rate=Fraction(rate).limit_denominator(1001), options=options)
        file.metadata["title"] = title.replace("\0", "\ufffd").encode(errors="replace").decode()
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        clock = Fraction(1, CLOCK if codec == "libx264" else 1000)
        stream.codec_context.time_base = clock

        def write(frame: np.ndarray, seconds: float) -> None:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            # the encoder's own conversion, in several threads, does not always give the same pixels
            picture = picture.reformat(format=stream.pix_fmt)
            picture.pts, picture.time_base = round(seconds / clock), clock
            file.mux(stream.encode(picture))

        yield write
        file.mux(stream.encode())


def _font(size: int) -> ImageFont.FreeTypeFont:
    """A font that has more letters than Pillow's own."""
    return ImageFont.truetype(findfont("DejaVu Sans"), size)


def _at_own_size(reader: VideoReader | None) -> VideoReader:
    """The reader's frames, but in colour and as large as they were recorded."""
    return replace(reader or VideoReader(), width=None, height=None, channels=3, fit="stretch", differences=False)


def _shown_size(film: Recording) -> tuple[int, int]:
    """Even numbers of pixels, small videos by a whole factor larger."""
    width, height = film.upright_size()
    scale: float = -(-NARROWEST // width) if width < NARROWEST else min(1.0, WIDEST / width)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _fitting(text: str, room: int, font: Any) -> str:
    """The text, or as much of it as fits."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(text + "…") > room:
        text = text[:-1]
    return text + "…"


def _name(source: str | Path | np.ndarray) -> str:
    return "clip" if isinstance(source, np.ndarray) else Path(source).name
