"""One page about many trainings: what they show, their scores, and how to make the best one again."""

from collections.abc import Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from seqvision.data.pictures import read_image
from seqvision.errors import UserError
from seqvision.figures import (
    Page,
    Writable,
    add_figure,
    data_uri,
    expected_best,
    found_figure,
    parallel_figure,
    search_figure,
    table,
)
from seqvision.sweeps import Sweep, Trial
from seqvision.wording import counted


def write_sweep_report(file: Writable, sweep: Sweep, root: Path) -> None:
    """Writes the page; figure.png in root is put into it."""
    states = [trial.state for trial in sweep.trials]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    lead = f"{sweep.kind} · {len(states)} trainings ({', '.join(counts)}) in {sweep.seconds:.0f} s"
    with Page(file, sweep.title or f"{sweep.name}: {sweep.kind}", lead) as page:
        if sweep.see:
            page.add(f"<p>{escape(sweep.see)}</p>")
        _best(page, sweep)
        for note in sweep.notes:
            page.add(f'<p class="warning">{escape(note)}</p>')
        if (root / "figure.png").is_file():
            _picture(page, root / "figure.png")
        if sweep.space:
            page.heading("Every trial", "A line through its values to its score; the better, the darker.")
            add_figure(page, lambda: parallel_figure(sweep))
        _variants(page, sweep)
        _trials(page, sweep)
        page.heading("Configuration")
        page.add(f'<div class="left">{table(["part", "what"], [["command", sweep.command]])}</div>')


def _picture(page: Page, file: Path) -> None:
    """The figure that the sweep has left, or why it is not shown."""
    try:
        picture = read_image(file)
    except UserError as error:
        page.add(f'<p class="warning">The figure is left out: {escape(str(error))}</p>')
    else:
        page.add(f'<div class="figure"><img src="{data_uri(picture)}" style="max-width:100%" alt="figure"></div>')


def _best(page: Page, sweep: Sweep) -> None:
    ranked = sweep.ranked()
    if ranked:
        name, score = ranked[0]
        page.add(
            f'<div class="tiles"><div class="tile"><b>{score:.4g}</b><span>{escape(sweep.monitor)}</span>'
            f"<small>best: {escape(name)}</small></div></div>"
            f'<pre style="white-space:pre-wrap"><code>{escape(sweep.of(name)[0].command)}</code></pre>'
        )


def _variants(page: Page, sweep: Sweep) -> None:
    """The scores of each variant, with their spread over the seeds."""
    shown = list(dict.fromkeys([*sweep.shown, sweep.monitor]))
    values = {score: sweep.values(score) for score in shown}
    seeds = max(len(sweep.of(name)) for name in sweep.names)
    spread = ", mean and range over the seeds" if seeds > 1 else ""
    page.heading("Scores", f"The last value of each curve{spread}; best: the best {sweep.monitor} of an epoch.")
    ranked = dict(sweep.ranked())
    names = list(dict.fromkeys([*ranked, *sweep.names])) if sweep.space else sweep.names
    rows = [
        [
            name,
            *(str(value) for value in sweep.of(name)[0].values.values()),
            _number(ranked.get(name)),
            *(_spread(values[score][name]) for score in shown),
            _state(sweep.of(name)),
        ]
        for name in names
    ]
    best = names.index(next(iter(ranked))) if ranked else None
    page.add(table([sweep.kind, *sweep.space, "best", *shown, ""], rows, strong=best))


def _trials(page: Page, sweep: Sweep) -> None:
    page.heading("Trainings")
    rows = [
        [
            trial.folder.name,
            trial.state,
            _number(trial.score),
            str(trial.epochs),
            str(trial.steps),
            f"{trial.parameters:,}",
            f"{trial.seconds:.0f}",
            trial.message or ("" if sweep.space else " ".join(trial.overrides)),
        ]
        for trial in sweep.trials
    ]
    page.add(table(["folder", "", "best", "epochs", "steps", "parameters", "seconds", ""], rows))


def _state(trials: Sequence[Trial]) -> str:
    """What is to be said of those that did not come to their end."""
    states = [trial.state for trial in trials if trial.state != "finished"]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean = f"{sum(values) / len(values):.4g}"
    return f"{mean} ({min(values):.4g} – {max(values):.4g})" if len(values) > 1 else mean


def write_comparison(file: Writable, sweeps: Mapping[str, Sweep]) -> None:
    """One page about several searches: what each is expected to find by so many trials. sweeps: by name."""
    first = next(iter(sweeps.values()))
    trials = [len(sweep.names) for sweep in sweeps.values()]
    with Page(
        file, " · ".join(sweeps), f"{first.monitor} of {' and of '.join(counted(each, 'trial') for each in trials)}"
    ) as page:
        page.heading(
            "What so many trials find",
            "The best score after so many trials, the mean over all orders in which they could have been made.",
        )
        add_figure(page, lambda: found_figure(sweeps))
        equal = min(trials)
        rows = []
        for name, sweep in sweeps.items():
            ranked = sweep.ranked()
            scored: list[Any] = [({}, sweep.score_of(each)) for each in sweep.names]
            expected = expected_best(scored, sweep.mode)
            values = sweep.of(ranked[0][0])[0].overrides if ranked else ()
            different = ", ".join(
                f"{len({str(trial.values[key]) for trial in sweep.trials})} of {key}" for key in sweep.space
            )
            rows.append(
                [
                    name,
                    _number(expected[equal - 1]) if expected else "",
                    _number(ranked[0][1]) if ranked else "",
                    f"{sweep.seconds:.0f}",
                    different,
                    " ".join(values),
                ]
            )
        head = ["search", f"after {counted(equal, 'trial')}", "after all", "seconds", "different values tried", "best"]
        page.add(table(head, rows))
        for name, sweep in sweeps.items():
            page.heading(name)
            for note in sweep.notes:
                page.add(f'<p class="warning">{escape(note)}</p>')
            add_figure(page, partial(search_figure, sweep))
