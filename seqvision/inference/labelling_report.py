"""The page of a labeller of frames: timelines against the truth, confusions, segments' lengths, class by class."""

from collections.abc import Collection, Sequence

import numpy as np

from seqvision.data.sequences.records import SequenceRecord
from seqvision.figures import Page, multilabel_rows, table, timeline_figure
from seqvision.figures.lengths import lengths_figure
from seqvision.inference.report import Words
from seqvision.inference.sequence_report import (
    CONTROLS,
    SCORES,
    add_figure,
    class_table,
    network_of,
    write_mistakes,
)
from seqvision.inference.sequences import LoadedLabeller
from seqvision.metrics import frame_scores, multilabel_scores, segment_statistics, segments
from seqvision.metrics.frames import Protocol
from seqvision.names import Name

SHORT = 5  # frames


class LabellingReport:
    """The parts of the page that only labellers have: of probabilities (time, classes) a record."""

    words = Words(
        unit="recordings",
        scores=SCORES,
        controls={**CONTROLS, "majority": "commonest label"},
        tiles=("accuracy", "edit", "f1@25", "macro_f1", "mean_average_precision"),
        about="In percent; whole recordings are drawn. A model that is worth its recurrence beats the controls, which "
        "see a frame or a few around it.",
    )

    def __init__(
        self,
        labeller: LoadedLabeller,
        probabilities: Sequence[np.ndarray],
        records: Sequence[SequenceRecord],
        *,
        split: str,
        background: Collection[Name] = (),
        protocol: Protocol = "mstcn",
    ):
        known = [place for place, record in enumerate(records) if record.labels is not None]
        known = [place for place in known if (np.asarray(records[place].labels) >= 0).any()]
        self.labeller, self.split = labeller, split
        self.background, self.protocol = tuple(background), protocol
        self.records = [records[place] for place in known]
        self.probabilities = [probabilities[place] for place in known]
        self.truth = [np.asarray(record.labels) for record in self.records]
        self.decided = [labeller.decide(values) for values in self.probabilities]

    @property
    def network(self) -> str:
        """What it is, in a line."""
        return network_of(self.labeller)

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        thresholds = self.labeller.thresholds
        said = [f"{value:.2f}" for value in thresholds or ()]
        return {"classes": ", ".join(self.labeller.classes)} | ({"thresholds": ", ".join(said)} if said else {})

    def write(self, page: Page) -> None:
        """Timelines, mistakes, segments, class by class."""
        if self.labeller.thresholds is not None:
            self._write_several(page)
            return
        classes = self.labeller.classes
        scores = frame_scores(
            self.decided, self.truth, classes=classes, background=self.background, protocol=self.protocol
        )
        value = np.nanmean([scores.per_item[name] for name in ("accuracy", "f1@25")], axis=0)
        said = [
            f"accuracy {a:.1f}, edit {e:.1f}, F1@25 {f:.1f}"
            for a, e, f in zip(*(scores.per_item[name] for name in ("accuracy", "edit", "f1@25")), strict=True)
        ]
        self._timelines(page, value, said, by="the mean of accuracy and F1@25")
        known = [labels >= 0 for labels in self.truth]
        confidence = np.concatenate([p.max(axis=1)[k] for p, k in zip(self.probabilities, known, strict=True)])
        pairs = zip(self.decided, self.truth, known, strict=True)
        correct = np.concatenate([(labels == true)[k] for labels, true, k in pairs])
        write_mistakes(page, scores.confusion, classes, confidence, correct, unit="frame")
        self._segments(page)
        page.heading("Class by class", "Precision, recall and F1 of frames; F1@… of segments.")
        page.add(class_table(classes, scores.per_class))

    def _timelines(self, page: Page, value: np.ndarray, said: Sequence[str], *, by: str) -> None:
        """The best, the median and the worst recording by a value of each."""
        order = np.argsort(-value, kind="stable").tolist()
        places = {"best": order[0], "worst": order[-1], "median": order[len(order) // 2]}
        names: dict[int, str] = {}  # of one or two recordings, one is several of these
        for name, place in places.items():
            names.setdefault(place, name)
        page.heading(f"Recordings of {self.split}", f"The best, the median and the worst by {by}.")
        for place in sorted(names, key=order.index):
            self._timeline(page, place, f"{names[place]}: {self.records[place].id}, {said[place]}")

    def _timeline(self, page: Page, place: int, title: str) -> None:
        record = self.records[place]
        rate = self.labeller.reader.rate(record.source)
        confidence = None
        if self.labeller.thresholds is None:
            rows = {"truth": self.truth[place], "prediction": self.decided[place]}
            classes, background = self.labeller.classes, "background"
            confidence = self.probabilities[place].max(axis=1)
        else:
            found = multilabel_rows(self.truth[place], self.decided[place], self.labeller.classes)
            rows, classes, background = found
        figure = timeline_figure(
            rows, classes, frames_per_second=rate, confidence=confidence, title=title, background=background
        )
        add_figure(page, figure)

    def _segments(self, page: Page) -> None:
        """How long segments are, true and predicted."""
        classes = self.labeller.classes
        page.heading(
            "Segments",
            f"True and predicted ones, lengths in frames; short: fewer than {SHORT}. More predicted ones "
            "than true: what is one action falls to pieces; fewer: actions are missed or run together.",
        )
        lengths = []
        for labels in (self.truth, self.decided):
            borders = np.cumsum([int((true >= 0).sum()) for true in self.truth])
            whole = np.concatenate([part[true >= 0] for part, true in zip(labels, self.truth, strict=True)])
            lengths.append(segments(whole, borders).lengths)
        add_figure(page, lengths_figure({"true": lengths[0], "predicted": lengths[1]}, xlabel="frames of a segment"))
        rows = []
        found = segment_statistics(self.decided, self.truth, classes=classes, background=self.background, short=SHORT)
        for each in found:
            numbers = [f"{each.count[0]:,}", f"{each.count[1]:,}", _number(each.ratio, 2)]
            means = [_number(each.mean[0], 1), _number(each.mean[1], 1)]
            rows.append([each.name, *numbers, *means, *(_number(value, 1) for value in each.short)])
        heads = ["", "true", "predicted", "ratio", "mean length, true", "predicted", "% short, true", "predicted"]
        page.add(table(heads, rows, strong=0))

    def _write_several(self, page: Page) -> None:
        """The parts for several labels a frame."""
        classes, thresholds = self.labeller.classes, self.labeller.thresholds
        scores = multilabel_scores(self.probabilities, self.truth, classes=classes, thresholds=thresholds)
        f1, accuracy = (np.array(scores.per_item[name]) for name in ("f1", "accuracy"))
        said = [f"F1 {_number(a, 1)}, accuracy {b:.1f}" for a, b in zip(f1, accuracy, strict=True)]
        self._timelines(page, np.nan_to_num(f1, nan=-1.0), said, by="F1")
        page.heading("Class by class", "At the thresholds that validation chose.")
        page.add(class_table(classes, scores.per_class))


def _number(value: float, digits: int) -> str:
    return "–" if value != value else f"{value:.{digits}f}"
