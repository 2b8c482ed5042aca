"""The way to compute a layer on a GPU is the one that was the fastest there, by timings that the tests make up."""

import json

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from seqvision.cli import doctor
from seqvision.errors import UserError
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell
from seqvision.rnn.gpu import measured
from seqvision.rnn.gpu.benchmark import PROBLEMS, benchmark, table
from seqvision.rnn.gpu.measured import Problem, Row, fastest, measure, save
from seqvision.rnn.paths import gpu_layers, layer_for

GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEQVISION_KERNELS", str(tmp_path))
    measured.measured.cache_clear()
    yield tmp_path
    measured.measured.cache_clear()


def row(hidden: int, batch: int, training: bool = True, cell: str = "LayerNormElmanCell", **milliseconds: float) -> Row:
    return Row(Problem(cell, hidden, batch, training), milliseconds)


def on_a_gpu(batch: int = 32) -> torch.Tensor:
    """Inputs that say they lie there."""
    with FakeTensorMode():
        return torch.empty(batch, 3, 4, device=GPU)


def test_the_fastest_is_that_of_the_most_similar_problem():
    rows = [
        row(128, 32, loop=2.0, triton=1.0),
        row(1024, 32, loop=1.0, triton=5.0),
        row(1024, 32, training=False, loop=3.0, triton=2.0),
        row(128, 32, cell="GRUCell", loop=3.0, torch=0.1),
    ]
    assert fastest(rows, Problem("LayerNormElmanCell", 200, 64, True)) == "triton"
    assert fastest(rows, Problem("LayerNormElmanCell", 700, 64, True)) == "loop"
    assert fastest(rows, Problem("LayerNormElmanCell", 700, 64, False)) == "triton"
    assert fastest(rows, Problem("GRUCell", 1024, 1, True)) == "torch"
    assert fastest(rows, Problem("LSTMCell", 128, 32, True)) is None
    assert fastest([row(8, 8)], Problem("LayerNormElmanCell", 8, 8, True)) is None  # nothing could compute it


def test_a_way_that_fails_is_left_out():
    seconds = {"loop": 0.002, "torch": 0.001}

    def clock(run):
        name = run()
        if name == "triton":
            raise RuntimeError("out of resource: shared memory")
        return seconds[name]

    problem = Problem("ElmanCell", 64, 8, True)
    rows = measure([problem], lambda _: {name: lambda name=name: name for name in ("triton", "loop", "torch")}, clock)
    assert rows == [Row(problem, {"loop": 2.0, "torch": 1.0})]


def test_what_was_measured_decides_and_nothing_else():
    """Triton's kernels are taken only where they were the fastest; without a measurement the fewest launches are."""
    pytest.importorskip("triton")
    cell, small, x = LayerNormElmanCell(4, 1024), LayerNormElmanCell(4, 64), on_a_gpu()
    ways = gpu_layers(cell, x)
    assert list(ways) == ["loop", "triton"]
    assert layer_for(cell, x, None, "auto") is ways["loop"]
    save([row(64, 32, loop=2.0, triton=1.0), row(1024, 32, loop=1.0, triton=2.0)], GPU)
    assert layer_for(cell, x, None, "auto") is ways["loop"]
    assert layer_for(small, x, None, "auto") is ways["triton"]
    with torch.no_grad():
        assert layer_for(small, x, None, "auto") is ways["loop"]  # only training was measured
    assert layer_for(cell, x, None, "fused") is ways["triton"]
    assert layer_for(cell, x, None, "reference") is None


def test_without_a_measurement_one_launch_for_all_steps_comes_first():
    assert layer_for(GRUCell(4, 5), on_a_gpu(), None, "auto") is gpu_layers(GRUCell(4, 5), on_a_gpu())["torch"]
    assert layer_for(type("Own", (ElmanCell,), {})(4, 5), on_a_gpu(), None, "auto") is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        json.dumps({"torch": "0.1", "rows": []}),
        json.dumps({"torch": torch.__version__, "rows": [{"cell": "GRUCell"}]}),
        json.dumps(
            {"torch": torch.__version__, "rows": [{**Problem("GRUCell", 0, 1, True)._asdict(), "milliseconds": {}}]}
        ),
    ],
    ids=["cut off", "a list", "of another torch", "without sizes", "of no units"],
)
def test_a_file_that_does_not_fit_is_none(text):
    save([row(64, 32, triton=1.0)], GPU).write_text(text)
    assert measured.measured(GPU) == ()


def test_every_problem_of_the_benchmark_has_a_time_for_every_way(pretended):
    """On the pretended device, where each way runs and a made-up clock says how long it took."""
    ticks = iter(range(1, 1000))

    def clock(run) -> float:
        run()
        return next(ticks) / 1000

    problems = [Problem("GRUCell", 8, 2, True), Problem("LayerNormElmanCell", 8, 2, False)]
    rows = benchmark(torch.device(pretended.name), problems, clock)
    assert rows == [Row(problems[0], {"torch": 1.0, "loop": 2.0}), Row(problems[1], {"loop": 3.0})]
    assert [line.split() for line in table(rows).splitlines()] == [
        ["cell", "units", "batch", "pass", "loop", "ms", "torch", "ms"],
        ["GRUCell", "8", "2", "training", "2.000", "1.000*"],
        ["LayerNormElmanCell", "8", "2", "inference", "3.000*"],
    ]
    assert {problem.cell for problem in PROBLEMS} == {"ElmanCell", "LayerNormElmanCell", "GRUCell", "LSTMCell"}


def test_the_benchmark_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU"):
        doctor.main(["--benchmark"])
