"""The page of a reader: what more looks are worth, what it mistakes for what, and where it looked."""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from seqvision.data.labelled.reader import picture_of
from seqvision.data.labelled.symbols import written
from seqvision.data.sequences.records import SequenceRecord
from seqvision.figures import Page, curves_figure, data_uri, figure_svg, table
from seqvision.figures.looks import as_picture, boxes_of, path_picture
from seqvision.inference.reading import LoadedReader
from seqvision.inference.reading_evaluation import Looked
from seqvision.inference.report import Words
from seqvision.inference.sequence_report import write_mistakes
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
        self.truth = [loaded.symbols.split(record.label) for record in self.records]

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
        """Accuracy by looks or by length, confusions, calibration, examples with their paths."""
        known = [place for place, names in enumerate(self.truth) if names]
        if self.loaded.symbols.objects == 1 and known:
            places = np.array([self.loaded.symbols.places.get(self.truth[place][0], -1) for place in known])
            right = 100 * (self.looked.beliefs[known].argmax(axis=2) == places[:, None]).mean(axis=0)
            points = [(float(look + 1), float(share)) for look, share in enumerate(right)]
            page.heading("What more looks are worth", f"Right answers after each look, in percent, {self.split}.")
            drawn = figure_svg(curves_figure({"accuracy": {"": points}}, xlabel="look"))
            page.add(f'<div class="figure" style="max-width:26rem">{drawn}</div>')
            self._early(page)
        elif known:
            self._lengths(page, known)
        self._mistakes(page, known)
        order = sorted(known, key=lambda place: self.looked.answers[place].probability)
        wrong = [place for place in order[::-1] if self.looked.answers[place].symbols != self.truth[place]]
        right_ones = [place for place in known if self.looked.answers[place].symbols == self.truth[place]]
        path = "The path of looks, from blue, the first, to orange, the last."
        if not known:
            return  # nobody said what is right
        page.heading(f"Read rightly, {self.split}", path if right_ones else "There is none.")
        self._cards(page, right_ones[: self.examples])
        page.heading(f"Surest and wrong, {self.split}", path if wrong else "There is no mistake.")
        self._cards(page, wrong[: self.examples])
        page.heading(f"Least sure, {self.split}")
        self._cards(page, order[: self.examples])

    def _early(self, page: Page) -> None:
        """What stopping as soon as it is so sure would have given on the validation pictures."""
        rows = [
            ["never" if threshold > 1 else f"{100 * threshold:g} % sure", f"{accuracy:.1f}", f"{looks:.2f}"]
            for threshold, accuracy, looks in self.loaded.stopping
        ]
        if rows and self.loaded.model.looks > 1:
            page.heading(
                "Looking no further than needed",
                "On the validation pictures, had it stopped as soon as it was so sure; the option --look-cost of "
                "seqvision read chooses between these.",
            )
            page.add(f'<div class="left">{table(["it stops when", "right", "looks"], rows)}</div>')

    def _lengths(self, page: Page, known: Sequence[int]) -> None:
        """Whole labels and symbols that are right, by how many symbols a label has."""
        rows = []
        for length in sorted({len(self.truth[place]) for place in known}):
            some = [place for place in known if len(self.truth[place]) == length]
            whole = [self.looked.answers[place].symbols == self.truth[place] for place in some]
            same = [said == true for place in some for said, true in self._pairs(place)]
            right = sum(same) / (length * len(some))
            rows.append([counted(length, "symbol"), str(len(some)), f"{np.mean(whole):.1%}", f"{right:.1%}"])
        page.heading("Short and long labels", f"Whole labels and single symbols that are right, {self.split}.")
        page.add(f'<div class="left">{table(["labels of", "pictures", "whole", "symbols"], rows)}</div>')

    def _mistakes(self, page: Page, known: Sequence[int]) -> None:
        """What is taken for what, symbol by symbol, and whether its probabilities can be believed."""
        names, places = self.loaded.symbols.names, self.loaded.symbols.places
        confusion = np.zeros((len(names), len(names)), int)
        sure: list[float] = []
        right: list[bool] = []
        for place in known:
            pairs = list(self._pairs(place))
            for said, true in pairs:
                confusion[places[true], places[said]] += 1
            sure += self.looked.answers[place].probabilities[: len(pairs)]
            right += [said == true for said, true in pairs]
        if sure:
            unit = "picture" if self.loaded.symbols.objects == 1 else "symbol"
            write_mistakes(page, confusion, names, np.array(sure), np.array(right), unit=unit)

    def _pairs(self, place: int) -> Iterator[tuple[str, str]]:
        """What was said and what is true, symbol by symbol, as far as both go."""
        return zip(self.looked.answers[place].symbols, self.truth[place], strict=False)

    def _cards(self, page: Page, places: Sequence[int]) -> None:
        page.add('<div class="cards" style="grid-template-columns:repeat(auto-fill,minmax(11rem,1fr))">')
        for place in places:
            found, record = self.looked.answers[place], self.records[place]
            picture = as_picture(self.loaded.reader(picture_of(record)))
            drawn = path_picture(picture, boxes_of(self.loaded.model.sensor, found.places, picture.size))
            says = f"<b>{escape(found.label)}</b> {found.probability:.0%}"
            truth = written(self.truth[place], self.loaded.symbols.names)
            says += "" if truth == found.label else f", truly <b>{escape(truth)}</b>"
            page.add(
                f'<article class="card"><img src="{data_uri(drawn)}" alt="{escape(record.id)}"><div class="text">'
                f'<p class="says">{says}</p><p class="name">{escape(record.id)}</p></div></article>'
            )
        page.add("</div>")
