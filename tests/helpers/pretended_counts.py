"""What is counted on the pretended device, and by which line of code."""

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("pytorch_lightning", "lightning_fabric", "torchmetrics")


class Counts:
    """What happened in a stretch of a run, each by (line, operator).

    launches   operators that compute on the device
    waits      the host waits for the device: a number is read, a shape depends on data, a tensor is copied to the host
    blocking   copies to the device that the host waits for: not `non_blocking`, or not from pinned memory
    copies     copies to the device beside the computation
    """

    def __init__(self) -> None:
        self.launches: Counter[tuple[str, str]] = Counter()
        self.waits: Counter[tuple[str, str]] = Counter()
        self.blocking: Counter[tuple[str, str]] = Counter()
        self.copies: Counter[tuple[str, str]] = Counter()

    def totals(self) -> dict[str, int]:
        """The four numbers."""
        return {name: found.total() for name, found in vars(self).items()}

    def lines(self, *kinds: str, most: int = 20) -> str:
        """A line of text per source line and operator, the most frequent first; for a test's message."""
        rows = [(number, kind, *where) for kind in kinds for where, number in getattr(self, kind).most_common(most)]
        return "\n".join(f"{number:6} {kind:9} {line}  {operator}" for number, kind, line, operator in rows)


def source_line() -> str:
    """file:line of the project's or Lightning's innermost call; "backward" where a thread of torch's own runs."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(str(ROOT / "seqvision")):
            return f"{file[len(str(ROOT)) + 1 :]}:{frame.f_lineno}"
        for library in LIBRARIES:
            if f"/{library}/" in file:
                return f"{file[file.index(f'/{library}/') + 1 :]}:{frame.f_lineno}"
        if "/tests/" in file and "/tests/helpers/pretended" not in file:
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "backward"
