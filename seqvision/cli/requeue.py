"""A job that comes to its own folder again: it goes on, or is finished, and never overwrites another run."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import config_hash, plain
from seqvision.cli.resume import resume_command, saved_config
from seqvision.cli.run_config import FILE, changes, had_config, read_config
from seqvision.cli.trusted import modules_to_trust
from seqvision.errors import UserError


def continued(config: DictConfig) -> tuple[DictConfig, dict[str, Any]]:
    """(the configuration that a run goes on with, its record): what its folder holds of this very run already.

    A job that is queued again, or a command that is repeated, comes to the folder of its first part. Where the run was
    broken off, the configuration resumes it; where it is finished, there is a record. A run that was resumed with other
    values since keeps those: it does not fall back behind what it was asked for last.

    Raises:
        UserError: The folder holds another run, which would be overwritten.
    """
    folder = Path(config.run_dir)
    if not any(folder.glob("*.ckpt")):
        return config, {}
    go_on = resume_command(folder, config)
    if not (folder / FILE).is_file():
        raise UserError(
            f"{folder}: holds checkpoints without a {FILE}, which would be overwritten; choose another hydra.run.dir"
        )
    different = changes(read_config(folder / FILE), config, folder)
    listed = ", ".join([*different[:3], *("…" for _ in different[3:4])])
    if different and not had_config(config, folder):
        raise UserError(
            f"{folder}: holds a run with other settings, which would be overwritten. They differ in {listed}. "
            f"Choose another hydra.run.dir, or go on with that run: {go_on}"
        )
    from pytorch_lightning.utilities import rank_zero_only

    from seqvision.inference.run_folder import read_record

    is_first = getattr(rank_zero_only, "rank", 0) == 0
    if different and (folder / "last.ckpt").is_file():
        if is_first:
            print(f"{folder}: this run was resumed with other settings since, which are kept: {listed}")
        config = saved_config(folder, modules_to_trust(OmegaConf.to_container(config)))
        config.run_dir, config.resume = str(folder), None
    record = read_record(folder)
    if record.get("config_hash") == config_hash(plain(read_config(folder / FILE))):
        if is_first:
            print(f"{folder}: this run is finished. For more epochs: {go_on} trainer.max_epochs=…")
        return config, record
    if (folder / "last.ckpt").is_file():  # else broken off in its first epoch: what is there will be made again
        if is_first:
            print(f"{folder}: going on with the run that was broken off")
        config.resume = str(folder / "last.ckpt")
    return config, {}
