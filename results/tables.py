"""Writes the README's tables from the records in results/, and adds records.

python results/tables.py add RUN …     copies the records of runs (run.json, evaluation_*.json)
python results/tables.py add FILE …    the same of models together: what `evaluate --format json --output FILE` wrote
python results/tables.py               writes the tables between the README's marks
python results/tables.py show          prints them

Runs that differ in the seed alone make a mean with its deviation; those that differ in what was held out make a mean
over all data, seed by seed.
"""

import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records import add, load

README = Path(__file__).resolve().parent.parent / "README.md"
CONTROLS = {
    "nearest_neighbour": "nearest training picture",
    "most_frequent": "commonest caption",
    "shuffled": "shuffled pictures",
}
OTHER_CONTROLS = {
    "without_recurrence": "without recurrence",
    "moving_average": "moving average of the scores",
    "score_path": "likeliest path through the scores",
    "argmax": "argmax of the scores",
    "window": "window of frames",
    "majority": "commonest class",
    "nearest_neighbour": "nearest training sentence's",
    "copied": "the sentence itself",
    "random_looks": "the same network, looking anywhere",
    "one_look": "after one look",
}


def spread(values: list[float], digits: int = 3) -> str:
    """Mean and, of several, the standard deviation: `3.81 ± 0.04`."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def digits_of(score: str) -> int:
    """Behind the point, of a caption's score: all but two are in percent."""
    return 3 if score in ("cider_d", "facts_ratio") else 1


