"""`seqvision train sweep=…`: many trainings by one command, as a person types it."""

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
import torch
from omegaconf import OmegaConf

from seqvision.cli import main
from seqvision.sweeps import read_sweep

# what torch and Lightning say to developers of Lightning
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")

TINY = [
    "pattern=classification",
    "rnn.hidden_size=4",
    "front.size=4",
    "trainer=cpu",
    "trainer.max_epochs=2",
    "trainer.limit_train_batches=4",
    "trainer.limit_val_batches=1",
    "trainer.log_every_n_steps=1",
]
VARIANTS = [
    "sweep=variants",
    'sweep.variants={as it is: [], too large: ["optimizer.lr=1e30","trainer.gradient_clip_val=null"],'
    ' impossible: ["data.batch_size=0"], lstm: ["rnn=lstm"]}',
    "sweep.seeds=[3,4]",
    "sweep.score=[train/loss,val/accuracy]",
    "sweep.title=Rates",
    "sweep.see=The large one diverges.",
]
SPACE = "sweep.space={optimizer.lr: {low: 1e-4, high: 1e-1, scale: log}, rnn: [elman, lstm]}"


def weights(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


def same(one, other) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A folder in which a sweep of variants was run."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", *TINY, *VARIANTS, "hydra.run.dir=many"]) == 0
    return folder


@pytest.mark.slow
def test_every_variant_is_trained_once_a_seed_and_what_became_of_it_is_told(swept):
    sweep = read_sweep(swept / "many")
    assert [(trial.name, trial.seed) for trial in sweep.trials] == [
        (name, seed) for name in ("as it is", "too large", "impossible", "lstm") for seed in (3, 4)
    ]
    states = {name: {trial.state for trial in sweep.of(name)} for name in sweep.names}
    assert states == {
        "as it is": {"finished"},
        "too large": {"diverged"},
        "impossible": {"failed"},
        "lstm": {"finished"},
    }
    assert "batch" in sweep.of("impossible")[0].message
    assert "not a finite number" in sweep.of("too large")[0].message
    first = sweep.trials[0]
    assert (first.epochs, first.steps, first.steps_per_epoch) == (2, 8, 4.0)
    assert first.seconds > 0
    assert {"train/loss", "val/accuracy"} <= set(first.scores)
    assert set(dict(sweep.ranked())) == {"as it is", "lstm"}
    best = json.loads((swept / "many" / "sweep.json").read_text())["best"]
    assert best["name"] == sweep.ranked()[0][0]
    page = (swept / "many" / "report.html").read_text()
    assert "The large one diverges." in page
    assert (swept / "many" / "figure.png").stat().st_size > 5000


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 7])
def test_a_trial_is_the_single_run_of_its_command_bit_for_bit(swept, monkeypatch, place):
    monkeypatch.chdir(swept)
    trial = read_sweep(swept / "many").trials[place]
    _, *command = shlex.split(trial.command)
    assert main([*command, f"hydra.run.dir=single{place}"]) == 0
    assert same(weights(swept / "many" / trial.folder.name), weights(swept / f"single{place}"))
    one, other = (json.loads((f / "run.json").read_text()) for f in (trial.folder, swept / f"single{place}"))
    assert one["config_hash"] == other["config_hash"]
    assert one["scores"] == other["scores"]


@pytest.mark.slow
def test_going_on_keeps_what_is_there_and_trains_the_rest(swept, monkeypatch, capsys):
    monkeypatch.chdir(swept)
    before = {file: file.stat().st_mtime_ns for file in (swept / "many").glob("*/run.json")}
    command = json.loads((swept / "many" / "sweep.json").read_text())["command"]
    capsys.readouterr()
    assert main(["train", "resume=many", "sweep.seeds=[3,4,5]"]) == 0
    said = capsys.readouterr().out
    assert said.count("(was there)") == 6, "what failed is tried again"
    for file, written in before.items():
        assert file.stat().st_mtime_ns == written
    sweep = read_sweep(swept / "many")
    assert len(sweep.trials) == 12
    assert sweep.command == command
    assert sweep.of("lstm")[2].state == "finished"


