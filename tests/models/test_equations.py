"""RAM, DRAM and DRAW beside their papers' equations, written out step by step with the networks' own matrices."""

from functools import partial

import pytest
import torch
from painters import painter
from torch.distributions import Normal

from seqvision.attention.filter_banks import read, window, write
from seqvision.models import DRAM, RAM
from seqvision.rnn import ElmanCell, Recurrent

pytestmark = pytest.mark.usefixtures("float64")


def drawn(model, std=0.3):
    """The model with weights that are not where they start."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return model


def elman(network, x, h):
    """h′ = tanh(W_ih x + b_ih + W_hh h + b_hh) with the weights of a network's only layer."""
    ih, hh = network.cells[0].input_to_hidden, network.cells[0].hidden_to_hidden
    return torch.tanh(x @ ih.weight.T + ih.bias + h @ hh.weight.T + hh.bias)


@pytest.mark.parametrize("size", [3, None], ids=["window", "whole"])
def test_draw_takes_the_steps_of_its_equations(size):
    """Equations 3 to 8 of Gregor et al. (2015), with the attention of 27 to 29 or without (17, 18)."""
    torch.manual_seed(0)
    model = drawn(painter(cell=ElmanCell, window=size, steps=3))
    x, noise = torch.rand(2, 1, 6, 6).round(), torch.randn(2, 3, 5)
    posterior, drawing = model.look(x, None, noise, keep=False)
    canvas = model.start.expand(2, -1, -1, -1)
    (h_enc,), (h_dec,) = model.encoder_start(2), model.decoder_start(2)
    reading, _ = model.to_canvas(h_dec).split(model.sizes, dim=1)
    for t in range(3):
        seen = [x, x - canvas.sigmoid()]  # 3
        if size:
            seen = [read(each, window(reading, size=3, height=6, width=6), size=3) for each in seen]  # 4, 27
        seen = [each.flatten(1) for each in seen]
        h_enc = elman(model.encoder, torch.cat([*seen, h_dec], dim=1), h_enc)  # 5
        mean, log_std = model.to_latents(h_enc).chunk(2, dim=1)  # 1, 2
        torch.testing.assert_close((posterior.mean[:, t], posterior.log_deviation[:, t]), (mean, log_std))
        h_dec = elman(model.decoder, mean + log_std.exp() * noise[:, t], h_dec)  # 6, 7
        reading, stroke = model.to_canvas(h_dec).split(model.sizes, dim=1)
        if size:
            where = window(stroke[:, :5], size=3, height=6, width=6)
            stroke = write(stroke[:, 5:].unflatten(1, (1, 3, 3)), where, height=6, width=6)  # 28, 29
        canvas = canvas + stroke.reshape(2, 1, 6, 6)  # 8
    torch.testing.assert_close(drawing.canvas, canvas)


def expect_location(model, found, t, h):
    """Asserts that the baseline and the t-th location's density are those that follow from h; gives the location.

    Its density is that of a normal distribution about a mean inside the image; of what was cut off at the image's edge
    only the network knows it.
    """
    mean = model.locator.output(torch.relu(model.locator.hidden(h))).clamp(-1, 1)
    torch.testing.assert_close(found.baselines[:, t], model.baseline(h)[:, 0])
    where = found.places[:, t]
    inside = (where.abs() < 1).all(dim=1)
    torch.testing.assert_close(found.log_p[inside, t], Normal(mean, 0.1).log_prob(where).sum(dim=1)[inside])
    return where


def test_ram_takes_the_steps_of_its_equations():
    """Mnih et al. (2014), sections 2.1 and 4: g = ReLU(W ReLU(ρ) + V ReLU(l)), h′ = f(g, h), and from h the class, the
    next location and the baseline.
    """
    torch.manual_seed(0)
    rnn = partial(Recurrent, ElmanCell, hidden_size=7)
    model = drawn(RAM(rnn, classes=3, pictures={"channels": 1}, looks=4, size=3, scales=2, what=5, where=6, glimpse=8))
    x = torch.rand(2, 1, 9, 9)
    found = model(x, sample=True)
    scene, h = model.sensor.scene(x), torch.zeros(2, 7)
    (w1, _, w2), (v1, _, v2) = model.glimpse.what, model.glimpse.where
    for t in range(4):
        where = expect_location(model, found, t, h)
        patches = model.sensor(scene, where).flatten(1)
        h = elman(model.rnn, torch.relu(w2(torch.relu(w1(patches))) + v2(torch.relu(v1(where)))), h)
        torch.testing.assert_close(found.logits[:, t], model.output(h))
    assert (found.places.abs() < 1).all(dim=2).any()


def test_dram_takes_the_steps_of_its_equations():
    """Ba, Mnih and Kavukcuoglu (2015), section 3: r¹′ = f(g, r¹), r²′ = f(r¹′, r²), r² from the context on;
    from r¹ the class, from r² the next location and the baseline.
    """
    torch.manual_seed(0)
    settings = {"classes": 3, "pictures": {"channels": 1}, "objects": 2, "looks": 2, "size": 4, "channels": (4,)}
    rnn = partial(Recurrent, ElmanCell, hidden_size=7)
    model = drawn(DRAM(rnn, glimpse=8, coarse=5, context=6, **settings), std=0.2)
    x = torch.rand(2, 1, 12, 12)
    found = model(x, sample=True)
    scene, lower = model.sensor.scene(x), torch.zeros(2, 7)
    (upper,) = model.begins(model.context(scene))
    for t in range(4):
        where = expect_location(model, found, t, upper)
        lower = elman(model.lower, model.glimpse(model.sensor(scene, where), where), lower)
        upper = elman(model.upper, lower, upper)
        torch.testing.assert_close(found.logits[:, t], model.output(lower))
    assert (found.places.abs() < 1).all(dim=2).any()
