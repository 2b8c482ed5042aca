"""The page of a classifier: confusions, calibration, class by class, what it was surest of and right or wrong about."""

from collections.abc import Sequence
from html import escape

import numpy as np

from seqvision.data import PictureReader
from seqvision.data.sequences.readers.base import FrameReader
from seqvision.data.sequences.records import SequenceRecord
from seqvision.figures import Page, data_uri, source_image
from seqvision.inference.report import Words
from seqvision.inference.sequence_report import CONTROLS, SCORES, class_table, network_of, write_mistakes
from seqvision.inference.sequences import LoadedClassifier
from seqvision.metrics import classification_scores


class ClassificationReport:
    """The parts of the page that only classifiers have: of probabilities (records, classes)."""

    words = Words(
        unit="sequences",
        scores=SCORES,
        controls=CONTROLS,
        tiles=("accuracy", "macro_f1", "top_5", "calibration_error"),
        alone=("calibration_error",),
        about="In percent. A model that is worth its recurrence beats logistic regression without one; shuffled are "
        "its own predictions of other items.",
    )

    def __init__(
        self,
        classifier: LoadedClassifier,
        probabilities: np.ndarray,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        examples: int = 8,
    ):
        known = [place for place, record in enumerate(records) if record.label is not None]
        self.classifier, self.split, self.examples = classifier, split, examples
        self.records = [records[place] for place in known]
        self.probabilities = probabilities[known]
        self.truth = np.array([classifier.classes.index(str(record.label)) for record in self.records])

    @property
    def network(self) -> str:
        """What it is, in a line."""
        return f"{network_of(self.classifier)}, {type(self.classifier.model.pooling).__name__}"

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        return {"classes": ", ".join(self.classifier.classes)}

    def write(self, page: Page) -> None:
        """Confusions, calibration, class by class, examples."""
        classes = self.classifier.classes
        scores = classification_scores(self.probabilities, self.truth, classes=classes, top=())
        predicted, confidence = self.probabilities.argmax(axis=1), self.probabilities.max(axis=1)
        write_mistakes(page, scores.confusion, classes, confidence, predicted == self.truth, unit="item")
        page.heading("Class by class")
        page.add(class_table(classes, scores.per_class))
        mine = self.probabilities[np.arange(len(self.truth)), self.truth]
        order = np.argsort(-mine, kind="stable").tolist()
        number = min(self.examples, max(1, len(order) // 2))
        page.heading(f"Surest and right, {self.split}", "Where the true class has the highest probability.")
        self._cards(page, [place for place in order[:number] if predicted[place] == self.truth[place]])
        wrong = [place for place in order[::-1] if predicted[place] != self.truth[place]]
        said = "Where the true class has the lowest probability." if wrong else "There is no mistake."
        page.heading(f"Surest and wrong, {self.split}", said)
        self._cards(page, wrong[:number])
        unsure = np.argsort(confidence, kind="stable").tolist()
        page.heading(f"Least sure, {self.split}", "Where even the likeliest class has a low probability.")
        self._cards(page, unsure[:number])

    def _cards(self, page: Page, places: Sequence[int]) -> None:
        texts = isinstance(self.records[0].source, str)
        width = "18rem" if texts else "9.5rem" if isinstance(self.classifier.reader, PictureReader) else "15rem"
        page.add(f'<div class="cards" style="grid-template-columns:repeat(auto-fill,minmax({width},1fr))">')
        for place in places:
            page.add(self._card(place))
        page.add("</div>")

    def _card(self, place: int) -> str:
        record, p = self.records[place], self.probabilities[place]
        truth, guess = int(self.truth[place]), int(p.argmax())
        classes = self.classifier.classes
        says = f"<b>{escape(classes[guess])}</b> {p[guess]:.0%}"
        says += "" if guess == truth else f", truly <b>{escape(classes[truth])}</b> {p[truth]:.0%}"
        if isinstance(record.source, str):
            top, name = f'<p class="caption">{escape(record.source)}</p>', record.id
        else:
            top, name = "", record.id
        shown = "" if isinstance(record.source, str) else _picture(self.classifier.reader, record)
        return (
            f'<article class="card">{shown}<div class="text">{top}<p class="says">{says}</p>'
            f'<p class="name">{escape(name)}</p></div></article>'
        )


def _picture(reader: FrameReader, record: SequenceRecord) -> str:
    """What the network read, as a picture in the page."""
    made = source_image(reader, record)
    return f'<img src="{data_uri(made)}" alt="" style="display:block;width:100%;image-rendering:pixelated">'
