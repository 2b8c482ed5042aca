"""One page about a run: what it was, how it went, what it is worth; its pattern adds what is there to see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol, runtime_checkable

from seqvision.figures import Page, Writable, add_figure, curves_figure, table
from seqvision.inference.checkpoint import LoadedModel
from seqvision.inference.evaluation_data import difference_text, score_text
from seqvision.inference.run_folder import curve_panels
from seqvision.inference.verdict import verdict
from seqvision.wording import counted


@dataclass(frozen=True)
class Words:
    """How a pattern's scores are called on the page.

    unit: what is counted. scores: (name, what it says) by key; controls: names by key, in their order. tiles: the
    scores that stand large at the head. about: a sentence on the controls.
    no_rivals: controls that a model need not beat; alone: scores of which no control's is worth naming.
    """

    unit: str
    scores: Mapping[str, tuple[str, str]]
    controls: Mapping[str, str]
    tiles: Sequence[str]
    about: str
    no_rivals: Sequence[str] = ()
    alone: Sequence[str] = ()


@runtime_checkable
class PatternReport(Protocol):
    """What a pattern adds: its words, its network in a line, facts for the configuration, and what there is to see."""

    words: Words

    @property
    def network(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    def write(self, page: Page) -> None: ...


def write_report(
    file: Writable,
    model: LoadedModel,
    own: PatternReport,
    *,
    curves: Mapping[str, Any],
    record: Mapping[str, Any],
    evaluations: Sequence[Mapping[str, Any]],
    improvements: Sequence[str] = (),
) -> None:
    """Writes the page. curves: as `read_curves` gives them; record: run.json; evaluations: evaluation_*.json;
    improvements: commands to try where the first of these does not beat its baselines.
    """
    folder = model.path.parent
    with Page(file, f"{folder.parent.name} / {folder.name}".strip(" /"), _lead(model, own, record)) as page:
        if evaluations:
            _tiles(page, evaluations[0], own.words)
            _verdict(page, evaluations[0], improvements)
        for evaluation in evaluations:
            _scores(page, evaluation, own.words)
        for note in sorted({note for evaluation in evaluations for note in evaluation["notes"]}):
            page.add(f'<p class="note">{escape(note)}</p>')
        if curves:
            page.heading("How training went")
            add_figure(page, lambda: curves_figure(curve_panels(curves)))
        own.write(page)
        _configuration(page, model, own.facts, record)


def _lead(model: LoadedModel, own: PatternReport, record: Mapping[str, Any]) -> str:
    parts = [own.network, f"{sum(parameter.numel() for parameter in model.model.parameters()):,} parameters"]
    if record:
        minutes, seconds = divmod(round(record["seconds"]["training"]), 60)
        parts.append(f"{counted(record['epochs'], 'epoch')} in {minutes} min {seconds} s")
    return " · ".join(parts)


def _tiles(page: Page, evaluation: Mapping[str, Any], words: Words) -> None:
    scores, controls = evaluation["scores"], evaluation["controls"]
    tiles = []
    for name in words.tiles:
        label, what = words.scores[name]
        if name in scores:
            others = [c.get(name) for key, c in controls.items() if key not in words.no_rivals]
            rivals = [score for score in others if score is not None]
            beside = f"best control {score_text(name, max(rivals))}" if rivals and name not in words.alone else ""
            tiles.append(
                f'<div class="tile" title="{escape(what)}"><b>{score_text(name, scores[name])}</b>'
                f"<span>{escape(label)}</span><small>{beside}</small></div>"
            )
    page.add(f'<div class="tiles">{"".join(tiles)}</div>')


def _verdict(page: Page, evaluation: Mapping[str, Any], improvements: Sequence[str]) -> None:
    """Where a baseline is not beaten, that, and what to try next."""
    said = verdict(evaluation)
    if said:
        page.add(f'<p class="warning">{escape(said)}</p>')
    if improvements and (said or evaluation.get("collapse")):
        page.add(f"<p>What to try next:</p><pre>{escape(chr(10).join(improvements))}</pre>")


def _scores(page: Page, evaluation: Mapping[str, Any], words: Words) -> None:
    sizes = evaluation["sizes"].items()
    size = ", ".join(counted(number, unit.removesuffix("s"), plural=unit) for unit, number in sizes)
    intervals = evaluation["intervals"]  # none where nothing was resampled
    resampled = ", 95 % bootstrap intervals" if intervals else ""
    page.heading(f"Scores on {evaluation['split']}", f"{size}{resampled}. {words.about}")
    if evaluation.get("collapse"):
        page.add(f'<p class="warning">{escape(evaluation["collapse"])}</p>')
    controls = [name for name in words.controls if name in evaluation["controls"]]
    rows = []
    for name, value in evaluation["scores"].items():
        ends = intervals.get(name)
        between = [f"{score_text(name, ends[0])} – {score_text(name, ends[1])}" if ends else ""] if intervals else []
        rows.append(
            [
                words.scores[name][0] if name in words.scores else name,
                score_text(name, value),
                *between,
                *(score_text(name, evaluation["controls"][control].get(name)) for control in controls),
            ]
        )
    head = ["", "model", *(["interval"] if intervals else []), *(words.controls[name] for name in controls)]
    page.add(table(head, rows))
    _differences(page, evaluation, words)


def _differences(page: Page, evaluation: Mapping[str, Any], words: Words) -> None:
    """How much better it is than the best control and than other networks, on the same items."""
    found = {other: scores for other, scores in evaluation.get("differences", {}).items() if scores}
    if found:
        names = list(next(iter(found.values())))
        rows = []
        for other, scores in found.items():
            cells = [difference_text(scores[name]) for name in names if name in scores]
            rows.append([words.controls.get(other, other), *cells])
        heads = [words.scores[name][0] if name in words.scores else name for name in names]
        better = "fewer" if evaluation.get("pattern") == "painting" else "better"
        page.add(table([f"{better} than, on the same items", *heads], rows))
    if evaluation.get("protocol"):
        page.add(f'<p class="note">Protocol: {escape(evaluation["protocol"])}.</p>')
    for name, signature in evaluation.get("signatures", {}).items():
        page.add(f'<p class="note">{escape(name)}: {escape(signature)}</p>')


def _configuration(page: Page, model: LoadedModel, facts: Mapping[str, str], record: Mapping[str, Any]) -> None:
    page.heading("Configuration")
    rows = [["command", str(record["command"])]] if record else []
    rows += [[name, _short(model.config.get(name))] for name in (*_PARTS, "seed") if model.config.get(name) is not None]
    rows += [[name, what] for name, what in facts.items()]
    rows.append(["checkpoint", str(model.path)])
    if record:
        rows.append(["configuration hash", str(record["config_hash"])])
    page.add(f'<div class="left">{table(["part", "what"], rows)}</div>')


_PARTS = ("data", "encoder", "front", "attention", "rnn", "model", "loss", "optimizer", "scheduler", "task", "trainer")


def _short(node: Any) -> str:
    """A part of the configuration in a line: its class and its plain values."""
    if not isinstance(node, dict):
        return str(node)
    cell = node["cell"] if isinstance(node.get("cell"), dict) else {}
    named = [str(part["_target_"]).rpartition(".")[2] for part in (node, cell) if "_target_" in part]
    values = [
        f"{key} {value}"
        for key, value in node.items()
        if not str(key).startswith("_") and value is not None and not isinstance(value, dict)
    ]
    return " · ".join([*named, *values])
