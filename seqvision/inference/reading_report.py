"""The page of a reader: what more looks are worth, what it mistakes for what, and where it looked."""

from collections.abc import Sequence
from html import escape

import numpy as np

from seqvision.data.labelled.reader import picture_of
from seqvision.data.labelled.symbols import split_label, written
from seqvision.data.sequences.records import SequenceRecord
from seqvision.figures import Page, curves_figure, data_uri, figure_svg
from seqvision.figures.looks import path_picture
from seqvision.inference.read_pictures import as_picture, boxes_of
from seqvision.inference.reading import LoadedReader
from seqvision.inference.reading_evaluation import Looked
from seqvision.inference.report import Words
from seqvision.wording import counted


class ReadingReport:
    """The parts of the page that only readers have."""

    words = Words(
        unit="pictures",
        scores={
            "accuracy": ("right", "labels that are right as a whole, by the mean path"),
            "symbols": ("symbols right", "symbols at their place"),
            "sampled": ("right, sampled", "labels right by the mean of drawn paths"),
            "looks": ("looks", "how many there were"),
        },
        controls={
            "random_looks": "random looks",
            "one_look": "one look",
            "majority": "commonest label",
            "shuffled": "shuffled",
        },
        tiles=("accuracy", "symbols", "sampled", "looks"),
        alone=("sampled", "looks"),
        digits=2,
        about="In percent. Random looks: this network, looking anywhere; one look: its answer after the first; "
        "shuffled: its own answers for other pictures.",
    )

    def __init__(
        self,
        loaded: LoadedReader,
        looked: Looked,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        examples: int = 8,
    ):
        self.loaded, self.looked, self.split, self.examples = loaded, looked, split, examples
        self.records = list(records)
        self.truth = [split_label(record.label, loaded.symbols.names) for record in self.records]

    @property
    def network(self) -> str:
        """What it is, in a line."""
        network = self.loaded.model
        sensor = network.sensor
        looks = counted(network.looks, "look") + (" for each symbol" if network.objects > 1 else "")
        scales = counted(sensor.scales, "scale")
        return f"{type(network).__name__}, {looks} of {sensor.size} x {sensor.size} pixels at {scales}"

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        return {"labels": str(self.loaded.symbols)}

    def write(self, page: Page) -> None:
        """Accuracy by looks, examples with their paths."""
        known = [place for place, names in enumerate(self.truth) if names]
        if self.loaded.symbols.objects == 1 and known:
            places = np.array([self.loaded.symbols.places.get(self.truth[place][0], -1) for place in known])
            right = 100 * (self.looked.beliefs[known].argmax(axis=2) == places[:, None]).mean(axis=0)
            points = [(float(look + 1), float(share)) for look, share in enumerate(right)]
            page.heading("What more looks are worth", f"Right answers after each look, in percent, {self.split}.")
            page.add(
                f'<div class="figure">{figure_svg(curves_figure({"accuracy": {"": points}}, xlabel="look"))}</div>'
            )
        order = sorted(known, key=lambda place: self.looked.answers[place].probability)
        wrong = [place for place in order[::-1] if self.looked.answers[place].symbols != self.truth[place]]
        right_ones = [place for place in known if self.looked.answers[place].symbols == self.truth[place]]
        page.heading(f"Read rightly, {self.split}", "The path of looks, from blue, the first, to orange, the last.")
        self._cards(page, right_ones[: self.examples])
        page.heading(f"Surest and wrong, {self.split}", "" if wrong else "There is no mistake.")
        self._cards(page, wrong[: self.examples])
        page.heading(f"Least sure, {self.split}")
        self._cards(page, order[: self.examples])

    def _cards(self, page: Page, places: Sequence[int]) -> None:
        page.add('<div class="cards" style="grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))">')
        for place in places:
            found, record = self.looked.answers[place], self.records[place]
            picture = as_picture(self.loaded.reader(picture_of(record)))
            drawn = path_picture(picture, boxes_of(self.loaded, found.places, picture.size))
            says = f"<b>{escape(found.label)}</b> {found.probability:.0%}"
            truth = written(self.truth[place], self.loaded.symbols.names)
            says += "" if truth == found.label else f", truly <b>{escape(truth)}</b>"
            page.add(
                f'<article class="card"><img src="{data_uri(drawn)}" alt="{escape(record.id)}"><div class="text">'
                f'<p class="says">{says}</p><p class="name">{escape(record.id)}</p></div></article>'
            )
        page.add("</div>")
