"""The captioner without a decoder: the nearest training picture in a model's own features lends its caption."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from seqvision.data import CaptionRecord
from seqvision.data.progress import tracked
from seqvision.encoders.cache import FeatureCache
from seqvision.inference.captioning import encode_pictures
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.metrics import nearest_neighbour_captions


def neighbour_captions(
    captioner: LoadedCaptioner,
    training: Sequence[CaptionRecord],
    queries: Sequence[CaptionRecord],
    *,
    cache: Path | None = None,
) -> list[str]:
    """For each query the first caption of the training picture that the encoder finds most alike."""
    features = [pooled_features(captioner, [record.image for record in some], cache) for some in (training, queries)]
    return nearest_neighbour_captions(features[0], [record.captions[0] for record in training], features[1])


def pooled_features(
    captioner: LoadedCaptioner, paths: Sequence[Path], cache: Path | None = None, *, batch_size: int = 64
) -> np.ndarray:
    """The encoder's features averaged over the picture, (pictures, channels), kept in the folder `cache` if given."""
    if cache is not None:
        encoder = copy.deepcopy(captioner.model.encoder)
        if not encoder.pooled:
            encoder.pooled = True
        encoder.set_trainable("none")  # only frozen encoders have features worth keeping, and this copy is one
        found = FeatureCache(cache).compute(
            encoder, captioner.transform, paths, split="pooled", transform_key=captioner.transform.key()
        )
        return found.batch(range(len(found))).numpy()
    batches = encode_pictures([captioner], paths, batch_size=batch_size)
    batches = tracked(batches, total=-(-len(paths) // batch_size), description="Features of pictures")
    return torch.cat([_pooled(features[0]) for _, features in batches]).cpu().numpy()


def _pooled(features: torch.Tensor) -> torch.Tensor:
    return features.flatten(1, -2).mean(dim=1) if features.dim() > 2 else features
