"""Times as people and programs write them."""

import math
import re

from seqvision.errors import UserError

_CLOCK = re.compile(r"(\d+:)?\d+:\d+(\.\d*)?")
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_ROUNDING = 1e-9  # what is left of 0 after sums and differences of times


def read_time(cell: str, where: str, column: str, *, signed: bool = False) -> float:
    """Seconds or frames: 12.5, 12,5, 5.5e-17 or 0:01:02.5; with `signed` also below 0.

    Raises UserError, with the row and the column, for anything else.
    """
    text = cell.strip().replace(",", ".")
    plain = text.removeprefix("-").removeprefix("+") if text[:2] not in ("-+", "+-") else text
    seconds = math.nan
    if _CLOCK.fullmatch(plain):
        seconds = 0.0
        for part in plain.split(":"):
            seconds = 60 * seconds + float(part)
    elif _NUMBER.fullmatch(plain):
        seconds = float(plain)
    if text.startswith("-"):
        seconds = -seconds
    if not math.isfinite(seconds):
        raise UserError(
            f"{where}: '{cell.strip()[:60]}' in column '{column}' is no time. Write seconds (62.5), 0:01:02.5, or "
            "frames."
        )
    if seconds < 0 and not signed:
        if seconds > -_ROUNDING:
            return 0.0
        raise UserError(f"{where}: '{cell.strip()}' in column '{column}' lies before the beginning. Correct the row.")
    return seconds
