"""The likeliest string of symbols, from one reader or from two that go in opposite directions."""

import numpy as np

WIDTH = 16  # strings that are kept


def best_string(
    probabilities: np.ndarray, *, end: int | None, backward: np.ndarray | None = None, width: int = WIDTH
) -> tuple[list[int], float]:
    """The likeliest string, its end mark included where there is one, and its probability.

    probabilities: (places, classes) of each place's symbol; end: the class of the end mark, None where all strings have
    as many symbols as there are places. A string that does not end is as long as there are places.
    backward: those of a reader that says the same symbols from the last to the first. Both readers' strings are weighed
    by the mean of the two log-probabilities (Ba, Mnih and Kavukcuoglu, 2015, section 5.2).
    """
    found = _beam(probabilities, end, width)
    if backward is None:
        string, log_p = found[0]
        return list(string), float(np.exp(log_p))
    candidates = {string for string, _ in found} | {_turned(string, end) for string, _ in _beam(backward, end, width)}
    weighed = [
        (0.5 * (_log_p(string, probabilities, end) + _log_p(_turned(string, end), backward, end)), string)
        for string in candidates
    ]
    log_p, string = max(weighed)
    return list(string), float(np.exp(log_p))


def _beam(probabilities: np.ndarray, end: int | None, width: int) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest strings, the best first: beam search over the places (which need not know each other's symbols)."""
    logs = _logs(probabilities)
    running: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    done: list[tuple[tuple[int, ...], float]] = []
    for row in logs:
        best = np.argsort(-row, kind="stable")[:width].tolist()
        grown = [((*string, place), log_p + float(row[place])) for string, log_p in running for place in best]
        grown.sort(key=lambda entry: -entry[1])
        done += [entry for entry in grown[:width] if entry[0][-1] == end]
        running = [entry for entry in grown[:width] if entry[0][-1] != end]
        if not running:
            break
    return sorted([*done, *running], key=lambda entry: -entry[1])[:width]


def _log_p(string: tuple[int, ...], probabilities: np.ndarray, end: int | None) -> float:
    if len(string) > len(probabilities) or (len(string) < len(probabilities) and string[-1:] != (end,)):
        return -np.inf
    return float(sum(row[place] for row, place in zip(_logs(probabilities), string, strict=False)))


def _turned(string: tuple[int, ...], end: int | None) -> tuple[int, ...]:
    """The symbols from the last to the first; the end mark stays where it is."""
    if end is not None and string[-1:] == (end,):
        return (*string[-2::-1], end)
    return string[::-1]


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(probabilities, np.finfo(np.float32).tiny, None))
