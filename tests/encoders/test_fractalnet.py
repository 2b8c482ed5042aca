"""FractalNet: the expansion rule, joins, drop-path of both kinds, and every column a network of its own."""

import pytest
import torch
from torch import nn

from seqvision.encoders import FractalNet
from seqvision.encoders.fractalnet import Fractal, join_shares
from seqvision.errors import UserError

pytestmark = pytest.mark.usefixtures("float64")


def fractal(columns: int, *, inputs: int = 3, outputs: int = 5) -> Fractal:
    torch.manual_seed(0)
    return Fractal(inputs, outputs, columns, dropout=0.0).eval()


def small(**settings) -> FractalNet:
    torch.manual_seed(0)
    return FractalNet(**{"channels": (4, 6), "columns": 3, "image_size": 8, "pooled": True, **settings})


def test_three_columns_are_the_expansion_rule_written_out():
    """f_3(x) joins a convolution with f_2(f_2(x)), and f_2 a convolution with two in a row; ends meet in one join."""
    f = fractal(3)
    x = torch.rand(2, 3, 6, 6)
    once, twice = f.deeper
    middle = (once.shallow(x) + once.deeper[1].shallow(once.deeper[0].shallow(x))) / 2
    ends = [f.shallow(x), twice.shallow(middle), twice.deeper[1].shallow(twice.deeper[0].shallow(middle))]
    torch.testing.assert_close(f(x), (ends[0] + ends[1] + ends[2]) / 3)


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_each_column_is_twice_as_deep_as_the_one_before(columns):
    f, count = fractal(columns), 0

    def counting(*_):
        nonlocal count
        count += 1

    for module in f.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(counting)
    x = torch.rand(1, 3, 4, 4)
    for column in range(columns):
        count = 0
        f.by_column(x, column)
        assert count == 2**column
    count = 0
    f(x)
    assert count == 2**columns - 1


def test_local_drop_path_loses_inputs_at_the_rate_but_never_all():
    torch.manual_seed(0)
    local = torch.full((20_000,), -1)
    shares = join_shares(3, local, 0.5, first=0).double()
    kept = shares > 0
    assert kept.any(dim=0).all()
    torch.testing.assert_close(shares.sum(0), torch.ones(20_000))
    assert all(len(column.unique()) == 1 for column in (shares[:, i][kept[:, i]] for i in range(50))), "alike"
    # kept by chance in a half, or spared as one of three where all were to go (an eighth)
    torch.testing.assert_close(kept.double().mean(1), torch.full((3,), 0.5 + 1 / 24), atol=0.012, rtol=0)
    assert torch.equal(join_shares(3, local[:5], 0.0, first=0), torch.full((3, 5), 1 / 3, dtype=torch.float32))


def test_global_drop_path_leaves_the_drawn_column_alone():
    drawn = torch.tensor([0, 1, 2])
    assert torch.equal(join_shares(3, drawn, 0.9, first=0), torch.eye(3))
    inner = join_shares(2, drawn, 0.9, first=1)  # a join that columns 1 and 2 come through
    assert torch.equal(inner[:, 1:], torch.eye(2))


@pytest.mark.parametrize("column", [0, 1, 2])
def test_by_one_column_a_picture_sees_that_column_and_no_other(column, monkeypatch):
    encoder = small(one_column=1.0, drop_path=0.5)
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):  # statistics at rest, while joins are in training
            module.forward = lambda x, own=module: nn.functional.batch_norm(x, own.running_mean, own.running_var)
    monkeypatch.setattr(encoder, "_draw", lambda batch, device: torch.full((batch,), column))
    images = torch.rand(3, 3, 8, 8)
    drawn = encoder.train()(images)
    encoder.column = column
    torch.testing.assert_close(encoder.eval()(images), drawn)


def test_half_of_the_pictures_go_by_one_column_and_columns_are_drawn_alike():
    torch.manual_seed(0)
    drawn = small()._draw(30_000, torch.device("cpu"))
    shares = [(drawn == column).float().mean().item() for column in (-1, 0, 1, 2)]
    assert shares == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=0.01)


@pytest.mark.parametrize("one_column", [0, 1])
def test_every_weight_has_a_gradient_in_every_step(one_column):
    encoder = small(drop_path=0.9, one_column=one_column)
    for _ in range(5):
        encoder.zero_grad(set_to_none=True)
        encoder(torch.rand(2, 3, 8, 8)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_drawing_is_for_training_and_for_stages_that_train():
    images = torch.rand(4, 3, 8, 8)
    encoder = small().train()
    assert not torch.equal(encoder(images), encoder(images))
    encoder.eval()
    assert torch.equal(encoder(images), encoder(images))
    partly = small(stages=(0,), trainable="all")
    partly.set_trainable("none")
    assert torch.equal(partly.train()(images), partly(images))


def test_any_column_predicts_with_the_weights_of_all():
    encoder = small().eval()
    images = torch.rand(2, 3, 8, 8)
    whole, found = encoder(images), []
    for column in (0, 1, 2):
        again = small(column=column).eval()
        again.load_state_dict(encoder.state_dict())
        found.append(again(images))
        encoder.column = column - 3  # counted from the deepest
        assert torch.equal(encoder(images), found[-1])
    assert not any(torch.equal(a, b) for a, b in zip(found, [*found[1:], whole], strict=True))


@pytest.mark.parametrize("size", [1, 7, 33])
def test_no_picture_is_too_small_or_odd(size):
    encoder = small(channels=(4, 4, 4, 4, 4), columns=1, image_size=size)
    assert encoder(torch.rand(2, 3, size, size)).shape == (2, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": 0}, "columns 0; expected at least one"),
        ({"channels": ()}, r"channels \[\], columns 3; expected"),
        ({"column": 3}, r"column is 3; expected null \(all\) or one from 0 to 2"),
        ({"drop_path": 1.0}, "drop_path is 1.0 and one_column 0.5; expected shares"),
        ({"one_column": 2.0}, "one_column 2.0; expected shares"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        small(**settings)
