"""A job that comes to its own folder again: it goes on, or is finished, and never overwrites another run."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqvision.cli.config import config_hash, plain
from seqvision.cli.resume import resume_command
from seqvision.errors import UserError

_ABSENT = object()


def continued(config: DictConfig) -> tuple[str | None, dict[str, Any]]:
    """(the checkpoint that a run goes on from, its record): what its folder holds of this very run already.

    A job that is queued again, or a command that is repeated, comes to the folder of its first part. Where the run was
    broken off there is a checkpoint, where it is finished a record, where it is new neither.

    Raises:
        UserError: The folder holds another run, which would be overwritten.
    """
    folder = Path(config.run_dir)
    if not any(folder.glob("*.ckpt")):
        return None, {}
    go_on = resume_command(folder, config)
    stored = folder / "config.yaml"
    if not stored.is_file():
        raise UserError(
            f"{folder}: holds checkpoints without a config.yaml, which would be overwritten; "
            "choose another hydra.run.dir"
        )
    before, now = _comparable(OmegaConf.load(stored), folder), _comparable(config, folder)
    if different := [key for key in sorted(before | now) if before.get(key, _ABSENT) != now.get(key, _ABSENT)]:
        changes = [f"{key} ({before.get(key, 'absent')} there, {now.get(key, 'absent')} here)" for key in different[:3]]
        raise UserError(
            f"{folder}: holds a run with other settings, which would be overwritten. They differ in "
            f"{', '.join(changes)}{', …' if len(different) > 3 else ''}. Choose another hydra.run.dir, or go on with "
            f"that run: {go_on}"
        )
    from pytorch_lightning.utilities import rank_zero_only

    from seqvision.inference.run_folder import read_record

    is_first = getattr(rank_zero_only, "rank", 0) == 0
    record = read_record(folder)
    if record.get("config_hash") == config_hash(plain(OmegaConf.load(stored))):
        if is_first:
            print(f"{folder}: this run is finished. For more epochs: {go_on} trainer.max_epochs=…")
        return None, record
    if not (folder / "last.ckpt").is_file():
        return None, {}  # broken off in its first epoch: what is there will be made again
    if is_first:
        print(f"{folder}: going on with the run that was broken off")
    return str(folder / "last.ckpt"), {}


def _comparable(config: Any, folder: Path) -> dict[str, Any]:
    """All values by their keys with dots, without those that say where a run is and where it goes on."""
    config = OmegaConf.create(config)
    config.run_dir = str(folder)
    values = plain(config)
    for key in ("run_dir", "resume", "sweep"):
        values.pop(key, None)
    if values.get("transfer"):
        values["encoder"].pop("stages", None)  # which the transfer has chosen
    return _flat(values)


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {prefix.removesuffix("."): tree}
    return {key: value for name, part in tree.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
