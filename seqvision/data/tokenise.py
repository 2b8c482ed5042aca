"""Text to words and back, for any language that Unicode knows.

A word keeps its inner hyphens and apostrophes (`medium-dark`, `o’clock`), a number its separators (`1,000`), and every
punctuation mark is a token of its own. Scripts that put no space between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese) give one token a character. `join_words` puts the spaces back by the habits of punctuation, so that ordinary
text comes back as it was.
"""

import functools
import re
import unicodedata
from collections.abc import Sequence

from seqvision.scripts import SPACELESS

_WIDE = re.compile(f"[{SPACELESS}\u3000-\u303f\uff00-\uff65]")  # with the full-width punctuation: no spaces around it

_NO_SPACE_BEFORE = frozenset(".,:;!?%…)]}”’»‹°")
_NO_SPACE_AFTER = frozenset("([{“‘«›¿¡$£#@„‚")
_NO_SPACE_AROUND = frozenset("—/_\\")


@functools.cache
def _pattern() -> re.Pattern[str]:
    """The tokens' pattern; built at the first use, because looking up every combining mark takes some milliseconds."""
    points = range(0x300, 0x10000)
    # Python's \w leaves out combining marks, without which words of Hindi, Arabic or Hebrew fall to pieces.
    marks = "".join(chr(p) for p in points if unicodedata.category(chr(p)).startswith("M")) + "\u200c"
    letter = f"[^\\W_{SPACELESS}]"
    run = f"{letter}+(?:[{marks}]+{letter}*)*"
    symbol = f"\\S[{marks}]*"
    return re.compile(
        rf"(?:[^\W\d_]\.){{2,}}(?!\w)"  # U.S.
        rf"|(?<!\w)\.\d+|\d+(?:[.,:]\d+)+(?!\w)"  # .05, 1,000, 10:30
        rf"|{run}(?:[-‐‑'’ʼ&]{{1,2}}{run})*(?:\([^\W\d_]{{1,4}}\))?(?:-(?=\s\w))?"  # Jack-o’-lantern, cat(s), two-
        rf"|[{SPACELESS}][{marks}]*"
        rf"|\.{{2,}}"
        rf"|{symbol}(?:\u200d{symbol})*"  # a mark or an emoji, joined ones in one piece
    )


def normalise(text: str, *, lowercase: bool = False) -> str:
    """The text in Unicode's composed form (NFC), with single spaces, in lower case if wanted."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text.lower() if lowercase else text


def split_words(text: str, *, keep_punctuation: bool = True) -> list[str]:
    """The words, numbers and marks of a text in order; marks are left out without `keep_punctuation`."""
    tokens = _pattern().findall(text)
    return tokens if keep_punctuation else [t for t in tokens if any(c.isalnum() for c in t)]


def join_words(tokens: Sequence[str]) -> str:
    """The text that the tokens were split from, spaced as usual: 'flag', ':', 'Spain' gives 'flag: Spain'."""
    pieces: list[str] = []
    closing = {'"': False, "'": tokens.count("'") == 1}  # a lone ' is a plural's (the dogs' bowl), two of them quote
    glued = True  # nothing stands before the first token
    for position, token in enumerate(tokens):
        before, after = token in _NO_SPACE_BEFORE or token.startswith(".."), token in _NO_SPACE_AFTER
        if token in closing:
            before, after = closing[token], not closing[token]
            closing[token] = not closing[token]
        elif token == "“" and "„" in tokens[:position]:
            before, after = True, False  # the German pair is „ “
        elif _WIDE.match(token):
            # 按键: 一 has a space, since the colon is not the full-width one that brings its own.
            before, after = not (position and tokens[position - 1] in _NO_SPACE_BEFORE), True
        elif token in _NO_SPACE_AROUND:
            before = after = True
        elif token == "-" and 0 < position < len(tokens) - 1:
            before = after = bool(_WIDE.match(tokens[position - 1]) and _WIDE.match(tokens[position + 1]))
        pieces.append(token if glued or before else f" {token}")
        glued = after
    return "".join(pieces)
