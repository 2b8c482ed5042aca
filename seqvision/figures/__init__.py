"""Pictures of results: from arrays to matplotlib figures, and the plain pieces that HTML pages are made of.

Nothing here reads a checkpoint or a configuration; it is handed numbers, words and pictures.
"""

from seqvision.figures.attention import attention_figure, covered_share, spotlight
from seqvision.figures.curves import curves_figure
from seqvision.figures.page import Page, Writable, data_uri, figure_svg, table
from seqvision.figures.sheet import sheet_picture

__all__ = [
    "attention_figure",
    "spotlight",
    "covered_share",
    "curves_figure",
    "Page",
    "Writable",
    "data_uri",
    "figure_svg",
    "table",
    "sheet_picture",
]
