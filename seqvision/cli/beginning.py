"""The weights that a training begins with: drawn by a rule, or those of another run."""

import os
from collections.abc import Sequence
from typing import Any

from seqvision.errors import UserError


def begin(task: Any, data: Any, initialisation: Any, *, device: Any, seed: int) -> None:
    """Sets the network's first weights; a rule that looks at data sees the first batch of all training items, the same
    in every process.
    """
    import torch

    from seqvision.data.loading import Item

    def forward() -> None:
        torch.manual_seed(seed)
        dataset = data.dataset("train", training=False)
        first = range(0, len(dataset), -(-len(dataset) // min(len(dataset), data.batch_size)))
        task.to(device).judged(dataset.__getitems__([Item(index, index) for index in first]).to(device))

    started = initialisation(task.model, forward, seed=seed)
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        print(f"initialization: {started}")


def weights_from(start_from: str, model: Any, *, anew: Sequence[str] = ()) -> dict[str, Any]:
    """The weights of a run's checkpoint for a model: all of its own but those of the parts that begin anew.

    anew: names of parts, such as "output", or "encoder.head". A UserError for a part that there is not, and for weights
    that do not fit.
    """
    from seqvision.digest import model_weights
    from seqvision.inference.checkpoint_file import find_checkpoint, read_checkpoint

    weights = model_weights(read_checkpoint(find_checkpoint(start_from)))
    own = model.state_dict()
    for part in anew:
        if not any(_within(name, part) for name in own):
            parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name in own))
            raise UserError(f"start_anew: the network has no part '{part}'; there is {parts}")
    wanted, given = (
        {name: value for name, value in each.items() if not any(_within(name, part) for part in anew)}
        for each in (own, weights)
    )
    wrong = [f"no {name} there" for name in wanted.keys() - given.keys()]
    wrong += [f"{name} only there" for name in given.keys() - wanted.keys()]
    wrong += [
        f"{name} is {list(given[name].shape)} there and {list(value.shape)} here"
        for name, value in wanted.items()
        if name in given and given[name].shape != value.shape
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"start_from={start_from}: its weights do not fit this network: {'; '.join(sorted(wrong)[:3])}{more}. "
            "Train with the configuration of that run, or begin the parts that differ anew, such as "
            "start_anew=[output] for other classes"
        )
    return given


def _within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")
