"""What a person types. This room alone knows the configuration; torch comes in only with the command that needs it."""

import errno
import importlib
import os
import sys

from seqvision import __version__
from seqvision.cli.quiet import quieten
from seqvision.cli.signals import stoppable
from seqvision.errors import Stopped, UserError

COMMANDS = {
    "train": "train a model: every value and choice is an override, e.g. rnn=lstm optimizer.lr=1e-3",
    "check": "before a long run: first loss, a few items by heart, every layer, rates, times; with advice",
    "rate": "a learning rate by trying, with how sure that is",
    "caption": "caption your own pictures with a trained model",
    "classify": "classes of your own sentences, clips, recordings or pictures",
    "label": "a label for every frame of your own videos or recordings: tables, subtitles, annotations, pictures",
    "read": "what your own pictures say, by a few looks at small parts of them; with the path of looks",
    "draw": "new pictures of a trained painter, yours painted again, the way from one to another",
    "translate": "translations of your own sentences, from files, or from standard input as it comes",
    "evaluate": "score a model, or a file of predictions, on a split, beside its controls",
    "report": "one HTML page of a run: curves, scores, best and worst captions",
    "pack": "one file with a trained model, to hand on: weights and all that inference needs, no pickle",
    "data": "data check: what is in a data set, and what is wrong; data scenes: draw some; data shard: pack them",
    "advise": "which row of transfer suits your data: their size, their likeness to the pre-training, each stage",
    "encoders": "the networks that encoder=… offers: weights, operations, smallest picture, map, pre-trained or not",
    "lecture": "the lecture's experiments one after the other, and a page with all their figures",
    "doctor": "versions, devices, what optional parts are missing and what each would give",
}

HELP = f"""seqvision {__version__}: recurrent networks that look

usage: seqvision COMMAND …        seqvision COMMAND --help

{{commands}}

Begin with `seqvision train` (a captioner of drawn scenes, a few minutes), then `seqvision caption`."""


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # of files that a library writes by itself, such as curves


def main(arguments: list[str] | None = None) -> int:
    """The exit status of a command: 0 done, 1 some input skipped, 2 something to mend, 128 + number of a signal."""
    try:
        with stoppable():
            status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()  # here, where a reader who left is no error
        return status
    except UserError as error:
        print(f"seqvision: {error}", file=sys.stderr)
        return 2
    except Stopped as end:
        print(f"seqvision: {end.message}", file=sys.stderr)
        return 128 + end.signum
    except BrokenPipeError:  # the reader of our output left, `seqvision caption … | head` say
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno not in _DISK:
            raise
        print(f"seqvision: {error.filename or 'a file'}: cannot be written ({error.strerror})", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("seqvision: stopped", file=sys.stderr)
        return 130


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(commands="\n".join(f"  {name:<10}{what}" for name, what in COMMANDS.items())))
        return 0
    if arguments[0] == "--version":
        print(f"seqvision {__version__}")
        return 0
    name, *rest = arguments
    if name == "-sc":
        return importlib.import_module("seqvision.cli.completion").complete(rest, list(COMMANDS))
    # threads that wait go to sleep soon, not after milliseconds: beside another busy program training is five times as
    # fast for it, and alone hardly slower (libgomp reads this once, as torch is loaded)
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    quieten()
    if name not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"expected one of {', '.join(COMMANDS)}"
        raise UserError(f"no command '{name}': {hint}")
    return importlib.import_module(f"seqvision.cli.{name}").main(rest) or 0


if __name__ == "__main__":
    sys.exit(main())
