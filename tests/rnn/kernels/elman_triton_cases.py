"""What the GPU's recurrences hold: on a GPU, or with TRITON_INTERPRET=1 in Triton's interpreter, which needs none.

`test_elman_triton.py` runs this file in a process of its own, because Triton decides which of the two it is when it is
first imported, for all that follows.
"""

import copy
import os

import pytest
import torch

from seqvision.errors import UserError
from seqvision.rnn import ElmanCell, LayerNormElmanCell, Recurrent, recurrent
from seqvision.rnn.kernels import elman_triton
from seqvision.rnn.unroll import valid_steps

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
CELLS = [ElmanCell, LayerNormElmanCell]
on_a_gpu = pytest.mark.skipif(DEVICE == "cpu", reason="Triton's interpreter knows no CUDA graphs and is slow")


@pytest.fixture(autouse=True)
def _fused_means_triton(monkeypatch):
    torch.manual_seed(0)

    def layer_for(cell, x, lengths, backend):
        return None if backend == "reference" else elman_triton.elman

    monkeypatch.setattr(recurrent, "layer_for", layer_for)


@pytest.fixture
def cut(monkeypatch):
    """Sets the sequences a program takes and the size of its tiles, which a small problem would not fill."""

    def fix(rows: int, inner: int, outer: int) -> None:
        def blocks(batch, hidden, itemsize, device):
            whole = elman_triton.triton.next_power_of_2(max(hidden, outer))
            return {"ROWS": rows, "INNER": inner, "OUTER": outer, "WHOLE": whole, "num_warps": 4}

        monkeypatch.setattr(elman_triton, "blocks", blocks)

    return fix


def network(cell, inputs: int = 4, hidden: int = 6, **settings) -> Recurrent:
    """With gains, biases and weights that are not where they start."""
    made = Recurrent(cell, inputs, hidden, backend="fused", **settings).to(DEVICE)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=min(0.5, hidden**-0.5))  # larger, and errors would grow with every step
    return made


def values_and_gradients(model: Recurrent, x, lengths, state, weights) -> list[torch.Tensor]:
    """Outputs, last states, and the gradients of all inputs and parameters under the same upper gradients."""
    dtype = next(model.parameters()).dtype
    x, *state = (part.detach().to(dtype, copy=True).requires_grad_() for part in (x, *state))
    outputs, last = model(x, lengths, tuple(state))
    total = sum((part * w).sum() for part, w in zip((outputs, *last), weights, strict=True))
    gradients = torch.autograd.grad(total, [x, *state, *model.parameters()])
    return [part.detach() for part in (outputs, *last, *gradients)]


def errs_as_single_precision_does(fused: Recurrent, batch: int, steps: int, lengths) -> None:
    """Against the reference loop in double precision, at most four times what that loop errs in single."""
    reference, exact = copy.deepcopy(fused), copy.deepcopy(fused).double()
    reference.backend = exact.backend = "reference"
    x = torch.randn(batch, steps, fused.input_size, device=DEVICE)
    state = [torch.randn(batch, fused.hidden_size, device=DEVICE) for _ in fused.cells]
    weights = [torch.randn(batch, steps, fused.output_size, device=DEVICE), *map(torch.randn_like, state)]
    if lengths is not None:
        lengths = torch.tensor(lengths, device=DEVICE)
        x[~valid_steps(lengths, steps)] = float("nan")
    truth, ours, theirs = (values_and_gradients(m, x, lengths, state, weights) for m in (exact, fused, reference))
    for true, a, b in zip(truth, ours, theirs, strict=True):
        # of the tensor's own size: a loop that happens to err by nothing sets no measure
        scale = 2e-7 * true.abs().max().item() + 1e-7
        assert (a - true).abs().max().item() <= 4 * max((b - true).abs().max().item(), scale)


