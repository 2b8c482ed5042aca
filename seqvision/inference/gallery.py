"""Captions as a page to look at: the pictures, the captions, and where the model looked for each word."""

from collections.abc import Iterable, Sequence
from html import escape
from math import exp
from pathlib import Path

import numpy as np
from PIL import Image

from seqvision.data import read_image
from seqvision.figures import Page, Writable, covered_share, data_uri, spotlight
from seqvision.inference.captioning import Caption, PictureCaption
from seqvision.inference.checkpoint import LoadedCaptioner

SIZE = 360  # pixels of the longer side of the pictures in the page


def write_gallery(
    captions: Iterable[PictureCaption],
    file: Writable,
    captioners: Sequence[LoadedCaptioner],
    *,
    title: str = "Captions",
) -> None:
    """Writes the page, card by card; every picture is inside it, nothing is fetched from anywhere."""
    names = " and ".join(str(captioner.path) for captioner in captioners)
    attends = all(captioner.model.attention is not None for captioner in captioners)
    hint = " Point at a word to see where the model looked when it wrote it." if attends else ""
    with Page(file, title, f"Written by {names}.{hint}") as page:
        page.add('<div class="cards">')
        for picture in captions:
            page.add(card(picture, fit=captioners[0].transform.fit))
        page.add("</div>")


def card(
    picture: PictureCaption,
    *,
    fit: str,
    name: str | None = None,
    says: str = "",
    references: Sequence[str] = (),
    unfolded: bool = False,
) -> str:
    """One picture with its captions as HTML.

    fit: the transform's. says: a short remark; references: what people wrote; unfolded: show the attention at once.
    """
    best = picture.captions[0]
    seen = thumbnail(picture.path)
    width, height = covered_share(*seen.size, fit)
    style = f"--picture:url({data_uri(seen)});--w:{width:.1%};--h:{height:.1%}"
    wrote = "".join(f"<li>{escape(text)}</li>" for text in references)
    parts = [
        f'<article class="card" style="{style}">',
        f'<div class="frame" role="img" aria-label="{escape(best.text)}"><div class="view"></div></div>',
        f'<div class="text"><p class="caption">{_words(best)}</p>',
        f'<p class="says">{escape(says)}</p>' if says else "",
        f'<ul class="references">{wrote}</ul>' if wrote else "",
        f'<p class="name">{escape(str(picture.path) if name is None else name)}</p>',
        _others(picture.captions),
        _strip(best, unfolded),
        "</div></article>",
    ]
    return "\n".join(part for part in parts if part)


def thumbnail(path: Path) -> Image.Image:
    """The picture with its longer side at most `SIZE` pixels."""
    picture = read_image(path, size=SIZE, fit="pad")
    picture.thumbnail((SIZE, SIZE))
    return picture


def _words(caption: Caption) -> str:
    maps: Sequence[np.ndarray | None] = [None] * len(caption.pieces)
    if caption.attention is not None:
        maps = list(caption.attention)
    return "".join(_word(text, weights) for text, weights in zip(caption.pieces, maps, strict=True)) or "(no words)"


def _word(text: str, weights: np.ndarray | None) -> str:
    if weights is None:
        return f"<span>{escape(text)}</span>"
    blank = text[: len(text) - len(text.lstrip())]
    return f'{blank}<span style="{_heat(weights)}">{escape(text.lstrip())}</span>'


def _heat(weights: np.ndarray) -> str:
    return f"--heat:url({data_uri(spotlight(weights))})"


def _others(captions: Sequence[Caption]) -> str:
    if len(captions) < 2:
        return ""
    highest = max(caption.log_probability for caption in captions)
    entries = "".join(
        f'<li><span class="number">{exp(caption.log_probability):.2g}</span>{escape(caption.text)}'
        f'<span class="bar" style="width:{exp(caption.log_probability - highest):.1%}"></span></li>'
        for caption in captions
    )
    return f'<details><summary>the {len(captions)} best</summary><ol class="best">{entries}</ol></details>'


def _strip(caption: Caption, unfolded: bool) -> str:
    if caption.attention is None or not len(caption.attention):
        return ""
    tiles = "".join(
        f'<figure style="{_heat(weights)}"><div class="frame"><div class="view"></div></div>'
        f"<figcaption>{escape(text.strip())}</figcaption></figure>"
        for text, weights in zip(caption.pieces, caption.attention, strict=True)
    )
    is_open = " open" if unfolded else ""
    return f'<details{is_open}><summary>where it looked</summary><div class="strip">{tiles}</div></details>'
