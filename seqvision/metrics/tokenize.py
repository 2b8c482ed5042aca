"""Sentences into words, by the Penn Treebank's conventions and as the COCO caption evaluation cuts them.

The reference is pycocoevalcap's `PTBTokenizer`, a Java program followed by a list of punctuation to drop. The rules
here were found by comparing its answers, and they keep its habits where a caption may contain them: brackets become
`-lrb-` and stay, a full stop stays with an abbreviation, `!!` and `?!` stay although `!` and `?` go, and symbols
outside the Basic Multilingual Plane (most emoji) vanish.
"""

import re
import unicodedata
from functools import lru_cache

from seqvision.metrics.scripts import divided

# a full stop after these belongs to the word; state names only where they are capitalised (a mass is not Mass.)
ABBREVIATIONS = """
    adj adm adv al ala alex apr ariz assn asst atty aug ave bhd bldg blvd brig bros calif capt cf cie cmdr co col colo
    comdr conn corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri ft ga gen gov govs hon inc
    ind insp intl invt jan jos jr jul jun kan kans ky lt ltd maj mar md messrs mich minn mlle mme mo mon mont mr mrs ms
    msgr mt natl neb nev nov oct okla penn pfc ph plc pres prof pvt rd rep reps rev rt sen sens sep sept seq sfc sgt spc
    sq sr st ste supt sys tel tenn thu thurs tue tues univ va vs vt wed wis wisc wm wyo
"""
CAPITALISED_ABBREVIATIONS = "Ark Az Del Ill La Mass Miss Ore Pa Tex Wash ARK AZ DEL ILL LA MASS MISS ORE PA TEX WASH"
BEFORE_NUMBERS = "art ca fig figs no nos op pp prop"
# a lone letter with a full stop is an initial ("J. Smith"), unless a new sentence follows
SENTENCE_STARTS = """
    A An The It In At He She They We You One There This That These Her Our Their But If When While As So What Some Many
    Here Then Now After However Since Such Other More
"""
# written as one word, counted as two
FUSED = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3}
APOSTROPHE_WORDS = "c'mon c'est li'l e'er s'mores"

DROPPED = frozenset("'`\".?!,:;-‘’“”«»‹›–—‒―‐‑…\ufe0e\ufe0f")
DROPPED |= set("。，、！？；：「」『』《》〈〉（）・")
DROPPED |= set("\x85\x91\x92\x93\x94\x96\x97")  # the same marks in text that was Windows-1252 and is read as Latin-1
REWRITTEN = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
    "£": "#",
    "€": "$",
    "¢": "cents",
    "½": "1/2",
    "¼": "1/4",
    "¾": "3/4",
    "⅓": "1/3",
    "⅔": "2/3",
}
ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": " ", "&mdash;": "--"}


def tokenize_ptb(text: str) -> list[str]:
    """The words of a sentence in lower case, without punctuation: "Don't!" gives ["do", "n't"].

    Equal to pycocoevalcap's `PTBTokenizer` on captions in languages that put blanks between words. Characters of
    scripts without blanks (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are words of their own here, where the
    reference leaves a whole sentence as one word that no other caption shares.
    """
    text = divided(text)
    if "&" in text:
        text = re.sub("&(?:amp|lt|gt|quot|nbsp|mdash);", lambda found: ENTITIES[found[0]], text)
    words: list[str] = []
    for match in _scanner().finditer(text):
        kind = match.lastgroup or ""
        token = match[kind]
        if kind == "symbol":
            if token not in DROPPED and ord(token) < 0x10000 and unicodedata.category(token) != "Cf":
                words.append(REWRITTEN.get(token, token))
        elif kind in ("plain", "word"):
            word = token.lower().replace("\u00ad", "")
            cut = FUSED.get(word)
            words += [word[:cut], word[cut:]] if cut else [word]
        elif kind == "contraction":  # the mark becomes a plain apostrophe, whatever it was
            words.append("'" + token[1:].lower())
        elif kind == "negation":
            words.append("n" + ("'" if token[1] in "'’\x92" else "`") + token[2:].lower())
        elif kind == "twas":
            words += ["'t", token[2:].lower()]
        elif kind == "face":
            words.append(token.lower().replace("(", "-lrb-").replace(")", "-rrb-"))
        elif kind != "dropped":  # a web address, a number, an abbreviation: as it is
            words += token.lower().split()
    return words


