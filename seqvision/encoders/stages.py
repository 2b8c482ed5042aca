"""An encoder's stages: which ones are meant, and what of a network belongs to which."""

from bisect import bisect_left
from collections.abc import Sequence

from torch import nn

from seqvision.errors import UserError


def known_stages(stages: Sequence[int], count: int, what: str) -> tuple[int, ...]:
    """The chosen stages in the order of a network of `count` stages, counted from its start."""
    if not stages or not all(-count <= stage < count for stage in stages):
        raise UserError(
            f"{what}: stages are {list(stages)}; expected at least one from 0 to {count - 1} (first to last), or "
            "negative numbers from the end"
        )
    return tuple(sorted({stage % count for stage in stages}))


def assign_stages(modules: Sequence[tuple[str, nn.Module]], stage_ends: Sequence[str]) -> list[list[nn.Module]]:
    """Named modules, in the order of the network, cut behind the last one inside each of `stage_ends`.

    What follows the last end joins the last stage; ends that no module has are passed over.
    """
    inside = [[i for i, (name, _) in enumerate(modules) if f"{name}.".startswith(f"{end}.")] for end in stage_ends]
    borders = sorted(positions[-1] for positions in inside if positions)[:-1]
    stages: list[list[nn.Module]] = [[] for _ in range(len(borders) + 1)]
    for position, (_, module) in enumerate(modules):
        stages[bisect_left(borders, position)].append(module)
    return stages
