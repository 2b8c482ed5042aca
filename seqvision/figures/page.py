"""Pages that need nothing but themselves: style, pictures and figures are inside the file."""

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Protocol, runtime_checkable

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT = Path(__file__).with_name("page.js")


@runtime_checkable
class Writable(Protocol):
    """Whatever text can be written to."""

    def write(self, text: str, /) -> object: ...


class Page:
    """An HTML page that is written piece by piece, so that a long one need not fit into memory.

    Used as a context manager; `add` takes finished HTML, everything else escapes what it is given.
    """

    def __init__(self, file: Writable, title: str, lead: str = ""):
        self.file, self.title, self.lead = file, title, lead

    def __enter__(self) -> "Page":
        self.file.write(
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(self.title)}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
            f"<header>\n<h1>{escape(self.title)}</h1>\n<p>{escape(self.lead)}</p>\n</header>\n<main>\n"
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.file.write(f"</main>\n<script>\n{_SCRIPT.read_text(encoding='utf-8')}</script>\n</body>\n</html>\n")

    def add(self, html: str) -> None:
        """Finished HTML."""
        self.file.write(html + "\n")

    def heading(self, text: str, note: str = "") -> None:
        """A section's title, with a sentence about it."""
        self.add(f"<h2>{escape(text)}</h2>" + (f'\n<p class="note">{escape(note)}</p>' if note else ""))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, strong: int | None = None) -> str:
    """An HTML table: the first column names, the others are numbers; row number `strong` stands out."""
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = [
        f"<tr{' class=strong' if number == strong else ''}><th>{escape(row[0])}</th>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for number, row in enumerate(rows)
    ]
    return (
        f'<div class="scroll"><table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + ("\n</tbody>\n</table></div>")
    )


def data_uri(picture: Image.Image) -> str:
    """The picture as an address that holds it: PNG if it is small or has an opacity, else JPEG."""
    buffer = io.BytesIO()
    if max(picture.size) <= 128 or picture.mode not in ("RGB", "L"):
        picture.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        picture.save(buffer, "JPEG", quality=85)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def add_figure(page: Page, draw: Callable[[], Figure]) -> None:
    """The figure that `draw` gives, or in its place why it could not be drawn: the numbers may be a stranger's."""
    try:
        page.add(f'<div class="figure">{figure_svg(draw())}</div>')
    except Exception as error:  # whatever matplotlib makes of numbers beyond its range
        reason = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        page.add(f'<p class="warning">The figure is left out, for it could not be drawn ({escape(reason)}).</p>')


def figure_svg(figure: Figure) -> str:
    """The figure as SVG to put into a page; its text is text, and black and white follow the page's colours."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
