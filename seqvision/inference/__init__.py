"""A checkpoint and a person's files in, predictions out: used by the commands, the report and the notebooks alike.

Nothing here trains, and nothing here knows a command line or the configuration's syntax.
"""

from seqvision.inference.captioning import Caption, PictureCaption, caption_pictures
from seqvision.inference.checkpoint import LoadedCaptioner, load_captioner
from seqvision.inference.decoders import make_decoder, trained_decoder

__all__ = [
    "load_captioner",
    "LoadedCaptioner",
    "caption_pictures",
    "PictureCaption",
    "Caption",
    "make_decoder",
    "trained_decoder",
]
