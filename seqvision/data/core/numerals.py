"""Cells as numbers: what is missing, what is a number, and whose commas are decimal points."""

import re

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "<na>"})
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no value."""
    return cell.strip().lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether a cell is a number with a decimal point, or without; Python's underscores between digits are none."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def has_decimal_comma(cell: str) -> bool:
    """Whether a cell is a number that is written with a comma: 1,5, or 1,234, which may mean a thousand."""
    return _COMMA.fullmatch(cell.strip()) is not None


def is_unmistakable(cell: str) -> bool:
    """Whether the comma in a number separates decimals without a doubt."""
    return has_decimal_comma(cell) and _THOUSANDS.fullmatch(cell.strip()) is None


def is_numeral(cell: str) -> bool:
    """Whether a cell is a number, however its decimals are written."""
    return is_number(cell) or has_decimal_comma(cell)
