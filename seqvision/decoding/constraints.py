"""Which tokens may come next: the rules that every way of decoding obeys."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvision.errors import UserError

NEVER = float("-inf")


class Rules:
    """Scores with everything that must not come next at minus infinity, for one call of a decoder.

    `banned` ids (at least one) never occur, `end` not before `min_length` words, no n-gram of `no_repeat_ngram` words
    twice (0: no such rule; 1: no word twice).

    Every sequence in `required` occurs, contiguously, in every caption. The end is out of the question before, and as
    soon as a free word would leave too little room within `max_length`, only the missing words are possible. So they
    always fit, unless the model itself gives one of them probability zero. At that moment, they also go before n-gram
    blocking. Beam search gives every stage of completion a part of the beam (`stage`, `missing`), so that the words
    come where the model likes them best.
    """

    def __init__(
        self,
        banned: Sequence[int],
        *,
        end: int,
        min_length: int,
        max_length: int,
        no_repeat_ngram: int,
        required: Sequence[Sequence[int]],
        device: torch.device,
    ):
        self.end, self.min_length, self.max_length, self.no_repeat_ngram = end, min_length, max_length, no_repeat_ngram
        self.banned = torch.tensor([*banned], dtype=torch.long, device=device)
        self.banned_or_end = torch.tensor([*banned, end], dtype=torch.long, device=device)
        self.required = [torch.tensor([*words], dtype=torch.long, device=device) for words in required]
        self.highest = max(*banned, end, *(word for words in required for word in words))
        if required:
            self.lengths = torch.tensor([len(words) for words in required], device=device)
            self.padded = torch.nn.utils.rnn.pad_sequence(self.required, batch_first=True)

    def __call__(
        self, logits: Float[Tensor, "batch beams vocabulary"], history: Int[Tensor, "batch beams words"]
    ) -> Float[Tensor, "batch beams vocabulary"]:
        """A copy of the scores in which what is not allowed after `history` (without start) is minus infinity."""
        if self.highest >= logits.shape[-1]:
            raise UserError(
                f"decoding: found token id {self.highest} among the special, forbidden and required ids, but the model "
                f"knows ids 0 to {logits.shape[-1] - 1}; take the ids from the vocabulary the model was trained with"
            )
        too_short = history.shape[-1] < self.min_length
        allowed = logits.index_fill(-1, self.banned_or_end if too_short else self.banned, NEVER)
        blocked = self._block_ngrams(allowed, history) if self.no_repeat_ngram else allowed
        return self._require(allowed, blocked, history) if self.required else blocked

    def _block_ngrams(self, allowed: Tensor, history: Tensor) -> Tensor:
        n, words = self.no_repeat_ngram, history.shape[-1]
        if words < n:
            return allowed
        ngrams = history.unfold(-1, n, 1)  # (batch, beams, places, n)
        tail = history[..., words - n + 1 :].unsqueeze(-2)
        repeats = (ngrams[..., :-1] == tail).all(-1)
        # where nothing repeats, block what is banned anyway: one scatter, no mask as large as the scores
        return allowed.scatter(-1, torch.where(repeats, ngrams[..., -1], self.banned[0]), NEVER)

    def _require(self, allowed: Tensor, blocked: Tensor, history: Tensor) -> Tensor:
        done, matched = self._progress(history)
        pending = (self.lengths * ~done).sum(-1)
        room = self.max_length - history.shape[-1]
        # one free word costs a place and whatever has been begun
        forced = (pending > 0) & (room - 1 < pending)
        blocked = blocked.clone()
        blocked[..., self.end] = torch.where(pending > 0, NEVER, blocked[..., self.end])
        begun = matched.masked_fill(done, -1)
        goes_on = begun == begun.amax(-1, keepdim=True)
        following = torch.where(goes_on, self._next_words(matched), self.end)
        values = allowed.gather(-1, following).masked_fill(~goes_on, NEVER)
        only = torch.full_like(allowed, NEVER).scatter(-1, following, values)
        return torch.where(forced.unsqueeze(-1), only, blocked)

    def missing(
        self, history: Int[Tensor, "batch beams words"]
    ) -> tuple[Int[Tensor, "batch beams required"], Bool[Tensor, "batch beams required"]]:
        """(ids, valid): the word with which each unmet sequence would begin or go on; valid where unmet."""
        done, matched = self._progress(history)
        return self._next_words(matched), ~done

    def stage(self, history: Int[Tensor, "batch beams words"]) -> Int[Tensor, "batch beams"]:
        """How many required tokens are in place: those of sequences that are complete or being written."""
        done, matched = self._progress(history)
        return (self.lengths * done).sum(-1) + matched.masked_fill(done, 0).amax(-1)

    def _next_words(self, matched: Tensor) -> Tensor:
        at = matched.minimum(self.lengths - 1)
        return self.padded.expand(*matched.shape, -1).gather(-1, at.unsqueeze(-1)).squeeze(-1)

    def _progress(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """(done, matched), (batch, beams, required): which sequences have occurred; how much of each ends the text."""
        done, matched = [], []
        words = history.shape[-1]
        for sequence in self.required:
            size = len(sequence)
            seen = torch.zeros(history.shape[:-1], dtype=torch.bool, device=history.device)
            done.append((history.unfold(-1, size, 1) == sequence).all(-1).any(-1) if size <= words else seen)
            begun = torch.zeros(history.shape[:-1], dtype=torch.long, device=history.device)
            for part in range(1, min(size, words) + 1):
                begun = torch.where((history[..., words - part :] == sequence[:part]).all(-1), part, begun)
            matched.append(begun)
        return torch.stack(done, -1), torch.stack(matched, -1)


def check_ids(forbidden: Sequence[int], required: Sequence[Sequence[int]], banned: set[int], end: int, room: int):
    """Nothing; a UserError where no caption can do what is asked, whatever the model."""
    for words in required:
        if len(words) == 0:
            raise UserError("required: found an empty sequence of token ids; each must hold at least one id: remove it")
        for word in words:
            if word in forbidden:
                raise UserError(
                    f"required: token id {word} is required and forbidden at once; remove it from one of the two"
                )
            if word in banned or word == end:
                raise UserError(
                    f"required: token id {word} stands for padding, start, end or an unknown word and never occurs in "
                    "a caption; require words of the vocabulary"
                )
    needed = sum(len(words) for words in required)
    if needed > room:
        raise UserError(
            f"required: found {needed} tokens, but a caption has at most {room}; raise max_length to {needed} or more, "
            "or require fewer words"
        )
