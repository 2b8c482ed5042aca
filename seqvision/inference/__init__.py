"""A checkpoint and a person's files in, predictions out: used by the commands, the report and the notebooks alike.

Nothing here trains, and nothing here knows a command line or the configuration's syntax.
"""

from seqvision.inference.captioning import Caption, PictureCaption, caption_pictures
from seqvision.inference.checkpoint import LoadedCaptioner, LoadedModel, load_captioner, load_model
from seqvision.inference.decoders import make_decoder, trained_decoder
from seqvision.inference.sequences import LabelStream, LoadedClassifier, LoadedLabeller, classify, label

__all__ = [
    "load_model",
    "LoadedModel",
    "load_captioner",
    "LoadedCaptioner",
    "LoadedClassifier",
    "LoadedLabeller",
    "classify",
    "label",
    "LabelStream",
    "caption_pictures",
    "PictureCaption",
    "Caption",
    "make_decoder",
    "trained_decoder",
]
