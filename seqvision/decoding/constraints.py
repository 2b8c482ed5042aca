"""Which tokens may come next: the rules that every way of decoding obeys."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.devices import to_device
from seqvision.errors import UserError

NEVER = float("-inf")


class Rules:
    """Scores with everything that must not come next at minus infinity, for one call of a decoder.

    `banned` ids (at least one) never occur, `end` not before `min_length` words, no n-gram of `no_repeat_ngram` words
    twice (0: no such rule; 1: no word twice). After `max_length` words nothing but the end is possible.

    Every sequence in `required` occurs, contiguously, in every caption. The end is out of the question before. Where
    a word would leave too little room within `max_length` for what is missing, only words that leave enough are
    possible. So all sequences always occur, unless the model itself gives one of their words probability zero; where
    n-gram blocking leaves no other way, it gives way. Beam search keeps a part of the beam for every `stage` of
    completion, so that the words come where the model likes them best.
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
        self.banned, self.banned_or_end, *self.required = (
            to_device(torch.tensor([*ids], dtype=torch.long), device) for ids in (banned, [*banned, end], *required)
        )
        self.ids = {*banned, end, *(word for words in required for word in words)}
        tokens = sorted({word for words in required for word in words})
        self.tokens = to_device(torch.tensor(tokens, dtype=torch.long), device)

    def __call__(
        self, logits: Float[Tensor, "batch beams vocabulary"], history: Int[Tensor, "batch beams words"]
    ) -> Float[Tensor, "batch beams vocabulary"]:
        """A copy of the scores in which what is not allowed after `history` (without start) is minus infinity."""
        if strange := [token for token in self.ids if not 0 <= token < logits.shape[-1]]:
            raise UserError(
                f"decoding: found token id {strange[0]} among the special, forbidden and required ids, but the model "
                f"knows ids 0 to {logits.shape[-1] - 1}; take the ids from the vocabulary the model was trained with"
            )
        too_short = history.shape[-1] < self.min_length
        allowed = logits.index_fill(-1, self.banned_or_end if too_short else self.banned, NEVER)
        blocked = self._block_ngrams(allowed, history) if self.no_repeat_ngram else allowed
        scores = self._require(allowed, blocked, history) if self.required else blocked
        return self._only_end(scores) if history.shape[-1] >= self.max_length else scores

    def along(
        self, logits: Float[Tensor, "batch time vocabulary"], tokens: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time vocabulary"]:
        """The same for every step of texts that are complete: row t holds what may come after `tokens[:, :t]`. Its
        softmax is the distribution that `Sampling` draws token t from at temperature 1; gradients pass.
        """
        steps = enumerate(logits.unbind(1))
        return torch.cat([self(scores.unsqueeze(1), tokens[:, :t].unsqueeze(1)) for t, scores in steps], dim=1)

    def _only_end(self, scores: Tensor) -> Tensor:
        end = self.banned_or_end[-1:]
        return torch.full_like(scores, NEVER).index_copy(-1, end, scores.index_select(-1, end))

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
        pending, _ = self._progress(history)
        # a word that is in none of the sequences costs a place and breaks off whatever has been begun
        room = self.max_length - history.shape[-1] - 1
        blocked = blocked.index_fill(-1, self.banned_or_end[-1:], NEVER).where(pending.unsqueeze(-1) > 0, blocked)
        stuck = blocked.amax(-1) == NEVER
        forced = (pending > 0) & (stuck | (pending > room))

        tokens = self.tokens.expand(*history.shape[:2], -1)
        longer = torch.cat([history.unsqueeze(2).expand(-1, -1, tokens.shape[2], -1), tokens.unsqueeze(-1)], -1)
        left, begun = self._progress(longer.flatten(1, 2))
        fits = (left - begun).view_as(tokens) <= room
        values = blocked.gather(-1, tokens).masked_fill(~fits, NEVER)
        unblocked = allowed.gather(-1, tokens).masked_fill(~fits, NEVER)
        values = torch.where(values.amax(-1, keepdim=True) == NEVER, unblocked, values)
        only = torch.full_like(allowed, NEVER).scatter(-1, tokens, values)
        return torch.where(forced.unsqueeze(-1), only, blocked)

    def stage(self, history: Int[Tensor, "batch beams words"]) -> Int[Tensor, "batch beams"]:
        """How many required tokens are in place: those of sequences that are complete or being written."""
        pending, begun = self._progress(history)
        return sum(map(len, self.required)) - pending + begun

    def _progress(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """(pending, begun), (batch, beams): how many tokens the sequences that have not occurred hold in all, and how
        many of these stand at the end of the text already."""
        pending = torch.zeros(history.shape[:-1], dtype=torch.long, device=history.device)
        begun = torch.zeros_like(pending)
        words = history.shape[-1]
        for sequence in self.required:
            size = len(sequence)
            missing = torch.ones_like(pending, dtype=torch.bool)
            if size <= words:
                missing = ~(history.unfold(-1, size, 1) == sequence).all(-1).any(-1)
            pending = pending + size * missing
            for part in range(1, min(size - 1, words) + 1):
                under_way = missing & (history[..., words - part :] == sequence[:part]).all(-1)
                begun = torch.where(under_way, begun.clamp(min=part), begun)
        return pending, begun


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
