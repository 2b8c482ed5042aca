"""Labels without segments that are too short to be true."""

import heapq

import numpy as np


def without_short(
    labels: np.ndarray, probabilities: np.ndarray, edges: np.ndarray, shortest: int | float
) -> tuple[np.ndarray, int]:
    """The labels (time,) with every segment shorter than `shortest` given to a neighbour, and how many were.

    The shortest goes first, to the neighbour whose label is likelier there; where its neighbours have the same label
    they become one. `edges` (time + 1,): when each frame begins, and when the last one ends.
    """
    starts = np.flatnonzero(np.diff(labels, prepend=labels[:1] - 1)).tolist()
    stops = [*starts[1:], len(labels)]
    names = labels[starts].tolist()
    sums = np.concatenate([np.zeros((1, probabilities.shape[1])), np.cumsum(probabilities, axis=0, dtype=np.float64)])
    before = list(range(-1, len(starts) - 1))
    after = [*range(1, len(starts)), -1]
    alive = [True] * len(starts)
    dropped = 0

    def length(place: int) -> float:
        return float(edges[stops[place]] - edges[starts[place]])

    def absorb(place: int, taken: int) -> None:
        """The segment `place` takes its neighbour."""
        starts[place], stops[place] = min(starts[place], starts[taken]), max(stops[place], stops[taken])
        alive[taken] = False
        left, right = before[taken], after[taken]
        if left >= 0:
            after[left] = right
        if right >= 0:
            before[right] = left

    waiting = [(length(place), place) for place in range(len(starts))]
    heapq.heapify(waiting)
    while waiting:
        size, place = heapq.heappop(waiting)
        if size >= shortest - 1e-9:
            break
        if not alive[place] or size < length(place):
            continue  # it has been taken, or has grown since
        neighbours = [other for other in (before[place], after[place]) if other >= 0]
        if not neighbours:
            break
        shares = sums[stops[place]] - sums[starts[place]]
        taker = max(neighbours, key=lambda other: shares[names[other]])
        absorb(taker, place)
        dropped += 1
        for other in (before[taker], after[taker]):
            if other >= 0 and names[other] == names[taker]:
                absorb(taker, other)
        heapq.heappush(waiting, (length(taker), taker))
    kept = labels.copy()
    for place in np.flatnonzero(alive).tolist():
        kept[starts[place] : stops[place]] = names[place]
    return kept, dropped
