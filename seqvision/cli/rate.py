"""`seqvision rate`: a learning rate by trying, with how sure that is."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import number, parser, typed
from seqvision.cli.output import write_output
from seqvision.cli.trial import Trial, add_override_options, trial
from seqvision.errors import UserError
from seqvision.files import expect_writable

if TYPE_CHECKING:
    from seqvision.checks import RateCurve

DESCRIPTION = """A learning rate for the run that `seqvision train` would start with the same overrides.

  seqvision rate pattern=classification
  seqvision rate experiment=caption_scenes optimizer=sgd --figure rate.png
  seqvision rate data=files data.path=my_pictures --runs 5 --format json

The rate rises from step to step, by the same factor, until the loss blows up; that several times from the same start,
with other batches. Where the runs agree, what they say is worth something; how far they do is said. Weights are as
before afterwards, and no run is written. The rate is for training as it is configured: another batch size or optimiser
wants another. The exit status is 1 where no sure answer was found."""


def main(arguments: list[str]) -> int:
    """0, or 1 without a sure answer."""
    options = parser("rate", DESCRIPTION)
    add_override_options(options)
    options.add_argument("--figure", metavar="FILE", help="the curves with the rate as a picture (.png, .svg, .pdf)")
    options.add_argument("--runs", type=int, default=3, metavar="N", help="from the same start (default 3)")
    options.add_argument("--steps", type=int, default=100, metavar="N", help="of a run, at most (default 100)")
    options.add_argument("--low", type=number, default=1e-6, metavar="RATE", help="of the first step (default 1e-6)")
    options.add_argument("--high", type=number, default=10.0, metavar="RATE", help="of the last step (default 10)")
    given = options.parse_intermixed_args(arguments)
    if not 0 < given.low < given.high or given.steps < 20 or given.runs < 1:
        raise UserError("rate: expected 0 < --low < --high, --steps of 20 or more, and --runs of 1 or more")
    expect_writable(given.output, given.figure)

    from seqvision.checks import ladder, suggested

    with trial(given.overrides, command="rate", search=given.config_dir, batches=max(24, given.steps // 2)) as tried:
        tried.learner.check_rate()
        curves = find_curves(tried, ladder(given.low, given.high, given.steps), runs=given.runs)
        now = tried.learner.rate
    found = suggested(curves)
    if given.figure:
        from seqvision.figures import rates_figure
        from seqvision.figures.save import save_image

        runs = [
            (list(zip(each.rates, each.losses, strict=True)), list(zip(each.rates, each.smooth.tolist(), strict=True)))
            for each in curves
        ]
        title = f"{tried.name}: {'sure' if found.sure else 'unsure'}; {found.why}"
        save_image(rates_figure(runs, rate=found.rate, low=found.low, high=found.high, title=title), given.figure)
    if given.format == "json":
        record = {"name": tried.name, "command": typed("rate", arguments), "configured": now, **asdict(found)}
        text = json.dumps({**record, "runs": [asdict(each) for each in curves]}, indent=2)
    else:
        text = to_text(tried.name, found, now)
    write_output(given.output, text)
    return 0 if found.sure else 1


def find_curves(tried: Trial, rates: list[float], *, runs: int) -> "list[RateCurve]":
    """The losses over rising rates, several times from the same weights, each with the batches in another order."""
    import torch

    from seqvision.checks import rising
    from seqvision.data.progress import tracked

    curves = []
    for run in tracked(range(runs), total=runs, description="Trying rates"):
        tried.learner.restart(seed=run)
        order = torch.randperm(len(tried.batches), generator=torch.Generator().manual_seed(run)).tolist()
        turn = iter(range(10**9))
        curves.append(
            rising(
                lambda rate, order=order, turn=turn: tried.learner.step(  # type: ignore[misc]
                    tried.batches[order[next(turn) % len(order)]], rate=rate
                ),
                rates,
            )
        )
    tried.learner.restart()
    return curves


def to_text(name: str, found: Any, now: float) -> str:
    """The answer for people."""
    if found.rate is None:
        return f"{name}\n  unsure: {found.why}\n  optimizer.lr={now:g} is what is configured"
    lines = [
        name,
        f"  optimizer.lr={float(f'{found.rate:.1e}'):g}    ({now:g} is configured)",
        f"  from {found.low:.1e} to {found.high:.1e} may do as well",
        f"  {'sure' if found.sure else 'unsure'}: {found.why}",
    ]
    return "\n".join(lines)
