"""What writes words: the half of a network that captioning and translation have in common."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvision.attention import Attention, DotAttention
from seqvision.decoding import StepOutput
from seqvision.rnn import Recurrent, State, map_state, state_of, state_size, stepwise, unroll
from seqvision.rnn.kernels import Attended
from seqvision.rnn.paths import attention_for

RecurrentState: TypeAlias = tuple[State, ...]
SummaryAs: TypeAlias = Literal["state", "input", "every_step"]


class Memory(NamedTuple):
    """What was read's share of all steps, computed once: its places with their keys, or its summary.

    lengths: how many of the first places count, None where all do.
    """

    summary: Float[Tensor, "batch embedding"] | None
    values: Float[Tensor, "batch places value"] | None
    keys: Float[Tensor, "batch places key"] | None
    lengths: Int[Tensor, " batch"] | None = None


class TeacherForced(NamedTuple):
    """What training sees: what the output layer is to score at every step, and where the network looked, if it does."""

    hidden: Float[Tensor, "batch time hidden"]
    attention: Float[Tensor, "batch time places"] | None


class WordDecoder(nn.Module):
    """Scores for the next word given what was read and the words so far; a subclass says in `start` what was read.

    encoder: what reads. rnn: a partial of `Recurrent` that still lacks its input size.
    feature_size: the width of what was read, of its summary as of its places.
    feature_norm: a network of the subclass's own that stands between encoder and decoder.
    attention: a partial of an `Attention` that still lacks its sizes. The network then sees, at each step, the
        context that its last output asked for (input feeding: Bahdanau, Cho and Bengio, 2015).
    summary_as: the summary starts the state ("state"), is the first input ("input"), or starts the state and stands
        beside every word ("every_step").
    tie_embeddings: the output layer uses the embedding's matrix (Press and Wolf, 2017).
    dropout: on the embeddings and what the output layer sees.
    """

    def __init__(
        self,
        encoder: nn.Module,
        rnn: Callable[..., Recurrent],
        *,
        vocabulary_size: int,
        embedding_size: int,
        feature_size: int,
        feature_norm: nn.Module,
        attention: Callable[..., Attention] | None,
        summary_as: SummaryAs,
        tie_embeddings: bool,
        dropout: float,
    ):
        super().__init__()
        self.encoder = encoder
        self.vocabulary_size = vocabulary_size
        self.summary_as = summary_as
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.feature_norm = feature_norm

        beside = feature_size if attention is not None else 0
        beside += embedding_size if summary_as == "every_step" else 0
        self.rnn = stepwise(rnn, input_size=embedding_size + beside)
        self.attention = attention and attention(query_size=self.rnn.output_size, value_size=feature_size)
        self.to_input = nn.Linear(feature_size, embedding_size) if summary_as != "state" else None
        self.to_state = nn.Linear(feature_size, state_size(self.rnn)) if summary_as != "input" else None

        seen = self.rnn.output_size + (feature_size if attention is not None else 0)
        self.readout = nn.Linear(seen, embedding_size) if tie_embeddings else nn.Identity()
        self.output = nn.Linear(embedding_size if tie_embeddings else seen, vocabulary_size)
        nn.init.normal_(self.embedding.weight, std=embedding_size**-0.5)
        if tie_embeddings:
            self.output.weight = self.embedding.weight

    def start(self, features: Any) -> tuple[Memory, RecurrentState]:
        """What was read's share of all steps, and the state before the first word (batch, 1, …)."""
        raise NotImplementedError

    def begin(
        self,
        summary: Float[Tensor, "batch feature"],
        places: Float[Tensor, "batch places feature"] | None,
        lengths: Int[Tensor, " batch"] | None = None,
    ) -> tuple[Memory, RecurrentState]:
        """What `start` returns for this summary and, if the network is to look, these places."""
        projected = self.to_input(summary) if self.to_input is not None else None
        if self.to_state is None:
            state = self.rnn.initial_state(len(summary), 1)
        else:
            state = state_of(self.rnn, torch.tanh(self.to_state(summary)).unsqueeze(1))
        memory = Memory(projected, None, None)
        if self.attention is not None and places is not None:
            memory = Memory(projected, places, self.attention.keys(places), lengths)
        if self.summary_as == "input" and projected is not None:
            first = projected if self.attention is None else torch.cat([projected, summary], dim=-1)
            _, state = self.rnn.step(first.unsqueeze(1), state)
        return memory, state

    def step(self, tokens: Int[Tensor, "batch beams"], state: RecurrentState, memory: Memory) -> StepOutput:
        """The scores of the next word after one more word a beam."""
        hidden, state, weights = self._see(self._embed(tokens, memory), state, memory)
        return StepOutput(self.output(hidden), state, weights)

    def forward(
        self,
        features: Any,
        tokens: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"] | None = None,
        *,
        sampling_probability: float = 0.0,
    ) -> TeacherForced:
        """What `output` is to score for the word after each of `tokens`, which begin with the start mark.

        The scores themselves are left to the loss, which needs them at valid steps only. Past its length a sentence's
        steps hold nothing that may be read.
        sampling_probability: how often a word is replaced by one drawn from the network's own scores for its place
        (scheduled sampling: Bengio et al., 2015).
        """
        memory, state = self.start(features)
        if sampling_probability > 0:
            return self._forward_sampling(tokens, state, memory, sampling_probability)
        words = self._embed(tokens, memory)
        if self.attention is None:
            flat = map_state(lambda part: part.squeeze(1), state)
            # the state is of a pass that `start` began, in which the summary may have been a step
            return TeacherForced(self._read(self.rnn(words, lengths, flat, new_pass=False)[0]), None)

        at_once = self._attention_at_once(words)
        if at_once is not None:
            return self._forward_at_once(at_once, words, state, memory, lengths)

        def look(word: Tensor, before: RecurrentState) -> tuple[tuple[Tensor, Tensor | None], RecurrentState]:
            hidden, after, weights = self._see(word.unsqueeze(1), before, memory)
            return (hidden.squeeze(1), weights.squeeze(1) if weights is not None else None), after

        (hidden, attention), _ = unroll(look, words, state)
        return TeacherForced(hidden, attention)

    def _attention_at_once(self, words: Tensor) -> Callable[..., Attended] | None:
        """What computes all that this network does at its steps as one operation, if there is such."""
        if type(self.attention) is not DotAttention or self.rnn.num_layers > 1:
            return None
        return attention_for(self.rnn.cells[0], words, self.rnn.backend)  # type: ignore[arg-type]  # a ModuleList, again

    def _forward_at_once(
        self,
        attend: Callable[..., Attended],
        words: Tensor,
        state: RecurrentState,
        memory: Memory,
        lengths: Tensor | None,
    ) -> TeacherForced:
        assert isinstance(self.attention, DotAttention)
        cell, query, before = self.rnn.cells[0], self.attention.to_query, map_state(lambda p: p.squeeze(1), state)[0]
        found = attend(cell, query, words, memory.keys, memory.values, before, lengths, memory.lengths)
        return TeacherForced(self._read(torch.cat([found.states, found.contexts], dim=-1)), found.weights)

    def _forward_sampling(
        self, tokens: Tensor, state: RecurrentState, memory: Memory, probability: float
    ) -> TeacherForced:
        """Teacher forcing with some of the words drawn from the network: each step needs the scores of the last."""
        last: Tensor | None = None

        def choose(given: Tensor, before: RecurrentState) -> tuple[tuple[Tensor, ...], RecurrentState]:
            nonlocal last
            if last is not None:
                chances = last.detach().softmax(dim=-1)
                # the numbers of `torch.multinomial`, which reads on the host whether the chances are good
                drawn = (chances / torch.empty_like(chances).exponential_()).argmax(dim=-1)
                given = torch.where(torch.rand(given.shape, device=given.device) < probability, drawn, given)
            hidden, after, weights = self._see(self._embed(given.unsqueeze(1), memory), before, memory)
            last = self.output(hidden).squeeze(1)
            return (hidden.squeeze(1),) if weights is None else (hidden.squeeze(1), weights.squeeze(1)), after

        outputs, _ = unroll(choose, tokens, state)
        return TeacherForced(outputs[0], outputs[1] if len(outputs) > 1 else None)

    def _embed(self, tokens: Tensor, memory: Memory) -> Tensor:
        words = self.dropout(self.embedding(tokens))
        if self.summary_as == "every_step" and memory.summary is not None:
            words = torch.cat([words, memory.summary.unsqueeze(1).expand(*words.shape[:2], -1)], dim=-1)
        return words

    def _see(
        self, words: Tensor, state: RecurrentState, memory: Memory
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        """What the output layer is to score after one step, the state, and the attention's weights."""
        if self.attention is None or memory.keys is None or memory.values is None:
            output, state = self.rnn.step(words, state)
            return self._read(output), state, None
        query = self.rnn.cells[-1].output(state[-1])  # type: ignore[operator]  # a ModuleList does not know its cells
        context, weights = self.attention(query, memory.keys, memory.values, memory.lengths)
        output, state = self.rnn.step(torch.cat([words, context], dim=-1), state)
        return self._read(torch.cat([output, context], dim=-1)), state, weights

    def _read(self, seen: Tensor) -> Tensor:
        return self.dropout(self.readout(seen))
