"""Real handwritten digits of 8 x 8 pixels that scikit-learn carries with it: a data set that is always there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from seqvision.data.sequences.classes.sets import class_set
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError


def read_digits(*, splits: Mapping[str, Any] | None = None, mislabelled: int | float = 0.0) -> SequenceSet:
    """1,797 digits as uint8 pictures (8, 8), a tenth to validate on and a fifth to test on unless `splits` says
    otherwise (Alpaydin and Kaynak, 1998).

    mislabelled: how many of the training digits, as a share, get the label of another class, drawn by `splits.seed`:
        what a network can only learn by heart, to see which do (Zhang et al., "Understanding deep learning requires
        rethinking generalization", 2017). Other splits keep their labels. UserError for no share.
    """
    if not 0 <= mislabelled <= 1:
        raise UserError(f"data.mislabelled is {mislabelled}; expected a share from 0 to 1, such as 0.3")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise UserError(
            "the digits come with scikit-learn, which is not installed. Install it with: pip install scikit-learn"
        ) from error
    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)  # published in 17 levels, 0 … 16
    records = [
        SequenceRecord(id=f"digit/{place:04}", source=picture, label=str(number))
        for place, (picture, number) in enumerate(zip(pixels, digits.target.tolist(), strict=True))
    ]
    found = class_set(records, what="pictures", splits={"val": 0.1, "test": 0.2, **(splits or {})})
    return _mislabelled(found, float(mislabelled), int((splits or {}).get("seed", 0))) if mislabelled else found


def _mislabelled(digits: SequenceSet, share: float, seed: int) -> SequenceSet:
    """The same with wrong labels for a share of the training records."""
    draws = np.random.default_rng(seed)
    training = [place for place, record in enumerate(digits.records) if record.split == "train"]
    chosen = draws.choice(training, round(share * len(training)), replace=False)
    records = list(digits.records)
    for place in chosen:
        others = [name for name in digits.classes if name != records[place].label]
        records[place] = replace(records[place], label=str(draws.choice(others)))
    note = f"{len(chosen)} of {len(training)} training digits have a wrong label on purpose (data.mislabelled={share})"
    return replace(digits, records=records, notes=[*digits.notes, note])
