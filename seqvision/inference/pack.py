"""From a run's checkpoint to a packed model: what goes along and what does not."""

from pathlib import Path
from typing import Any

from seqvision.digest import digest_of, model_weights
from seqvision.errors import UserError
from seqvision.inference.checkpoint_file import check_finite, find_checkpoint, read_checkpoint
from seqvision.inference.packed import SUFFIX, write_packed
from seqvision.inference.run_folder import read_evaluations

_OF_TRAINING = ("run_dir", "resume", "start_from", "cache", "callbacks", "logger", "trainer", "sweep")


def pack(run: str | Path, output: str | Path | None = None, *, allow_nonfinite: bool = False) -> Path:
    """Writes the model of a run's folder or a checkpoint into one file, without optimizer and pickle.

    Args:
        run: the folder or the checkpoint.
        output: the file, by default model.safetensors beside the checkpoint.
        allow_nonfinite: whether weights may be infinite or not numbers at all.

    Returns:
        The file that was written.

    Raises:
        UserError: The checkpoint cannot be read, or the file not be written.
    """
    file = find_checkpoint(run)
    target = Path(output) if output else file.with_name(f"model{SUFFIX}")
    if target.suffix != SUFFIX:
        raise UserError(f"--output {target}: a packed model ends in {SUFFIX}; write --output {target}{SUFFIX}")
    checkpoint = read_checkpoint(file)
    weights = model_weights(checkpoint)
    if not allow_nonfinite:
        check_finite(weights, file)
    held = dict(checkpoint["seqvision"])
    held["config"] = {name: value for name, value in held["config"].items() if name not in _OF_TRAINING}
    held["scores"] = held.get("scores") or scores_of(checkpoint, file.parent)
    held["digest"] = digest_of(held, weights)
    write_packed(target, held, weights)
    return target


def scores_of(checkpoint: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The scores by split: what the checkpoint was chosen by, and what evaluations of it the run's folder has."""
    scores: dict[str, Any] = {}
    for state in checkpoint.get("callbacks", {}).values():
        if isinstance(state, dict) and state.get("monitor") and state.get("current_score") is not None:
            split, _, name = str(state["monitor"]).partition("/")
            scores[split] = {name: float(state["current_score"])}
    for record in read_evaluations(folder, checkpoint["seqvision"]["digest"])[0]:
        scores[str(record.get("split"))] = record.get("scores", {})
    return scores
