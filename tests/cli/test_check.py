"""`seqvision check` and `seqvision rate`, as a person types them: text, JSON, page, picture; no run is left behind."""

import json

import pytest
from PIL import Image
from small_patterns import SMALL, overrides

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
FEW = ["--seconds", "2", "--steps", "20"]


def test_check_says_all_in_text_data_page_and_picture(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = overrides("classification", tmp_path)
    done = run(
        *("check", "--format", "json", "--page", "page.html", "--figure", "layers.png", *FEW),
        *(*typed, "rnn=elman", "initialization=large"),
    )
    assert done.status in (0, 1), done.err
    found = json.loads(done.out)
    assert found["chance_loss"] == pytest.approx(2.3026, abs=1e-3)
    assert found["initial_loss"] > 2 * found["chance_loss"]
    states = next(each for each in found["layers"] if each["name"] == "rnn.cells.0: state")
    assert states["saturated"] > 0.5
    assert sum(states["activations"]["counts"]) > 1000
    assert {"data", "core", "head", "backward", "optimiser"} <= set(found["seconds_by_part"])
    assert any("initialization=" in sentence for sentence in found["advice"])
    assert "initialization: 4 layers set" in done.err
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 3
    assert "rnn.cells.0: state" in page
    assert Image.open(tmp_path / "layers.png").size[0] > 500
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [name for name in SMALL if name != "classification"])
def test_check_looks_at_every_pattern(run, tmp_path, monkeypatch, pattern):
    monkeypatch.chdir(tmp_path)
    done = run("check", *overrides(pattern, tmp_path), *FEW)
    assert done.status in (0, 1), done.err
    assert "loss before training" in done.out
    assert "advice" in done.out
    assert "linear" in done.out
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_rate_draws_its_curves_and_says_how_sure_it_is(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [
        "--figure",
        "rate.png",
        "--runs",
        "2",
        "--steps",
        "60",
        "--low",
        "1e-4",
        "--high",
        "3",
        "--format",
        "json",
    ]
    done = run("rate", *overrides("classification", tmp_path, "data.batch_size=32"), *options)
    assert done.status in (0, 1), done.err
    found = json.loads(done.out)
    assert done.status == (0 if found["sure"] else 1)
    assert 1e-4 < found["rate"] < 1
    assert found["low"] <= found["rate"] <= found["high"]
    assert len(found["runs"]) == len(found["each"]) == 2
    assert found["configured"] == pytest.approx(1e-3, rel=10)
    assert Image.open(tmp_path / "rate.png").size[0] > 500


@pytest.mark.few(3)
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rate", "pattern=classification", "optimizer=lbfgs"], "no rate to look for"),
        (["rate", "--low", "1", "--high", "0.1"], "0 < --low < --high"),
        (["check", "pattern=classification", "rnn.hiden_size=3"], "Did you mean rnn.hidden_size"),
        (["check", "runs/x"], "expected overrides"),
        (["check", "resume=runs/x"], "a run that has begun"),
        (["check", "pattern=reading", "normalise=measured"], "no encoder that sees pixels"),
        (["check", "pattern=captioning", "normalise=nowhere.json", "data.num_workers=0"], "channel_mean"),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    small = overrides("captioning", tmp_path)[1:] if "pattern=captioning" in arguments else []
    done = run(*arguments, *small)
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err
