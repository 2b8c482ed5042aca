"""Picture in, features out: a pooled vector (B, C) or a map (B, H, W, C). Frames in, vectors out: `Front`.

Here belong networks that look at one picture and know nothing of words or sequences, the weights they start from, and
the cache of a frozen encoder's features.
"""

from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache
from seqvision.encoders.decorrelated import DecorrelatedBatchNorm
from seqvision.encoders.feature_table import FeatureTable
from seqvision.encoders.fractalnet import FractalNet
from seqvision.encoders.fractional import FractionalMaxPool
from seqvision.encoders.fronts import EmbeddingFront, Front, LinearFront, PictureFront
from seqvision.encoders.fusion import Fusion
from seqvision.encoders.mlp import MLPFront
from seqvision.encoders.named import (
    VGG,
    AlexNet,
    DenseNet,
    GoogLeNet,
    NASNet,
    PreActResNet,
    ResNet,
    ResNeXt,
    SENet,
    SqueezeNet,
    StochasticDepthResNet,
    WideResNet,
)
from seqvision.encoders.nin import NiN
from seqvision.encoders.normalisation import make_norm, swap_norms
from seqvision.encoders.small_cnn import SmallCNN
from seqvision.encoders.timm_encoder import TimmEncoder
from seqvision.encoders.torchvision_encoder import TorchvisionEncoder

__all__ = [
    "Encoder",
    "SmallCNN",
    "TimmEncoder",
    "TorchvisionEncoder",
    "AlexNet",
    "VGG",
    "GoogLeNet",
    "ResNet",
    "NiN",
    "PreActResNet",
    "WideResNet",
    "ResNeXt",
    "StochasticDepthResNet",
    "SENet",
    "FractalNet",
    "DenseNet",
    "SqueezeNet",
    "NASNet",
    "Fusion",
    "DecorrelatedBatchNorm",
    "make_norm",
    "swap_norms",
    "FractionalMaxPool",
    "FeatureCache",
    "FeatureTable",
    "Front",
    "LinearFront",
    "MLPFront",
    "EmbeddingFront",
    "PictureFront",
]
