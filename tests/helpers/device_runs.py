"""Small runs of every task on the pretended device, and what a training step costs there.

`PYTHONPATH=. python tests/helpers/device_runs.py [NAME …]` prints the table, `--lines` which lines cause it.
"""

import logging
import sys
import tempfile
import warnings
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from pretended_counts import Counts
from pretended_device import Float64OnDevice, MixedDevices, PretendedDevice
from pretended_trainer import ON_DEVICE, register
from pytorch_lightning import Callback
from small_patterns import overrides

from seqvision.cli.config import check_overrides
from seqvision.cli.train import fit

SKIPPED = 2  # steps, which make what later ones keep
SIZES = {  # of data for a few steps of four
    "captioning": ["data.counts={train: 56, val: 4}"],
    "labelling": ["data.counts={train: 56, val: 4, test: 4}"],
    "translation": ["data.sizes={train: 100, val: 8, test: 8}"],
}
DRAM = ["model=dram", "model.glimpse=16", "model.context=16"]

RUNS: dict[str, list[str]] = {
    "captioning": ["pattern=captioning"],
    "captioning, window": ["pattern=captioning", "attention=window"],
    "captioning, additive": ["pattern=captioning", "attention=additive", "model.tie_embeddings=false"],
    "captioning, word noise": ["pattern=captioning", "task.word_swap=0.2", "task.sampling_probability=0.2"],
    "captioning, in pieces": ["pattern=captioning", "loss.scores_at_once=100", "model.tie_embeddings=true"],
    "self-critical": ["pattern=captioning", "task=self_critical", "decoding.max_length=6"],
    "classification": ["pattern=classification"],
    "classification, both ways": ["pattern=classification", "rnn=lstm", "rnn.bidirectional=true"],
    "labelling": ["pattern=labelling"],
    "labelling, windows": ["pattern=labelling", "data.window=4", "rnn.bidirectional=false"],
    "translation": ["pattern=translation"],
    "reading, RAM": ["pattern=reading"],
    "reading, DRAM": ["pattern=reading", *DRAM],
    "reading, DRAM, one look": ["pattern=reading", *DRAM, "model.looks=1"],
    "painting, DRAW": ["pattern=painting"],
    "painting, VAE": ["pattern=painting", "model=vae"],
}
UNKNOWN_TO = {  # what a model's small sizes do not say
    "model=dram": ("model.what", "model.where", "model.glimpse", "model.looks"),
    "model=vae": ("model.steps", "rnn.hidden_size"),
}


class Watched(Callback):
    """The counts of some training steps with their batches, behind the first SKIPPED, and the parameters that are
    trained and got no gradient in one of them: those end a distributed training.
    """

    def __init__(self, device: PretendedDevice, steps: int):
        self.device, self.steps = device, steps
        self.counts = Counts()
        self.counting = ExitStack()
        self.without_gradient: set[str] = set()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == SKIPPED:
            self.counts = self.counting.enter_context(self.device.counting())
        elif batch_idx == SKIPPED + self.steps:
            self.counting.close()

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        named = pl_module.named_parameters()
        self.without_gradient |= {name for name, each in named if each.requires_grad and each.grad is None}


def run_on(device: PretendedDevice, chosen: list[str], folder: Path, *more: str, steps: int) -> Watched:
    """A small training with these overrides, of SKIPPED and so many further steps an epoch; its folder is `run`."""
    watched = Watched(device, steps)
    config = check_overrides([*settings(chosen, folder, steps=steps), *ON_DEVICE, *more], config_name="train")
    fit(config, command="", callbacks=[watched])
    return watched


def settings(chosen: list[str], folder: Path, *, steps: int) -> list[str]:
    """What one would type for the run, without its device."""
    pattern = chosen[0].partition("=")[2]
    left_out = {"trainer.accelerator", *(key for each in chosen for key in UNKNOWN_TO.get(each, ()))}
    small = [each for each in overrides(pattern, folder) if each.partition("=")[0] not in left_out]
    limits = [f"trainer.limit_train_batches={SKIPPED + steps + 1}", "trainer.limit_val_batches=1"]
    sizes = ["data.batch_size=4", "data.evaluation_batch_size=4", *SIZES.get(pattern, [])]
    return [*small, *sizes, *chosen[1:], *limits, "trainer.max_epochs=1", f"run_dir={folder / 'run'}"]


def main(arguments: list[str]) -> None:
    steps = 10  # of which one is logged
    names = [each for each in arguments if each != "--lines"] or list(RUNS)
    warnings.simplefilter("ignore")
    logging.disable()
    print(f"{'a training step of':28} {'launches':>9} {'waits':>6} {'blocking copies':>16} {'other copies':>13}")
    with PretendedDevice() as device:
        register()
        for name in names:
            try:
                with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
                    training_only = ("trainer.limit_val_batches=0", "~callbacks.best")
                    counts = run_on(device, RUNS[name], Path(folder), *training_only, steps=steps).counts
            except (MixedDevices, Float64OnDevice) as error:
                print(f"{name:28} {error}")
                continue
            row = {kind: number / steps for kind, number in counts.totals().items()}
            numbers = f"{row['launches']:9.0f} {row['waits']:6.1f} {row['blocking']:16.1f} {row['copies']:13.1f}"
            print(f"{name:28} {numbers}", flush=True)
            if "--lines" in arguments:
                print(counts.lines("waits", "blocking"))


if __name__ == "__main__":
    main(sys.argv[1:])
