"""`seqvision draw` as a person uses it, and what `evaluate` and `report` say of painters."""

import json
import re

import numpy as np
import pytest
import torch
from checkpoints import save_checkpoint
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from PIL import Image

from seqvision.cli.config import conf_dir, plain
from seqvision.data import read_digits
from seqvision.data.binarise import binarised
from seqvision.errors import UserError
from seqvision.inference import load_model
from seqvision.inference.checkpoint import contents
from seqvision.inference.painting import LoadedPainter, likeliest, sample
from seqvision.inference.painting_evaluation import bounds_of, evaluate_painting, pictures_of
from seqvision.tasks import Painting

BERNOULLI, GAUSSIAN = ([f"model.pixels._target_=seqvision.models.{name}Pixels"] for name in ("Bernoulli", "Gaussian"))
LEARNT = [*GAUSSIAN, "+model.pixels.learnt=true"]
SMALL = ("rnn.hidden_size=8", "model.steps=3", "model.latent_size=4")


def make_painter(folder, *changes):
    """A painter of 8 x 8 digits as training leaves it, without the training."""
    overrides = [f"run_dir={folder}", "pattern=painting", *changes]
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        config = plain(compose("train", overrides=overrides))
    torch.manual_seed(0)
    data = instantiate(config["data"])
    sizes = data.model_sizes()
    model = instantiate(config["model"], **sizes)
    torch.nn.init.normal_(model.start)
    held = contents(config, {**config["model"], **sizes}, data.held(), pattern="painting")
    folder.mkdir(parents=True)
    weights = {f"model.{name}": value for name, value in model.state_dict().items()}
    save_checkpoint({"seqvision": held, "state_dict": weights}, folder / "best.ckpt")
    return folder


def size_of(file):
    with Image.open(file) as picture:
        return picture.size


@pytest.fixture(scope="module")
def painter(tmp_path_factory):
    return make_painter(tmp_path_factory.mktemp("painter") / "run", *SMALL)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return make_painter(tmp_path_factory.mktemp("told") / "run", *SMALL, "model.conditional=true")


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return make_painter(tmp_path_factory.mktemp("vae") / "run", "model=vae", "model.hidden_size=8")


@pytest.fixture(scope="module")
def digit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for name in ("one", "two"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (20, 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_sheet_of_new_pictures_follows_the_seed(run, painter, tmp_path):
    sheets = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for sheet, seed in zip(sheets, (1, 1, 2), strict=True):
        found = run("draw", "--checkpoint", painter, "-n", 9, "--seed", seed, "--output", sheet)
        assert found == (0, f"{sheet}\n", "")
    assert sheets[0].read_bytes() == sheets[1].read_bytes() != sheets[2].read_bytes()
    assert size_of(sheets[0]) == (4 + 3 * 60, 4 + 3 * 60)


def test_the_command_shows_what_python_gives(run, painter, tmp_path):
    assert run("draw", "--checkpoint", painter, "-n", 2, "--seed", 5, "--output", tmp_path / "all").status == 0
    again = sample(load_model(painter, LoadedPainter), 2, seed=5)
    for number in range(2):
        with Image.open(tmp_path / "all" / f"000{number}.png") as picture:
            np.testing.assert_array_equal(np.array(picture), again.pictures[number])
    assert {path.name for path in (tmp_path / "all").iterdir()} == {"0000.png", "0001.png", "all.png", "all.gif"}
    assert again.growth.shape == (2, 3, 8, 8, 3)
    assert again.boxes.shape == (2, 3, 5)


def test_a_film_of_growing_canvases(run, painter, control, tmp_path):
    for checkpoint, frames in ((painter, 4), (control, 1)):
        assert run("draw", "--checkpoint", checkpoint, "-n", 4, "--output", tmp_path / "a.gif").status == 0
        with Image.open(tmp_path / "a.gif") as film:
            assert getattr(film, "n_frames", 1) == frames


def test_own_pictures_of_any_size_are_painted_again_and_broken_ones_are_said(run, painter, digit, tmp_path):
    found = run("draw", "--checkpoint", painter, "--reconstruct", digit, "--output", tmp_path / "again.png")
    assert found.status == 1
    assert "skipped" in found.err
    assert "broken.png" in found.err
    assert size_of(tmp_path / "again.png") == (4 + 4 * 60, 4 + 2 * 60)
    names = [digit / "one.png", digit / "two.png"]
    assert run("draw", "--checkpoint", painter, "--reconstruct", *names, "--output", tmp_path / "f").status == 0
    assert (tmp_path / "f" / "two.png").is_file()
    none = run("draw", "--checkpoint", painter, "--reconstruct", digit / "broken.png", "--output", tmp_path / "x.png")
    assert none.status == 2
    assert "of 1 picture none could be read" in none.err


def test_the_way_from_one_to_another(run, told, digit, tmp_path):
    ends = [digit / "one.png", digit / "two.png"]
    assert run("draw", "--checkpoint", told, "--interpolate", *ends, "--output", tmp_path / "way.png").status == 0
    assert size_of(tmp_path / "way.png") == (4 + 10 * 60, 4 + 60)
    found = run("draw", "--checkpoint", told, "--interpolate", *ends, "--output", tmp_path / "way.gif")
    assert found.status == 2
    assert "take a .png" in found.err


def test_own_pictures_are_not_painted_over(run, painter, tmp_path):
    (tmp_path / "own").mkdir()
    for name in ("all", "one"):
        Image.new("L", (8, 8), 200).save(tmp_path / "own" / f"{name}.png")
    kept = {path: path.read_bytes() for path in (tmp_path / "own").iterdir()}
    one = tmp_path / "own" / "one.png"
    way = ["--interpolate", one, one]
    for asked, place in ((["--reconstruct", one], one), (["--reconstruct", one], one.parent), (way, one)):
        found = run("draw", "--checkpoint", painter, *asked, "--output", place)
        assert found.status == 2
        assert "one.png would be painted over" in found.err
    assert {path: path.read_bytes() for path in (tmp_path / "own").iterdir()} == kept
    found = run("draw", "--checkpoint", painter, "--reconstruct", tmp_path / "own", "--output", tmp_path / "again")
    assert found.status == 0
    assert {path.name for path in (tmp_path / "again").iterdir()} == {"all.gif", "all.png", "own_all.png", "one.png"}


def test_own_pictures_are_of_the_class_that_they_are_likeliest_of(told, run, digit, tmp_path):
    loaded = load_model(told, LoadedPainter)
    shown = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1)).round()
    noise = torch.zeros(4, loaded.model.steps, loaded.model.latent_size)
    with torch.inference_mode():
        nats = [loaded.model(shown, torch.full((4,), place), noise=noise).nats for place in range(10)]
        found = likeliest(loaded, shown)
    assert len(set(found.tolist())) > 1, "or the test could not tell them from one class for all"
    assert found.tolist() == torch.stack(nats).argmin(dim=0).tolist()
    one = binarised(loaded.reader(digit / "one.png")[None], loaded.binarise, ids=["one.png"])
    with torch.inference_mode():
        name = loaded.symbols.names[likeliest(loaded, one)[0]]
    sheets = [tmp_path / "asked.png", tmp_path / "found.png"]
    for sheet, asked in zip(sheets, (["--class", name], []), strict=True):
        command = ["draw", "--checkpoint", told, "--reconstruct", digit / "one.png", *asked, "--output", sheet]
        assert run(*command).status == 0
    assert sheets[0].read_bytes() == sheets[1].read_bytes()


