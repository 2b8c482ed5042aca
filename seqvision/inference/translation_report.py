"""The page of a translator: best and worst translations, where it looked, how scores depend on length."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

import numpy as np

from seqvision.data.parallel import SentencePair
from seqvision.figures import Page, table
from seqvision.figures.alignment import alignment_figure
from seqvision.inference.report import Words
from seqvision.inference.sequence_report import add_figure
from seqvision.inference.translating import LoadedTranslator, TranslatedSentence
from seqvision.metrics.scripts import bleu_tokenizer, divided
from seqvision.metrics.translation import translation_scores
from seqvision.wording import counted

GROUPS = 5  # of sentences by length
ALIGNED = 3  # sentences whose attention is shown
LONGEST = 28  # words of them


class TranslationReport:
    """The parts of the page that only translators have."""

    words = Words(
        unit="sentences",
        scores={
            "bleu": ("BLEU", "up to four words in a row shared with the reference, in lower case"),
            "bleu_cased": ("BLEU, cased", "the same, capitals as they are"),
            "chrf": ("chrF", "pieces of words shared with the reference"),
            "exact_match": ("equal to the reference", "percent"),
        },
        controls={"nearest_neighbour": "nearest sentence's", "copied": "the sentence itself", "shuffled": "shuffled"},
        tiles=("bleu", "bleu_cased", "chrf", "exact_match"),
        about="Sentences are drawn with replacement. The controls: the translation of the training sentence most like "
        "it, the sentence itself, and the model's own translations of other sentences.",
    )

    def __init__(
        self,
        translator: LoadedTranslator,
        found: Sequence[TranslatedSentence],
        pairs: Sequence[SentencePair],
        *,
        split: str,
        total: int,
        examples: int = 8,
    ):
        self.translator, self.found, self.pairs = translator, found, pairs
        self.split, self.total, self.examples = split, total, examples

    @property
    def network(self) -> str:
        """What it is, in a line."""
        model = self.translator.model
        reader = model.encoder.rnn
        both = ", both directions" if reader.bidirectional else ""
        attention = f" with {type(model.attention).__name__}" if model.attention is not None else ""
        return f"{type(model.rnn.cells[0]).__name__}{attention}, read by {type(reader.cells[0]).__name__}{both}"

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        sizes = len(self.translator.source_vocabulary), len(self.translator.target_vocabulary)
        return {"vocabularies": f"{sizes[0]:,} and {sizes[1]:,} entries"}

    def write(self, page: Page) -> None:
        """Examples, alignments, lengths."""
        references = [(pair.target,) for pair in self.pairs]
        texts = [sentence.text for sentence in self.found]
        chrf = np.array(translation_scores(texts, references).per_item["chrf"])
        order = np.argsort(-chrf, kind="stable").tolist()
        part = "" if self.total == len(texts) else f" (of {len(texts)} of its {counted(self.total, 'sentence')})"
        number = min(self.examples, max(1, len(order) // 2))
        page.heading(f"Best translations of {self.split}", f"By the sentence's chrF{part}; below each the reference.")
        self._cards(page, order[:number], chrf)
        page.heading(f"Worst translations of {self.split}", f"The other end of the same order{part}.")
        self._cards(page, order[::-1][:number], chrf)
        if self.translator.model.attention is not None:
            self._alignments(page, order)
        self._lengths(page, texts, references)

    def _cards(self, page: Page, places: Sequence[int], chrf: np.ndarray) -> None:
        page.add('<div class="cards" style="grid-template-columns:repeat(auto-fill,minmax(20rem,1fr))">')
        for place in places:
            sentence, pair = self.found[place], self.pairs[place]
            unknown = f"; unknown: {', '.join(sentence.unknown)}" if sentence.unknown else ""
            page.add(
                f'<article class="card"><div class="text"><p class="says">{escape(pair.source)}</p>'
                f'<p class="caption">{escape(sentence.text) or "(nothing)"}</p>'
                f'<ul class="references"><li>{escape(pair.target)}</li></ul>'
                f'<p class="name">chrF {chrf[place]:.0f}{escape(unknown)} · {escape(pair.id)}</p></div></article>'
            )
        page.add("</div>")

    def _alignments(self, page: Page, order: Sequence[int]) -> None:
        middle = order[len(order) // 3 :]
        fitting = [
            p for p in middle if 3 < len(self.found[p].pieces) <= LONGEST and self.found[p].translations[0].pieces
        ]
        page.heading("Where it looked", "Sentences from the middle of the order: a row for each word it wrote.")
        for place in fitting[:ALIGNED]:
            best = self.found[place].translations[0]
            if best.attention is not None:
                add_figure(page, alignment_figure(self.found[place].pieces, best.pieces, best.attention))

    def _lengths(self, page: Page, texts: Sequence[str], references: Sequence[tuple[str, ...]]) -> None:
        """Scores of sentences by the length of what was read."""
        lengths = np.array([_words(pair.source) for pair in self.pairs])
        tokenizer = bleu_tokenizer(
            self.translator.tokenizer,
            language=self.translator.target_language,
            texts=[pair.target for pair in self.pairs],
        )
        edges = np.unique(np.quantile(lengths, np.linspace(0, 1, GROUPS + 1)).round().astype(int))
        edges = np.append(edges[:-1], edges[-1] + 1) if len(edges) > 1 else np.array([edges[0], edges[0] + 1])
        page.heading("By length", "Words of the source sentence; words written over words of the reference.")
        rows = []
        for low, high in pairwise(edges.tolist()):
            places = np.flatnonzero((lengths >= low) & (lengths < high)).tolist()
            if not places:
                continue
            some, wanted = [texts[place] for place in places], [references[place] for place in places]
            scores = translation_scores(some, wanted, tokenizer=tokenizer).corpus
            written, expected = (sum(map(_words, side)) for side in (some, [each[0] for each in wanted]))
            ratio = written / max(1, expected)
            name = f"{low} to {high - 1} words" if high - 1 > low else counted(low, "word")
            rows.append([name, str(len(places)), f"{scores['bleu']:.1f}", f"{scores['chrf']:.1f}", f"{ratio:.2f}"])
        page.add(table(["", "sentences", "BLEU", "chrF", "length ratio"], rows))


def _words(text: str) -> int:
    """How many words a text has; characters, where a script puts no blanks between words."""
    return len(divided(text).split())