@pytest.mark.few(4)
@pytest.mark.parametrize(
    ("overrides", "messages"),
    [
        (["sweep=random", "sweep.space={optimizer.lrr: [1,2]}"], ["no key 'optimizer.lrr'", "optimizer.lr"]),
        (["sweep=random", "sweep.space={rnn: [elman, lstn]}"], ["rnn=lstn", "no such choice", "lstm"]),
        (["sweep=random"], ["sweep.space is missing"]),
        (["sweep=variants"], ["sweep.variants is missing"]),
        (["sweep=variants", 'sweep.variants={a: ["rnn=elmann"]}'], ["rnn=elmann", "elman"]),
        (["sweep=grid", SPACE, "sweep.trials=3"], ["sweep.trials is 3", "4 at least"]),
        (["sweep=random", SPACE, "seed=3"], ["sweep.seeds=[0,1,2]"]),
        (["sweep=random", SPACE, "trainer=ddp", "trainer.accelerator=cpu"], ["several processes", "trainer.devices=1"]),
        (["sweep=variants", 'sweep.variants={a: ["trainer.devices=2"]}'], ["several processes", "trainer.devices=1"]),
        (["sweep=random", SPACE, "--multirun"], ["--multirun", "leave out"]),
    ],
)
def test_what_no_trial_can_be_made_of_is_said_before_any_training(tmp_path, monkeypatch, capsys, overrides, messages):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *TINY, *overrides, "hydra.run.dir=many"]) == 2
    error = capsys.readouterr().err
    for message in messages:
        assert message in error
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A folder with a search by draws and one by a grid."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind in ("random", "grid"):
            settings = [f"sweep={kind}", SPACE, "sweep.trials=4", "sweep.epochs=1", f"hydra.run.dir={kind}"]
            assert main(["train", *TINY, *settings]) == 0
    return folder


@pytest.mark.slow
def test_a_search_chooses_by_validation_and_says_how_to_do_it_again(searched):
    sweep = read_sweep(searched / "random")
    assert len(sweep.trials) == 4
    assert sweep.monitor == "val/accuracy"
    name, score = sweep.ranked()[0]
    assert score == max(trial.score for trial in sweep.trials)
    best = sweep.of(name)[0]
    assert f"optimizer.lr={best.values['optimizer.lr']:.5g}" in best.command
    assert {trial.epochs for trial in sweep.trials} == {1}
    page = (searched / "random" / "report.html").read_text()
    assert best.command in page
    assert page.count("<svg") == 1


@pytest.mark.slow
def test_searches_are_compared_on_one_page(searched, run):
    done = run("report", searched / "random", searched / "grid", "--output", searched / "both.html")
    assert done.status == 0, done.err
    page = (searched / "both.html").read_text()
    assert page.count("<svg") == 3
    assert "4 of optimizer.lr" in page
    assert "2 of optimizer.lr" in page


@pytest.mark.slow
def test_the_page_of_a_sweep_is_made_again(searched, run):
    (searched / "grid" / "report.html").unlink()
    assert run("report", searched / "grid").status == 0
    assert "grid" in (searched / "grid" / "report.html").read_text()


@pytest.mark.slow
def test_another_sweep_in_the_same_folder_is_refused(searched, monkeypatch, capsys):
    monkeypatch.chdir(searched)
    settings = ["sweep=random", SPACE, "sweep.trials=4", "sweep.epochs=1", "hydra.run.dir=random"]
    assert main(["train", *TINY, "front.dropout=0.1", *settings]) == 2
    assert "holds a sweep of other trainings" in capsys.readouterr().err
    other = SPACE.replace("1e-4", "1e-3")
    assert (
        main(["train", *TINY, "sweep=random", other, "sweep.trials=4", "sweep.epochs=1", "hydra.run.dir=random"]) == 2
    )
    assert "was trained with optimizer.lr=" in capsys.readouterr().err


