"""K-FAC's factors are those of the paper's equations, its steps those of the dense matrix, whatever the layer."""

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from seqvision.errors import UserError
from seqvision.optim import KFAC, LBFGS, Exact, Factored
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LSTMCell, Recurrent

CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, GRUCell]


def watched(kfac, model, loss_of):
    """The summed loss and gradients of the mean over as many items as `loss_of` says."""
    model.zero_grad()
    with kfac.watching():
        loss, count = loss_of()
    loss.backward()
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad /= count
    return torch.tensor(float(count))


def groups(model, lr=1.0):
    return [{"params": list(model.parameters()), "lr": lr}]


def dense(a, g, gradient, damping):
    """(A ⊗ G + λI)⁻¹ vec(gradient), solved as one system; vec puts column under column."""
    matrix = np.kron(a, g) + damping * np.eye(len(a) * len(g))
    return np.linalg.solve(matrix, gradient.T.ravel()).reshape(gradient.shape[::-1]).T


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=False)).double()


def squares(model, x, y):
    return lambda: (0.5 * (model(x) - y).square().sum(), len(x))


def data(rows=7, seed=1):
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, generator=draws).double(), torch.randn(rows, 2, generator=draws).double()


def test_factors_are_the_means_over_items_of_outer_products():
    model, (x, y) = net(), data()
    kfac = KFAC(model, decay=0.5)
    count = watched(kfac, model, squares(model, x, y))
    kfac.precondition(groups(model), count=count)
    w1, b1 = model[0].weight.detach().numpy(), model[0].bias.detach().numpy()
    w2 = model[2].weight.detach().numpy()
    a1, g1, a2, g2 = np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((2, 2))
    for xi, yi in zip(x.numpy(), y.numpy(), strict=True):  # an item at a time
        h = np.tanh(w1 @ xi + b1)
        out = w2 @ h - yi
        back = (w2.T @ out) * (1 - h**2)
        ones = np.append(xi, 1.0)
        a1, g1 = a1 + np.outer(ones, ones) / 7, g1 + np.outer(back, back) / 7
        a2, g2 = a2 + np.outer(h, h) / 7, g2 + np.outer(out, out) / 7
    for name, expected in {"0": (a1, g1), "2": (a2, g2)}.items():
        for found, factor in zip(kfac.factors[name], expected, strict=True):
            np.testing.assert_allclose(found.numpy(), factor, rtol=1e-10)


def test_factors_are_running_averages_that_begin_with_the_first():
    model, kept = net(), []
    kfac = KFAC(model, decay=0.6, factor_every=1)
    for step in range(4):
        x, y = data(seed=step)
        once = KFAC(model)
        for each in (once, kfac):
            each.precondition(groups(model), count=watched(each, model, squares(model, x, y)))
        kept.append([factor.numpy() for factor in once.factors["0"]])
    for place in (0, 1):
        average = kept[0][place]
        for number, new in enumerate(kept[1:], start=2):
            weight = min(0.6, 1 - 1 / number)
            average = weight * average + (1 - weight) * new[place]
        np.testing.assert_allclose(kfac.factors["0"][place].numpy(), average, rtol=1e-10)


def test_the_exact_inverse_is_the_dense_solution_with_damping():
    model, (x, y) = net(), data()
    kfac = KFAC(model, damping=0.03, kl_clip=None, inverse=Exact())
    count = watched(kfac, model, squares(model, x, y))
    before = kfac.layers["0"].gradient().numpy().copy()
    kfac.precondition(groups(model), count=count)
    a, g = (factor.numpy() for factor in kfac.factors["0"])
    found = kfac.layers["0"].gradient().numpy()
    np.testing.assert_allclose(found, dense(a, g, before, 0.03), rtol=1e-8)
    assert not np.allclose(found, before)


def test_the_factored_inverse_is_the_dense_solution_with_each_factor_damped_in_proportion():
    model, (x, y) = net(), data()
    kfac = KFAC(model, damping=0.03, kl_clip=None, inverse=Factored())
    count = watched(kfac, model, squares(model, x, y))
    before = kfac.layers["0"].gradient().numpy().copy()
    kfac.precondition(groups(model), count=count)
    a, g = (factor.numpy() for factor in kfac.factors["0"])
    pi = np.sqrt((np.trace(a) / len(a)) / (np.trace(g) / len(g)))
    damped = a + pi * np.sqrt(0.03) * np.eye(len(a)), g + np.sqrt(0.03) / pi * np.eye(len(g))
    np.testing.assert_allclose(kfac.layers["0"].gradient().numpy(), dense(*damped, before, 0.0), rtol=1e-8)


