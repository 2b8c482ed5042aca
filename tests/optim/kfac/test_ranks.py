"""K-FAC in several processes takes the step of one process with the same global batch, and shares its work out."""

import importlib.util
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.optim import SGD

from seqvision.optim import KFAC, Factored
from seqvision.optim.kfac.ranks import owners

TESTS = Path(__file__).resolve().parents[1] / "test_training.py"
STEPS = 4


def test_the_dearest_work_is_shared_out_first():
    assert owners([1, 8, 3, 5], 2) == [0, 0, 1, 1]
    assert owners([2, 2, 2], 4) == [0, 1, 2]
    assert owners([4, 4], 1) == [0, 0]


class Counted(Factored):
    """Knows how many layers it inverted here."""

    number = 0

    def prepare(self, *arguments):
        Counted.number += 1
        return super().prepare(*arguments)


def training():
    """tests/optim/test_training.py: a classifier of clips with convolutions, a recurrence and linear layers."""
    spec = importlib.util.spec_from_file_location("training_tests", TESTS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(folder: Path, ranks: int) -> None:
    """Trains on shares of global batches of 11 clips; leaves every rank's weights after each step, and its count."""
    tests = training()
    Counted.number = 0
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    kfac = partial(KFAC, damping=1e-2, factor_every=1, invert_every=2, kl_clip=1e-2, inverse=Counted())
    task = tests.task(partial(SGD, lr=0.05, momentum=0.9), preconditioner=kfac)
    kept = []

    class Keep(tests.Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            kept.append({name: value.clone() for name, value in pl_module.model.state_dict().items()})

    batches = [share(tests, step, rank, ranks) for step in range(STEPS)]
    several = {"devices": ranks, "strategy": "ddp", "use_distributed_sampler": False} if ranks > 1 else {}
    tests.trainer(folder, max_epochs=1, callbacks=[Keep()], **several).fit(task, tests.loader(batches))
    torch.save(kept, folder / f"rank{rank}.pt")
    counts = {"inverted": Counted.number, "layers": len(task.preconditioner.layers)}
    (folder / f"rank{rank}.json").write_text(json.dumps(counts))


def share(tests, step: int, rank: int, ranks: int):
    """A rank's clips of a global batch: of different numbers, as ends of epochs are."""
    whole = tests.clips(step, number=11)
    rows = [n for n in range(11) if n % ranks == rank]
    frames = [whole.frames[n, : whole.lengths[n]] for n in rows]
    classes = [int(whole.classes[n]) for n in rows]
    return tests.sequence_batch([str(n) for n in rows], frames, classes=classes)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """What one process leaves."""
    folder = tmp_path_factory.mktemp("alone")
    run(folder, 1)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*have no `val_dataloader`")
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_steps_of_several_processes_are_those_of_one(ranks, alone, tmp_path):
    script = tmp_path / "start.py"  # a file: Lightning starts further processes by it
    script.write_text(
        "import pathlib, runpy, sys\n"
        f"sys.path.insert(0, {str(TESTS.parents[1] / 'helpers')!r})\n"
        f"runpy.run_path({__file__!r})['run'](pathlib.Path({str(tmp_path)!r}), {ranks})\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    one = torch.load(alone / "rank0.pt")
    several = [torch.load(tmp_path / f"rank{rank}.pt") for rank in range(ranks)]
    for step in range(STEPS):
        for name, value in one[step].items():
            torch.testing.assert_close(several[0][step][name], value, atol=1e-4, rtol=1e-4)
            for other in several[1:]:
                assert torch.equal(other[step][name], several[0][step][name]), "ranks are equal to the last bit"
    assert max(float((one[-1][name] - one[0][name]).abs().max()) for name in one[0]) > 1e-2
    counts = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(ranks)]
    known = json.loads((alone / "rank0.json").read_text())
    assert sum(count["inverted"] for count in counts) == known["inverted"] == 2 * known["layers"]
    assert all(count["inverted"] > 0 for count in counts)
