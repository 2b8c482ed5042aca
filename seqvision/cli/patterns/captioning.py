"""Captions of pictures, of models or of a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqvision.cli.options import decoder_of, load_captioners
from seqvision.cli.patterns.base import Pattern, Splits
from seqvision.cli.record import Evaluation
from seqvision.cli.stored_data import scenes_of
from seqvision.data import CaptionRecord
from seqvision.data.progress import tracked
from seqvision.inference import PictureCaption, caption_pictures
from seqvision.inference.caption_report import CaptionReport, Shown
from seqvision.inference.evaluation import evaluate_split
from seqvision.inference.predictions import match_predictions, read_predictions


class Captioning(Pattern):
    """A prediction is a `PictureCaption`, or the text that a file has."""

    own_options = frozenset({"decoding", "predictions", "ensemble", "inference"})
    shown_at_most = 1000

    def load(self) -> None:
        self.captioners = load_captioners(self.given) if self.given.checkpoint else []
        self.models = self.captioners
        self.writing = self.members(self.captioners)
        self.written = read_predictions(self.given.predictions) if self.given.predictions else None
        self.decoder = None
        if self.captioners and self.written is None:
            self.decoder = decoder_of(self.given, self.captioners[0].config)
            self.decoding = str(self.decoder)

    def predict(self, records: Sequence[CaptionRecord], splits: Splits) -> Sequence[str] | Sequence[PictureCaption]:
        if self.written is not None:
            everything = [record for some in splits.values() for record in some]
            return match_predictions(self.written, everything, records, source=self.given.predictions)
        # a picture that cannot be read ends it, for the scores would be others'
        captions = caption_pictures(
            self.writing,
            [record.image for record in records],
            self.decoder,
            batch_size=self.given.batch_size,
            forbid=self.given.forbid,
            require=self.given.require,
        )
        return list(tracked(captions, total=len(records), description="Captioning"))

    def evaluate(
        self, predictions: Sequence[Any], records: Sequence[CaptionRecord], *, split: str, splits: Splits, data: Any
    ) -> Evaluation:
        learning = self.learning(records, splits, data)
        return evaluate_split(
            [each if isinstance(each, str) else each.text for each in predictions],
            records,
            split=split,
            training=learning.splits.get("train", []),
            trained_on=learning.said,
            apart=learning.apart,
            captioner=self.captioners[0] if self.captioners else None,
            cache=None if self.given.cache == "none" else Path(self.given.cache),
            scenes=scenes_of(data),
            **self.settings(),
        )

    def rows(self, evaluation: Any) -> Iterator[dict[str, Any]]:
        for row, id in enumerate(evaluation.ids):
            yield {
                "id": id,
                "caption": evaluation.captions[row],
                "references": evaluation.references[row],
                "scores": {name: values[row] for name, values in evaluation.per_item.items()},
            }

    def report(
        self,
        predictions: Sequence[Any],
        records: Sequence[CaptionRecord],
        *,
        split: str,
        total: int,
        data: Any,
        examples: int,
    ) -> CaptionReport:
        scenes = scenes_of(data)
        known = scenes is not None and all(record.id in scenes for record in records)
        shown = Shown(
            split=split,
            pictures=predictions,
            records=records,
            scenes=[scenes[record.id] for record in records] if scenes is not None and known else None,
            total=total,
        )
        return CaptionReport(self.captioners[0], shown, examples=examples)
