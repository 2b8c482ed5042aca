"""Pictures of results: from arrays to matplotlib figures, and the plain pieces that HTML pages are made of.

Nothing here reads a checkpoint or a configuration; it is handed numbers, words and pictures.
"""

import matplotlib as mpl

from seqvision.figures.attention import attention_figure, covered_share, spotlight
from seqvision.figures.beside import beside_figure
from seqvision.figures.confusion import confusion_figure
from seqvision.figures.curves import curves_figure
from seqvision.figures.generalisation import bars_figure, response_figure, train_and_test_figure
from seqvision.figures.histograms import histograms_figure, wrapped
from seqvision.figures.page import Page, Writable, add_figure, data_uri, figure_svg, table
from seqvision.figures.paths import path_figure, paths_figure
from seqvision.figures.rates import rates_figure
from seqvision.figures.reliability import reliability_figure
from seqvision.figures.search import expected_best, found_figure, parallel_figure, search_figure
from seqvision.figures.sheet import sheet_picture
from seqvision.figures.sources import source_image
from seqvision.figures.timeline import class_colours, multilabel_rows, timeline_figure
from seqvision.figures.variants import variants_figure

mpl.rcParams["text.parse_math"] = False  # a $ in a label is a $

__all__ = [
    "attention_figure",
    "spotlight",
    "covered_share",
    "curves_figure",
    "histograms_figure",
    "wrapped",
    "rates_figure",
    "variants_figure",
    "search_figure",
    "parallel_figure",
    "found_figure",
    "expected_best",
    "train_and_test_figure",
    "bars_figure",
    "response_figure",
    "paths_figure",
    "path_figure",
    "beside_figure",
    "timeline_figure",
    "multilabel_rows",
    "class_colours",
    "confusion_figure",
    "reliability_figure",
    "Page",
    "Writable",
    "add_figure",
    "data_uri",
    "figure_svg",
    "table",
    "sheet_picture",
    "source_image",
]