def test_where_inputs_and_gradients_are_independent_it_is_the_natural_gradient():
    """Each input with each error: the Fisher matrix is a Kronecker product then, and nothing is approximate."""
    draws = np.random.default_rng(3)
    inputs, errors = draws.normal(size=(6, 3)), draws.normal(size=(5, 2))
    x = torch.from_numpy(np.repeat(inputs, 5, axis=0))
    e = torch.from_numpy(np.tile(errors, (6, 1)))
    model = nn.Sequential(nn.Linear(3, 2)).double()
    kfac = KFAC(model, damping=1e-9, kl_clip=None, inverse=Exact())
    count = watched(kfac, model, lambda: ((model(x) * e).sum(), len(x)))  # whose gradient at the output is e
    gradient = draws.normal(size=(2, 4))  # of whatever loss
    kfac.layers["0"].put(torch.from_numpy(gradient))
    each = np.stack([np.outer(ei, np.append(xi, 1.0)).T.ravel() for xi, ei in zip(x.numpy(), e.numpy(), strict=True)])
    fisher = each.T @ each / len(each)
    natural = np.linalg.solve(fisher, gradient.T.ravel()).reshape(4, 2).T
    kfac.precondition(groups(model), count=count)
    np.testing.assert_allclose(kfac.layers["0"].gradient().numpy(), natural, rtol=1e-6)


def test_whitened_inputs_and_gradients_leave_the_gradient_as_it_is():
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]).double()
    model = nn.Sequential(nn.Linear(2, 4, bias=False)).double()
    errors = 2 * torch.eye(4).double()  # Σ e eᵀ / 4 = I
    kfac = KFAC(model, damping=1e-12, kl_clip=None)
    count = watched(kfac, model, lambda: ((model(x) * errors).sum(), 4))
    before = model[0].weight.grad.clone()
    kfac.precondition(groups(model), count=count)
    torch.testing.assert_close(model[0].weight.grad, before, atol=1e-5, rtol=1e-5)


def test_a_convolution_is_a_matrix_over_its_patches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1)).double()
    pictures, weights = torch.randn(4, 2, 5, 5).double(), torch.randn(4, 3, 3, 3).double()
    kfac = KFAC(model, kl_clip=None, inverse=Exact(), damping=0.1)
    count = watched(kfac, model, lambda: ((model(pictures) * weights).sum(), 4))
    gradient = kfac.layers["0"].gradient().numpy().copy()
    kfac.precondition(groups(model), count=count)
    padded, a, g = F.pad(pictures, (1, 1, 1, 1)).numpy(), np.zeros((19, 19)), np.zeros((3, 3))
    for n in range(4):
        for row in range(3):
            for column in range(3):
                patch = padded[n, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].ravel()
                error = weights[n, :, row, column].numpy()
                a += np.outer(np.append(patch, 1), np.append(patch, 1)) / 36
                g += np.outer(error, error) / 4
    np.testing.assert_allclose(kfac.factors["0"][0].numpy(), a, rtol=1e-10)
    np.testing.assert_allclose(kfac.factors["0"][1].numpy(), g, rtol=1e-10)
    np.testing.assert_allclose(kfac.layers["0"].gradient().numpy(), dense(a, g, gradient, 0.1), rtol=1e-8)


def test_a_table_of_vectors_is_a_matrix_that_takes_one_hot_words():
    torch.manual_seed(0)
    table = nn.Sequential(nn.Embedding(5, 3)).double()
    matrix = nn.Sequential(nn.Linear(5, 3, bias=False)).double()
    matrix[0].weight.data.copy_(table[0].weight.mT)
    words, errors = torch.tensor([[0, 1, 1], [4, 1, 0]]), torch.randn(2, 3, 3).double()
    ends = []
    for model, x in ((table, words), (matrix, F.one_hot(words, 5).double())):
        kfac = KFAC(model, kl_clip=None)
        count = watched(kfac, model, lambda m=model, x=x: ((m(x) * errors).sum(), 6))
        kfac.precondition(groups(model), count=count)
        ends.append(kfac.layers["0"].gradient())
    torch.testing.assert_close(*ends)