def table(
    records: dict[str, list[dict[str, Any]]], title: str, experiments: list[str], columns: dict[str, tuple[str, str]]
) -> str:
    """A table with a row an experiment and a row a control; columns are title -> (split, metric)."""
    lines = [f"| {title} | {' | '.join(columns)} | training |", "|---" * (len(columns) + 2) + "|"]
    present = [name for name in experiments if name in records]
    for name in present:
        runs = records[name]
        cells = [
            spread([run["evaluations"][s]["scores"][m] for run in runs], digits_of(m)) for s, m in columns.values()
        ]
        minutes = statistics.mean(run["run"]["seconds"]["training"] for run in runs) / 60
        lines.append(f"| `{name}` ({how_many(runs)}) | {' | '.join(cells)} | {minutes:.1f} min |")
    if present:
        first = records[present[0]][0]["evaluations"]
        for key, name in CONTROLS.items():
            values = {title: first[s]["controls"].get(key, {}).get(m) for title, (s, m) in columns.items()}
            if any(value is not None for value in values.values()):
                cells = [
                    "–" if value is None else f"{value:.{digits_of(columns[title][1])}f}"
                    for title, value in values.items()
                ]
                lines.append(f"| control: {name} | {' | '.join(cells)} | |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Column:
    """A column of percentages: a score of the split `test`, or of another; or by how much it is above the best
    control's, or above another network's (`than`); or what a run's record says (`of_run`, in units of that).
    """

    title: str
    score: str
    above: bool = False
    than: Sequence[str] = tuple(OTHER_CONTROLS)
    split: str = "test"
    of_run: float = 0.0
    digits: int = 1

    def cell(self, runs: Sequence[dict[str, Any]]) -> str:
        """Mean over what was held out, then mean and deviation over the seeds."""
        if self.of_run:
            return spread([run["run"][self.score] / self.of_run for run in runs], digits=self.digits)
        if self.above:
            found = [difference(run, self.score, self.than) for run in runs]
            known = [each for each in found if each is not None]
            if not known:
                return "–"
            value, lower, upper = (statistics.mean(part) for part in zip(*known, strict=True))
            return f"{value:+.1f} ({lower:+.1f} to {upper:+.1f})"
        values = over_folds(runs, lambda test: test["scores"].get(self.score), split=self.split)
        return spread(values, digits=self.digits) if values else "–"

    def control(self, runs: Sequence[dict[str, Any]], name: str) -> str:
        """The same of a control; empty where there is none."""
        if self.above or self.of_run or self.split != "test":
            return ""
        values = over_folds(runs, lambda test: test["controls"].get(name, {}).get(self.score))
        return f"{statistics.mean(values):.{self.digits}f}" if values else ""


def over_folds(runs: Sequence[dict[str, Any]], value_of: Any, *, split: str = "test") -> list[float]:
    """For each seed the mean of a value over what was held out."""
    by_seed = defaultdict(list)
    for run in runs:
        found = run["evaluations"].get(split)
        value = None if found is None else value_of(found)
        if value is not None:
            by_seed[run["run"]["seed"]].append(value)
    return [statistics.mean(values) for values in by_seed.values()]


def difference(run: dict[str, Any], score: str, than: Sequence[str]) -> tuple[float, float, float] | None:
    """By how much a run is above the one of these that it is compared with, and the ends of the interval."""
    for name, scores in run["evaluations"]["test"].get("differences", {}).items():
        if name in than and score in scores and scores[score]["interval"]:
            return scores[score]["difference"], *scores[score]["interval"]
    return None


def sequence_table(
    records: dict[str, list[dict[str, Any]]], title: str, experiments: Sequence[str], columns: Sequence[Column]
) -> str:
    """A table with a row an experiment and each change of it, the controls on the same data below; '' without any."""
    lines = [f"| {title} | {' | '.join(column.title for column in columns)} | training |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    for experiment in experiments:
        present = [name for name in records if name == experiment or name.startswith(f"{experiment} ")]
        for name in present:
            runs = records[name]
            minutes = statistics.mean(run["run"]["seconds"]["training"] for run in runs) / 60
            cells = [column.cell(runs) for column in columns]
            lines.append(f"| `{name}` ({how_many(runs)}) | {' | '.join(cells)} | {minutes:.1f} min |")
        if present:
            for key, control in OTHER_CONTROLS.items():
                scored = [records[name] for name in present if _has_control(records[name], key)]
                cells = [column.control(max(scored, key=len), key) for column in columns] if scored else []
                if any(cells):
                    lines.append(f"| {experiment}, control: {control} | {' | '.join(cells)} | |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _has_control(runs: Sequence[dict[str, Any]], name: str) -> bool:
    return all(name in run["evaluations"].get("test", {}).get("controls", {}) for run in runs)


def how_many(runs: Sequence[dict[str, Any]]) -> str:
    """`3 seeds`, `mean of 4 splits`, …; of a single ensemble that it is one."""
    if len(runs) == 1 and len(runs[0]["run"].get("members", ())) > 1:
        return "1 ensemble"
    seeds = len({run["run"]["seed"] for run in runs})
    folds = len({run.get("held_out", "") for run in runs})
    said = [f"mean of {folds} splits"] if folds > 1 else []
    if seeds > 1 or not said:
        said.append(f"{seeds} seed{'s' if seeds > 1 else ''}")
    return ", ".join(said)


CLASSES = (
    Column("accuracy", "accuracy"),
    Column("macro F1", "macro_f1"),
    Column("calibration error", "calibration_error"),
    Column("accuracy above the best control (95 %)", "accuracy", above=True),
)
LABELS = (
    Column("accuracy", "accuracy"),
    Column("edit", "edit"),
    *(Column(f"F1@{overlap}", f"f1@{overlap}") for overlap in (10, 25, 50)),
    Column("macro F1", "macro_f1"),
)
READERS = (
    Column("right", "accuracy"),
    Column("right, mean of 8 drawn paths", "sampled"),
    Column("symbols right", "symbols"),
    Column("looks", "looks"),
)
PAINTERS = (
    Column("nats a picture, at most", "nats"),
    Column("reconstruction", "reconstruction"),
    Column("KL", "kl"),
    Column("−log p, importance-weighted", "importance_weighted"),
)
REGULARISED = (
    Column("accuracy", "accuracy"),
    Column("on training pictures", "accuracy", split="train"),
    Column("cross-entropy", "cross_entropy", digits=3),
    Column("calibration error", "calibration_error"),
    Column("accuracy above the mean member (95 %)", "accuracy", above=True, than=("mean_member",)),
)
ENCODERS = (
    Column("accuracy", "accuracy"),
    Column("million weights", "parameters", of_run=1e6),
    Column("steps", "steps", of_run=1, digits=0),
)
SEQUENCE_TABLES = {  # mark: what it says at its head, experiments, columns
    "rows": ("pictures read row by row, or pixel by pixel", ("fashion_rows", "mnist_rows", "mnist_pixels"), CLASSES),
    "fashion_cnn": ("pictures seen whole, 10,800 to learn from, test", ("fashion_cnn",), REGULARISED),
    "encoders": ("every encoder after a minute of one core, test", ("fashion_encoders",), ENCODERS),
    "sentences": ("sentences, test", ("sst2", "trec", "subj"), CLASSES),
    "lips": ("words from the lips, frame by frame, test", ("lips",), LABELS),
    "kitchen": ("actions in a kitchen", ("salads", "gtea"), LABELS),
    "gestures": ("phases of gestures, one recording held out at a time", ("gestures",), LABELS),
    "readers": (
        "pictures read by looks, test",
        (
            "ram_digits",
            "ram_mnist",
            "ram_translated",
            "cnn_translated",
            "ram_cluttered",
            "cnn_cluttered",
            "dram_pairs",
            "dram_sums",
            "dram_strings",
        ),
        READERS,
    ),
    "painters": ("pictures painted, test", ("draw_digits", "draw_mnist"), PAINTERS),
    "translation": (
        "translations, test",
        ("multi30k_attention", "multi30k_plain", "emoji_names"),
        (
            Column("BLEU", "bleu"),
            Column("BLEU, cased", "bleu_cased"),
            Column("chrF", "chrf"),
            Column("exact", "exact_match"),
        ),
    ),
}


def tables() -> dict[str, str]:
    """The README's tables by the name of their mark; those of sequences where there are records of them."""
    records = load()
    of_sequences = {
        mark: sequence_table(records, title, experiments, columns)
        for mark, (title, experiments, columns) in SEQUENCE_TABLES.items()
    }
    return caption_tables(records) | {mark: text for mark, text in of_sequences.items() if text}


def caption_tables(records: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """The tables of captioners."""
    return {
        "emoji": table(
            records,
            "emoji drawings to names, test",
            [
                "emoji_layernorm_elman",
                "emoji_layernorm_elman callbacks=ema",
                "emoji_layernorm_elman (3 together)",
                *(f"emoji_{cell}" for cell in ("elman", "lstm", "gru")),
            ],
            {
                "CIDEr-D": ("test", "cider_d"),
                "BLEU-4": ("test", "bleu_4"),
                "exact": ("test", "exact_match"),
                "CIDEr-D, val": ("val", "cider_d"),
            },
        ),
        "scenes": table(
            records,
            "drawn scenes",
            ["caption_scenes", "glimpse_scenes", "demo"],
            {
                "true": ("test", "true"),
                "facts over references'": ("test", "facts_ratio"),
                "true, new combinations": ("combinations", "true"),
                "CIDEr-D": ("test", "cider_d"),
            },
        ),
    }


def main(arguments: list[str]) -> None:
    """Adds records, or writes the tables into the README."""
    if arguments[:1] == ["add"]:
        for run in arguments[1:]:
            print(add(Path(run)))
        return
    if arguments == ["show"]:
        print("\n\n".join(f"{mark}:\n{text}" for mark, text in tables().items()))
        return
    write_between_marks(README, tables())


def write_between_marks(page: Path, contents: dict[str, str]) -> None:
    """Puts each content between its marks in the page, in place of what stands there."""
    text = page.read_text()
    for name, content in contents.items():
        begin, end = f"<!-- table:{name} -->", "<!-- end -->"
        before, mark, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not mark or not closed:
            sys.exit(f"{page.name}: no marks {begin} … {end}")
        text = f"{before}{begin}\n{content}\n{end}{after}"
    page.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
