"""Parameter groups: what decays, and what learns at another rate."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from seqvision.encoders.base import Encoder
from seqvision.errors import UserError
from seqvision.losses.penalty import weights_of


def build_optimizer(
    make: Callable[[Iterable[Any]], Optimizer],
    model: nn.Module,
    *,
    slow: nn.Module | None = None,
    slow_factor: float = 1.0,
    layer_decay: int | float = 1.0,
) -> Optimizer:
    """The optimiser over all trainable parameters: weights (`weights_of`) decay and nothing else does, the parameters
    of `slow` (an encoder, say) are at `slow_factor` times the rate, and those of an encoder's stages at rates that fall
    towards the pixels, `layer_decay` times from stage to stage.

    make: a partial of an optimiser class that still lacks its parameters. A class may name kinds of modules whose
    parameters it wants `apart` from the other weights, together with all that are no weights, with `apart_options`.
    """
    inside = {id(p) for p in slow.parameters()} if slow is not None else set()
    stages = stage_factors(model, layer_decay)
    kind: Any = getattr(make, "func", make)
    kinds, options = getattr(kind, "apart", ()), getattr(kind, "apart_options", {})
    apart = {id(p) for module in model.modules() if isinstance(module, kinds) for p in module.parameters()}
    weights = {id(weight) for weight in weights_of(model).values()}
    groups: dict[tuple[bool, bool, float, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = id(parameter)
            kind_of = (key in weights, key in inside, stages.get(key, 1.0), key in apart)
            groups.setdefault(kind_of, []).append(parameter)
    described = []
    for (decays, is_slow, factor, is_apart), parameters in groups.items():
        own = {**({} if decays else {"weight_decay": 0.0}), **(options if is_apart or not decays else {})}
        described.append({"params": parameters, "rate_factor": factor * (slow_factor if is_slow else 1.0), **own})
    try:
        optimizer = make(described)
    except ValueError as error:  # how torch says that a rate is below 0, say
        given = getattr(make, "keywords", {}).items()
        named = [f".{key} is {value}" for key, value in given if str(error).endswith(f" {value}")]
        raise UserError(f"optimizer{named[0] if named else ''}: {kind.__name__} does not take it ({error})") from error
    for made in optimizer.param_groups:
        made["lr"] *= made.pop("rate_factor", 1.0)
    return optimizer


def stage_factors(model: nn.Module, layer_decay: int | float) -> dict[int, float]:
    """By the `id` of each parameter of the model's encoders, the factor of its rate: `layer_decay` to the power of its
    stage's depth, 1 for the last stage (Clark et al., 2020, appendix A; Bao et al., 2022, with stages for layers).

    UserError for a factor that is not above 0 and at most 1, or where the model has no encoder.
    """
    if not 0 < layer_decay <= 1:
        raise UserError(f"task.layer_decay is {layer_decay}; expected a factor above 0 and at most 1, for example 0.8")
    if layer_decay == 1:
        return {}
    factors: dict[int, float] = {}
    for encoder in (module for module in model.modules() if isinstance(module, Encoder)):
        stages = [
            [p for module in stage for p in module.parameters(recurse=False)] for stage in encoder.stage_modules()
        ]
        for depth, stage in enumerate(reversed([stage for stage in stages if stage]), start=1):
            for parameter in stage:
                factors.setdefault(id(parameter), layer_decay**depth)  # a fusion's own word counts before its parts'
    if not factors:
        raise UserError(
            f"task.layer_decay={layer_decay}: this model has no encoder whose stages could learn at rates of their "
            "own; leave it out"
        )
    return factors
