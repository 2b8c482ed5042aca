"""Options that several commands share, and what they mean. No torch before a command really runs."""

import argparse
import os
import shlex
import sys
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvision.cli.reading import reading_changes
from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.decoding import Search
    from seqvision.inference import LoadedCaptioner


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The argument parser of `seqvision NAME`."""
    return argparse.ArgumentParser(
        prog=f"seqvision {name}", description=description, formatter_class=_Formatter, allow_abbrev=False
    )


def add_checkpoint_options(
    to: argparse.ArgumentParser,
    *,
    required: bool = True,
    several: str = "the models write together (an ensemble)",
    batch: str = "pictures",
    batch_size: int = 32,
) -> None:
    """--checkpoint, --device, --trust, --allow-nonfinite, --batch-size.

    several: what happens with several checkpoints, "" where only one makes sense. batch, batch_size: what goes through
    the model together, and how many.
    """
    group = to.add_argument_group("model")
    group.add_argument(
        "--checkpoint",
        action=_Checkpoints,
        required=required,
        metavar="FILE",
        help="a checkpoint, a run's folder, or what `seqvision pack` wrote"
        + (several and f"; several times, or as RUN:snapshots or 'runs/*/best.ckpt', {several}"),
    )
    group.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps …; auto takes a GPU where there is one")
    group.add_argument(
        "--batch-size",
        type=_positive,
        default=batch_size,
        metavar="N",
        help=f"{batch} at a time (default {batch_size})",
    )
    add_trust_options(group)


def add_trust_options(to: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--trust, --allow-nonfinite."""
    to.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="MODULE",
        help="a Python module of your own whose classes the checkpoint may use (SECURITY.md)",
    )
    add_nonfinite_option(to)


def add_nonfinite_option(to: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """--allow-nonfinite."""
    to.add_argument(
        "--allow-nonfinite", action="store_true", help="load weights that are infinite or not a number, to look at them"
    )


def add_decoding_options(to: argparse.ArgumentParser, *, texts: str = "captions", of: str = "picture") -> None:
    """All there is to say about decoding. texts, of: what is written, and what each is of."""
    group = to.add_argument_group("decoding")
    group.add_argument(
        "--decoding",
        choices=("greedy", "beam", "diverse", "sample"),
        help=f"how {texts} are found (default: what the other options imply, else as in training)",
    )
    group.add_argument("--n-best", type=_positive, metavar="N", help=f"{texts} a {of} (default 1)")
    group.add_argument("--beam-size", type=_positive, metavar="N", help=f"{texts} followed at once (default 5)")
    group.add_argument(
        "--length-penalty", type=number, metavar="X", help=f"0 ranks by probability, higher favours long {texts}"
    )
    group.add_argument("--temperature", type=number, metavar="X", help="of sampling; below 1 it dares less")
    group.add_argument("--top-k", type=int, metavar="K", help="sample among the K likeliest words")
    group.add_argument(
        "--top-p", type=number, metavar="P", help="sample among the likeliest words that hold this share"
    )
    group.add_argument("--seed", type=seed, help="of sampling (default 0)")
    group.add_argument("--max-length", type=_positive, metavar="N", help="words at most (default: as in training)")
    group.add_argument("--min-length", type=int, metavar="N", help="words at least (default 1)")
    group.add_argument("--no-repeat-ngram", type=int, metavar="N", help="no N words twice in the same order")
    group.add_argument(
        "--forbid", action="append", default=[], metavar="WORD", help="a word that must not occur; may be repeated"
    )
    group.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="WORDS",
        help=f"a word or phrase that all {texts} contain; may be repeated",
    )


def loading(arguments: argparse.Namespace) -> dict[str, Any]:
    """How models are loaded, as arguments of `load_model`; modules to trust are looked for in this folder too."""
    if arguments.trust and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    how = {name: getattr(arguments, name) for name in ("device", "trust", "allow_nonfinite")}
    return {**how, "reading": reading_changes(arguments)}


def load_captioners(arguments: argparse.Namespace) -> "list[LoadedCaptioner]":
    """The checkpoints of the command line, which must share a vocabulary."""
    from seqvision.inference import load_captioner
    from seqvision.inference.captioning import check_vocabularies

    found = [load_captioner(path, **loading(arguments)) for path in arguments.checkpoint]
    check_vocabularies(found)
    return found


def decoder_of(arguments: argparse.Namespace, config: dict[str, Any]) -> "Search":
    """The decoder that the command line asks for; the one that training validated with, unless another is meant."""
    from seqvision.inference import make_decoder, trained_decoder

    own = ("n_best", "beam_size", "length_penalty", "temperature", "top_k", "top_p", "seed")
    common = ("max_length", "min_length", "no_repeat_ngram")
    options = {name: getattr(arguments, name) for name in (*own, *common)}
    if arguments.decoding is None and all(options[name] is None for name in own):
        return replace(trained_decoder(config), **{name: options[name] for name in common if options[name] is not None})
    if options["max_length"] is None:
        options["max_length"] = trained_decoder(config).max_length
    return make_decoder(arguments.decoding, **options)


def typed(name: str, arguments: list[str]) -> str:
    """The command as a person could type it again."""
    return shlex.join(["seqvision", name, *arguments])


class _Checkpoints(argparse.Action):
    """Gathers checkpoints; what means several stands for all of them."""

    def __call__(self, parser: Any, namespace: Any, value: Any, option_string: str | None = None) -> None:
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), *checkpoints_of(str(value))])


def checkpoints_of(said: str) -> list[str]:
    """The checkpoints that are meant: by RUN:snapshots those that callbacks=snapshots left in a run's folder, in the
    order of their cycles; by a pattern with * or ? what fits it; by all else itself.
    """
    folder, _, what = said.rpartition(":")
    if what == "snapshots" and folder:
        found = sorted(Path(folder).glob("snapshot_*.ckpt"), key=lambda file: int(file.stem.partition("_")[2]))
        if not found:
            raise UserError(
                f"--checkpoint {said}: no snapshot_1.ckpt, snapshot_2.ckpt, … in {folder}; train with "
                "scheduler=restarts callbacks=snapshots"
            )
        return [str(file) for file in found]
    if any(mark in said for mark in "*?") and not Path(said).exists():
        fitting = sorted(glob(said))
        if not fitting:
            raise UserError(f"--checkpoint '{said}': no file or folder fits this pattern")
        return fitting
    return [said]


def number(text: str) -> float:
    """A number of the command line; what calls itself one and is none is refused as any other word would be."""
    found = float(text)
    if found != found:
        raise argparse.ArgumentTypeError(f"{text} is not a number")
    return found


def seed(text: str) -> int:
    """A seed of the command line, as all generators take it."""
    number = int(text)
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 2^63 - 1")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not 1 or more")
    return number
