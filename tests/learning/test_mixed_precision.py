"""Training in bfloat16, the CPU's autocast standing for a GPU's: every task learns as it does in float32.

`PYTHONPATH=.:tests/helpers python tests/learning/test_mixed_precision.py` prints the losses.
"""

import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch
from device_runs import RUNS, settings

from seqvision.checks import Learner
from seqvision.cli.trial import trial
from seqvision.data.loading import Item

STEPS, LAST = 50, 10
TASKS = ["captioning", "captioning, window", "self-critical", "classification", "labelling", "translation"]
TASKS += ["reading, RAM", "reading, DRAM", "painting, DRAW", "painting, VAE"]

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")]


def losses(name: str, folder: Path) -> tuple[float, float]:
    """The mean loss over the last steps of a training in float32, and of one in bfloat16, both from the same start."""
    run = [each for each in settings(RUNS[name], folder, steps=STEPS) if not each.startswith("run_dir=")]
    with trial([*run, "trainer.accelerator=cpu"], command="check", batches=1) as tried:
        task, dataset = tried.learner.task, tried.data.dataset("train", training=False)
        sizes = [range(start, start + 8) for start in range(0, min(len(dataset), 40) - 7, 8)]
        batches = [dataset.__getitems__([Item(index, index) for index in part]) for part in sizes]
        found = []
        for enabled in (False, True):
            context = partial(torch.autocast, "cpu", torch.bfloat16, enabled=enabled)
            learner = Learner(task, clip=1.0, context=context)
            learner.begun = tried.learner.begun
            learner.restart()
            last = []
            for step in range(STEPS):
                batch = batches[step % len(batches)]
                learner.step(batch)
                if step >= STEPS - LAST:
                    last.append(learner.judged(batch))
            found.append(sum(last) / LAST)
    return found[0], found[1]


@pytest.mark.parametrize("name", TASKS)
def test_fifty_steps_end_within_two_percent(name, tmp_path):
    single, half = losses(name, tmp_path)
    assert half == pytest.approx(single, rel=0.02)


if __name__ == "__main__":
    for name in TASKS:
        with tempfile.TemporaryDirectory() as folder:
            single, half = losses(name, Path(folder))
        print(f"{name:24} float32 {single:8.4f}  bfloat16 {half:8.4f}  {100 * (half / single - 1):+6.2f} %", flush=True)
