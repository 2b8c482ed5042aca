"""What all ways of decoding share: their options, how they begin, and the record from which captions are read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvision.decoding.constraints import Rules, check_ids
from seqvision.decoding.protocol import Decodable, Hypothesis, PyTree, first_tensor
from seqvision.errors import UserError

BLOCK = 2**18  # scores handled at a time on a CPU
LONGEST = 10_000  # words of a caption
WIDEST = 1_000  # beams followed at once


@dataclass(kw_only=True, eq=False)
class Search(ABC):
    """Captions for a batch of pictures; every way of decoding takes these options.

    A caption has at most `max_length` words; the end takes one more step, at which nothing else is possible. It has at
    least `min_length` words before the end may come, and no n-gram of `no_repeat_ngram` words twice (0: no such rule).
    Padding and start never occur, the unknown word only with `allow_unknown`.
    """

    max_length: int = 30
    min_length: int = 1
    no_repeat_ngram: int = 0
    allow_unknown: bool = False
    pad: int = 0
    start: int = 1
    end: int = 2
    unknown: int = 3

    def __post_init__(self):
        self._expect("max_length", 1 <= self.max_length <= LONGEST, f"1 to {LONGEST}")
        self._expect("min_length", 0 <= self.min_length <= self.max_length, f"0 to max_length ({self.max_length})")
        self._expect("no_repeat_ngram", 0 <= self.no_repeat_ngram <= LONGEST, f"0 (off) to {LONGEST}")

    def _expect(self, name: str, good: bool, expected: str) -> None:
        if not good:
            raise UserError(
                f"{type(self).__name__}: {name} is {getattr(self, name)}, but must be {expected}; change {name}"
            )

    def __call__(
        self,
        model: Decodable,
        features: PyTree,
        *,
        forbidden: Sequence[int] = (),
        required: Sequence[Sequence[int]] = (),
    ) -> list[list[Hypothesis]]:
        """For each picture its captions, best first, finished ones before unfinished ones; never empty.

        `forbidden` ids never occur (the end may be one of them); each of `required`, a sequence of ids, occurs in
        every caption. Where the end cannot be reached, a caption is returned all the same, with `finished=False`.
        Raises UserError for ids outside the vocabulary and for requirements that contradict each other.
        """
        with torch.no_grad():
            first, state, memory = self._begin(model, features)
            rules = self.rules(first.device, forbidden=forbidden, required=required)
            return self._search(model, first, state, memory, rules) if len(first) else []

    def _begin(self, model: Decodable, features: PyTree) -> tuple[Int[Tensor, "batch 1"], PyTree, PyTree]:
        """(tokens, state, memory) before the first step."""
        memory, state = model.start(features)
        sample = first_tensor((state, memory, features))
        if sample is None:
            raise TypeError("neither the features nor the model's state holds a tensor: how many pictures are there?")
        return torch.full((sample.shape[0], 1), self.start, device=sample.device), state, memory

    def rules(
        self, device: torch.device, *, forbidden: Sequence[int] = (), required: Sequence[Sequence[int]] = ()
    ) -> Rules:
        """What may come next by these options and these demands; raises UserError where they contradict each other."""
        banned = {self.pad, self.start} | (set() if self.allow_unknown else {self.unknown})
        check_ids(forbidden, required, banned, self.end, self.max_length)
        return Rules(
            sorted(banned | set(forbidden)),
            end=self.end,
            min_length=self.min_length,
            max_length=self.max_length,
            no_repeat_ngram=self.no_repeat_ngram,
            required=required,
            device=device,
        )

    @abstractmethod
    def _search(
        self, model: Decodable, tokens: Int[Tensor, "batch 1"], state: PyTree, memory: PyTree, rules: Rules
    ) -> list[list[Hypothesis]]: ...


class Trail:
    """The chosen tokens of all steps with back-pointers, kept as tensors; captions are read from it backwards, once."""

    def __init__(self, batch: int):
        self.batch = batch
        self.tokens: list[Tensor] = []
        self.parents: list[Tensor] = []
        self.attention: list[Tensor] = []

    def add(
        self,
        rows: Int[Tensor, " pictures"],
        tokens: Int[Tensor, "pictures beams"],
        parents: Int[Tensor, "pictures beams"],
        attention: Float[Tensor, "pictures old_beams places"] | None,
    ) -> None:
        """One more step of the pictures `rows`; `parents` say from which of the step before each beam goes on."""
        self.tokens.append(self._spread(rows, tokens))
        self.parents.append(self._spread(rows, parents))
        if attention is not None:
            self.attention.append(self._spread(rows, attention))

    def _spread(self, rows: Tensor, values: Tensor) -> Tensor:
        if len(values) == self.batch:
            return values
        return values.new_zeros(self.batch, *values.shape[1:]).index_copy(0, rows, values)

    def read(
        self, steps: Int[Tensor, "batch captions"], beams: Int[Tensor, "batch captions"]
    ) -> tuple[Int[Tensor, "batch captions time"], Float[Tensor, "batch captions time places"] | None]:
        """(tokens, attention) of the captions that stood at beam `beams` after `steps` steps; what follows is zero."""
        tokens, attention = [], []
        for time in reversed(range(len(self.tokens))):
            inside = steps > time
            beams_now = beams.clamp(max=self.tokens[time].shape[1] - 1)
            parents = self.parents[time].gather(1, beams_now)
            tokens.append(self.tokens[time].gather(1, beams_now) * inside)
            if self.attention:
                weights = self.attention[time]
                index = parents.clamp(max=weights.shape[1] - 1).unsqueeze(-1).expand(-1, -1, weights.shape[-1])
                attention.append(weights.gather(1, index) * inside.unsqueeze(-1))
            beams = torch.where(inside, parents, beams)
        return torch.stack(tokens[::-1], -1), torch.stack(attention[::-1], 2) if attention else None

    def hypotheses(
        self,
        steps: Int[Tensor, "batch captions"],
        beams: Int[Tensor, "batch captions"],
        scores: Float[Tensor, "batch captions"],
        log_probabilities: Float[Tensor, "batch captions"],
        finished: Bool[Tensor, "batch captions"],
    ) -> list[list[Hypothesis]]:
        """The captions that stood at `beams` after `steps` steps (the end is one of them if finished), in that order;
        those with a score of minus infinity stand for "none" and are left out."""
        tokens, attention = self.read(steps, beams)
        attention = None if attention is None else attention.cpu()
        table = zip(*(x.tolist() for x in (tokens, steps, scores, log_probabilities, finished)), strict=True)
        return [
            [
                Hypothesis(
                    tokens=tuple(ids[: size - ended]),
                    score=score,
                    log_probability=log_probability,
                    finished=ended,
                    attention=None if attention is None else attention[row, place, :size].clone(),
                )
                for place, (ids, size, score, log_probability, ended) in enumerate(zip(*columns, strict=True))
                if score != float("-inf")
            ]
            for row, columns in enumerate(table)
        ]


def working_precision(logits: Tensor) -> Tensor:
    """The scores as they are, or in float32 where they come in half precision."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def a_few_pictures_at_a_time(
    choose: Callable[..., tuple[Tensor, ...]], logits: Float[Tensor, "batch beams vocabulary"], *others: Tensor
) -> tuple[Tensor, ...]:
    """What `choose(logits, *others)` returns for the whole batch, worked out for a few pictures at a time on a CPU.

    The copies of the scores on the way then stay in the cache. In one piece they are tens of megabytes a step, for
    which the system hands out fresh pages every time; this cost half as much as the output layer itself. Scores in half
    precision, whose sums over a caption would be coarse, become float32 on the way.
    """
    pictures = max(1, BLOCK // logits[0].numel())
    if logits.device.type != "cpu" or pictures >= len(logits):
        return choose(working_precision(logits), *others)
    blocks = zip(*(tensor.split(pictures) for tensor in (logits, *others)), strict=True)
    return tuple(
        torch.cat(parts)
        for parts in zip(*(choose(working_precision(part), *rest) for part, *rest in blocks), strict=True)
    )


def normaliser(logits: Float[Tensor, "batch beams vocabulary"]) -> Float[Tensor, "batch beams"]:
    """What turns scores into log-probabilities when it is subtracted; finite even where all scores are minus infinity,
    so that no NaN comes of it."""
    return logits.logsumexp(-1).clamp(min=torch.finfo(logits.dtype).min)


def best(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(values, indices) of the `count` highest of the last axis; never a full sort."""
    return scores.max(-1, keepdim=True) if count == 1 else scores.topk(min(count, scores.shape[-1]), -1)
