"""The classes and functions of this package that a checkpoint may name: those that are written down here.

A checkpoint names them as configurations do. Whatever is not listed is neither imported nor built (see `build.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any


@dataclass(frozen=True)
class Registry:
    """What may be built, by the full name that configurations use. what: what they are, for messages."""

    what: str
    modules: Mapping[str, str]  # each full name's module

    @classmethod
    def of(cls, what: str, names: Mapping[str, str]) -> "Registry":
        """A registry of these names by their modules, divided by blanks."""
        return cls(what, {f"{module}.{name}": module for module, some in names.items() for name in some.split()})

    def find(self, name: str) -> Any:
        """The class or function of that name; None where it is not registered."""
        module = self.modules.get(name)
        if module is None:
            return None
        return attrgetter(name.removeprefix(f"{module}."))(import_module(module))


NETWORKS = Registry.of(
    "a network of seqvision",
    {
        "seqvision.models": "Captioner Translator SequenceClassifier FrameLabeller RAM DRAM WholePicture Draw "
        "VariationalAutoencoder WindowRead WholeRead WindowWrite WholeWrite BernoulliPixels GaussianPixels",
        "seqvision.models.wide": "NaiveBayesWords FrameStatistics",
        "seqvision.models.pooling": "LastPooling MeanPooling MaxPooling AttentionPooling",
        "seqvision.encoders": "SmallCNN TimmEncoder TorchvisionEncoder AlexNet VGG GoogLeNet ResNet NiN PreActResNet "
        "WideResNet ResNeXt StochasticDepthResNet SENet FractalNet DenseNet SqueezeNet NASNet Fusion "
        "LinearFront MLPFront EmbeddingFront PictureFront",
        "seqvision.attention": "AdditiveAttention DotAttention WindowAttention",
        "seqvision.rnn": "Recurrent NoRecurrence ElmanCell LayerNormElmanCell LSTMCell LayerNormLSTMCell GRUCell",
    },
)

DATA = Registry.of(
    "made by seqvision for reading data",
    {
        "seqvision.data": "FileCaptions SceneCaptions ShardCaptions SequenceData LabelledPictures NumberWords "
        "ParallelFiles PullData ImageTransform FeatureReader PictureReader TextReader VideoReader WholePictureReader "
        "Composer WordVocabulary.build SubwordVocabulary.build read_clips read_digits read_frame_tables read_idx "
        "read_labelled_pictures read_motion read_mstcn read_pictures read_recordings read_sentences read_svhn "
        "read_svhn_strings read_videos",
    },
)

DECODERS = Registry.of(
    "a decoder of seqvision", {"seqvision.decoding": "GreedySearch BeamSearch DiverseBeamSearch Sampling"}
)
