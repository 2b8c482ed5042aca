"""Text of languages that are written without blanks between words: which it is, and how it is cut for metrics."""

import importlib.util
import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

from seqvision.errors import UserError
from seqvision.scripts import HAN, HANGUL, KANA, SPACELESS

_KANA, _HAN, _HANGUL, _SPACELESS = (re.compile(f"[{each}]") for each in (KANA, HAN, HANGUL, SPACELESS))
SAMPLED = 1000  # texts by which a script is recognised

TOKENIZERS = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")
LANGUAGES = {
    "zh": "zh cn zho chi cmn yue wuu lzh chinese mandarin cantonese",
    "ja-mecab": "ja jp jpn japanese",
    "ko-mecab": "ko kr kor korean",
    "char": "th tha thai lo lao km khm khmer my mya bur burmese",
}
_NEEDS = {"ja-mecab": ("MeCab", "ja"), "ko-mecab": ("mecab_ko", "ko")}


def bleu_tokenizer(choice: str, *, language: str | None, texts: Iterable[str]) -> str:
    """The sacrebleu tokenizer for BLEU: the choice, or with "auto" the one that fits the target language.

    auto: by the language's code or name (`zh`, `zh-CN`, `zho`), else by the script in which most letters of `texts`
    are written. `zh` for Chinese; `ja-mecab` for Japanese and `ko-mecab` for Korean where they are installed, else
    `char` and `13a`; `char` for Thai, Lao, Khmer, Burmese and other scripts without blanks; `13a` for all else. Raises
    `UserError` for an unknown choice, and for one that is not installed.
    """
    if choice != "auto":
        if choice not in TOKENIZERS:
            raise UserError(f"BLEU tokenizer '{choice}': expected auto or one of {', '.join(TOKENIZERS)}")
        if not _installed(choice):
            raise UserError(
                f"BLEU tokenizer '{choice}' is not installed; type: pip install 'sacrebleu[{_NEEDS[choice][1]}]', or "
                "choose char"
            )
        return choice
    code = re.split(r"[-_.]", (language or "").lower())[0]
    found = next((name for name, codes in LANGUAGES.items() if code and code in codes.split()), None)
    found = found or _by_script(islice(texts, SAMPLED))
    return found if _installed(found) else {"ja-mecab": "char", "ko-mecab": "13a"}[found]


def divided(text: str) -> str:
    """The text with blanks around each character of a script without blanks; marks stay with their letter. Chinese
    words, say, are not recognised: characters are compared instead, as with sacrebleu's `zh` and `char`.
    """
    if not _SPACELESS.search(text):
        return text
    parts: list[str] = []
    inside = False
    for character in text:
        if inside and (unicodedata.category(character).startswith("M") or character == "ー"):
            parts.append(character)
            continue
        spaceless = _SPACELESS.match(character) is not None
        parts.append(f" {character}" if spaceless or inside else character)
        inside = spaceless
    return "".join(parts)


def _by_script(texts: Iterable[str]) -> str:
    """The tokenizer for the script in which more than half of the letters are written."""
    text = "".join(texts)
    kana, han, hangul, spaceless = (len(each.findall(text)) for each in (_KANA, _HAN, _HANGUL, _SPACELESS))
    letters = sum(map(str.isalpha, text))
    if 2 * hangul > letters:
        return "ko-mecab"
    if 2 * spaceless <= letters:
        return "13a"
    if 20 * kana > spaceless:
        return "ja-mecab"
    return "zh" if 2 * han > spaceless else "char"


def _installed(tokenizer: str) -> bool:
    return tokenizer not in _NEEDS or importlib.util.find_spec(_NEEDS[tokenizer][0]) is not None