@pytest.mark.parametrize("cell", CELLS)
def test_a_recurrence_s_factors_sum_over_its_steps(cell):
    """Against autograd step by step; padding, and what stands in it, counts for nothing."""
    torch.manual_seed(0)
    rnn = Recurrent(cell, 3, 4).double()
    x, lengths = torch.randn(5, 6, 3).double(), torch.tensor([6, 4, 3, 6, 1])
    target = torch.randn(5, 4).double()

    def loss(inputs):
        outputs, _ = rnn(inputs, lengths)
        return 0.5 * (outputs.sum(dim=1) - target).square().sum(), 5

    kfac = KFAC(rnn, kl_clip=None)
    kfac.precondition(groups(rnn), count=watched(kfac, rnn, lambda: loss(x)))
    module, bias = rnn.cells[0], rnn.cells[0].hidden_to_hidden.bias is not None
    a, g, rows = 0.0, 0.0, 0
    for n, length in enumerate(lengths.tolist()):
        state, befores, products, total = module.initial_state(1), [], [], 0.0
        for t in range(length):
            befores.append(module.output(state)[0].detach().numpy())
            product = []
            hook = module.hidden_to_hidden.register_forward_hook(lambda *call, p=product: p.append(call[-1]))
            state = module.step(module.project(x[n, t : t + 1]), state)
            hook.remove()
            products += product
            total = total + module.output(state)
        for h, error in zip(
            befores, torch.autograd.grad(0.5 * (total - target[n]).square().sum(), products), strict=True
        ):
            row = np.append(h, 1.0) if bias else h
            a, g, rows = a + np.outer(row, row), g + np.outer(error[0].numpy(), error[0].numpy()), rows + 1
    assert rows == lengths.sum()
    np.testing.assert_allclose(kfac.factors["cells.0.hidden_to_hidden"][0].numpy(), a / rows, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(kfac.factors["cells.0.hidden_to_hidden"][1].numpy(), g / 5, rtol=1e-8, atol=1e-12)

    longer = F.pad(x, (0, 0, 0, 3), value=float("nan"))
    again = KFAC(rnn, kl_clip=None)
    again.precondition(groups(rnn), count=watched(again, rnn, lambda: loss(longer)))
    for name, factors in kfac.factors.items():
        for one, other in zip(factors, again.factors[name], strict=True):
            torch.testing.assert_close(one, other)


def test_a_long_side_keeps_the_diagonal_of_its_factor():
    model, (x, y) = net(), data()
    whole, thin = KFAC(model, kl_clip=None), KFAC(model, kl_clip=None, max_size=3)
    for kfac in (whole, thin):
        kfac.precondition(groups(model), count=watched(kfac, model, squares(model, x, y)))
    torch.testing.assert_close(thin.factors["2"][0], whole.factors["2"][0].diagonal())
    torch.testing.assert_close(thin.factors["2"][1], whole.factors["2"][1])
    for inverse in (Factored(), Exact()):
        diagonal, g = thin.factors["2"]
        gradient = torch.randn(2, 4).double()
        one = inverse.apply(inverse.prepare(diagonal, g, 0.1), gradient, 0.1)
        other = inverse.apply(inverse.prepare(diagonal.diag(), g, 0.1), gradient, 0.1)
        torch.testing.assert_close(one, other)


def test_a_step_goes_no_further_than_the_clip_allows_and_the_direction_stays():
    model, (x, y) = net(), data()
    ends = []
    for clip in (None, 1e-6):
        kfac = KFAC(model, kl_clip=clip)
        count = watched(kfac, model, squares(model, x, y))
        before = [layer.gradient().clone() for layer in kfac.layers.values()]
        kfac.precondition(groups(model, lr=0.3), count=count)
        ends.append([layer.gradient() for layer in kfac.layers.values()])
    free, held = ends
    lengths = [float(sum((v * g).sum() for v, g in zip(end, before, strict=True))) for end in ends]
    factor = (1e-6 / (0.3**2 * lengths[0])) ** 0.5
    assert factor < 1
    for one, other in zip(free, held, strict=True):
        torch.testing.assert_close(other, factor * one)


def test_intervals_say_when_factors_and_inverses_change():
    model = net()
    kfac, seen = KFAC(model, factor_every=2, invert_every=4), []
    for step in range(8):
        count = watched(kfac, model, squares(model, *data(seed=step)))
        kfac.precondition(groups(model), count=count)
        seen.append((kfac.factors["0"][0].clone(), kfac.inverses["0"][0].clone()))
    factors, inverses = ([not torch.equal(a[i], b[i]) for a, b in pairwise(seen)] for i in (0, 1))
    assert factors == [False, True, False, True, False, True, False]
    assert inverses == [False, False, False, True, False, False, False]


def test_accumulated_batches_are_one():
    model, (x, y) = net(), data(8)
    whole, parts = KFAC(model), KFAC(model)
    whole.precondition(groups(model), count=watched(whole, model, squares(model, x, y)))
    model.zero_grad()
    for rows in (slice(0, 3), slice(3, 8)):
        with parts.watching():
            loss, _ = squares(model, x[rows], y[rows])()
        (loss / 2).backward()  # as Lightning does
    parts.precondition(groups(model), count=torch.tensor(8.0), parts=2)
    for name, factors in whole.factors.items():
        for one, other in zip(factors, parts.factors[name], strict=True):
            torch.testing.assert_close(one, other)


def test_what_is_no_matrix_and_what_is_shared_keeps_its_gradient_and_is_named():
    torch.manual_seed(0)
    model = nn.ModuleDict({"table": nn.Embedding(4, 3), "norm": nn.LayerNorm(3), "output": nn.Linear(3, 4)})
    model["more"] = nn.Linear(4, 2)
    model["groups"] = nn.Conv2d(4, 4, 1, groups=2)
    model["output"].weight = model["table"].weight
    kfac = KFAC(model)
    assert set(kfac.layers) == {"more"}
    assert kfac.rest == {"table": 12, "norm": 6, "output": 16, "groups": 12}
    kfac.precondition(
        groups(model),
        count=watched(kfac, model, lambda: (model["more"](model["output"](model["norm"](torch.ones(2, 3)))).sum(), 2)),
    )
    assert "more" in kfac.factors
    assert "without table (12), norm (6)" in kfac.summary()


def test_what_goes_round_the_modules_is_noticed():
    model, (x, y) = net(), data()
    kfac = KFAC(model)
    around = lambda: ((F.linear(model[:2](x), model[2].weight) - y).square().sum(), 7)  # noqa: E731
    count = watched(kfac, model, around)
    with pytest.raises(UserError, match=r"'2' has a gradient, but nothing was seen.*loss\.scores_at_once"):
        kfac.precondition(groups(model), count=count)


def test_what_diverges_is_said_with_what_to_do():
    model, (x, y) = net(), data()
    kfac = KFAC(model)
    count = watched(kfac, model, squares(model, x, y * float("nan")))
    with pytest.raises(UserError, match=r"cannot be inverted in step 0.*diverges.*optimizer\.lr"):
        kfac.precondition(groups(model), count=count)


def test_bad_values_optimisers_precisions_and_checkpoints_are_refused():
    model = net()
    for wrong in ({"damping": 0}, {"decay": 1.0}, {"factor_every": 0}):
        with pytest.raises(UserError, match="expected a damping above 0"):
            KFAC(model, **wrong)
    with pytest.raises(UserError, match="no trained layer"):
        KFAC(nn.LayerNorm(3))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    KFAC.check(sgd, precision="bf16-mixed")
    with pytest.raises(UserError, match=r"found LBFGS.*optimizer=sgd"):
        KFAC.check(LBFGS(model.parameters()), precision="32-true")
    with pytest.raises(UserError, match=r"trainer\.precision=16-mixed"):
        KFAC.check(sgd, precision="16-mixed")
    with pytest.raises(UserError, match="written without one"):
        KFAC(model).load_state_dict(None)
    with pytest.raises(UserError, match=r"differing: 0, 1, 2"):
        KFAC(net()).load_state_dict(KFAC(nn.Sequential(nn.Tanh(), nn.Linear(2, 2))).state_dict())
