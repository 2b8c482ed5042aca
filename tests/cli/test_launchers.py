"""Runs handed to other processes and machines: Hydra's launchers, with a stand-in for Slurm that runs jobs at once."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from seqvision.cli.config import check_overrides, conf_dir
from seqvision.errors import UserError
from seqvision.sweeps import read_sweep

SMALL = [
    "data.counts={train: 16, val: 4}",
    "data.transform.size=16",
    "data.batch_size=8",
    "encoder.channels=[4, 4, 4, 4]",
    "rnn.hidden_size=8",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "decoding.max_length=5",
    "model.dropout=0",  # the ranks draw different masks
]

SBATCH = """#!/bin/sh
# takes a job, says its number and runs it behind our back
export SLURM_JOB_ID=4242 SLURM_JOB_NAME=train SLURM_NODELIST=127.0.0.1 SLURM_JOB_NODELIST=127.0.0.1
export SLURM_NNODES=$(sed -n 's/^#SBATCH --nodes=//p' "$1")
export SLURM_JOB_NUM_NODES=$SLURM_NNODES
export SLURM_NTASKS_PER_NODE=$(sed -n 's/^#SBATCH --ntasks-per-node=//p' "$1")
export SLURM_NTASKS=$((SLURM_NNODES * SLURM_NTASKS_PER_NODE))
cp "$1" "$FAKE_SLURM/submitted.sh"
sh "$1" > "$FAKE_SLURM/log" 2>&1 &
echo "Submitted batch job 4242"
"""

SRUN = """#!/bin/sh
# the same command once a task, each told its place
while [ "${1#--}" != "$1" ]; do case "$1" in --unbuffered) shift ;; *) shift 2 ;; esac; done
for rank in $(seq 0 $((SLURM_NTASKS - 1))); do
    SLURM_PROCID=$rank SLURM_LOCALID=$((rank % SLURM_NTASKS_PER_NODE)) \\
        SLURM_NODEID=$((rank / SLURM_NTASKS_PER_NODE)) "$@" &
done
wait
"""

SACCT = """#!/bin/sh
echo "JobID|State|NodeList"
echo "4242|RUNNING|127.0.0.1"
"""


@pytest.fixture(autouse=True)
def _needs_plugin():
    pytest.importorskip(
        "hydra_plugins.hydra_submitit_launcher", reason="a launcher is an extra: pip install 'seqvision[slurm]'"
    )


def train(folder: Path, *overrides: str, **environment: str) -> str:
    """What `seqvision train` says, run in the folder."""
    done = subprocess.run(
        [sys.executable, "-m", "seqvision", "train", *overrides, *SMALL],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stand_in(folder: Path) -> dict[str, str]:
    """The environment in which Slurm's commands are ours."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "sacct": SACCT}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "FAKE_SLURM": str(folder)}


def test_a_slurm_job_has_a_task_for_each_device():
    overrides = ["+cluster=slurm", "trainer=ddp", "trainer.num_nodes=2", "trainer.devices=4", "name=n"]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = compose("train", overrides=overrides, return_hydra_config=True)
    launcher = config.hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert (launcher.nodes, launcher.tasks_per_node, launcher.gpus_per_node, launcher.name) == (2, 4, 4, "n")
    assert config.hydra.mode.name == "MULTIRUN"


def test_a_cluster_is_given_several_values():
    check_overrides(["+cluster=slurm", "seed=0,1,2", "rnn=elman,lstm"], config_name="train")
    with pytest.raises(UserError, match="no such choice"):
        check_overrides(["+cluster=slurm", "seed=0,1,2", "rnn=elmann"], config_name="train")


@pytest.mark.slow
def test_combinations_run_as_processes_of_their_own(tmp_path):
    train(tmp_path, "--multirun", "hydra/launcher=submitit_local", "seed=0,1")
    records = [json.loads(file.read_text()) for file in tmp_path.glob("runs/*/*/*/run.json")]
    assert sorted(record["seed"] for record in records) == [0, 1]
    assert {record["steps"] for record in records} == {2}
    assert len({record["config_hash"] for record in records}) == 2


@pytest.mark.slow
def test_two_slurm_tasks_train_one_model_together(tmp_path):
    slurm = stand_in(tmp_path)
    train(
        tmp_path,
        "+cluster=slurm",
        "trainer=ddp",
        "trainer.num_nodes=2",
        "hydra.launcher.gpus_per_node=null",
        **slurm,
    )
    (file,) = tmp_path.glob("runs/*/*/*/run.json")
    together = json.loads(file.read_text())
    assert together["steps"] == 2  # of half a batch each, not two runs of their own
    assert "#SBATCH --nodes=2" in (tmp_path / "submitted.sh").read_text()
    train(tmp_path)
    (file,) = tmp_path.glob("runs/*/*/run.json")
    alone = json.loads(file.read_text())
    assert together["scores"]["val/loss"] == pytest.approx(alone["scores"]["val/loss"], abs=1e-3)


@pytest.mark.slow
def test_a_trial_of_a_sweep_is_a_slurm_job_of_several_tasks(tmp_path):
    train(
        tmp_path,
        *("+cluster=slurm", "trainer=ddp", "trainer.num_nodes=2", "hydra.launcher.gpus_per_node=null"),
        *("sweep=random", "sweep.trials=1", "sweep.space={optimizer.lr: {low: 1e-4, high: 1e-2, scale: log}}"),
        "hydra.run.dir=many",
        **stand_in(tmp_path),
    )
    (trial,) = read_sweep(tmp_path / "many").trials
    assert (trial.state, trial.steps) == ("finished", 2), "of half a batch each"
    assert "#SBATCH --nodes=2" in (tmp_path / "submitted.sh").read_text()
