"""Networks, one a file: plain torch.nn, without Lightning, configuration or files."""

from seqvision.models.captioner import Captioner
from seqvision.models.dram import DRAM
from seqvision.models.draw import Draw
from seqvision.models.initialisation import He, Identity, Initialisation, Normal, Orthogonal, Xavier
from seqvision.models.lsuv import LSUV
from seqvision.models.noise import Noise
from seqvision.models.painter import Bound, Drawing, Painter, Posterior
from seqvision.models.pixels import BernoulliPixels, GaussianPixels
from seqvision.models.ram import RAM
from seqvision.models.read_write import WholeRead, WholeWrite, WindowRead, WindowWrite
from seqvision.models.reader import GlimpseReader, Reader, Reading
from seqvision.models.sequences import FrameLabeller, SequenceClassifier
from seqvision.models.surfaces import Rosenbrock, Saddle, Valley, Walker
from seqvision.models.translator import SentenceEncoder, Source, Translator
from seqvision.models.vae import VariationalAutoencoder
from seqvision.models.whole import WholePicture
from seqvision.models.word_decoder import TeacherForced, WordDecoder

__all__ = [
    "SequenceClassifier",
    "FrameLabeller",
    "Reader",
    "GlimpseReader",
    "Reading",
    "RAM",
    "DRAM",
    "WholePicture",
    "Painter",
    "Draw",
    "VariationalAutoencoder",
    "Bound",
    "Drawing",
    "Posterior",
    "BernoulliPixels",
    "GaussianPixels",
    "WholeRead",
    "WholeWrite",
    "WindowRead",
    "WindowWrite",
    "Noise",
    "Captioner",
    "Translator",
    "SentenceEncoder",
    "Source",
    "WordDecoder",
    "TeacherForced",
    "Initialisation",
    "Normal",
    "Xavier",
    "He",
    "Orthogonal",
    "Identity",
    "LSUV",
    "Walker",
    "Valley",
    "Rosenbrock",
    "Saddle",
]
