"""A learning rate by trying: it rises from step to step, several times over, and the loss says from where to where it
may lie (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.3).

    curves = [rising(step, rates) for step in fresh starts]
    found = suggested(curves)

One run of it tells little: the loss of single batches jumps, and where a curve is steepest or lowest may be chance.
Here several runs from other batches are read by themselves, and how far they agree says how sure the answer is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SIDE = 4  # steps on either side that a loss is averaged with
BLOWN_UP = 4.0  # times the height from which it fell: the rate is far too high, nothing more is learnt
FALLS = 0.05  # of the first loss at least
BELOW_TURN = 4.0  # how far below the rate at which the loss is lowest a rate is steady: see `_one`
AGREES = 4.0  # largest over smallest suggestion of the runs, and still sure


@dataclass(frozen=True)
class RateCurve:
    """The rates of one run, as far as it went, and the loss before each step."""

    rates: list[float]
    losses: list[float]

    @property
    def smooth(self) -> np.ndarray:
        """Each loss averaged with its neighbours, which unlike a running mean does not lag."""
        losses = np.array(self.losses)
        return np.array([losses[max(0, i - SIDE) : i + SIDE + 1].mean() for i in range(len(losses))])


@dataclass(frozen=True)
class Suggestion:
    """A rate with the range it may lie in, or none; sure, or why not.

    each: what every run says by itself, None where its loss hardly falls.
    """

    rate: float | None
    low: float | None
    high: float | None
    each: list[float | None]
    sure: bool
    why: str


def ladder(low: int | float, high: int | float, steps: int) -> list[float]:
    """That many rates from the low to the high, each as many times the one before."""
    return [float(rate) for rate in np.geomspace(low, high, steps)]


def rising(step: Callable[[float], float], rates: Sequence[float]) -> RateCurve:
    """The losses of steps at rising rates; it ends where the loss has blown up.

    step: makes a step of that length and gives the loss before it.
    """
    tried: list[float] = []
    losses: list[float] = []
    curve = RateCurve(tried, losses)
    lowest = math.inf
    for rate in rates:
        loss = step(rate)
        if not math.isfinite(loss):
            break
        tried.append(rate)
        losses.append(loss)
        if len(losses) > 5:
            now = float(np.mean(losses[-SIDE:]))
            lowest = min(lowest, now)
            fallen = max(losses[0] - lowest, 0.05 * abs(losses[0]))
            if now > losses[0] + BLOWN_UP * fallen:
                break
    return curve


def suggested(curves: Sequence[RateCurve]) -> Suggestion:
    """What all runs say together."""
    found = [_one(curve) for curve in curves]
    each = [of and of[0] for of in found]
    known = [of for of in found if of is not None]
    runs = f"{len(known)} of {len(curves)} runs"
    if not known or len(known) * 2 <= len(curves):
        why = "the loss hardly falls at any rate" if not known else f"the loss falls clearly in {runs} only"
        return Suggestion(None, None, None, each, False, f"{why}; more steps or larger batches may show more")
    rate = float(np.exp(np.median([math.log(of[0]) for of in known])))
    low, high = min(of[1] for of in known), max(of[2] for of in known)
    spread = max(of[0] for of in known) / min(of[0] for of in known)
    where = f"between {min(of[0] for of in known):.1e} and {max(of[0] for of in known):.1e} in {runs}"
    if len(known) < len(curves):
        return Suggestion(rate, low, high, each, False, f"{where}; in the others the loss hardly falls")
    if spread > AGREES:
        return Suggestion(rate, low, high, each, False, f"the runs disagree: {where}")
    if len(curves) < 2:
        return Suggestion(rate, low, high, each, False, "a single run tells little; more say how far they agree")
    if any(of[3] for of in known):
        return Suggestion(
            rate, low, high, each, False, f"{where}, but the loss still falls at the highest rate: try higher ones"
        )
    return Suggestion(rate, low, high, each, True, where)


def _one(curve: RateCurve) -> tuple[float, float, float, bool] | None:
    """Of one run: a rate, the lowest and the highest that will do, and whether the ladder ended too soon. None where
    the loss hardly falls.

    Where the smoothed loss is lowest the rate is at the edge of what is stable, or a little beyond, for it takes a
    while to grow again. A fraction of it is steady. Rates below that at which half of the fall is made waste time.
    """
    smooth = curve.smooth
    if len(smooth) < 10:
        return None
    bottom = int(smooth.argmin())
    start = float(np.mean(curve.losses[: max(3, len(smooth) // 10)]))
    fall = start - float(smooth[bottom])
    noise = float(np.std(np.diff(curve.losses[: bottom + 2]))) / math.sqrt(2 * (2 * SIDE + 1))
    if fall < FALLS * abs(start) or fall < 3 * noise:
        return None
    half = int(np.argmax(smooth <= start - fall / 2))
    turn = curve.rates[bottom]
    rate = max(turn / BELOW_TURN, min(curve.rates[half], turn))
    return rate, min(curve.rates[half], rate), max(turn / 2, rate), bottom == len(smooth) - 1
