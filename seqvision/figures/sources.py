"""What a network was given, as an image to look at."""

from dataclasses import replace

import numpy as np
from PIL import Image

from seqvision.data import PictureReader, VideoReader
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import SequenceRecord

SIDE = 140  # pixels of a picture
FRAMES = 4  # of a clip


def source_image(reader: FrameReader, record: SequenceRecord) -> Image.Image:
    """The picture itself, some frames of a clip in a row, or the features over time."""
    if isinstance(reader, PictureReader):
        pixels = reader.pixels(record.source)
        made = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        factor = max(1, round(SIDE / max(made.size)))
        return made.resize((made.width * factor, made.height * factor), Image.Resampling.NEAREST)
    if isinstance(reader, VideoReader):
        reader = replace(reader, differences=False)
    frames = reader.read(record.source, *(record.span or (0, None)))
    if frames.dim() == 4:
        chosen = frames[np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))]
        strip = np.concatenate(list(chosen.permute(0, 2, 3, 1).numpy()), axis=1)
        return Image.fromarray(strip[:, :, 0] if strip.shape[2] == 1 else strip)
    return heat_image(frames.numpy())


def heat_image(features: np.ndarray) -> Image.Image:
    """Features over time, a row a feature, each from its least (white) to its greatest value (dark)."""
    low, high = features.min(axis=0), features.max(axis=0)
    shares = (features - low) / np.where(high > low, high - low, 1)
    made = Image.fromarray((255 - 225 * shares.T).astype(np.uint8))
    return made.resize((240, max(40, min(120, 8 * features.shape[1]))), Image.Resampling.BOX)
