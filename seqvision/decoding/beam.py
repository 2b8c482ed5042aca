"""Beam search, plain and diverse, for a whole batch of pictures at once."""

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvision.decoding.constraints import NEVER, Rules
from seqvision.decoding.protocol import Decodable, Hypothesis, PyTree, select_beams, select_rows
from seqvision.decoding.search import WIDEST, Search, Trail, a_few_pictures_at_a_time, best, normaliser

STEEPEST = 7  # length penalty: beyond, 10,000 steps to its power leave the range of single precision


class Shelf(NamedTuple):
    """The best captions so far, (batch, groups, places) each; a score of minus infinity marks a free place."""

    scores: Tensor
    log_probabilities: Tensor
    steps: Tensor  # the end included
    beams: Tensor  # where in the trail they stand after these steps


@dataclass(eq=False)
class BeamSearch(Search):
    """The `n_best` captions of highest score among those that a beam of `beam_size` comes across.

    The score is log p(caption) / steps ** length_penalty; the end is one of the steps. 0 ranks by probability, 1 by
    the mean over the steps, and the higher, the longer the captions.

    Of all continuations of a picture's beams the `beam_size` best stay at each step. Those that end are finished and
    the others make up the next beam. So width 1 is greedy decoding, whatever the length penalty, and a beam as wide as
    there are prefixes finds the true best.

    A picture is done, and leaves the batch with its share of memory and state, when no live beam can beat the n-th
    best finished caption. A live beam's log-probability can only fall. With a length penalty above 0 its score is
    therefore at most what it would be if it came to the greatest length without further loss, and with one below 0 at
    most what ending with the next step would give. After max_length words only the end is possible, so that every live
    beam ends there; if fewer than `n_best` captions can end, the best of those that were cut off there follow.

    With required words the beam is shared out among the stages of their completion as in dynamic beam allocation
    (Post and Vilar, 2018): the best of each stage first, the most complete stage leading, then the second best of
    each, until the beam is full.
    """

    beam_size: int = 5
    _: KW_ONLY
    length_penalty: float | int = 0.0
    n_best: int = 1

    def __post_init__(self):
        super().__post_init__()
        self._expect("beam_size", 1 <= self.beam_size <= WIDEST, f"1 to {WIDEST}")
        self._expect("length_penalty", abs(self.length_penalty) <= STEEPEST, f"a number from -{STEEPEST} to {STEEPEST}")
        self._expect("n_best", 1 <= self.n_best <= self.beam_size, f"1 to beam_size ({self.beam_size})")

    @property
    def _parts(self) -> int:
        """How many groups the beam is divided into, each with captions and an end of its own."""
        return 1

    def _search(
        self, model: Decodable, tokens: Int[Tensor, "batch 1"], state: PyTree, memory: PyTree, rules: Rules
    ) -> list[list[Hypothesis]]:
        batch = len(tokens)
        rows = torch.arange(batch, device=tokens.device)
        history = tokens.new_zeros(batch, 1, 0)
        totals = torch.zeros(batch, 1, device=tokens.device)
        shelf = self._empty_shelf(totals)
        trail = Trail(batch)
        left: list[tuple[Tensor, Shelf, Shelf]] = []
        for step in range(1, self.max_length + 2):
            logits, state, attention = model.step(tokens, state, memory)
            before = totals
            parents, tokens, totals = a_few_pictures_at_a_time(partial(self._choose, rules), logits, totals, history)
            trail.add(rows, tokens, parents, attention)
            possible = totals > NEVER
            ended = possible & (tokens == self.end)
            if step > self.min_length:
                shelf = self._shelve(shelf, totals, ended, step)
            totals = totals.masked_fill(ended, NEVER)  # in the last step all that is possible

            # the longest caption loses least by the length penalty, the shortest one gains most by a negative one
            extreme = self.max_length + 1 if self.length_penalty >= 0 else max(step, self.min_length) + 1
            reachable = totals.unflatten(1, (self._parts, -1)).amax(-1) / extreme**self.length_penalty
            done = (reachable <= shelf.scores[..., -1]).all(-1)
            keep = (~done).nonzero().squeeze(1)
            if len(keep) < len(rows):
                # captions that were cut off or had nowhere to go, and not those that were merely beaten
                no_end = torch.zeros_like(before).scatter_add(1, parents, ended.to(before.dtype)) == 0
                cut_off = no_end if step > self.max_length else no_end & ~possible.any(1, keepdim=True)
                unfinished = self._shelve(self._empty_shelf(before), before, cut_off, step - 1)
                left.append(select_rows((rows, shelf, unfinished), done.nonzero().squeeze(1)))
                if len(keep) == 0:
                    break
                rows, tokens, totals, parents, shelf, history, state, memory = select_rows(
                    (rows, tokens, totals, parents, shelf, history, state, memory), keep
                )
            history, state = select_beams((history, state), parents)
            history = torch.cat([history, tokens.unsqueeze(-1)], -1)
        return self._captions(trail, left)

    def _choose(
        self,
        rules: Rules,
        logits: Float[Tensor, "batch beams vocabulary"],
        totals: Float[Tensor, "batch beams"],
        history: Int[Tensor, "batch beams words"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(parents, tokens, totals) of the new beams, (batch, new beams) each."""
        return self._extend(rules(logits, history), totals - normaliser(logits), history, rules, self.beam_size)

    def _extend(
        self,
        allowed: Float[Tensor, "batch beams vocabulary"],
        base: Float[Tensor, "batch beams"],
        history: Int[Tensor, "batch beams words"],
        rules: Rules,
        width: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(parents, tokens, totals) of the `width` best continuations.

        A beam's `base`, its total less the normaliser, is the same for all its words. So its best words are found
        without it, and it is added to these few: no log-softmax over the vocabulary.
        """
        values, ids = best(allowed, width)
        if rules.required and width > 1:
            extra_values, extra_ids = self._required_words(allowed, ids, rules)
            values, ids = torch.cat([values, extra_values], -1), torch.cat([ids, extra_ids], -1)
        offered = ids.shape[-1]
        candidates, ids = (values + base.unsqueeze(-1)).flatten(1), ids.flatten(1)
        if rules.required and width > 1:
            longer = torch.cat([history.repeat_interleave(offered, 1), ids.unsqueeze(-1)], -1)
            pick = share_out(candidates, rules.stage(longer), width)
        else:
            pick = best(candidates, width)[1]
        return pick // offered, ids.gather(1, pick), candidates.gather(1, pick)

    def _required_words(self, allowed: Tensor, ids: Tensor, rules: Rules) -> tuple[Tensor, Tensor]:
        """(values, ids) of the required words for every beam; minus infinity for those that are in `ids` already."""
        words = rules.tokens.expand(*ids.shape[:2], -1)
        offered = (words.unsqueeze(-1) == ids.unsqueeze(-2)).any(-1)
        return allowed.gather(-1, words).masked_fill(offered, NEVER), words

    def _empty_shelf(self, totals: Tensor) -> Shelf:
        size = min(self.n_best, self.beam_size // self._parts)
        scores = totals.new_full((len(totals), self._parts, size), NEVER)
        zeros = torch.zeros_like(scores, dtype=torch.long)
        return Shelf(scores, scores, zeros, zeros)

    def _shelve(self, shelf: Shelf, totals: Tensor, valid: Tensor, step: int) -> Shelf:
        """The best of the shelf and of those beams that are valid, with `step` steps behind them."""
        scores = (totals / max(step, 1) ** self.length_penalty).masked_fill(~valid, NEVER)
        beams = torch.arange(totals.shape[1], device=totals.device).expand_as(totals)
        fresh = Shelf(scores, totals, torch.full_like(beams, step), beams)
        if step == 0:  # the one beam with which every group begins
            fresh = Shelf(*(x.expand(-1, self._parts) for x in fresh))
        both = Shelf(
            *(torch.cat([old, new.unflatten(1, (self._parts, -1))], -1) for old, new in zip(shelf, fresh, strict=True))
        )
        pick = best(both.scores, shelf.scores.shape[-1])[1]
        return Shelf(*(x.gather(-1, pick) for x in both))

    def _captions(self, trail: Trail, left: list[tuple[Tensor, Shelf, Shelf]]) -> list[list[Hypothesis]]:
        """Every picture's captions, the pictures in their first order."""
        order = torch.cat([rows for rows, _, _ in left]).argsort()
        shelves = []
        for place in (1, 2):
            columns = zip(*(entry[place] for entry in left), strict=True)
            # every group's best before every group's second best
            shelves.append(Shelf(*(torch.cat(column)[order].transpose(1, 2).flatten(1) for column in columns)))
        both = Shelf(*(torch.cat(pair, 1) for pair in zip(*shelves, strict=True)))
        finished = torch.zeros_like(both.steps, dtype=torch.bool)
        finished[:, : shelves[0].steps.shape[1]] = True
        found = trail.hypotheses(both.steps, both.beams, both.scores, both.log_probabilities, finished)
        return [self._first_different(captions) for captions in found]

    def _first_different(self, captions: list[Hypothesis]) -> list[Hypothesis]:
        different: dict[tuple[int, ...], Hypothesis] = {}
        for caption in captions:
            different.setdefault(caption.tokens, caption)
        return sorted([*different.values()][: self.n_best], key=lambda h: (h.finished, h.score), reverse=True)


@dataclass(eq=False)
class DiverseBeamSearch(BeamSearch):
    """Captions that differ: a beam in groups that keep out of each other's way (Vijayakumar et al., 2016).

    The groups choose one after the other at every step. A word loses `diversity` for every beam of the earlier groups
    that has just chosen it (Hamming diversity); the end loses nothing, for captions may be equally long. This bears on
    the choice alone: totals, scores and the captions' order are those of `BeamSearch`, so that captions of all groups
    can be compared. `n_best` takes the best finished caption of every group, then the second best, and so on, without
    repetitions. With one group this is `BeamSearch`.
    """

    beam_size: int = 6
    _: KW_ONLY
    n_best: int = 3
    groups: int = 3
    diversity: float | int = 0.5

    def __post_init__(self):
        super().__post_init__()
        self._expect("groups", self.groups >= 1, "1 or more")
        divides = self.beam_size % self.groups == 0
        self._expect("beam_size", divides, f"a multiple of groups ({self.groups}), since all groups are equally wide")
        self._expect("diversity", 0 <= self.diversity <= 1e6, "0 (groups do not look at each other) to a million")

    @property
    def _parts(self) -> int:
        return self.groups

    def _choose(
        self,
        rules: Rules,
        logits: Float[Tensor, "batch beams vocabulary"],
        totals: Float[Tensor, "batch beams"],
        history: Int[Tensor, "batch beams words"],
    ) -> tuple[Tensor, Tensor, Tensor]:
        allowed, base = rules(logits, history), totals - normaliser(logits)
        width = 1 if history.shape[-1] == 0 else totals.shape[1] // self.groups
        taken = torch.zeros_like(logits[:, 0])
        chosen = []
        for group in range(self.groups):
            # at the first step all groups go on from the one beam there is
            begin = 0 if history.shape[-1] == 0 else group * width
            mine = slice(begin, begin + width)
            penalised = allowed[:, mine] - self.diversity * taken.unsqueeze(1)
            parents, tokens, ranks = self._extend(
                penalised, base[:, mine], history[:, mine], rules, self.beam_size // self.groups
            )
            words = allowed[:, mine].flatten(1).gather(1, parents * allowed.shape[-1] + tokens)
            chosen.append((parents + begin, tokens, words + base[:, mine].gather(1, parents)))
            chose_word = (ranks > NEVER) & (tokens != self.end)
            taken = taken.scatter_add(1, tokens, chose_word.to(taken.dtype))
        parents, tokens, totals = (torch.cat(parts, 1) for parts in zip(*chosen, strict=True))
        return parents, tokens, totals


def share_out(
    candidates: Float[Tensor, "batch candidates"], stage: Int[Tensor, "batch candidates"], width: int
) -> Int[Tensor, "batch picked"]:
    """The `width` candidates that share a beam among the stages: the best of each stage, then the second of each..."""
    stages = int(stage.max()) + 1
    order = candidates.argsort(-1, descending=True)
    stage = stage.gather(1, order)
    members = torch.nn.functional.one_hot(stage, stages).cumsum(1)
    place = members.gather(2, stage.unsqueeze(-1)).squeeze(-1) * stages + (stages - 1 - stage)
    last = (candidates.shape[1] + 1) * stages
    place = place.masked_fill(candidates.gather(1, order) == NEVER, last)
    return order.gather(1, place.topk(min(width, place.shape[1]), largest=False)[1])
