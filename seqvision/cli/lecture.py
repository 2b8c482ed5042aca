"""`seqvision lecture`: the experiments of the lecture, one after the other, and one page with all their figures."""

import contextlib
import io
import sys
import time
from difflib import get_close_matches
from pathlib import Path

from seqvision.cli.config import conf_dir
from seqvision.cli.options import parser
from seqvision.cli.output import open_output
from seqvision.errors import UserError

DESCRIPTION = """Runs experiment=lecture/… one after the other, and writes index.html: of each its figure, what to see
in it, the command and the seconds that it took. No network is needed, nor any data that do not come along.

  seqvision lecture                        all of them, half an hour on two cores
  seqvision lecture valley rates           these two
  seqvision lecture --list                 what there is
  seqvision lecture rates --seeds 0,1,2,3  with more seeds

What was finished in the same folder is kept; --again trains it anew."""

CHAPTERS = {  # in the lecture's order, every experiment
    "Optimisation": (
        *("rates", "noise", "valley", "saddle", "momentum_forms", "adam_correction", "rosenbrock", "schedules"),
        *("kfac", "kfac_seconds"),
    ),
    "Initialisation and normalisation": ("initialization", "batch_norm", "normalisations", "layer_norm_recurrence"),
    "Regularisation": ("dropout", "regularisers", "penalties", "ensembles"),
    "Practice": ("search",),
    "Transfer": (
        *("transfer_little_similar", "transfer_much_similar", "transfer_little_different", "transfer_much_different"),
    ),
}


def main(arguments: list[str]) -> int:
    """0 when all are done, 1 if one of them could not be trained here."""
    options = parser("lecture", DESCRIPTION)
    options.add_argument("names", nargs="*", metavar="NAME", help="experiments (default all)")
    options.add_argument("--output", default="runs/lecture", metavar="FOLDER", help="default: runs/lecture")
    options.add_argument("--seeds", metavar="N,N", help="of every experiment that has several")
    options.add_argument("--again", action="store_true", help="train anew what is there")
    options.add_argument("--list", action="store_true", help="the experiments, a line each, and no training")
    given = options.parse_args(arguments)
    chosen = in_order(given.names or experiments())
    if given.list:
        print("\n".join(f"{name:<28}{first_line(name)}" for name in chosen))
        return 0

    from seqvision.inference.lecture_page import write_lecture

    root = Path(given.output)
    missed: dict[str, str] = {}
    for number, name in enumerate(chosen, start=1):
        begun = time.monotonic()
        print(f"{number}/{len(chosen)}  {name}", end=" ", flush=True)
        try:
            _run(name, root / name, seeds=given.seeds, again=given.again)
            print(f"{time.monotonic() - begun:.0f} s", flush=True)
        except UserError as error:
            missed[name] = str(error)
            print(f"left out: {error}", flush=True)
        with open_output(root / "index.html") as file:  # after each: there is something to look at early on
            write_lecture(file, sections(root), root=root, missed=missed)
    print(root / "index.html")
    return 1 if missed else 0


def experiments() -> list[str]:
    """The names of all that conf/experiment/lecture holds."""
    return sorted(file.stem for file in (conf_dir() / "experiment" / "lecture").glob("*.yaml"))


def in_order(names: list[str]) -> list[str]:
    """The names as the lecture has them; a UserError for one that there is not."""
    known = experiments()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there is {', '.join(known)}"
            raise UserError(f"lecture {name}: there is no such experiment: {hint}")
    order = [name for chapter in CHAPTERS.values() for name in chapter]
    return sorted(names, key=order.index)


def sections(root: Path) -> dict[str, list[str]]:
    """By chapter, the experiments that have been run in the folder."""
    found = [name for name in in_order(experiments()) if (root / name / "sweep.json").is_file()]
    chapters = {title: [name for name in found if name in names] for title, names in CHAPTERS.items()}
    return {title: names for title, names in chapters.items() if names}


def first_line(name: str) -> str:
    """What an experiment says of itself."""
    lines = (conf_dir() / "experiment" / "lecture" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("# ") for line in lines if not line.startswith("# @"))


def _run(name: str, folder: Path, *, seeds: str | None, again: bool) -> None:
    """Trains an experiment, unless it is there already; what it prints is in its own folder."""
    import shutil

    from seqvision.cli.train import main as train
    from seqvision.sweeps import read_sweep

    if again and folder.exists():
        shutil.rmtree(folder)
    if (folder / "figure.png").is_file() and all(trial.done for trial in read_sweep(folder).trials):
        return
    overrides = [
        f"experiment=lecture/{name}",
        f"hydra.run.dir={folder}",
        *([f"sweep.seeds=[{seeds}]"] if seeds else []),
    ]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = train(overrides)
    if status:
        raise UserError(said.getvalue().strip().splitlines()[-1])
    sys.stdout.flush()
