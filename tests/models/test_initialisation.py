"""First weights: their variances and matrices by layer, what is left, on every pattern; LSUV's outputs."""

import math

import pytest
import torch
from small_patterns import SMALL, small_task, some
from torch import nn

from seqvision.checks.layers import seen_from_inside
from seqvision.encoders import ResNet
from seqvision.errors import UserError
from seqvision.models import LSUV, RAM, He, Identity, Normal, Orthogonal, Xavier
from seqvision.models.initialisation import layers_of
from seqvision.rnn import DropConnect, GRUCell, LSTMCell, Recurrent

RULES = {
    "small": Normal(0.01),
    "large": Normal(1.0),
    "xavier": Xavier(),
    "he": He(),
    "orthogonal": Orthogonal(),
    "identity": Identity(),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(16, 64, 3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 300), nn.LayerNorm(300))


@pytest.mark.parametrize(
    ("rule", "convolution", "linear"),
    [
        ("small", 0.01, 0.01),
        ("large", 1.0, 1.0),
        ("xavier", math.sqrt(2 / (16 * 9 + 64 * 9)), math.sqrt(2 / (256 + 300))),
        ("he", math.sqrt(2 / (16 * 9)), math.sqrt(2 / 256)),
        ("identity", math.sqrt(2 / (16 * 9 + 64 * 9)), math.sqrt(2 / (256 + 300))),
    ],
)
def test_deviations_are_those_of_the_papers(rule, convolution, linear):
    made = network()
    started = RULES[rule](made)
    assert [layer.name for layer in started.layers] == ["0", "3"]
    for layer, expected in ((made[0], convolution), (made[3], linear)):
        layer.requires_grad_(False)
        assert float(layer.weight.std()) == pytest.approx(expected, rel=0.03)
        assert float(layer.weight.mean()) == pytest.approx(0, abs=expected / 20)
        assert not layer.bias.any()


