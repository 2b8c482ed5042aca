"""From a configuration to what is trained: the task with its network, and the data."""

from typing import Any

from seqvision.cli.beginning import begin, weights_from
from seqvision.cli.monitored import check_score
from seqvision.cli.networks import check_network
from seqvision.cli.objects import check_not_replaced, instantiate, placed
from seqvision.cli.values import check_single_values
from seqvision.errors import UserError


def build(config: Any, resolved: dict[str, Any], device: Any) -> tuple[Any, Any]:
    """The task with its network, and the data, with a frozen encoder's features where they can be kept."""
    check_single_values(resolved)
    with placed(config):
        return _build(config, resolved, device)


def _build(config: Any, resolved: dict[str, Any], device: Any) -> tuple[Any, Any]:
    import torch

    from seqvision.encoders.statistics import scale_pixels
    from seqvision.inference.checkpoint import contents

    torch.manual_seed(config.seed)
    # under trainer.deterministic torch would write every tensor once more, in case somebody reads it too early
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch sets it unseen
    check_network(config)
    data = instantiate(config.data)
    sizes = data.model_sizes()
    model, noise = instantiate(config.model, **sizes), instantiate(config.noise)
    if config.get("transfer") is not None:
        instantiate(config.transfer).prepare(model, started=bool(config.start_from))
    noise.into(model)
    parts = {**data.held(), "noise": noise.settings()}
    held = contents(resolved, {**resolved["model"], **sizes}, parts, pattern=config.pattern)
    given = {"contents": held, **data.task_parts()}
    check_not_replaced(config.task, given)
    task = instantiate(config.task)(model, **given)
    if (config.initialization or config.normalise) and config.start_from:
        raise UserError(
            f"start_from={config.start_from}: every weight and statistic comes from that checkpoint, none begins anew; "
            "leave it out, or else initialization (initialization=default) and normalise (normalise=null)"
        )
    check_score(config, task)
    # not kept: what optimizer and schedule do not take is said before anything is computed
    task.make_scheduler(task.new_optimizer(), 1000)
    if config.normalise:
        scale_pixels(model, str(config.normalise), data.sample_pictures)
    if config.preconditioner and task.preconditioner is None:
        raise UserError(
            f"preconditioner=…: the task {type(task).__name__} was given none; write `preconditioner: "
            "${preconditioner}` into its file in conf/task/"
        )
    if not config.start_from:
        data.prepare(model, cache=config.cache, device=device)
        if config.initialization and not config.resume:
            begin(task, data, instantiate(config.initialization), device=device, seed=config.seed)
        return task, data
    weights = weights_from(config.start_from, model, anew=config.get("start_anew") or [])
    model.load_state_dict(weights, strict=False)  # first: the features that are kept must be those of this encoder
    data.prepare(model, cache=config.cache, device=device)
    model.load_state_dict(weights, strict=False)  # and again: with the statistics that these weights were learnt with
    return task, data
