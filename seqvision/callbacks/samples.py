"""What a task hands to the trackers after a validation: plain tables and plots, which each tracker renders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure
from PIL import Image

Cell: TypeAlias = str | int | float | bool | Image.Image | Figure | None


@dataclass(frozen=True)
class Table:
    """Rows of texts, numbers, images and figures under the names of their columns; the column "id" names the row."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]] = ()


@dataclass(frozen=True)
class Plot:
    """One image or figure by itself."""

    name: str
    figure: Image.Image | Figure


Sample: TypeAlias = Table | Plot
