"""What the weights of a network begin with: one rule for all its layers, whatever the pattern.

Set are the weights of convolutions and linear layers (of encoders, fronts, attention and heads as of any other part),
those of recurrent cells gate by gate, from the input as from the state; the biases of all but the cells become 0.

Left as they are: embeddings, and output layers that share their matrix; normalisations; the cells' biases (a forget
gate begins open); layers that begin near zero for a reason, which their module names in `own_start`; whatever does not
train, and encoders whose weights come from a file or from elsewhere; parameters that belong to no such layer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqvision.encoders import Encoder
from seqvision.rnn import Cell

CONVOLUTIONS = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


@dataclass(frozen=True)
class Layer:
    """A layer whose weight is set: its name, and how many gates of a cell's input or state it has."""

    name: str
    module: Any
    part: str = "layer"  # layer | input | state
    gates: int = 1


@dataclass
class Started:
    """What was set, by name, and what was left, with the reason."""

    layers: list[Layer] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        reasons = sorted(set(self.left.values()))
        kept = "; ".join(f"{list(self.left.values()).count(reason)} left ({reason})" for reason in reasons)
        return f"{len(self.layers)} layers set" + (f"; {kept}" if kept else "")


class Initialisation:
    """`start(network, seed=…)` sets the network's weights by the rule of a subclass.

    `layer` fills the weight of a convolution or a linear layer; `entrance` that of one gate from the input of a
    recurrent cell, `state` that of one gate from its state. Numbers are drawn on the CPU by a generator of its own, so
    that every process and every device begins alike.
    """

    def __call__(self, network: nn.Module, forward: Callable[[], Any] | None = None, *, seed: int = 0) -> Started:
        """forward: runs the network on training data, for rules that look at what comes out."""
        started = layers_of(network)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for layer in started.layers:
                fill = {"layer": self.layer, "input": self.entrance, "state": self.state}[layer.part]
                fresh = torch.empty(layer.module.weight.shape)
                for gate in fresh.chunk(layer.gates):
                    fill(gate, generator)
                layer.module.weight.copy_(fresh)
                if layer.part == "layer" and layer.module.bias is not None and layer.module.bias.requires_grad:
                    layer.module.bias.zero_()
        return started

    def layer(self, weight: Tensor, generator: torch.Generator) -> None:
        raise NotImplementedError

    def entrance(self, weight: Tensor, generator: torch.Generator) -> None:
        self.layer(weight, generator)

    def state(self, weight: Tensor, generator: torch.Generator) -> None:
        self.layer(weight, generator)


class Normal(Initialisation):
    """Every weight from N(0, deviation²), however many inputs a unit has: what goes wrong with depth, both ways."""

    def __init__(self, deviation: int | float):
        self.deviation = deviation

    def layer(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.normal_(weight, std=self.deviation, generator=generator)


class Xavier(Initialisation):
    """U(−a, a) with a² = 6 / (inputs + outputs): signals and gradients keep their size where units are about linear
    (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, equation 16).
    """

    def layer(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.xavier_uniform_(weight, generator=generator)


class He(Initialisation):
    """N(0, 2 / inputs): signals keep their size through rectifiers, which let half of them pass (He, Zhang, Ren and
    Sun, "Delving Deep into Rectifiers", 2015, equation 10). Cells have none: theirs are Xavier's, and orthogonal from
    the state.
    """

    def layer(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.kaiming_normal_(weight, generator=generator)

    def entrance(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.xavier_uniform_(weight, generator=generator)

    def state(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.orthogonal_(weight, generator=generator)


class Orthogonal(Initialisation):
    """`gain` times a random matrix with orthonormal rows, or columns where these are fewer (Saxe, McClelland and
    Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014, section 4).
    """

    def __init__(self, gain: int | float = 1.0):
        self.gain = gain

    def layer(self, weight: Tensor, generator: torch.Generator) -> None:
        nn.init.orthogonal_(weight, gain=self.gain, generator=generator)


class Identity(Xavier):
    """From state to state `scale` times the identity, gate by gate, so that without input a state stays what it is;
    all else Xavier's (Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units",
    2015, section 3).
    """

    def __init__(self, scale: int | float = 1.0):
        self.scale = scale

    def state(self, weight: Tensor, generator: torch.Generator) -> None:
        weight.copy_(self.scale * torch.eye(*weight.shape))


def layers_of(network: nn.Module) -> Started:
    """The layers that an initialisation sets, in the order of the network, and what it leaves."""
    found = Started()
    kept = dict(_kept(network))
    parts: dict[nn.Module, Layer] = {}
    for name, cell in network.named_modules():
        if isinstance(cell, Cell):
            for part, module in (("input", cell.input_to_hidden), ("state", cell.hidden_to_hidden)):
                parts[module] = Layer(name, module, part, module.out_features // cell.hidden_size)
    for name, module in network.named_modules():
        if not isinstance(module, (nn.Linear, *CONVOLUTIONS)):
            if isinstance(module, nn.Embedding):
                found.left[name] = "embeddings"
            continue
        reason = kept.get(id(module)) or kept.get(id(module.weight))
        if not module.weight.requires_grad:
            reason = reason or "not trained"
        if reason:
            found.left[name] = reason
            continue
        kept[id(module.weight)] = "another layer's matrix"
        own = parts.get(module)
        found.layers.append(Layer(name, module, own.part, own.gates) if own else Layer(name, module))
    return found


def _kept(network: nn.Module) -> Iterator[tuple[int, str]]:
    """By its `id`, why a layer or a matrix is left."""
    for module in network.modules():
        if isinstance(module, Encoder) and module.loaded:
            yield from ((id(part), "weights from elsewhere") for part in module.modules())
        if isinstance(module, nn.Embedding):
            yield id(module.weight), "embeddings"
        yield from ((id(getattr(module, name)), "begins near zero") for name in getattr(module, "own_start", ()))
