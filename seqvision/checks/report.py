"""An examination as text, as data, and as a page with its histograms."""

import math
from typing import Any

from seqvision.checks.advice import advice
from seqvision.checks.examine import Examination
from seqvision.checks.layers import LayerRecord
from seqvision.figures import Page, Writable, curves_figure, figure_svg, histograms_figure, table, wrapped
from seqvision.wording import counted

_SHOWN = 40  # layers and weights in the text; the data have all


def is_well(found: Examination) -> bool:
    """Whether training may begin: the loss starts where it should, and a few items can be learnt by heart."""
    return math.isfinite(found.initial) and found.memorised.enough


def to_dict(found: Examination, *, name: str, command: str) -> dict[str, Any]:
    """All of it as plain data, for JSON."""
    learnt = found.memorised
    return {
        "name": name,
        "command": command,
        "ok": is_well(found),
        "initial_loss": found.initial,
        "chance_loss": found.chance,
        "memorised": {
            "items": learnt.items,
            "enough": learnt.enough,
            "cut_short": learnt.cut_short,
            "floor": learnt.floor,
            "curve": [[step, loss] for step, loss in learnt.curve],
        },
        "layers": [each.to_dict() for each in found.layers],
        "update_to_weight": found.ratios,
        "losses_by_rate": {f"{rate:g}": losses for rate, losses in found.curves.items()},
        "rate": found.rate,
        "seconds_by_part": found.times,
        "advice": advice(found),
        "seconds": round(found.seconds, 1),
    }


def to_text(found: Examination, *, name: str) -> str:
    """All of it for people."""
    learnt = found.memorised
    chance = "" if found.chance is None else f"; of a network that knows nothing {found.chance:.3f}"
    least = f" (no network gets below {learnt.floor:.2f})" if learnt.floor else ""
    (_, first), (steps, last) = learnt.curve[0], learnt.curve[-1]
    heart = f"{counted(learnt.items, 'item')} by heart"
    lines = [
        f"{name}",
        f"  loss before training   {found.initial:.3f}{chance}",
        f"  {heart:<23}{'yes' if learnt.enough else 'NO'}: {first:.3f} to {last:.3f} "
        f"in {counted(steps, 'step')}{least}",
        "layers                                       puts out   gradient   zero  dead units  at its ends",
        *_cut([_layer_line(each) for each in found.layers]),
        "a step over the weight, about 1e-3 is usual",
        *_cut([f"  {weight:<50}{ratio:>10.1e}" for weight, ratio in found.ratios.items()]),
        "loss by optimizer.lr, after some steps",
        *[
            f"  {rate:<10g}{losses[0]:.3f} to {losses[-1]:.3f} in {counted(len(losses), 'step')}"
            for rate, losses in found.curves.items()
        ],
        f"a step takes {1e3 * sum(found.times.values()):.0f} ms: "
        + ", ".join(f"{part} {share:.0%}" for part, share in _shares(found)),
        "advice",
        *[f"  - {sentence}" for sentence in advice(found)],
    ]
    return "\n".join(lines)


def write_page(file: Writable, found: Examination, *, name: str, command: str) -> None:
    """All of it as a page that needs nothing but itself."""
    learnt = found.memorised
    with Page(file, f"{name}: before the run", command) as page:
        page.heading("Advice")
        page.add("<ul>" + "".join(f"<li>{_escaped(sentence)}</li>" for sentence in advice(found)) + "</ul>")
        begins = f"The loss begins at {found.initial:.3f}"
        page.heading("Where it begins, and whether it learns", begins + (
            f"; a network that knows nothing has {found.chance:.3f}." if found.chance is not None else "."
        ))  # fmt: skip
        panels = {
            f"{counted(learnt.items, 'item')} by heart": {"loss": [(float(step), loss) for step, loss in learnt.curve]},
            "first steps by rate": {
                f"{rate:g}": [(float(step), loss) for step, loss in enumerate(losses) if math.isfinite(loss)]
                for rate, losses in found.curves.items()
            },
        }
        page.add(f'<div class="figure">{figure_svg(curves_figure(panels, columns=2))}</div>')
        page.heading("What the layers put out", "before training, one batch; what lies beyond a panel is at its ends")
        page.add(f'<div class="figure">{figure_svg(activations(found.layers))}</div>')
        with_gradients = [each for each in found.layers if each.gradient_parts]
        if with_gradients:
            page.heading("The gradients that come back to them")
            panels_of = [(_short(each.name), each.gradients) for each in with_gradients]
            page.add(f'<div class="figure">{figure_svg(histograms_figure(wrapped(panels_of)))}</div>')
        page.add(table(_HEAD, [_cells(each) for each in found.layers]))
        page.heading("How far a step moves the weights", "its length over the weight's; about 1e-3 is usual")
        page.add(table(["weight", "ratio"], [[weight, f"{ratio:.1e}"] for weight, ratio in found.ratios.items()]))
        page.heading("Where the time goes")
        page.add(
            table(
                ["part", "ms a step", "share"],
                [[part, f"{1e3 * found.times[part]:.1f}", f"{share:.0%}"] for part, share in _shares(found)],
            )
        )


def activations(layers: list[LayerRecord]) -> Any:
    """The figure of what the layers put out, with what is dead or at its ends."""
    panels = []
    for each in layers:
        note = ""
        if each.dead:
            note = f", {each.dead:.0%} dead"
        elif each.saturated:
            note = f", {each.saturated:.0%} at its ends"
        panels.append((f"{_short(each.name)}\n{each.kind}{note}", each.values))
    return histograms_figure(wrapped(panels))


_HEAD = ["layer", "kind", "mean", "deviation", "gradient", "zero", "dead units", "at its ends"]


def _cells(each: LayerRecord) -> list[str]:
    shares = [_share(each.zeros), _share(each.dead), _share(each.saturated)]
    gradient = "" if each.gradient_deviation is None else f"{each.gradient_deviation:.1e}"
    return [each.name, each.kind, f"{each.mean:.2g}", f"{each.deviation:.2g}", gradient, *shares]


def _layer_line(each: LayerRecord) -> str:
    _, kind, _, deviation, gradient, zeros, dead, saturated = _cells(each)
    name = each.name if len(each.name) <= 30 else f"…{each.name[-29:]}"
    return f"  {name:<31}{kind:<12}{deviation:>8}{gradient:>11}{zeros:>7}{dead:>12}{saturated:>13}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"…{name[-23:]}"


def _shares(found: Examination) -> list[tuple[str, float]]:
    total = sum(found.times.values()) or 1.0
    return sorted(((part, spent / total) for part, spent in found.times.items()), key=lambda pair: -pair[1])


def _cut(lines: list[str]) -> list[str]:
    return lines if len(lines) <= _SHOWN else [*lines[:_SHOWN], f"  … and {len(lines) - _SHOWN} more (--format json)"]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
