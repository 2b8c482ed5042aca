"""What follows from the measurements, in words: each with the number that it rests on, and what to type."""

import math
from collections.abc import Iterator

import numpy as np

from seqvision.checks.examine import Examination
from seqvision.wording import counted

ABOVE_CHANCE, BELOW_CHANCE = 1.5, 0.75
DEAD, SATURATED = 0.25, 0.5  # shares of units, of outputs
FAINT = 1e-3  # deviation of a layer's outputs over that of the first
STEEP = 1e3  # largest over smallest gradient of the weighted layers
WANTED = 1e-3  # length of a step over the length of the weight
WAITING = 0.3  # share of the time of a step
LEVEL = 0.1  # of the first loss: a difference that counts


def advice(found: Examination) -> list[str]:
    """Sentences, the most important first; one that says so where nothing is amiss."""
    said = [*_start(found), *_heart(found), *_layers(found), *_curves(found), *_steps(found), *_time(found)]
    return said or ["nothing here speaks against this run"]


def _start(found: Examination) -> Iterator[str]:
    if not math.isfinite(found.initial):
        yield "the loss is no number before any training: see the layers below, and try initialization=default"
        return
    if found.chance is None or found.chance <= 0:
        return
    ratio = found.initial / found.chance
    if ratio > ABOVE_CHANCE:
        yield (
            f"the loss begins at {found.initial:.3g}, {ratio:.2g} times that of knowing nothing ({found.chance:.3g}): "
            "the network is sure of wrong things, which the first steps have to undo. Try initialization=default or "
            "initialization=xavier"
        )
    elif ratio < BELOW_CHANCE:
        yield (
            f"the loss begins at {found.initial:.3g}, below that of knowing nothing ({found.chance:.3g}): with weights "
            "from elsewhere (start_from, encoder.weights) that is right; else look whether the answer is in the input"
        )


def _heart(found: Examination) -> Iterator[str]:
    learnt = found.memorised
    (_, first), (steps, last) = learnt.curve[0], learnt.curve[-1]
    if learnt.enough:
        return
    way = f"the loss went from {first:.3g} to {last:.3g}" + (
        f", {learnt.floor:.3g} being the least" * bool(learnt.floor)
    )
    what, tried = f"learning {counted(learnt.items, 'item')} by heart", counted(steps, "step")
    if not math.isfinite(last):
        yield f"{what}, the loss became no number: try optimizer.lr={_round(found.rate / 10)}"
    elif learnt.cut_short:
        yield f"{what}, time was up after {tried}: {way}. --seconds {4 * found.seconds:.0f} gives it more"
    elif last < first - 0.5 * (first - learnt.floor):
        yield (
            f"{what} was half done in {tried}: {way}. More of them (--steps {4 * steps}), or a higher rate, will "
            "show whether it can be done"
        )
    else:
        yield (
            f"{what} failed in {tried}: {way}. Before anything else look at the labels (`seqvision data check`), "
            f"at the rate, and whether the network is large enough; data.memorise={learnt.items} trains on a few for "
            "longer"
        )


def _layers(found: Examination) -> Iterator[str]:
    dead = [each for each in found.layers if each.dead is not None and each.dead > DEAD]
    if dead:
        worst = max(dead, key=lambda each: each.dead or 0)
        yield (
            f"{worst.dead:.0%} of the rectified units of {worst.name} are 0 for the whole batch, and learn nothing "
            f"({len(dead)} such layer{'s' if len(dead) > 1 else ''}): try initialization=he, or a lower rate"
        )
    full = [each for each in found.layers if each.saturated is not None and each.saturated > SATURATED]
    if full:
        worst = max(full, key=lambda each: each.saturated or 0)
        yield (
            f"{worst.saturated:.0%} of the outputs of {worst.name} are at their ends, where hardly a gradient passes "
            f"({len(full)} such layer{'s' if len(full) > 1 else ''}): weights are too large; try initialization=xavier"
        )
    squashed = [each for each in found.layers if each.kind in ("relu", "tanh", "smooth") and each.parts]
    if squashed:
        faint = min(squashed, key=lambda each: each.deviation)
        loudest = max(each.deviation for each in squashed)
        if faint.deviation < FAINT * loudest:
            yield (
                f"what {faint.name} puts out varies by {faint.deviation:.1e} only, elsewhere by {loudest:.1e}: signals "
                "die out on the way; try initialization=he (rectifiers) or initialization=xavier (tanh)"
            )
    sizes = {each.name: each.gradient_deviation for each in found.layers if each.kind in ("linear", "convolution")}
    seen = {name: size for name, size in sizes.items() if size}
    if len(seen) > 2:
        low, high = min(seen, key=seen.__getitem__), max(seen, key=seen.__getitem__)
        if seen[high] > STEEP * seen[low]:
            yield (
                f"gradients differ by {seen[high] / seen[low]:.0e} between {high} and {low}: an adaptive optimiser "
                "(optimizer=adamw) or a normalisation (encoder.norm=group, rnn=layernorm_elman) evens that out"
            )