SMALL = {
    "rows in one tile, a program that is not full": (5, 4, 20, None, (2, 16, 32)),
    "rows of two tiles, one of them short": (3, 2, 20, None, (4, 16, 16)),
    "ragged, one of them empty": (4, 4, 7, [4, 0, 2, 1], (2, 16, 16)),
    "all empty": (2, 2, 7, [0, 0], (2, 16, 16)),
    "one step of one sequence": (1, 1, 1, None, (1, 16, 16)),
}
LARGER = {
    "many tiles": (3, 3, 70, None, (2, 16, 16)),
    "wide tiles": (3, 3, 70, [3, 1, 0], (2, 64, 32)),
    "more rows than sequences": (3, 9, 33, [9, 5, 0], (8, 16, 64)),
    "a sequence a program": (7, 5, 48, [1, 2, 3, 4, 5, 0, 5], (1, 16, 32)),
}


@pytest.mark.parametrize("case", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGER)])
@pytest.mark.parametrize("cell", CELLS)
def test_errors_are_those_of_single_precision(cell, case, cut):
    batch, steps, hidden, lengths, blocks = {**SMALL, **LARGER}[case]
    cut(*blocks)
    errs_as_single_precision_does(network(cell, hidden=hidden, bidirectional=True), batch, steps, lengths)


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [6, 100, 600])
@pytest.mark.parametrize("cell", CELLS)
def test_blocks_are_cut_to_any_size(cell, hidden):
    """As the kernels choose them; 600 units take two tiles."""
    errs_as_single_precision_does(network(cell, hidden=hidden, num_layers=2), 3, 2, [2, 1, 2])


@pytest.mark.slow
@pytest.mark.parametrize("lengths", [None, [3, 0]])
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_by_finite_differences(cell, lengths):
    """In double precision, which the kernels take as well."""
    model = network(cell, 2, 3, bidirectional=True).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, device=DEVICE, requires_grad=True)
    state = [torch.randn(2, 3, dtype=torch.float64, device=DEVICE, requires_grad=True) for _ in model.cells]
    names, values = zip(*model.named_parameters(), strict=True)
    length = None if lengths is None else torch.tensor(lengths, device=DEVICE)

    def outputs(x, *rest):
        parameters = dict(zip(names, rest[len(state) :], strict=True))
        y, last = torch.func.functional_call(model, parameters, (x, length, tuple(rest[: len(state)])))
        return y, *last

    assert torch.autograd.gradcheck(outputs, (x, *state, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
def test_without_gradients_nothing_is_kept_and_the_values_are_the_same(cell, monkeypatch):
    kept = []
    forward = elman_triton._forward

    def watched(*given, **settings):
        states, last, *more = forward(*given, **settings)
        kept.append([part for part in more if part is not None])
        return states, last, *more

    monkeypatch.setattr(elman_triton, "_forward", watched)
    model, x = network(cell), torch.randn(3, 4, 4, device=DEVICE)
    expected, last = model(x)
    with torch.no_grad():
        outputs, state = model(x)
    assert len(kept[0]) == (2 if cell is LayerNormElmanCell else 0)
    assert not kept[1]
    assert outputs.grad_fn is None
    assert expected.grad_fn is not None
    assert torch.equal(outputs, expected)
    assert torch.equal(state[0], last[0])


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("seen", ["outputs", "last"])
def test_either_result_may_go_unused(cell, seen):
    model, x = network(cell).double(), torch.randn(3, 4, 4, dtype=torch.double, device=DEVICE)
    reference = copy.deepcopy(model)
    reference.backend = "reference"
    for each in (model, reference):
        outputs, (last,) = each(x, torch.tensor([4, 2, 3], device=DEVICE))
        (outputs if seen == "outputs" else last).square().sum().backward()
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_second_derivative_is_refused_rather_than_wrong():
    model, x = network(LayerNormElmanCell), torch.randn(2, 3, 4, device=DEVICE, requires_grad=True)
    with pytest.raises(UserError, match=r"rnn\.backend=reference"):
        torch.autograd.grad(model(x)[0].sum(), x, create_graph=True)


@pytest.mark.parametrize("cell", CELLS)
def test_autocast_leaves_it_in_single_precision(cell):
    """Also where the layer before it gives half the digits, and in a backward pass that autocast surrounds."""
    model, x = network(cell), torch.randn(3, 4, 4, device=DEVICE, requires_grad=True)
    expected, _ = model(x.bfloat16().float())
    gradients = torch.autograd.grad(expected.square().sum(), list(model.parameters()))
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        outputs, _ = model(x.bfloat16())
        outputs.square().sum().backward()
    assert torch.equal(outputs, expected)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_view_of_any_kind_will_do():
    """Inputs and upper gradients that are transposed, expanded or sliced."""
    model = network(LayerNormElmanCell)
    whole = torch.randn(4, 3, 8, device=DEVICE)
    before = torch.randn(3, 1, device=DEVICE).expand(3, 6)
    for x in (whole.transpose(0, 1)[..., ::2], torch.randn(4, device=DEVICE).expand(3, 4, 4)):
        outputs, _ = model(x, state=(before,))
        expected, _ = model(x.contiguous(), state=(before.contiguous(),))
        assert torch.equal(outputs, expected)
        (gradient,) = torch.autograd.grad(outputs.sum(), model.cells[0].norm.weight)
        (same,) = torch.autograd.grad(expected, model.cells[0].norm.weight, torch.ones(3, 4, 6, device=DEVICE))
        assert torch.equal(gradient, same)


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float32, 1e-6), (torch.float64, 1e-15)])
def test_tanh_is_right_in_nearly_all_its_digits(dtype, digits):
    """Small arguments as well, and those at which it turns from one formula to the other."""
    cell = ElmanCell(1, 1).to(DEVICE, dtype)
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.ones_(cell.input_to_hidden.weight)
    x = torch.cat([torch.linspace(-12, 12, 97), torch.tensor([0.0, 1e-20, -1e-6, 1e-3, 0.6249, 0.6251, 1e4, -1e15])])
    x = x.to(DEVICE, dtype).reshape(-1, 1, 1)
    outputs, _ = elman_triton.elman(cell, x, None, x.new_zeros(len(x), 1))
    exact = x.double().tanh()
    assert ((outputs - exact).abs() <= digits * exact.abs()).all()