@lru_cache(maxsize=1)
def _scanner() -> re.Pattern[str]:
    """One pattern whose alternatives stand in the order in which they are preferred."""
    # Python's \w leaves out combining marks, without which Hindi or decomposed accents would fall apart
    marks = "".join(
        c for c in map(chr, range(0x300, 0x10000)) if unicodedata.category(c)[0] == "M" and c not in DROPPED
    )
    numerals = "²³¹¼½¾\u2070-\u2089\u2150-\u215f\u2460-\u24ff"  # alphanumeric for Python, symbols here
    plain = f"(?:[^\\W_{numerals}]|[{marks}\u00ad\u200c\u200d])"
    letter = f"(?:(?!\\d){plain})"
    parts = f"{plain}+(?:[-_\u2010\u2011]{plain}+)*"
    apostrophe, end = "['’\x92]", f"(?!{plain})"
    abbreviation = f"(?:(?i:{_any(ABBREVIATIONS)})|{_any(CAPITALISED_ABBREVIATIONS)})"
    new_sentence = f"\\s*$|\\s+(?:{_any(SENTENCE_STARTS)})\\b"
    domain = "(?:com|org|net|edu|gov)"
    alternatives = [
        ("plain", r"[A-Za-z]+(?=,?\s|$)"),  # most of a caption; first for speed
        ("tag", r"<!--.*?-->|</?[A-Za-z!][^<>]*>"),
        ("address", r"https?://[^\s<>\"]+\.[^\s<>\"]*[^\s<>\"'.,:;!?)\]]|www\.[^\s<>\"]*[^\s<>\"'.,:;!?)\]]"),
        ("site", rf"[\w-]+(?:\.[\w-]+)*\.{domain}(?:/[^\s<>\"]*[^\s<>\"'.,:;!?)\]])?(?!\w)"),
        ("mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*|@[A-Za-z_]\w*|#[A-Za-z]+"),
        ("face", rf"(?:[:;=]-?'?[()DOPp\\|\[\]]|\^_\^|-_-|>_<){end}"),
        ("phone", r"\(\d{3}\)\s?\d{3}[- ]\d{4}"),
        ("bracket", r"-[LRlr][RSCrsc][Bb]-"),
        ("currency", r"[A-Z]{1,3}\$"),
        ("program", r"(?i:c\+\+|[cf]#)"),
        ("company", r"[A-Z]+(?:&[A-Z]+)+"),
        ("mixed", rf"\d+(?:[.,]\d+)+(?:-{plain}+)+"),
        ("number", rf"[-+]?\d*(?:[.,:]\d+)+|[-+]\d+{end}"),
        ("letters", rf"(?:{letter}\.){{2,}}(?:-{parts})?{end}|(?i:ph\.d\.)"),
        ("joined", rf"{letter}{plain}*(?:[.!?]{letter}{plain}*)+(?:-{plain}+)*"),
        ("abbreviation", rf"{abbreviation}\.{end}|(?i:{_any(BEFORE_NUMBERS)}|p)\.(?=\s?\d)|{parts}\.(?=[,;:])"),
        ("initial", rf"{letter}\.(?!{new_sentence}|{plain})"),
        ("apostrophe", rf"(?:{plain}+-)*(?:{_apostrophe_words(letter, apostrophe, end)})(?:-{parts})?"),
        ("negated", rf"{plain}(?:[-_]?{plain})*?(?=[nN]['’`‘\x92][tT])"),
        ("negation", rf"[nN]['’`‘\x92][tT]{plain}*"),
        ("word", rf"{parts}(?:\\?/{parts}){{0,2}}"),
        ("twas", r"'[tT](?i:is|was)"),
        ("contraction", rf"{apostrophe}(?i:s|d|m|ll|re|ve){end}"),
        (
            "clipped",
            rf"{apostrophe}(?:(?i:em|cause|till?){end}|(?i:n)(?:'|{end})|(?<!\d.)\d\ds?(?!{apostrophe}?{plain}))",
        ),
        ("dropped", r"``|''|\.+|-{1,4}(?!-)"),
        ("repeated", r"[!?]{2,}|-{5,}|\*+|_+|#{2,}|@{2,}|<<|>>"),
        ("symbol", r"\S"),
    ]
    choice = "|".join(f"(?P<{name}>{pattern})" for name, pattern in alternatives)
    return re.compile(rf"\s*(?:{choice})")  # blanks in the pattern: else every alternative would be tried on each


def _apostrophe_words(letter: str, apostrophe: str, end: str) -> str:
    """Names and contractions that keep their apostrophe: o'clock, O'Brien, l'eau, quelqu'un, ma'am, ol'."""
    fixed = "|".join(word.replace("'", apostrophe) for word in APOSTROPHE_WORDS.split())
    return (
        f"(?i:{fixed}){end}|[A-HJ-XZdlno]{apostrophe}(?!(?i:ll|re|ve){end}){letter}{{2,}}"
        f"|{letter}+[aeiou]{apostrophe}(?!(?i:ll|re|ve|[sdm]){end})[aeiouA-Z]{letter}*"
        f"|(?i:ol){apostrophe}{end}|[dljyDLJY]{apostrophe}(?=(?!(?i:ll|re|ve|[sdmt]){end}){letter})"
    )


def _any(words: str) -> str:
    return f"(?:{'|'.join(sorted(words.split(), key=len, reverse=True))})"
