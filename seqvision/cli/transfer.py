"""Rows of transfer in a configuration: what must be decided before the network can be built."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.objects import instantiate
from seqvision.cli.output import write_output
from seqvision.errors import UserError


def settle(config: DictConfig, *, device: Any, report: Path, tell: bool = True) -> None:
    """Puts the stage that `transfer=stage_probe` finds into the configuration; nothing for any other row.

    report: a file for the table, which is printed too, if this process is the one to `tell`. A run that goes on takes
    the stage that stands there.
    """
    from seqvision.transfer import StageProbe
    from seqvision.transfer.rows import no_encoder

    if config.get("transfer") is None:  # a run from before there were rows has none
        return
    if config.encoder is None or "_target_" not in config.encoder:
        raise no_encoder()
    row = instantiate(config.transfer)
    if not isinstance(row, StageProbe):
        return
    if config.resume:
        if report.is_file():
            config.encoder.stages = json.loads(report.read_text())["stages"]
        return
    if config.start_from:
        raise UserError(
            "transfer=stage_probe and start_from: another stage is another network, into which the run's weights would "
            "not fit. Give the encoder's own with encoder.weights=FILE, or leave one out"
        )
    make = encoder_maker(config)
    row.check(make(stages=None))
    table = row.choose(make, instantiate(config.data), device=device)
    stage = table.best.stage
    config.encoder.stages = None if stage is None else [stage]
    if tell:
        write_output(report, json.dumps({"stages": None if stage is None else [stage], **table.to_dict()}, indent=2))
        print(f"{table.to_text()}\n  {report}")


def encoder_maker(config: DictConfig) -> Callable[..., Any]:
    """Gives the configuration's encoder, frozen and pooled, with other `stages`."""
    from seqvision.cli.config import plain

    node = plain(config.encoder)
    if "stages" not in node:
        kind = node["_target_"].rpartition(".")[2]
        raise UserError(
            f"transfer: an encoder of the kind {kind} has no `stages` to choose from; take one that has, such as "
            "encoder=efficientnet_lite0, or another row: transfer=linear_probe"
        )

    def make(*, stages: Any) -> Any:
        return instantiate(OmegaConf.create({**node, "stages": stages, "pooled": True, "trainable": "none"}))

    return make
