"""What depends on each other among records: the one notion of a group that intervals and standard errors draw whole."""

from collections.abc import Hashable
from typing import Any

from seqvision.data.parallel.records import SentencePair
from seqvision.data.records import CaptionRecord
from seqvision.wording import folded


def group_of(record: Any) -> Hashable:
    """The subject (or day, or video) of a record where the data say it, else the recording, the image, the sentence.

    Stretches of one recording are of one group, as are sentences that are equal, and images with the same captions
    (drawings of one scene). A record of a task's own is by itself, or has a `group`.
    """
    if isinstance(record, CaptionRecord):
        return " | ".join(sorted(folded(text) for text in record.captions))
    if isinstance(record, SentencePair):
        return folded(record.source)
    group = getattr(record, "group", None)
    return ("record", record.id) if group is None else ("group", group)
