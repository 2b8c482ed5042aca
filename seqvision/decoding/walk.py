"""Greedy decoding and sampling: every caption goes its own way and looks neither right nor left."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.decoding.constraints import NEVER, Rules
from seqvision.decoding.protocol import Decodable, Hypothesis, PyTree, select_beams, select_rows
from seqvision.decoding.search import Search, Trail, a_few_pictures_at_a_time, best, normaliser
from seqvision.devices import to_device, widest

MOST_SAMPLES = 100_000


class Walk(Search):
    """Captions written word by word, `_count` a picture, each word being what `_choose` picks from the allowed scores.

    A picture leaves the batch, with its share of memory and state, when its last caption has ended.
    """

    _count = 1

    def _draws(self, batch: int) -> Float[Tensor, "batch steps captions"]:
        """Random numbers for the whole call, on the CPU; none where there is no chance in the choice."""
        return torch.zeros(batch, self.max_length + 1, 0)

    @abstractmethod
    def _choose(
        self, allowed: Float[Tensor, "batch captions vocabulary"], draws: Float[Tensor, "batch drawn"]
    ) -> Int[Tensor, "batch captions"]:
        """The chosen ids."""

    def _advance(
        self,
        rules: Rules,
        logits: Float[Tensor, "batch captions vocabulary"],
        history: Int[Tensor, "batch captions words"],
        draws: Float[Tensor, "batch drawn"],
    ) -> tuple[Tensor, Tensor]:
        """(tokens, gained), (batch, captions) each: the chosen ids and the model's log-probabilities of them."""
        allowed = rules(logits, history)
        tokens = self._choose(allowed, draws)
        return tokens, allowed.gather(-1, tokens.unsqueeze(-1)).squeeze(-1) - normaliser(logits)

    def written(
        self, model: Decodable, features: PyTree
    ) -> tuple[Int[Tensor, "batch captions time"], Int[Tensor, "batch captions"]]:
        """(tokens, lengths) of the captions as they come, on the device: END belongs to them, zeros are behind it.

        An accelerator goes through all `max_length` steps: the host does not wait to see who has ended.
        """
        with torch.no_grad():
            first, state, memory = self._begin(model, features)
            rules, ended_leave = self.rules(first.device), first.device.type == "cpu"
            trail, own_way, steps, *_ = self._walk(model, first, state, memory, rules, ended_leave=ended_leave)
            return trail.read(steps, own_way)[0], steps

    def _search(
        self, model: Decodable, tokens: Int[Tensor, "batch 1"], state: PyTree, memory: PyTree, rules: Rules
    ) -> list[list[Hypothesis]]:
        trail, own_way, steps, totals, finished = self._walk(model, tokens, state, memory, rules, ended_leave=True)
        found = trail.hypotheses(steps, own_way, totals, totals, finished)
        return [sorted(captions, key=lambda h: (h.finished, h.score), reverse=True) for captions in found]

    def _walk(
        self,
        model: Decodable,
        tokens: Int[Tensor, "batch 1"],
        state: PyTree,
        memory: PyTree,
        rules: Rules,
        *,
        ended_leave: bool,
    ) -> tuple[Trail, Tensor, Tensor, Tensor, Tensor]:
        """The trail, and of each caption where it stands in it, its steps, its log-probability, whether it has ended.

        ended_leave: pictures whose captions have all ended leave the batch, which has to be looked at in every step.
        """
        batch, device = len(tokens), tokens.device
        rows = torch.arange(batch, device=device)
        own_way = torch.arange(self._count, device=device).expand(batch, -1)
        parents = torch.zeros_like(own_way)  # all captions of a picture begin in the one state it starts with
        history = own_way.new_zeros(batch, self._count, 0)
        draws = to_device(self._draws(batch), device)
        trail = Trail(batch)
        alive = torch.ones_like(own_way, dtype=torch.bool)
        finished, steps = torch.zeros_like(alive), torch.zeros_like(own_way)
        for step in range(self.max_length + 1):
            logits, state, attention = model.step(tokens, state, memory)
            if step == 0:
                logits, state = select_beams((logits, state), parents)
            tokens, gained = a_few_pictures_at_a_time(partial(self._advance, rules), logits, history, draws[:, step])
            if step == 0:
                totals = torch.zeros_like(gained)
            trail.add(rows, tokens, parents, attention)
            parents = own_way[: len(rows)]

            # where nothing is allowed any more, a caption stops unfinished; in the last step only the end is allowed
            possible = alive & (gained > NEVER)
            ended = possible & (tokens == self.end)
            alive = possible & ~ended
            totals[rows] += torch.where(ended | alive, gained, 0)
            steps[rows] += ended | alive
            finished[rows] |= ended

            history = torch.cat([history, tokens.unsqueeze(-1)], -1)
            if not ended_leave:
                continue
            keep = alive.any(1).nonzero().squeeze(1)
            if len(keep) == 0:
                break
            if len(keep) < len(rows):
                rows, tokens, alive, history, draws, state, memory = select_rows(
                    (rows, tokens, alive, history, draws, state, memory), keep
                )
                parents = parents[: len(rows)]
        return trail, own_way, steps, totals, finished


