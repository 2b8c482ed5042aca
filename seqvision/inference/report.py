"""One page about a run: what it was, how it went, what it is worth, and pictures to see for oneself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from seqvision.data import CaptionRecord
from seqvision.data.scenes import Scene, check_caption
from seqvision.figures import Page, Writable, curves_figure, figure_svg, table
from seqvision.inference.captioning import PictureCaption
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.inference.evaluation import score
from seqvision.inference.gallery import card
from seqvision.inference.run_folder import curve_panels

CONTROLS = {
    "most_frequent": "most frequent caption",
    "nearest_neighbour": "nearest neighbour",
    "shuffled": "shuffled pictures",
    "references": "references",
}
NAMES = {
    "true": ("true captions", "share of the captions that are true of their scene"),
    "facts_ratio": ("facts stated", "facts in the true captions over those in their references"),
    "cider_d": ("CIDEr-D", "n-grams shared with the references, rare ones count more"),
    "bleu_4": ("BLEU-4", "up to four words in a row shared with a reference"),
    "rouge_l": ("ROUGE-L", "longest common subsequence with a reference"),
    "distinct": ("different captions", "share of different captions"),
    "meteor_nltk": ("METEOR (nltk)", "matches by word, stem and synonym"),
    "bleu_1": ("BLEU-1", ""),
    "bleu_2": ("BLEU-2", ""),
    "bleu_3": ("BLEU-3", ""),
    "exact_match": ("equal to a reference", ""),
    "commonest_share": ("share of the commonest", ""),
    "readable": ("readable", "share of the captions in the scenes' grammar"),
}
TILES = ("true", "cider_d", "bleu_4", "rouge_l", "distinct")


@dataclass(frozen=True)
class Shown:
    """The captioned pictures that the page shows examples of."""

    split: str
    pictures: Sequence[PictureCaption]
    records: Sequence[CaptionRecord]
    scenes: Sequence[Scene] | None
    total: int  # pictures in the split


def write_report(
    file: Writable,
    captioner: LoadedCaptioner,
    *,
    curves: Mapping[str, Any],
    record: Mapping[str, Any],
    evaluations: Sequence[Mapping[str, Any]],
    shown: Shown,
    examples: int = 8,
) -> None:
    """Writes the page. curves: as `read_curves` gives them; record: run.json; evaluations: evaluation_*.json."""
    folder = captioner.path.parent
    with Page(file, f"{folder.parent.name} / {folder.name}".strip(" /"), _lead(captioner, record)) as page:
        if evaluations:
            _tiles(page, evaluations[0])
        for evaluation in evaluations:
            _scores(page, evaluation)
        for note in sorted({note for evaluation in evaluations for note in evaluation["notes"]}):
            page.add(f'<p class="note">{escape(note)}</p>')
        if curves:
            page.heading("How training went")
            page.add(f'<div class="figure">{figure_svg(curves_figure(curve_panels(curves)))}</div>')
        _examples(page, captioner, shown, examples)
        _commonest(page, shown)
        _configuration(page, captioner, record)


def _lead(captioner: LoadedCaptioner, record: Mapping[str, Any]) -> str:
    model = captioner.model
    attention = f"{type(model.attention).__name__} over " if model.attention is not None else ""
    cell = type(model.rnn.cells[0]).__name__
    parts = [f"{cell} with {attention}{type(model.encoder).__name__}"]
    parts.append(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters")
    if record:
        minutes, seconds = divmod(round(record["seconds"]["training"]), 60)
        parts.append(f"{record['epochs']} epochs in {minutes} min {seconds} s")
    return " · ".join(parts)


def _tiles(page: Page, evaluation: Mapping[str, Any]) -> None:
    scores, controls = evaluation["scores"], evaluation["controls"]
    tiles = []
    for name in TILES:
        label, what = NAMES[name]
        if name in scores:
            best = max((c[name] for key, c in controls.items() if key != "references" and name in c), default=None)
            beside = f"best control {best:.3f}" if best is not None and name != "distinct" else ""
            tiles.append(
                f'<div class="tile" title="{escape(what)}"><b>{scores[name]:.3f}</b>'
                f"<span>{escape(label)}</span><small>{beside}</small></div>"
            )
    page.add(f'<div class="tiles">{"".join(tiles)}</div>')


def _scores(page: Page, evaluation: Mapping[str, Any]) -> None:
    page.heading(
        f"Scores on {evaluation['split']}",
        f"{evaluation['pictures']} pictures, 95 % bootstrap intervals. A model that looks at its pictures beats all "
        "the controls: one caption for all, the nearest training picture's, and its own captions of other pictures.",
    )
    if evaluation["collapse"]:
        page.add(f'<p class="warning">{escape(evaluation["collapse"])}</p>')
    controls = [name for name in CONTROLS if name in evaluation["controls"]]
    rows = []
    for name, value in evaluation["scores"].items():
        ends = evaluation["intervals"].get(name)
        others = [evaluation["controls"][control].get(name) for control in controls]
        rows.append(
            [
                NAMES[name][0] if name in NAMES else name,
                f"{value:.3f}",
                f"{ends[0]:.3f} – {ends[1]:.3f}" if ends else "",
                *("" if other is None else f"{other:.3f}" for other in others),
            ]
        )
    page.add(table(["", "model", "interval", *(CONTROLS[name] for name in controls)], rows))


def _examples(page: Page, captioner: LoadedCaptioner, shown: Shown, number: int) -> None:
    """The best and the worst, and all there is to see about attention."""
    references = [record.captions for record in shown.records]
    per_item = score([picture.text for picture in shown.pictures], references, shown.scenes).per_item
    values = np.nan_to_num(np.array(per_item["cider_d"], float))
    verdicts = None
    if shown.scenes is not None:
        pairs = zip(shown.pictures, shown.scenes, strict=True)
        verdicts = [check_caption(picture.text, scene) for picture, scene in pairs]
    ranks = (
        values
        if verdicts is None
        else [(v.true * (1 + v.facts)) * 1e3 + c for v, c in zip(verdicts, values, strict=True)]
    )
    order = np.argsort(-np.array(ranks), kind="stable").tolist()
    part = "" if shown.total == len(shown.pictures) else f" (of {len(shown.pictures)} of its {shown.total} pictures)"
    what = "By CIDEr-D" if verdicts is None else "True ones before false ones, then by facts stated and CIDEr-D"

    def says(place: int) -> str:
        if verdicts is None:
            return f"CIDEr-D {values[place]:.2f}"
        verdict = verdicts[place]
        return f"true, {verdict.facts} facts" if verdict.true else f"false: {verdict.reason}"

    def cards(places: Sequence[int]) -> None:
        page.add('<div class="cards">')
        for place in places:
            page.add(
                card(
                    shown.pictures[place],
                    fit=captioner.transform.fit,
                    name=shown.records[place].id,
                    says=says(place),
                    references=references[place][:3],
                )
            )
        page.add("</div>")

    hint = " Point at a word to see where the model looked." if captioner.model.attention is not None else ""
    number = min(number, max(1, len(order) // 2))
    page.heading(f"Best captions of {shown.split}", f"{what}{part}; below each what people wrote.{hint}")
    cards(order[:number])
    page.heading(f"Worst captions of {shown.split}", f"The other end of the same order{part}.")
    cards(order[::-1][:number])
    if captioner.model.attention is not None:
        page.heading("Where it looked", "Pictures from the middle of the order; lit is what the word was written from.")
        page.add('<div class="wide">')
        middle = order[len(order) // 2 : len(order) // 2 + 3]
        for place in middle:
            page.add(
                card(shown.pictures[place], fit=captioner.transform.fit, name=shown.records[place].id, unfolded=True)
            )
        page.add("</div>")


def _commonest(page: Page, shown: Shown) -> None:
    counts = Counter(picture.text for picture in shown.pictures)
    page.heading("Most common captions", f"{len(counts)} different captions of {len(shown.pictures)} pictures.")
    rows = [[text or "(empty)", str(n), f"{n / len(shown.pictures):.1%}"] for text, n in counts.most_common(10)]
    page.add(table(["caption", "pictures", "share"], rows))


def _configuration(page: Page, captioner: LoadedCaptioner, record: Mapping[str, Any]) -> None:
    page.heading("Configuration")
    rows = [["command", str(record["command"])]] if record else []
    rows += [[name, _short(captioner.config.get(name))] for name in _PARTS if captioner.config.get(name) is not None]
    rows.append(["vocabulary", f"{len(captioner.vocabulary)} entries"])
    rows.append(["checkpoint", str(captioner.path)])
    if record:
        rows.append(["configuration hash", str(record["config_hash"])])
    page.add(f'<div class="left">{table(["part", "what"], rows)}</div>')


_PARTS = ("data", "encoder", "attention", "rnn", "model", "loss", "optimizer", "scheduler", "task", "trainer", "seed")


def _short(node: Any) -> str:
    """A part of the configuration in a line: its class and its plain values."""
    if not isinstance(node, dict):
        return str(node)
    cell = node.get("cell", {})
    named = [str(part["_target_"]).rpartition(".")[2] for part in (node, cell) if isinstance(part, dict) and part]
    values = [
        f"{key} {value}"
        for key, value in node.items()
        if not key.startswith("_") and value is not None and not isinstance(value, dict)
    ]
    return " · ".join([*named, *values])