def test_classes_are_asked_for_by_name(run, told, painter, tmp_path):
    three, eight, turns = (tmp_path / f"{name}.png" for name in ("three", "eight", "turns"))
    for file, classes in ((three, ["3"]), (eight, ["8"]), (turns, ["3", "8"])):
        options = [part for name in classes for part in ("--class", name)]
        assert run("draw", "--checkpoint", told, "-n", 2, *options, "--output", file).status == 0
    assert len({file.read_bytes() for file in (three, eight, turns)}) == 3
    wrong = run("draw", "--checkpoint", told, "--class", "seven", "--output", tmp_path / "x.png")
    assert wrong.status == 2
    assert "expected one of 0, 1, 2" in wrong.err
    blind = run("draw", "--checkpoint", painter, "--class", "3", "--output", tmp_path / "x.png")
    assert blind.status == 2
    assert "train one with model.conditional=true" in blind.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-n", "0"], "expected a number of pictures, 1 or more"),
        (["--output", "a.jpg"], "expected .png, .gif or a folder"),
        (["--interpolate", "a.png", "b.png", *["--class", "3"] * 3], "3 of them; the way between two pictures has"),
        (["--output", "/dev/null/a.png"], "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_said(run, painter, options, said):
    found = run("draw", "--checkpoint", painter, *options)
    assert found.status == 2
    assert said in found.err


def test_a_picture_that_is_missing_is_named(run, painter, tmp_path):
    ends = [tmp_path / "absent.png", tmp_path / "absent.png"]
    found = run("draw", "--checkpoint", painter, "--interpolate", *ends, "--output", tmp_path / "x.png")
    assert found.status == 2
    assert "absent.png" in found.err


@pytest.mark.slow
def test_nats_stand_beside_the_mean_picture_and_a_control(run, painter, control, tmp_path):
    rows = tmp_path / "rows.jsonl"
    options = ["--bootstrap", 50, "--importance", 8, "--against", control, "--save-predictions", rows]
    found = run("evaluate", "--checkpoint", painter, *options)
    assert found.status == 0, found.err
    assert "best.ckpt on test: 358 pictures" in found.out
    assert re.search(r"\n +model +95 % interval +mean picture\n", found.out)
    assert re.search(r"fewer than \S+: nats [+-]\d", found.out)
    record = json.loads((painter / "evaluation_test.json").read_text())
    scores = record["scores"]
    assert scores["nats"] == pytest.approx(scores["reconstruction"] + scores["kl"])
    assert scores["importance_weighted"] < scores["nats"]
    assert len(record["details"]["kl_by_step"]) == 3
    assert sum(record["details"]["kl_by_step"]) == pytest.approx(scores["kl"])
    assert record["details"]["left_by_step"][-1] == pytest.approx(scores["reconstruction"])
    assert len(record["details"]["left_by_step"]) == 3
    assert 20 < record["controls"]["mean_picture"]["nats"] < 30
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    assert np.mean([line["nats"] for line in lines]) == pytest.approx(scores["nats"])
    again = run("evaluate", "--checkpoint", painter, "--format", "json", "--bootstrap", 0, "--batch-size", 7)
    assert json.loads(again.out)["scores"]["nats"] == pytest.approx(scores["nats"], rel=1e-5)


def test_nats_of_other_pictures_are_not_compared(run, painter, tmp_path):
    grey = make_painter(tmp_path / "grey", *SMALL, "task.binarise=none")
    found = run("evaluate", "--checkpoint", painter, "--against", grey)
    assert found.status == 2
    assert "only nats of the same pictures can be compared" in found.err
    density = make_painter(tmp_path / "density", *SMALL, "task.binarise=none", *GAUSSIAN)
    found = run("evaluate", "--checkpoint", grey, "--against", density)
    assert found.status == 2
    assert "with GaussianPixels, this one (1, 8, 8) by 'none' with BernoulliPixels" in found.err
    minus = run("evaluate", "--checkpoint", painter, "--importance", -1)
    assert minus.status == 2
    assert "expected a number of draws" in minus.err


@pytest.mark.parametrize(
    ("pixels", "binarise"), [(BERNOULLI, "none"), (BERNOULLI, "threshold"), (GAUSSIAN, "none"), (LEARNT, "none")]
)
def test_who_paints_the_mean_picture_needs_the_mean_pictures_nats(pixels, binarise, tmp_path):
    """Of a network that says nothing of a picture, KL 0, the nats are the baseline's: both are of one distribution."""
    run = make_painter(tmp_path / "run", "model=vae", f"task.binarise={binarise}", *pixels)
    loaded, records = load_model(run, LoadedPainter), read_digits().records
    by_split = {split: [record for record in records if record.split == split] for split in ("train", "test")}
    for parameter in loaded.model.parameters():
        if parameter is not getattr(loaded.model.pixels, "log_deviation", None):
            parameter.data.zero_()
    distribution, canvas = loaded.model.pixels.baseline(pictures_of(loaded, by_split["train"]))
    loaded.model.pixels.load_state_dict(distribution.state_dict())
    loaded.model.start.data.copy_(canvas)
    found = evaluate_painting(
        bounds_of(loaded, by_split["test"], importance=2),
        by_split["test"],
        loaded,
        split="test",
        training=by_split["train"],
        resamples=0,
    )
    assert found.scores["kl"] == pytest.approx(0, abs=1e-6)
    assert found.scores["nats"] == pytest.approx(found.controls["mean_picture"]["nats"], rel=1e-5)
    assert found.scores["importance_weighted"] == pytest.approx(found.scores["nats"], rel=1e-5)


def test_a_density_of_zeros_and_ones_is_refused(run, tmp_path):
    folder = make_painter(tmp_path / "run", *SMALL, "task.binarise=threshold", *GAUSSIAN)
    found = run("evaluate", "--checkpoint", folder)
    assert found.status == 2
    assert "task.binarise=threshold with GaussianPixels: pixels that are 0 or 1 have no density" in found.err
    with pytest.raises(UserError, match=r"task\.binarise=sampled with GaussianPixels: .*set task.binarise=none"):
        Painting(load_model(folder, LoadedPainter).model, optimizer=None, scheduler=None, contents={})


@pytest.mark.parametrize("kind", ["painter", "told", "control"])
def test_the_page_shows_new_pictures_and_how_they_grow(run, request, kind, tmp_path):
    folder = request.getfixturevalue(kind)
    found = run("report", folder, "--output", tmp_path / "page.html", "--split", "val", "--examples", 2)
    assert found.status == 0, found.err
    page = (tmp_path / "page.html").read_text()
    for heading in ("New pictures", "How they are painted", "Best known, val", "Least known, val"):
        assert heading in page
    assert ("What each step tells" in page) == (kind != "control")


def test_a_painter_is_refused_by_other_commands_with_the_right_one_named(run, painter):
    found = run("read", "--checkpoint", painter, "a.png")
    assert found.status == 2
    assert "seqvision draw" in found.err


def test_painters_make_no_ensemble(run, painter):
    found = run("evaluate", "--checkpoint", painter, "--checkpoint", painter)
    assert found.status == 2
    assert "--checkpoint: 2 models, expected one for painting" in found.err