def _curves(found: Examination) -> Iterator[str]:
    ends = {rate: _end(losses) for rate, losses in found.curves.items()}
    first = float(np.mean([losses[0] for losses in found.curves.values() if losses]))
    own, lowest = ends.get(found.rate, math.inf), min(ends.values(), default=math.inf)
    best = min(ends, key=ends.__getitem__) if ends else found.rate
    if not math.isfinite(lowest):
        yield f"the loss blows up at every rate that was tried, the lowest of them {_round(min(ends))}: go lower"
    elif not math.isfinite(own) or own > first + LEVEL * abs(first):
        yield (
            f"at optimizer.lr={_round(found.rate)} the loss rises, from {first:.3g} to {own:.3g}: too high. Of those "
            f"tried optimizer.lr={_round(best)} did best ({ends[best]:.3g}); `seqvision rate` looks closer"
        )
    elif best != found.rate and own - lowest > LEVEL * abs(first):
        steps = len(found.curves[best])
        yield (
            f"after {counted(steps, 'step')} the loss is {own:.3g} at optimizer.lr={_round(found.rate)}, {lowest:.3g} "
            f"at {_round(best)}: the rate looks too {'low' if best > found.rate else 'high'}. `seqvision rate` looks "
            "closer"
        )


def _steps(found: Examination) -> Iterator[str]:
    ratios = {name: ratio for name, ratio in found.ratios.items() if math.isfinite(ratio) and ratio > 0}
    if not ratios:
        if found.ratios:
            lr = _round(found.rate)
            yield f"a step at optimizer.lr={lr} leaves every weight as it is, or makes no number of it: see the losses"
        return
    middle = float(np.median(list(ratios.values())))
    way = 1 if middle < WANTED else -1
    ends = {rate: _end(losses) for rate, losses in found.curves.items()}
    others = [end for rate, end in ends.items() if (rate - found.rate) * way > 0]
    # a rate that does better than those on the wanted side is right, whatever is usual
    if not WANTED / 20 <= middle <= 20 * WANTED and (not others or min(others) <= ends.get(found.rate, math.inf)):
        yield (
            f"a step moves the weights by {middle:.1e} of their length (the median of {len(ratios)}), where about "
            f"{WANTED:.0e} is usual: optimizer.lr={_round(found.rate * WANTED / middle)} would do that"
        )
    fast, slow = max(ratios, key=ratios.__getitem__), min(ratios, key=ratios.__getitem__)
    if ratios[fast] > 1e3 * ratios[slow]:
        yield (
            f"{fast} moves by {ratios[fast]:.1e} a step and {slow} by {ratios[slow]:.1e}: one rate does not fit both; "
            "optimizer=adamw, or task.layer_decay and the task's rate factors"
        )


def _time(found: Examination) -> Iterator[str]:
    total = sum(found.times.values())
    waiting = found.times.get("data", 0.0) / total if total else 0.0
    if waiting > WAITING:
        yield (
            f"{waiting:.0%} of a step is waiting for data ({1e3 * found.times['data']:.0f} ms): data.num_workers=4, or "
            "a frozen encoder, whose features are kept (cache=cache)"
        )


def _end(losses: list[float]) -> float:
    return float(np.mean(losses[-5:])) if losses and math.isfinite(losses[-1]) else math.inf


def _round(rate: float) -> str:
    return f"{float(f'{rate:.1e}'):g}"
