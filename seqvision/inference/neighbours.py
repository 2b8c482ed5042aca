"""The captioner without a decoder: the nearest training picture in a model's own features lends its caption."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from seqvision.data import CaptionRecord
from seqvision.data.progress import tracked
from seqvision.encoders.cache import FeatureCache
from seqvision.inference.captioning import encode_pictures
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.metrics import nearest_neighbour_captions

# fields a side; of 255: JPEG changed up to 21 in drawings and 5 in photographs, others lay 27 and 89 apart or more
GRID, ALIKE = 8, 24.0


def neighbour_captions(
    captioner: LoadedCaptioner,
    training: Sequence[CaptionRecord],
    queries: Sequence[CaptionRecord],
    *,
    cache: Path | None = None,
    apart: bool = False,
) -> list[str]:
    """For each query the first caption of the training picture that the encoder finds most alike; apart: of which it
    is no copy (see `same_picture`).
    """
    paths = [[record.image for record in some] for some in (training, queries)]
    features = [pooled_features(captioner, some, cache) for some in paths]

    def same(query: int, row: int) -> bool:
        return same_picture(paths[1][query], paths[0][row], captioner.transform)

    captions = [record.captions[0] for record in training]
    return nearest_neighbour_captions(features[0], captions, features[1], same=same if apart else None)


def same_picture(one: Path, other: Path, transform: Callable[[Path], torch.Tensor]) -> bool:
    """Whether two files show the same picture, perhaps in another format or size: as the model gets them, no mean of a
    field of an 8 x 8 grid differs by more than `ALIKE`.
    """
    if one == other:
        return True
    fields = [adaptive_avg_pool2d(transform(path).float(), GRID) for path in (one, other)]
    return bool((fields[0] - fields[1]).abs().max() <= ALIKE)


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
