"""What the pages of classifiers and labellers share: words for the scores, figures, tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from seqvision.figures import Page, confusion_figure, figure_svg, reliability_figure, table
from seqvision.inference.sequences import LoadedSequenceModel
from seqvision.metrics import commonest_confusions, reliability
from seqvision.rnn import NoRecurrence

SCORES = {
    "accuracy": ("accuracy", "percent that are right"),
    "top_5": ("top-5 accuracy", "percent whose class is among the five likeliest"),
    "macro_f1": ("macro F1", "the mean of the classes' F1: rare classes count as much as common ones"),
    "micro_f1": ("micro F1", "F1 over all labels at once"),
    "mean_average_precision": ("mean average precision", "how well probabilities separate, whatever the threshold"),
    "edit": ("edit score", "whether the segments come in the right order"),
    "f1@10": ("F1@10", "segments found that overlap by a tenth"),
    "f1@25": ("F1@25", "segments found that overlap by a quarter"),
    "f1@50": ("F1@50", "segments found that overlap by half"),
    "calibration_error": ("calibration error", "how far confidence is from accuracy"),
    "cross_entropy": ("cross-entropy", "in nats"),
}
BESIDE = 10  # classes up to which two figures fit beside each other
CONTROLS = {
    "majority": "commonest class",
    "without_recurrence": "without recurrence",
    "argmax": "argmax of the scores",
    "moving_average": "moving average",
    "score_path": "path of the scores",
    "window": "window of frames",
    "shuffled": "shuffled",
}


def network_of(model: LoadedSequenceModel) -> str:
    """The network in a line."""
    network = model.model
    front = type(network.front).__name__
    encoder = getattr(network.front, "encoder", None)
    front += f" ({type(encoder).__name__})" if encoder is not None else ""
    if isinstance(network.rnn, NoRecurrence):
        return f"{front} without recurrence"
    both = ", both directions" if network.rnn.bidirectional else ""
    return f"{type(network.rnn.cells[0]).__name__}{both}, after {front}"


def add_figure(page: Page, figure: Figure, *, paper: bool = False) -> None:
    """The figure in a box of its own, not larger than it was drawn; `paper`: on white, its text as it was drawn."""
    width, kind = figure.get_figwidth() * 72 + 20, "figure paper" if paper else "figure"
    page.add(f'<div class="{kind}" style="max-width:{width:.0f}pt">{figure_svg(figure)}</div>')


def write_mistakes(
    page: Page, confusion: np.ndarray, classes: Sequence[str], confidence: np.ndarray, correct: np.ndarray, *, unit: str
) -> None:
    """What is taken for what, and whether confidence means what it says."""
    page.heading("What is taken for what", f"Every {unit} of a class, by what it was taken for.")
    beside = len(classes) <= BESIDE
    if beside:
        page.add('<div class="columns">')
    add_figure(page, confusion_figure(confusion, classes), paper=True)
    add_figure(page, reliability_figure(reliability(confidence, correct)))
    if beside:
        page.add("</div>")
    found = commonest_confusions(confusion, classes)
    page.heading("Commonest mistakes", "" if found else f"Not one {unit} was taken for another class.")
    if found:
        rows = [
            [f"{each.truth}, taken for {each.predicted}", f"{each.count:,}", f"{each.share:.1f} %"] for each in found
        ]
        page.add(table(["", f"{unit}s", "of the class"], rows))


def class_table(classes: Sequence[str], per_class: Mapping[str, Sequence[float]]) -> str:
    """Scores class by class."""
    counts = ("support", "segments")

    def cell(name: str, value: int | float) -> str:
        if value != value:
            return "–"
        return f"{value:,.0f}" if name in counts else f"{value:.2f}" if name == "threshold" else f"{value:.1f}"

    rows = [
        [title, *(cell(name, values[place]) for name, values in per_class.items())]
        for place, title in enumerate(classes)
    ]
    heads = [SCORES[name][0] if name in SCORES else name.replace("_", " ") for name in per_class]
    return table(["class", *heads], rows)
