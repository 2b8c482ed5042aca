"""Captioners without a network, which a trained one must beat."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from seqvision.errors import UserError


def most_frequent_caption(train_captions: Sequence[str]) -> str:
    """The training caption that occurs most often, the first of several equally common ones.

    Raises `UserError` where there are no captions.
    """
    if not train_captions:
        raise UserError("No training captions, so none is the most frequent; give at least one.")
    return Counter(train_captions).most_common(1)[0][0]


def nearest_neighbour_captions(
    train_features: np.ndarray,
    train_captions: Sequence[str],
    query_features: np.ndarray,
    *,
    same: Callable[[int, int], bool] | None = None,
    chunk: int = 1024,
) -> list[str]:
    """For each query picture the caption of the training picture whose features have the greatest cosine with its own.

    `train_features` (N, C) with one caption each, `query_features` (Q, C); of equally near ones the first. same: says
    of a query and a training picture, by their rows, whether they are one picture, which is then passed over; a query
    that has no other gets an empty caption. Memory is `chunk` x N numbers. Raises `UserError` where the numbers of rows
    or columns do not fit.
    """
    train, queries = np.asarray(train_features, np.float32), np.asarray(query_features, np.float32)
    if train.ndim != 2 or queries.ndim != 2 or train.shape[1] != queries.shape[1]:
        raise UserError(
            f"Features of shape {train.shape} and {queries.shape} cannot be compared; expected one row for each "
            "picture and equally many columns. Take both from the same pooled encoder."
        )
    if len(train) != len(train_captions) or not len(train):
        raise UserError(f"{len(train)} training features but {len(train_captions)} captions; give each feature one.")
    train = train / np.maximum(np.linalg.norm(train, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    # a query's own norm scales all of its cosines alike and cannot change which is greatest
    found: list[str] = []
    for start in range(0, len(queries), chunk):
        likeness = queries[start : start + chunk] @ train.T
        found += ["" if row is None else train_captions[row] for row in nearest_others(likeness, same, start)]
    return found


def nearest_others(likeness: np.ndarray, same: Callable[[int, int], bool] | None, start: int = 0) -> list[int | None]:
    """For each row of `likeness` (queries, known) the place of its greatest value, passing over what is the `same` as
    the query (counted from `start`); None where all are. Changes `likeness`.
    """
    nearest: list[int | None] = likeness.argmax(axis=1).tolist()
    for query, place in enumerate(nearest if same is not None else ()):
        while place is not None and same is not None and same(start + query, place):
            likeness[query, place] = -np.inf
            place = int(likeness[query].argmax()) if np.isfinite(likeness[query]).any() else None
        nearest[query] = place
    return nearest
