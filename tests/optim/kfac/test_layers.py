"""Every layer is the matrix that K-FAC takes it for: convolutions, tables, recurrences; what is none is left alone."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from watched_net import data, dense, groups, net, squares, watched

from seqvision.errors import UserError
from seqvision.optim import KFAC, Exact, Factored
from seqvision.rnn import ElmanCell, GRUCell, LayerNormElmanCell, LSTMCell, Recurrent

CELLS = [ElmanCell, LayerNormElmanCell, LSTMCell, GRUCell]


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


def test_a_penalty_alone_may_reach_a_layer_through_which_nothing_went():
    model, (x, _) = net(), data()
    kfac = KFAC(model, factor_every=1)
    penalty = lambda network: 0.1 * sum(p.square().sum() + p.abs().sum() for p in network.parameters())  # noqa: E731
    without_the_last = lambda: (model[:2](x).square().sum(), 7)  # noqa: E731
    count = watched(kfac, model, without_the_last)
    (7 * penalty(model)).backward()
    for parameter in model.parameters():
        parameter.grad /= 7
    expected = model[2].weight.grad.clone()
    kfac.precondition(groups(model), count=count, penalty=penalty)
    torch.testing.assert_close(model[2].weight.grad, expected)
    assert "2" not in kfac.factors
    count = watched(kfac, model, without_the_last)
    model[2].weight.grad = 2 * expected
    with pytest.raises(UserError, match="'2' has a gradient, but nothing was seen"):
        kfac.precondition(groups(model), count=count, penalty=penalty)
