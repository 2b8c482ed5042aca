"""Every task on the pretended accelerator: it trains, validates, resumes and is evaluated there, and hardly waits."""

import pytest
from device_runs import RUNS, run_on

from seqvision.cli import main

STEPS = 3
WHOLE = ["captioning", "self-critical", "classification", "labelling, windows", "translation", "reading, DRAM"]
WHOLE += ["reading, RAM", "painting, DRAW"]  # these are also resumed and evaluated

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")]


@pytest.mark.parametrize("name", RUNS)
def test_a_training_step_hardly_waits(name, pretended, tmp_path):
    """At most two waits and no blocking copy a step; every parameter that is trained gets a gradient."""
    watched = run_on(pretended, RUNS[name], tmp_path, steps=STEPS)
    totals = watched.counts.totals()
    assert totals["launches"] > 0
    assert totals["waits"] <= 2 * STEPS, watched.counts.lines("waits")
    assert totals["blocking"] == 0, watched.counts.lines("blocking")
    assert not watched.without_gradient
    if name in WHOLE:
        goes_on = (f"resume={tmp_path / 'run' / 'last.ckpt'}", "trainer.max_epochs=2")
        resumed = run_on(pretended, RUNS[name], tmp_path, *goes_on, steps=STEPS)
        assert resumed.counts.totals()["blocking"] == 0
        assert (
            main(["evaluate", "--checkpoint", str(tmp_path / "run"), "--split", "val", "--device", pretended.name]) == 0
        )
