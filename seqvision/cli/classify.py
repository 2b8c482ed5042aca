"""`seqvision classify`: sentences, clips, recordings or pictures in, their classes out, as text, JSON lines or CSV."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from seqvision.cli.lines import given_lines, in_batches
from seqvision.cli.options import add_checkpoint_options, loading, parser
from seqvision.cli.output import json_line, open_output
from seqvision.cli.reading import add_reading_options, advice_as_options
from seqvision.cli.sources import named_sources, said_of
from seqvision.errors import UserError
from seqvision.wording import counted, in_line

if TYPE_CHECKING:
    from seqvision.data.sequences.records import Source
    from seqvision.inference import LoadedClassifier

DESCRIPTION = """The classes of your own sentences, clips, recordings or pictures, whichever the model was trained on.

  seqvision classify --checkpoint runs/classifier/2026-01-31_12-00-00 'A film to remember.'
  tail -f reviews.txt | seqvision classify --checkpoint best.ckpt -
  seqvision classify --checkpoint best.ckpt --format csv --output classes.csv clips/
  find . -name '*.png' | seqvision classify --checkpoint best.ckpt --top 3 -

A model of sentences takes sentences, files with a sentence a line, or - for standard input, which it answers line by
line. What exists is a file; what looks like a path and does not exist is an error; --text says that it is text.
Any other model takes files, folders of them, or - for names on standard input; a file that cannot be read is reported
and skipped, and the exit status is then 1."""


class Answer(NamedTuple):
    """An input and its classes with their probabilities, the likeliest first."""

    id: str
    classes: list[tuple[str, float]]


@advice_as_options()
def main(arguments: list[str]) -> int:
    """0, or 1 if files were skipped."""
    options = parser("classify", DESCRIPTION)
    options.add_argument("inputs", nargs="+", help="sentences, files, folders, or - for standard input")
    options.add_argument("--text", action="store_true", help="every argument is a sentence, whatever files there are")
    options.add_argument("--encoding", default="utf-8", help="of files with sentences (default utf-8)")
    options.add_argument(
        "--format",
        choices=("text", "jsonl", "csv"),
        default="text",
        help="text: input TAB class TAB probability (default)",
    )
    options.add_argument(
        "--top", type=int, metavar="K", help="the K likeliest classes (default: text the likeliest, jsonl and csv all)"
    )
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    add_reading_options(options)
    add_checkpoint_options(options, several="the mean of their probabilities counts (an ensemble)", batch="inputs")
    given = options.parse_args(arguments)
    if given.top is not None and given.top < 1:
        raise UserError(f"--top {given.top}: expected the number of classes to show, 1 or more")

    from seqvision.data import TextReader

    classifiers = _load(given)
    first = classifiers[0]
    if any(isinstance(member.reader, TextReader) != isinstance(first.reader, TextReader) for member in classifiers):
        raise UserError("--checkpoint: some read sentences and some do not; take them apart")
    writer = _WRITERS[given.format]
    if isinstance(first.reader, TextReader):
        with open_output(given.output) as file:
            writer(_sentences(classifiers, given), file, first.classes, given.top)
        return 0
    if given.text:
        raise UserError("--text: this model reads files, not sentences; leave it out")
    sources = [file for _, file in named_sources(given.inputs, first.reader)]
    skipped: list[Path] = []
    with open_output(given.output) as file:
        writer(_files(classifiers, sources, given, skipped), file, first.classes, given.top)
    if skipped:
        print(f"seqvision: {len(skipped)} of {counted(len(sources), 'input')} skipped, see above", file=sys.stderr)
    return 1 if skipped else 0


def _load(given: argparse.Namespace) -> "list[LoadedClassifier]":
    from seqvision.inference import LoadedClassifier, load_model

    return [load_model(path, LoadedClassifier, **loading(given)) for path in given.checkpoint]


def _sentences(classifiers: "list[LoadedClassifier]", given: argparse.Namespace) -> Iterator[Answer]:
    from seqvision.inference import classify

    for lines in in_batches(given_lines(given.inputs, text=given.text, encoding=given.encoding), given.batch_size):
        for line, probabilities in classify(classifiers, lines, batch_size=given.batch_size):
            yield _answer(str(line), classifiers[0].classes, probabilities.tolist())


def _files(
    classifiers: "list[LoadedClassifier]", sources: list[Path], given: argparse.Namespace, skipped: list[Path]
) -> Iterator[Answer]:
    from seqvision.data.progress import tracked
    from seqvision.inference import classify

    def report(source: "Source", error: UserError) -> None:
        skipped.append(Path(str(source)))
        print(f"seqvision: skipped {said_of(skipped[-1], error)}", file=sys.stderr)

    found = classify(classifiers, sources, batch_size=given.batch_size, on_unreadable=report)
    show = given.output is not None or not sys.stdout.isatty()
    for source, probabilities in tracked(found, total=len(sources), description="Classifying", show=show):
        yield _answer(str(source), classifiers[0].classes, probabilities.tolist())


def _answer(id: str, classes: tuple[str, ...], probabilities: list[float]) -> Answer:
    ranked = sorted(zip(classes, probabilities, strict=True), key=lambda entry: -entry[1])
    return Answer(id, ranked)


def _write_text(answers: Iterable[Answer], file: IO[str], classes: tuple[str, ...], top: int | None) -> None:
    for answer in answers:
        shown = [f"{in_line(label)}\t{share:.4f}" for label, share in answer.classes[: top or 1]]
        file.write("\t".join([in_line(answer.id), *shown]) + "\n")
        file.flush()


def _write_jsonl(answers: Iterable[Answer], file: IO[str], classes: tuple[str, ...], top: int | None) -> None:
    for answer in answers:
        label, share = answer.classes[0]
        entry = {
            "id": answer.id,
            "class": label,
            "probability": round(share, 6),
            "probabilities": {name: round(value, 6) for name, value in answer.classes[:top]},
        }
        file.write(json_line(entry) + "\n")
        file.flush()


def _write_csv(answers: Iterable[Answer], file: IO[str], classes: tuple[str, ...], top: int | None) -> None:
    """A row an input: a column for the probability of each class, or the `top` classes in order."""
    writer = csv.writer(file, lineterminator="\n")
    ranks = range(1, min(top or 0, len(classes)) + 1)
    columns = [name for rank in ranks for name in (f"class_{rank}", f"probability_{rank}")]
    writer.writerow(["id", *(columns or ["class", "probability", *(f"p({name})" for name in classes)])])
    for answer in answers:
        shown = [cell for label, share in answer.classes[: top or 1] for cell in (label, f"{share:.6f}")]
        of = dict(answer.classes)
        writer.writerow([answer.id, *shown, *([] if top else [f"{of[name]:.6f}" for name in classes])])
        file.flush()


_WRITERS: dict[str, Callable[[Iterable[Answer], IO[str], tuple[str, ...], int | None], None]] = {
    "text": _write_text,
    "jsonl": _write_jsonl,
    "csv": _write_csv,
}
