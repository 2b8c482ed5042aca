"""From a picture to scores for its words: show-and-tell, and show-attend-tell where an attention is given."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvision.attention import Attention
from seqvision.encoders import Encoder
from seqvision.errors import UserError
from seqvision.models.word_decoder import Memory, RecurrentState, SummaryAs, WordDecoder
from seqvision.rnn import Recurrent


class Captioner(WordDecoder):
    """Scores for the next word given a picture and the words so far (Vinyals et al., 2015; Xu et al., 2015).

    encoder: pictures to features, a vector (batch, C) or a map (batch, H, W, C).
    rnn: a partial of `Recurrent` that still lacks its input size.
    attention: a partial of an `Attention` that still lacks its sizes; needs an encoder that gives a map. The
        network then sees, at each step, the context that its last output asked for.
    image_as: the features start the state ("state"), are the first input ("input"), or start the state and stand
        beside every word ("every_step").
    tie_embeddings: the output layer uses the embedding's matrix (Press and Wolf, 2017).
    dropout: on the features, the embeddings and what the output layer sees.
    """

    encoder: Encoder
    feature_mean: Tensor
    feature_deviation: Tensor

    def __init__(
        self,
        encoder: Encoder | None,
        rnn: Callable[..., Recurrent],
        *,
        vocabulary_size: int,
        embedding_size: int = 256,
        attention: Callable[..., Attention] | None = None,
        image_as: SummaryAs = "state",
        tie_embeddings: bool = False,
        dropout: float = 0.0,
    ):
        if encoder is None:
            raise UserError("encoder=none: a captioner has to see its pictures; take encoder=small_cnn, or another")
        if attention is not None and encoder.pooled:
            raise UserError("attention looks at the places of a map; with it, write encoder.pooled=false")
        super().__init__(
            encoder,
            rnn,
            vocabulary_size=vocabulary_size,
            embedding_size=embedding_size,
            feature_size=encoder.feature_size,
            feature_norm=nn.LayerNorm(encoder.feature_size),
            attention=attention,
            summary_as=image_as,
            tie_embeddings=tie_embeddings,
            dropout=dropout,
        )
        self.register_buffer("feature_mean", torch.zeros(encoder.feature_size))
        self.register_buffer("feature_deviation", torch.ones(encoder.feature_size))

    def encode(self, images: Tensor) -> Tensor:
        """The encoder's features of pictures (batch, channels, height, width)."""
        return self.encoder(images)

    def standardise(self, features: Float[Tensor, "pictures *places feature"]) -> None:
        """From here on features are taken relative to the mean and the deviation of these: a frozen encoder's differ
        widely in scale, and the small ones (a colour, say) would hardly be heard.
        """
        flat = features.flatten(0, -2).float()
        self.feature_mean.copy_(flat.mean(dim=0))
        self.feature_deviation.copy_(flat.std(dim=0, correction=0).clamp(min=1e-5))

    def start(self, features: Tensor) -> tuple[Memory, RecurrentState]:
        """The picture's share of all steps, and the state before the first word (batch, 1, …)."""
        features = (features - self.feature_mean) / self.feature_deviation
        features = self.dropout(self.feature_norm(features))
        places = features.flatten(1, -2) if features.dim() > 2 else None
        return self.begin(places.mean(dim=1) if places is not None else features, places)