@pytest.mark.slow
def test_commands_are_printed_and_what_they_leave_is_gathered(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    settings = ["sweep=random", SPACE, "sweep.trials=2", "sweep.epochs=1", "hydra.run.dir=many"]
    assert main(["train", *TINY, *settings, "sweep.print=true"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("seqvision train ") for line in lines)
    assert main(shlex.split(lines[1])[1:]) == 0
    capsys.readouterr()
    assert main(["train", "resume=many", "sweep.print=false"]) == 0
    assert capsys.readouterr().out.count("(was there)") == 1
    assert [trial.state for trial in read_sweep(tmp_path / "many").trials] == ["finished"] * 2


@pytest.mark.slow
def test_an_experiments_sweep_can_be_left_out_and_its_figure_be_ones_own(tmp_path, monkeypatch):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "my_figures_of_sweeps.py").write_text(
        "from matplotlib.figure import Figure\n\n\ndef drawn(sweep, *, size):\n"
        "    figure = Figure(figsize=(size, size))\n"
        "    figure.suptitle(' '.join(str(len(t.curve('train/loss', x='seconds'))) for t in sweep.trials))\n"
        "    assert all((trial.folder / 'best.ckpt').is_file() for trial in sweep.trials)\n"
        "    return figure\n"
    )
    (tmp_path / "conf" / "experiment" / "two.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /sweep: variants\nsweep:\n"
        "  variants: {one: [], other one: [optimizer.lr=1e-2]}\n"
        "  figure: {_target_: my_figures_of_sweeps.drawn, size: 2}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    own = ["--config-dir", "conf", "experiment=two"]
    assert main(["train", *own, *TINY, "hydra.run.dir=many"]) == 0
    assert sorted(path.name for path in (tmp_path / "many").glob("*-seed0")) == ["one-seed0", "other_one-seed0"]
    assert (tmp_path / "many" / "figure.png").is_file()
    assert main(["train", *own, *TINY, "sweep=none", "hydra.run.dir=single"]) == 0
    assert same(weights(tmp_path / "many" / "one-seed0"), weights(tmp_path / "single"))
    sys.modules.pop("my_figures_of_sweeps")


LONG = [*TINY, "trainer.max_epochs=12", "callbacks.last.every_n_steps=1"]


def start(folder, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "seqvision", "train", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_a_sweep_that_is_killed_ends_where_an_undisturbed_one_ends(tmp_path):
    settings = [*LONG, "sweep=random", SPACE, "sweep.trials=3", "sweep.seeds=[0,1]", "front.dropout=0.3"]
    calm = start(tmp_path, *settings, "hydra.run.dir=calm")
    output, _ = calm.communicate(timeout=300)
    assert calm.returncode == 0, output
    for attempt in range(3):
        process = start(
            tmp_path, *(settings if not attempt else []), *[f"{'resume' if attempt else 'hydra.run.dir'}=wild"]
        )
        begun = time.time()
        # a trial further on than when it began has been begun, and has something to be gone on with
        while len(list((tmp_path / "wild").glob("*/last.ckpt"))) < 2 * attempt + 1 and process.poll() is None:
            assert time.time() - begun < 120
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = start(tmp_path, "resume=wild")
    output, _ = last.communicate(timeout=300)
    assert last.returncode == 0, output
    assert "(was there)" in output
    one, other = (read_sweep(tmp_path / name) for name in ("calm", "wild"))
    for calm_trial, wild_trial in zip(one.trials, other.trials, strict=True):
        assert (calm_trial.name, calm_trial.seed) == (wild_trial.name, wild_trial.seed)
        assert same(weights(calm_trial.folder), weights(wild_trial.folder))
        assert calm_trial.score == wild_trial.score
        assert calm_trial.scores["train/loss"] == wild_trial.scores["train/loss"]


@pytest.mark.slow
def test_trials_of_a_round_are_handed_to_a_launcher(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="an extra: pip install 'seqvision[slurm]'")
    settings = [*TINY, "sweep=coarse_to_fine", SPACE, "sweep.trials=3", "sweep.rounds=2", "hydra.run.dir=many"]
    done = start(tmp_path, "hydra/launcher=submitit_local", *settings)
    output, _ = done.communicate(timeout=300)
    assert done.returncode == 0, output
    sweep = read_sweep(tmp_path / "many")
    assert [trial.state for trial in sweep.trials] == ["finished"] * 3, output
    assert len(list((tmp_path / "many" / ".submitit").rglob("*_result.pkl"))) == 3, "a job for each"
    single = start(tmp_path, *shlex.split(sweep.trials[2].command)[2:], "hydra.run.dir=single")
    output, _ = single.communicate(timeout=300)
    assert same(weights(tmp_path / "many" / sweep.trials[2].folder.name), weights(tmp_path / "single")), output


@pytest.mark.slow
def test_the_folder_of_a_trial_calls_nothing_of_its_own(tmp_path, monkeypatch, capsys):
    """A sweep from a stranger, whose figure builds the trials' networks again: by their config.yaml."""
    monkeypatch.chdir(tmp_path)
    figure = "sweep.figure={_target_: seqvision.cli.sweep_figures.activations_figure, _partial_: true}"
    command = [*TINY, "trainer.max_epochs=1", "sweep=variants", "sweep.variants={one: []}", figure]
    assert main(["train", *command, "hydra.run.dir=many"]) == 0
    (config,) = (tmp_path / "many").glob("*/config.yaml")
    node = OmegaConf.load(config)
    for hostile in (
        {"_target_": "pathlib.Path.touch", "self": {"_target_": "pathlib.Path", "_args_": ["evil"]}},
        {
            "_target_": "os.system",
            "command": "touch evil",
        },
    ):
        OmegaConf.update(node, "loss", hostile, merge=False, force_add=True)
        config.write_text(OmegaConf.to_yaml(node))
        assert main(["report", "many"]) == 0
        assert main(["train", "resume=many"]) == 2
        error = capsys.readouterr().err
        assert f"{config.name}: loss._target_ is '{hostile['_target_']}', which is not of seqvision" in error
        assert not (tmp_path / "evil").exists()
