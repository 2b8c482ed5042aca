"""Networks, one a file: plain torch.nn, without Lightning, configuration or files."""

from seqvision.models.captioner import Captioner
from seqvision.models.sequences import FrameLabeller, SequenceClassifier
from seqvision.models.translator import SentenceEncoder, Source, Translator
from seqvision.models.word_decoder import TeacherForced, WordDecoder

__all__ = [
    "SequenceClassifier",
    "FrameLabeller",
    "Captioner",
    "Translator",
    "SentenceEncoder",
    "Source",
    "WordDecoder",
    "TeacherForced",
]
