"""Real handwritten digits of 8 x 8 pixels that scikit-learn carries with it: a data set that is always there."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqvision.data.sequences.classes.sets import class_set
from seqvision.data.sequences.records import SequenceRecord, SequenceSet
from seqvision.errors import UserError


def read_digits(*, splits: Mapping[str, Any] | None = None) -> SequenceSet:
    """1,797 digits as uint8 pictures (8, 8), a tenth to validate on and a fifth to test on unless `splits` says
    otherwise (Alpaydin and Kaynak, 1998).
    """
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
    return class_set(records, what="pictures", splits={"val": 0.1, "test": 0.2, **(splits or {})})
