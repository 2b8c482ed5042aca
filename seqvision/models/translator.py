"""From a sentence to scores for the words of another: encoder and decoder, with attention where one is given."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.attention import Attention
from seqvision.models.word_decoder import Memory, RecurrentState, SummaryAs, WordDecoder
from seqvision.rnn import Recurrent


class Source(NamedTuple):
    """Sentences to read: every one ends with an end mark, and what follows it is padding."""

    tokens: Int[Tensor, "batch time"]
    lengths: Int[Tensor, " batch"]


class SentenceEncoder(nn.Module):
    """A sentence's words as the network reads them, and what is left of it at the end.

    rnn: a partial of `Recurrent` that still lacks its input size; with both directions a word is seen in the light of
        those that follow as well (Bahdanau, Cho and Bengio, 2015, section 3.2).
    """

    def __init__(
        self, rnn: Callable[..., Recurrent], *, vocabulary_size: int, embedding_size: int, dropout: float = 0.0
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.rnn = rnn(input_size=embedding_size)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)

    def forward(self, source: Source) -> tuple[Float[Tensor, "batch time feature"], Float[Tensor, "batch feature"]]:
        """Every word's state, zeros in the padding, and the last state of each direction side by side."""
        words = self.dropout(self.embedding(source.tokens))
        states, last = self.rnn(words, source.lengths)
        ends = [end if isinstance(end, Tensor) else end[0] for end in last[-self.rnn.directions :]]
        return self.dropout(states), self.dropout(torch.cat(ends, dim=-1))


class Translator(WordDecoder):
    """Scores for the next word of a translation given the sentence and the words so far.

    Without attention all that the decoder knows of the sentence is the state it starts from, tanh of a projection of
    the encoder's last states (Sutskever, Vinyals and Le, 2014; Cho et al., 2014, with `summary_as="every_step"`). With
    an `AdditiveAttention` (Bahdanau, Cho and Bengio, 2015) or a `DotAttention` (Luong, Pham and Manning, 2015, scaled)
    it looks at the encoder's states at every step.

    encoder, rnn: partials of `Recurrent` that still lack their input sizes; the decoder's runs forward only.
    attention: a partial of an `Attention` that still lacks its sizes.
    summary_as: the sentence's summary starts the state ("state"), is the first input ("input"), or starts the state
        and stands beside every word ("every_step").
    tie_embeddings: the output layer uses the target words' embedding (Press and Wolf, 2017).
    dropout: on the embeddings, the encoder's states and what the output layer sees.
    """

    encoder: SentenceEncoder

    def __init__(
        self,
        encoder: Callable[..., Recurrent],
        rnn: Callable[..., Recurrent],
        *,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        embedding_size: int = 256,
        attention: Callable[..., Attention] | None = None,
        summary_as: SummaryAs = "state",
        tie_embeddings: bool = False,
        dropout: float = 0.0,
    ):
        reads = SentenceEncoder(
            encoder, vocabulary_size=source_vocabulary_size, embedding_size=embedding_size, dropout=dropout
        )
        super().__init__(
            reads,
            rnn,
            vocabulary_size=target_vocabulary_size,
            embedding_size=embedding_size,
            feature_size=reads.rnn.output_size,
            feature_norm=nn.Identity(),
            attention=attention,
            summary_as=summary_as,
            tie_embeddings=tie_embeddings,
            dropout=dropout,
        )
        self.source_vocabulary_size = source_vocabulary_size

    def start(self, features: Source) -> tuple[Memory, RecurrentState]:
        """The sentence's share of all steps, and the state before the first word (batch, 1, …)."""
        states, summary = self.encoder(features)
        return self.begin(summary, states, features.lengths)
