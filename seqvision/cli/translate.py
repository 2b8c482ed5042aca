"""`seqvision translate`: sentences in, translations out, as text or JSON lines, with pictures of the attention."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from seqvision.cli.lines import given_lines, in_batches
from seqvision.cli.options import add_checkpoint_options, add_decoding_options, decoder_of, loading, parser
from seqvision.cli.output import json_line, open_output
from seqvision.errors import UserError
from seqvision.wording import counted

if TYPE_CHECKING:
    from seqvision.inference.translating import Batches, TranslatedSentence

DESCRIPTION = """Translations of your own sentences.

  seqvision translate --checkpoint runs/translator/2026-01-31_12-00-00 'Ein Mann schläft.'
  seqvision translate --checkpoint best.ckpt --beam-size 5 --output letters.en letters.de
  tail -f chat.de | seqvision translate --checkpoint best.ckpt -
  seqvision translate --checkpoint best.ckpt --attention-figure look.png 'Ein Mann schläft.'

What names a file is read line by line (.gz too), - is standard input, translated as it comes; all else is a sentence.
What looks like a path and does not exist is an error; --text says that it is text.
Line n of the output belongs to line n of the input; a blank line stays blank."""


def main(arguments: list[str]) -> int:
    """0 when all is translated."""
    options = parser("translate", DESCRIPTION)
    options.add_argument("sentences", nargs="*", default=["-"], help="sentences, files of lines, or - (the default)")
    options.add_argument("--text", action="store_true", help="every argument is a sentence, whatever files there are")
    options.add_argument("--encoding", default="utf-8", help="of the files that are read (default utf-8)")
    options.add_argument(
        "--format", choices=("text", "jsonl"), default="text", help="text: a line a sentence (default)"
    )
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    options.add_argument(
        "--attention-figure",
        metavar="FILE",
        help="a picture of where the model looked, .png, .svg or .pdf; further sentences become FILE-2, FILE-3, …",
    )
    add_checkpoint_options(options, batch="sentences")
    add_decoding_options(options, texts="translations", of="sentence")
    given = options.parse_args(arguments)
    batches = _batches(given)
    if given.attention_figure and not batches.attends:
        raise UserError(f"--attention-figure: {given.checkpoint[0]} has no attention, so there is nothing to show")
    unknown: dict[str, None] = {}
    with open_output(given.output) as file:
        for row, sentence in enumerate(_translated(batches, given), start=1):
            _WRITERS[given.format](row, sentence, file)
            unknown.update(dict.fromkeys(sentence.unknown))
            if given.attention_figure and sentence.translations[0].attention is not None:
                _save_figure(sentence, _numbered(given.attention_figure, row))
    if unknown:
        shown = ", ".join(list(unknown)[:10]) + (" …" if len(unknown) > 10 else "")
        print(f"seqvision: {counted(len(unknown), 'word')} that the model does not know: {shown}", file=sys.stderr)
    return 0


def _batches(given: argparse.Namespace) -> "Batches":
    from seqvision.inference.checkpoint import load_model
    from seqvision.inference.translating import Batches, LoadedTranslator

    members = [load_model(path, LoadedTranslator, **loading(given)) for path in given.checkpoint]
    decoder = decoder_of(given, members[0].config)
    return Batches(members, decoder, forbid=given.forbid, require=given.require)


def _translated(batches: "Batches", given: argparse.Namespace) -> "Iterator[TranslatedSentence]":
    lines = given_lines(given.sentences, text=given.text, encoding=given.encoding)
    for sentences in in_batches(lines, given.batch_size):
        yield from batches(sentences)


def _write_text(row: int, sentence: "TranslatedSentence", file: IO[str]) -> None:
    several = len(sentence.translations) > 1
    for translation in sentence.translations:
        file.write(f"{row}\t{translation.text}\n" if several else f"{translation.text}\n")
    file.flush()


def _write_jsonl(row: int, sentence: "TranslatedSentence", file: IO[str]) -> None:
    entry = {
        "row": row,
        "source": sentence.source,
        "translation": sentence.text,
        "translations": [
            {
                "text": translation.text,
                "score": translation.score,
                "log_probability": translation.log_probability,
                "finished": translation.finished,
            }
            for translation in sentence.translations
        ],
        "unknown": list(sentence.unknown),
    }
    file.write(json_line(entry) + "\n")
    file.flush()


def _save_figure(sentence: "TranslatedSentence", path: Path) -> None:
    from seqvision.figures.alignment import alignment_figure
    from seqvision.figures.save import save_image

    best = sentence.translations[0]
    assert best.attention is not None
    save_image(alignment_figure(sentence.pieces, best.pieces, best.attention), path)


def _numbered(name: str, row: int) -> Path:
    """The file for a sentence: as it was given for the first, with the row for the others."""
    path = Path(name)
    return path if row == 1 else path.with_stem(f"{path.stem}-{row}")


_WRITERS = {"text": _write_text, "jsonl": _write_jsonl}
