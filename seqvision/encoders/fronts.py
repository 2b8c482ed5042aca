"""What stands before the recurrence where a whole sequence comes in: frames of any kind to vectors, frame by frame."""

from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from seqvision.encoders.base import Encoder
from seqvision.errors import UserError

SCALINGS = ("standard", "pca", "zca", "none")


class Front(nn.Module):
    """Vectors (batch, time, output_size) of frames (batch, time, …), each by itself. Past a sequence's length a
    frame's vector holds nothing that may be read, and what stands there reaches no gradient.
    """

    output_size: int
    takes_indices = False  # whether `forward` takes the valid frames' indices in (batch, time) flattened, too

    def forward(self, frames: Shaped[Tensor, "batch time *frame"], valid: Shaped[Tensor, "batch time"]) -> Tensor:
        """`valid` is True where a frame belongs to its sequence."""
        raise NotImplementedError


class LinearFront(Front):
    """Features scaled by what is measured of them in training (`standardise`), then a linear layer; with `size=None`
    without one.

    scaling: "standard", to mean 0 and deviation 1, each by itself; "pca", to the principal components, each with
    variance 1, the largest first; "zca", the same turned back, so that what comes out is as like what came in as
    uncorrelated features can be (Bell and Sejnowski, 1997); "none", as they are. Both "pca" and "zca" make the
    covariance of training the identity, but for directions with less than `LEAST` of the largest variance: those are
    noise, or nothing at all, and are left out.
    """

    LEAST = 1e-6
    mean: Tensor
    deviation: Tensor
    whitening: Tensor

    def __init__(self, features: int, *, size: int | None = 128, dropout: float = 0.0, scaling: str = "standard"):
        super().__init__()
        if scaling not in SCALINGS:
            raise UserError(f"front.scaling is '{scaling}', expected one of {', '.join(SCALINGS)}")
        self.scaling = scaling
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        if self.whitens:
            self.register_buffer("whitening", torch.eye(features))
        self.linear = nn.Linear(features, size) if size else nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.output_size = size or features

    @property
    def whitens(self) -> bool:
        """Whether features are made uncorrelated."""
        return self.scaling in ("pca", "zca")

    @property
    def wanted(self) -> int:
        """How many frames should be measured: for a covariance some times as many as there are features."""
        return 10 * len(self.mean) if self.whitens else 0

    def standardise(self, features: Float[Tensor, "frames features"]) -> None:
        """From here on features are scaled by what is measured of these. One that never varies in training stays as it
        is: its deviation says nothing.
        """
        if self.scaling == "none":
            return
        self.mean.copy_(features.mean(dim=0))
        if self.whitens:
            self.whitening.copy_(whitening(features, zca=self.scaling == "zca", least=self.LEAST))
            return
        deviation = features.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(deviation > 1e-5, deviation, 1.0))

    def scaled(self, frames: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch features"]:
        """The features before the linear layer."""
        features = (frames - self.mean) / self.deviation
        return features @ self.whitening if self.whitens else features

    def forward(
        self, frames: Float[Tensor, "batch time features"], valid: Shaped[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time size"]:
        features = self.scaled(frames).masked_fill(~valid.unsqueeze(-1), 0.0)
        return self.dropout(self.linear(features))


def whitening(
    features: Float[Tensor, "frames features"], *, zca: bool, least: float
) -> Float[Tensor, "features features"]:
    """The matrix that makes the features, their mean taken away, uncorrelated with variance 1, from the right.

    least: of the largest variance; directions with less are left out.
    """
    centred = (features - features.mean(dim=0)).double()
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    variances, directions = variances.flip(0), directions.flip(1)  # the largest first
    kept = variances > least * variances[0].clamp(min=1e-12)
    scales = torch.where(kept, variances.clamp(min=1e-30).rsqrt(), 0.0)
    whitens = directions * scales
    return (whitens @ directions.T if zca else whitens).to(features.dtype)


class EmbeddingFront(Front):
    """Words as learnt vectors.

    word_dropout: how often, in training, a word's whole vector is hidden, so that no single word decides.
    """

    def __init__(self, vocabulary_size: int, *, size: int = 128, dropout: float = 0.0, word_dropout: float = 0.0):
        super().__init__()
        self.vocabulary_size = vocabulary_size
        self.embedding = nn.Embedding(vocabulary_size, size)
        self.dropout = nn.Dropout(dropout)
        self.word_dropout = word_dropout
        self.output_size = size
        nn.init.normal_(self.embedding.weight, std=size**-0.5)

    def forward(
        self, frames: Int[Tensor, "batch time"], valid: Shaped[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time size"]:
        vectors = self.dropout(self.embedding(frames))
        if self.training and self.word_dropout:
            vectors = vectors * (torch.rand(frames.shape, device=frames.device) >= self.word_dropout).unsqueeze(-1)
        return vectors


class PictureFront(Front):
    """The encoder's pooled features of each frame of a clip, then a linear layer, unless `size` is None. Frames that
    are features already, those of what is fixed in the encoder, computed before, skip that.

    encoder: one that gives a vector a picture.
    at_once: frames that go through the encoder together where no gradient is asked for, so that an hour fits.
    """

    takes_indices = True

    def __init__(self, encoder: Any, *, size: int | None = 128, dropout: float = 0.0, at_once: int = 512):
        super().__init__()
        if not isinstance(encoder, Encoder):  # what the data say of an encoder that was left out
            raise UserError("encoder=none: front=pictures has to see the frames; take encoder=small_cnn, or another")
        if not encoder.pooled:
            raise UserError("front: a frame's features are one vector; set encoder.pooled=true")
        self.encoder = encoder
        self.linear = nn.Linear(self.encoder.feature_size, size) if size else nn.Identity()
        self.norm = nn.LayerNorm(self.encoder.feature_size)
        self.dropout = nn.Dropout(dropout)
        self.at_once = at_once
        self.output_size = size or self.encoder.feature_size

    def forward(
        self,
        frames: Shaped[Tensor, "batch time *frame"],
        valid: Shaped[Tensor, "batch time"],
        indices: Int[Tensor, " valid"] | None = None,
    ) -> Float[Tensor, "batch time size"]:
        if frames.dim() == 3:
            features = self.encoder.finish(frames.masked_fill(~valid.unsqueeze(-1), 0.0))
        else:
            features = self.encode(frames, valid.flatten().nonzero().squeeze(1) if indices is None else indices)
        return self.dropout(self.linear(self.norm(features)))

    def encode(
        self, frames: Shaped[Tensor, "batch time channels height width"], indices: Int[Tensor, " valid"]
    ) -> Float[Tensor, "batch time feature"]:
        """The encoder's features of the frames that belong to a sequence, zeros elsewhere."""
        pictures = frames.flatten(0, 1).index_select(0, indices)
        learning = torch.is_grad_enabled() and not self.encoder.frozen
        parts = [pictures] if learning else pictures.split(self.at_once)
        found = torch.cat([self.encoder(part) for part in parts])
        features = found.new_zeros((frames.shape[0] * frames.shape[1], found.shape[-1]))
        return features.index_copy(0, indices, found).unflatten(0, frames.shape[:2])