@pytest.mark.parametrize("cell", CELLS)
def test_not_a_number_in_not_a_number_out(cell):
    """And nowhere else."""
    x = torch.randn(3, 2, 4, device=DEVICE)
    x[1, 1, 2] = float("nan")
    outputs, _ = network(cell)(x)
    assert outputs[1, 1].isnan().all()
    assert outputs.isnan().sum() == outputs[1, 1].numel()


@on_a_gpu
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", [(64, 64, 32, 512), (40, 300, 8, 256), (100, 9, 1, 128), (5, 3000, 4, 64)], ids=str)
def test_equals_the_reference_loop_at_the_sizes_of_real_problems(cell, shape):
    steps, batch, inputs, hidden = shape
    lengths = torch.randint(steps + 1, (batch,)).tolist()
    errs_as_single_precision_does(network(cell, inputs, hidden, bidirectional=True), batch, steps, lengths)


@on_a_gpu
@pytest.mark.parametrize("cell", CELLS)
def test_a_cuda_graph_replays_it(cell):
    """Training step and all: new inputs and new lengths in the same memory give what a call would give."""
    model = network(cell, bidirectional=True)
    x, lengths = torch.randn(5, 7, 4, device=DEVICE), torch.tensor([7, 0, 2, 5, 7], device=DEVICE)

    def step() -> list[torch.Tensor]:
        outputs, _ = model(x, lengths)
        return [outputs, *torch.autograd.grad(outputs.square().sum(), list(model.parameters()))]

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = step()
    x.normal_()
    lengths.copy_(torch.tensor([1, 7, 7, 0, 3]))
    graph.replay()
    for ours, expected in zip(found, step(), strict=True):
        torch.testing.assert_close(ours, expected)