@dataclass(kw_only=True, eq=False)
class GreedySearch(Walk):
    """One caption a picture: at every step the most probable word that is allowed."""

    def _choose(
        self, allowed: Float[Tensor, "batch captions vocabulary"], draws: Float[Tensor, "batch drawn"]
    ) -> Int[Tensor, "batch captions"]:
        return best(allowed, 1)[1].squeeze(-1)


@dataclass(kw_only=True, eq=False)
class Sampling(Walk):
    """`samples` captions a picture, drawn from the model's distribution, the most probable first; they may repeat.

    `temperature` divides the scores (below 1: unlikely words become rarer; 0: greedy). `top_k` keeps the k most
    probable words (0: all), then `top_p` the smallest set of the most probable words that holds this share of what is
    left (nucleus sampling; Holtzman et al., 2020).

    The draws of a picture are one uniform number a step and caption, taken from the generator in the order of the
    pictures and turned into words through the cumulative distribution. So neither the pictures that share its batch
    nor the device change what it gets: two batches of two give what one batch of four gives. The generator is seeded
    once, with `seed`, and goes on from call to call; `reseed` starts it anew.
    """

    samples: int = 1
    temperature: float | int = 1.0
    top_k: int = 0
    top_p: float | int = 1.0
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        self._expect("samples", 1 <= self.samples <= MOST_SAMPLES, f"1 to {MOST_SAMPLES}")
        good = self.temperature == 0 or 1e-6 <= self.temperature <= 1e6
        self._expect("temperature", good, "0 (greedy), or from a millionth to a million")
        self._expect("top_k", self.top_k >= 0, "0 (off) or more")
        self._expect("top_p", 0 < self.top_p <= 1, "above 0 and at most 1 (off)")
        self._expect("seed", 0 <= self.seed < 2**63, "a whole number from 0 to 2^63 - 1")
        self._count = self.samples
        self._generator = torch.Generator()
        self.reseed(self.seed)

    def reseed(self, seed: int) -> None:
        """Start the generator anew."""
        self._generator.manual_seed(seed)

    def _draws(self, batch: int) -> Float[Tensor, "batch steps captions"]:
        return torch.rand(batch, self.max_length + 1, self.samples, generator=self._generator)

    def _choose(
        self, allowed: Float[Tensor, "batch captions vocabulary"], draws: Float[Tensor, "batch drawn"]
    ) -> Int[Tensor, "batch captions"]:
        if self.temperature == 0:
            return best(allowed, 1)[1].squeeze(-1)
        scores, ids = self._shortlist(allowed / self.temperature)
        # a row of minus infinities (nothing allowed) gives NaN, and any id will do: its score says that it is banned
        probabilities = scores.softmax(-1, dtype=widest(scores.device)).nan_to_num(0)
        cumulative = probabilities.cumsum(-1)
        total = cumulative[..., -1:]
        # below the total even where rounding says otherwise: behind the last possible word there may be banned ones
        drawn = torch.minimum(draws.to(total.dtype).unsqueeze(-1) * total, total.nextafter(torch.zeros_like(total)))
        at = torch.searchsorted(cumulative, drawn, right=True)
        at = at.clamp(max=scores.shape[-1] - 1)
        return (at if ids is None else ids.gather(-1, at)).squeeze(-1)

    def _shortlist(self, scores: Tensor) -> tuple[Tensor, Tensor | None]:
        """(scores, ids) of the words to draw from; no ids when these are all words in their order."""
        ids = None
        if self.top_k:
            scores, ids = scores.topk(min(self.top_k, scores.shape[-1]), -1)
        if self.top_p == 1:
            return scores, ids
        normaliser = scores.logsumexp(-1, keepdim=True)
        size, count = scores.shape[-1], min(64, scores.shape[-1])
        while True:
            # a nucleus is small as a rule: widen the list until it holds every row's, no full sort
            highest, places = scores.topk(count, -1)
            shares = (highest - normaliser).exp()
            before = shares.cumsum(-1) - shares
            if count == size or bool((before[..., -1] + shares[..., -1] >= self.top_p).all()):
                break
            count = min(4 * count, size)
        highest = highest.masked_fill(before >= self.top_p, NEVER)
        return highest, places if ids is None else ids.gather(-1, places)
