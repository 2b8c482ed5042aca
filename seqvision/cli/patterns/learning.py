"""What controls learn of: the data that the model was trained on, whatever data it is scored on."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqvision.cli.stored_data import splits_of, stored_data
from seqvision.errors import UserError
from seqvision.inference import LoadedModel

Splits = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Learning:
    """The splits that controls learn of, the data module that they are of, and which data these are in words.

    apart: whether what is scored may be among them or be a copy of some, so that an item's neighbour must not be it.
    """

    splits: Splits
    data: Any
    said: str
    apart: bool

    def note(self) -> list[str]:
        """Where controls learnt, if it is not the data that are scored."""
        return [f"controls learn of {self.said}"] if self.apart and self.splits.get("train") else []


def learning_data(
    given: argparse.Namespace, model: LoadedModel | None, records: Sequence[Any], splits: Splits, data: Any
) -> Learning:
    """What controls may learn of when `records` are scored.

    Of the model's own data their splits as they are. Where other data are given, the model's own, read again from its
    configuration; where these cannot be read, the given ones without what is scored.
    """
    if given.no_controls:
        return Learning({}, data, "", apart=False)
    if model is not None and not given.data:
        trained = {record.id for record in splits.get("train", ())}
        return Learning(splits, data, "the model's training data", any(record.id in trained for record in records))
    why = "no model is known that was trained"
    if model is not None:
        try:
            own = stored_data(model, trust=given.trust)
            return Learning(splits_of(own), own, "the model's own training data, not of these", apart=True)
        except UserError as error:
            why = str(error).splitlines()[0]
    scored = {record.id for record in records}
    rest = {name: [record for record in some if record.id not in scored] for name, some in splits.items()}
    return Learning(
        rest, data, f"what is not scored of these data, for the model's own are not to be had ({why})", True
    )
