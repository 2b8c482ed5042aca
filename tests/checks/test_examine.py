"""A check before a run tells right from wrong: where the loss begins, what is learnt by heart, rates, ratios, times."""

import math
import time

import pytest
import torch
from small_patterns import SMALL, small_task, some
from torch import nn

from seqvision.checks import Learner, advice, examine, memorise, step_times, update_ratios
from seqvision.checks.report import to_dict, to_text
from seqvision.errors import UserError


def learner_of(pattern, folder, *more):
    task, data = small_task(pattern, folder, *more)
    if pattern == "painting":
        task.model.begin_at(some(data, 50).images.float().mean(dim=0) / 255)
    return Learner(task, clip=10.0), data


@pytest.mark.few(2)
@pytest.mark.parametrize("pattern", SMALL)
def test_the_first_loss_is_about_that_of_knowing_nothing(pattern, tmp_path):
    learner, data = learner_of(pattern, tmp_path)
    batch = some(data, 12)
    chance, first = learner.chance(batch), learner.judged(batch)
    words = getattr(learner.task, "vocabulary", None)
    if words is not None:
        assert chance == pytest.approx(math.log(len(words)))
    elif pattern == "reading":
        assert chance == pytest.approx(2 * math.log(10))  # of the last look, and of the others
    elif pattern != "painting":
        assert chance == pytest.approx(math.log(len(data.classes)))
    assert first == pytest.approx(chance, rel=0.6 if pattern == "painting" else 0.25)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", [name for name in SMALL if name != "painting"])
def test_every_pattern_learns_a_few_items_by_heart(pattern, tmp_path):
    learner, data = learner_of(pattern, tmp_path, "optimizer.lr=1e-2")
    learnt = memorise(learner, some(data, 4), steps=300, limit=600)
    assert learnt.enough, learnt.curve
    assert learnt.curve[-1][1] < 0.1 * learnt.curve[0][1]


@pytest.mark.slow
def test_a_painter_comes_near_what_it_takes_to_say_which_picture_it_is(tmp_path):
    learner, data = learner_of("painting", tmp_path, "optimizer.lr=1e-2")
    learnt = memorise(learner, some(data, 2), steps=600, limit=600)
    assert learnt.floor == pytest.approx(math.log(2) - 64 * math.log(0.99), rel=0.01)
    assert learnt.curve[-1][1] < learnt.floor + 0.3 * (learnt.curve[0][1] - learnt.floor)


def test_what_cannot_be_learnt_is_said(tmp_path):
    learner, data = learner_of("classification", tmp_path, "optimizer=sgd_plain", "optimizer.lr=1e-4")
    batches = [some(data, 8)] * 3
    before = {name: value.clone() for name, value in learner.task.model.state_dict().items()}
    found = examine(
        learner, few=some(data, 4), batches=batches, loader=batches, device=torch.device("cpu"), limit=1000, steps=20
    )
    for name, value in learner.task.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not found.memorised.enough
    said = "\n".join(advice(found))
    assert "by heart failed in 20 steps" in said
    assert "usual: optimizer.lr=" in said
    text, record = to_text(found, name="x"), to_dict(found, name="x", command="y")
    assert "NO" in text
    assert record["ok"] is False
    assert len(record["layers"]) == len(found.layers) >= 5


def test_rates_and_initialisations_that_do_harm_are_said(tmp_path):
    harm = ("rnn=elman", "initialization=large", "optimizer=sgd", "optimizer.lr=30")
    learner, data = learner_of("classification", tmp_path, *harm)
    batches = [some(data, 32)] * 3
    found = examine(
        learner, few=some(data, 4), batches=batches, loader=batches, device=torch.device("cpu"), limit=1000, steps=10
    )
    said = "\n".join(advice(found))
    assert "times that of knowing nothing" in said
    assert "are at their ends" in said
    assert "too high" in said or "blows up" in said


class Line:
    """y = w x by plain gradient descent: what its steps are is known."""

    def __init__(self, rate):
        self.model = nn.Linear(2, 1, bias=False)
        self.weight_penalty = None
        self.rate = rate
        self.model.weight.data[:] = torch.tensor([[3.0, 4.0]])

    def loss(self, batch):
        return self.model(batch).sum(), torch.tensor(len(batch))

    judged = loss

    def chance(self, batch):
        return None

    def floor(self, batch):
        return 0.0

    def steady(self):
        pass

    def new_optimizer(self):
        return torch.optim.SGD(self.model.parameters(), lr=self.rate)


def test_ratios_and_losses_are_those_of_the_equations():
    learner = Learner(Line(0.5))
    ratios = update_ratios(learner, [torch.tensor([[0.6, 0.8]])], steps=2)
    # the gradient is (.6, .8), of length 1; the first step, which is left out, leads from length 5 to 4.5
    assert ratios == {"weight": pytest.approx(0.5 / 4.5, rel=1e-5)}
    learner.restart()
    assert learner.step(torch.tensor([[1.0, 0.0]]), rate=2.0) == pytest.approx(3.0)
    assert learner.task.model.weight.tolist() == [[1.0, 4.0]]
    learner.restart()
    assert learner.task.model.weight.tolist() == [[3.0, 4.0]]
    assert learner.optimizer.param_groups[0]["lr"] == 0.5


def test_parts_with_a_factor_of_their_own_keep_it(tmp_path):
    learner, _ = learner_of("captioning", tmp_path, "task.encoder_lr_factor=0.1", "optimizer.lr=2e-3")
    assert learner.rate == pytest.approx(2e-3)
    assert {round(rate, 6) for rate in learner.rates} == {2e-3, 2e-4}
    learner.set_rate(1.0)
    assert {round(group["lr"], 6) for group in learner.optimizer.param_groups} == {1.0, 0.1}


def test_clipping_is_that_of_the_run():
    learner = Learner(Line(1.0), clip=0.1)
    learner.step(torch.tensor([[3.0, 4.0]]))
    moved = torch.tensor([3.0, 4.0]) - learner.task.model.weight[0].detach()
    assert float(moved.norm()) == pytest.approx(0.1, rel=1e-4)


def test_time_goes_where_it_is_spent(tmp_path):
    learner, data = learner_of("classification", tmp_path)
    batch = some(data, 4)
    for part, pause in ((learner.task.model.front, 0.02), (learner.task.model.rnn, 0.05)):

        def slowly(*arguments, forward=part.forward, pause=pause):
            time.sleep(pause)
            return forward(*arguments)

        part.forward = slowly

    def slow_loader():
        for _ in range(5):
            time.sleep(0.03)
            yield batch

    class Slow:
        def __iter__(self):
            return slow_loader()

    times = step_times(learner, Slow(), torch.device("cpu"), steps=3, limit=60)
    assert set(times) == {"data", "encoder", "core", "head", "rest of forward", "backward", "optimiser"}
    for part, least in (("encoder", 0.02), ("core", 0.05), ("data", 0.03)):
        assert least <= times[part], part
    assert "forward" in vars(learner.task.model.front)
    assert "step" not in vars(learner.task.model.rnn)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adadelta"])
def test_optimisers_without_a_rate_say_so(tmp_path, optimizer):
    learner, _ = learner_of("classification", tmp_path, f"optimizer={optimizer}")
    with pytest.raises(UserError, match="no rate to look for"):
        learner.check_rate()