def test_orthogonal_rows_or_columns():
    made = network()
    Orthogonal()(made)
    kernel, matrix = made[0].weight.flatten(1), made[3].weight
    torch.testing.assert_close(kernel @ kernel.T, torch.eye(64), atol=1e-5, rtol=0)
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(256), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("cell", "gates"), [(LSTMCell, 4), (GRUCell, 3)])
def test_cells_are_set_gate_by_gate_and_keep_their_biases(cell, gates):
    made = Recurrent(cell, 12, 20, num_layers=2, dropconnect=0.2)
    biases = [each.input_to_hidden.bias.clone() for each in made.cells]
    for rule in (Orthogonal(), He()):
        rule(made)
        for each, bias in zip(made.cells, biases, strict=True):
            for gate in each.hidden_to_hidden.weight.chunk(gates):
                torch.testing.assert_close(gate @ gate.T, torch.eye(20), atol=1e-5, rtol=0)
            assert torch.equal(each.input_to_hidden.bias, bias)
            assert isinstance(each.hidden_to_hidden, DropConnect)
    Identity(0.5)(made)
    for gate in made.cells[1].hidden_to_hidden.weight.chunk(gates):
        assert torch.equal(gate, 0.5 * torch.eye(20))
    Xavier()(made)
    for gate in made.cells[0].input_to_hidden.weight.chunk(gates):
        assert float(gate.detach().std()) == pytest.approx(math.sqrt(2 / 32), rel=0.15)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    first, second, other = network(), network(), network()
    Xavier()(first, seed=3)
    torch.rand(17)
    Xavier()(second, seed=3)
    Xavier()(other, seed=4)
    assert torch.equal(first[0].weight, second[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)


def test_what_is_frozen_or_loaded_or_begins_near_zero_is_left(tmp_path):
    made = network()
    made[0].requires_grad_(False)
    before = made[0].weight.clone()
    assert Normal(1.0)(made).left == {"0": "not trained"}
    assert torch.equal(made[0].weight, before)

    encoder = ResNet(depth=18, image_size=32, stem="small")
    torch.save(encoder.state_dict(), tmp_path / "encoder.pt")
    assert len(layers_of(encoder).layers) > 10
    restored = ResNet(depth=18, image_size=32, stem="small", weights=str(tmp_path / "encoder.pt"))
    he = He()(restored)
    assert not he.layers
    assert set(he.left.values()) == {"weights from elsewhere"}
    for name, value in restored.state_dict().items():
        assert torch.equal(value, encoder.state_dict()[name]), name

    reader = RAM(lambda **sizes: Recurrent(GRUCell, hidden_size=8, **sizes), classes=3, pictures={"channels": 1})
    assert Normal(1.0)(reader).left == {"locator.output": "begins near zero"}
    assert float(reader.locator.output.weight.detach().abs().max()) < 0.1


def test_an_output_layer_that_shares_the_embedding_is_left_with_it(tmp_path):
    task, _ = small_task("translation", tmp_path, "model.tie_embeddings=true", "initialization=large")
    assert float(task.model.output.weight.detach().std()) < 0.5
    assert float(task.model.readout.weight.detach().std()) == pytest.approx(1, rel=0.1)


@pytest.mark.few(2)
@pytest.mark.parametrize("pattern", SMALL)
def test_every_pattern_begins_by_the_rule(pattern, tmp_path):
    task, data = small_task(pattern, tmp_path, "initialization=large")
    started = layers_of(task.model)
    assert any(layer.part == "state" for layer in started.layers)
    assert any(layer.part == "layer" for layer in started.layers)
    for layer in started.layers:
        if layer.module.weight.numel() > 200:
            assert float(layer.module.weight.detach().std()) == pytest.approx(1, rel=0.2), layer.name
    for name, rule in RULES.items():
        rule(task.model)
        loss, count = task.judged(some(data, 4))
        assert torch.isfinite(loss / count) or name == "large"


@pytest.mark.few(2)
@pytest.mark.parametrize("pattern", SMALL)
def test_lsuv_gives_every_layer_unit_variance_on_the_batch_that_it_saw(pattern, tmp_path):
    task, data = small_task(pattern, tmp_path)
    task.steady()
    batch = some(data, 12)

    def forward():
        torch.manual_seed(0)
        return task.judged(batch)

    untouched = {name: value.clone() for name, value in task.model.named_buffers()}
    generator = torch.get_rng_state()
    started = LSUV()(task.model, forward)
    assert torch.equal(torch.get_rng_state(), generator)
    for name, value in task.model.named_buffers():
        assert torch.equal(value, untouched[name]), name
    for layer in started.layers:
        if layer.part == "state":
            for gate in layer.module.weight.detach().chunk(layer.gates):
                torch.testing.assert_close(gate @ gate.T, torch.eye(len(gate)), atol=1e-5, rtol=0)
    seen = deviations(task.model, started, forward)
    assert len(seen) >= 3
    for name, deviation in seen.items():
        assert deviation == pytest.approx(1, rel=0.12), name


def deviations(network, started, run):
    """By name, the deviation of what a layer puts out, its bias and what no input came to aside, over all its calls."""
    parts = {}

    def keep(name, module, inputs, output):
        bias = (
            0.0 if module.bias is None else module.bias.view(-1, *[1] * (output.dim() - 2 if output.dim() == 4 else 0))
        )
        raw = output - bias
        parts.setdefault(name, []).append((raw[inputs.any(dim=-1)] if isinstance(module, nn.Linear) else raw).flatten())

    layers = [layer for layer in started.layers if layer.part != "state"]
    hooks = [
        layer.module.register_forward_hook(lambda module, x, y, name=layer.name: keep(name, module, x[0], y))
        for layer in layers
    ]
    network.eval()
    with torch.no_grad(), seen_from_inside(network):
        run()
    for hook in hooks:
        hook.remove()
    found = {name: torch.cat(values) for name, values in parts.items()}
    return {name: float(values.std()) for name, values in found.items() if len(values) and values.any()}


def test_every_process_begins_alike_whatever_it_drew_before(tmp_path):
    first, _ = small_task("classification", tmp_path, "initialization=lsuv")
    torch.rand(5)
    second, _ = small_task("classification", tmp_path, "initialization=lsuv")
    for (name, one), other in zip(first.model.state_dict().items(), second.model.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_lsuv_without_data_is_a_slip_and_two_starts_are_refused(tmp_path):
    with pytest.raises(ValueError, match="forward"):
        LSUV()(network())
    with pytest.raises(UserError, match="none begins anew"):
        small_task("classification", tmp_path, "initialization=he", "start_from=nowhere")


def test_lsuv_keeps_a_deep_network_alive_where_small_weights_let_it_die():
    torch.manual_seed(0)
    deep = nn.Sequential(*[part for _ in range(10) for part in (nn.Linear(100, 100), nn.Tanh())])
    x = torch.randn(200, 100)
    last = {}
    for name, rule in {**RULES, "lsuv": LSUV()}.items():
        rule(deep, lambda: deep(x))
        last[name] = float(deep(x).detach().std())
    assert last["small"] < 1e-8
    assert last["large"] > 0.9  # all at the ends of tanh
    assert 0.1 < last["xavier"] < last["lsuv"] < 0.8
