"""The page of a captioner: best and worst captions with their pictures, where it looked, what it says most."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvision.data import CaptionRecord
from seqvision.data.scenes import Scene, check_caption
from seqvision.figures import Page, table
from seqvision.inference.captioning import PictureCaption
from seqvision.inference.checkpoint import LoadedCaptioner
from seqvision.inference.evaluation import score
from seqvision.inference.gallery import card
from seqvision.inference.report import Words
from seqvision.wording import counted

_CONTROLS = {
    "most_frequent": "most frequent caption",
    "nearest_neighbour": "nearest neighbour",
    "shuffled": "shuffled pictures",
    "references": "references",
}
_NAMES = {
    "true": ("true captions", "captions that are true of their scene, percent"),
    "facts_ratio": ("facts stated", "facts in the true captions over those in their references"),
    "cider_d": ("CIDEr-D", "n-grams shared with the references, rare ones count more"),
    "bleu_4": ("BLEU-4", "up to four words in a row shared with a reference"),
    "rouge_l": ("ROUGE-L", "longest common subsequence with a reference"),
    "distinct": ("different captions", "different captions, percent"),
    "meteor_nltk": ("METEOR (nltk)", "matches by word, stem and synonym"),
    "bleu_1": ("BLEU-1", ""),
    "bleu_2": ("BLEU-2", ""),
    "bleu_3": ("BLEU-3", ""),
    "exact_match": ("equal to a reference", ""),
    "commonest_share": ("the commonest caption", "percent"),
    "readable": ("readable", "captions in the scenes' grammar, percent"),
}
WORDS = Words(
    unit="pictures",
    scores=_NAMES,
    controls=_CONTROLS,
    tiles=("true", "cider_d", "bleu_4", "rouge_l", "distinct"),
    no_rivals=("references",),
    alone=("distinct",),
    about="A model that looks at its pictures beats all the controls: one caption for all, the nearest training "
    "picture's, and its own captions of other pictures.",
)


@dataclass(frozen=True)
class Shown:
    """The captioned pictures that the page shows examples of."""

    split: str
    pictures: Sequence[PictureCaption]
    records: Sequence[CaptionRecord]
    scenes: Sequence[Scene] | None
    total: int  # pictures in the split


class CaptionReport:
    """The parts of the page that only captioners have."""

    words = WORDS

    def __init__(self, captioner: LoadedCaptioner, shown: Shown, *, examples: int = 8):
        self.captioner, self.shown, self.examples = captioner, shown, examples

    @property
    def network(self) -> str:
        """What it is, in a line."""
        model = self.captioner.model
        attention = f"{type(model.attention).__name__} over " if model.attention is not None else ""
        return f"{type(model.rnn.cells[0]).__name__} with {attention}{type(model.encoder).__name__}"

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        return {"vocabulary": f"{len(self.captioner.vocabulary)} entries"}

    def write(self, page: Page) -> None:
        """Best and worst captions, the attention, the commonest captions."""
        _examples(page, self.captioner, self.shown, self.examples)
        _commonest(page, self.shown)


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
    part = (
        ""
        if shown.total == len(shown.pictures)
        else f" (of {len(shown.pictures)} of its {counted(shown.total, 'picture')})"
    )
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
    page.heading(
        "Most common captions",
        f"{counted(len(counts), 'different caption')} of {counted(len(shown.pictures), 'picture')}.",
    )
    rows = [[text or "(empty)", str(n), f"{n / len(shown.pictures):.1%}"] for text, n in counts.most_common(10)]
    page.add(table(["caption", "pictures", "share"], rows))
