"""Tables and a figure from the records that `make benchmark` leaves in results/benchmarks.

python results/benchmarks.py       writes docs/recurrence.png and the tables of docs/performance.md
"""

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from tables import write_between_marks

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
SHAPES = [(64, 64, 256, 512), (32, 128, 128, 256), (256, 32, 64, 128), (16, 8, 128, 256), (784, 64, 1, 128)]
GATED_SHAPES = [(400, 4, 64, 64), (75, 8, 256, 256), (30, 64, 128, 128), (784, 64, 1, 128), (20, 128, 512, 512)]
KINDS = {  # as they stand in the figure: the name in the record, its colour
    "layer-normalised Elman": ("layernorm", "#1f6fb4"),
    "Elman": ("elman", "#7fb2dc"),
    "torch.nn.RNN (plain)": ("nn.RNN", "#b8b8b8"),
    "the reference loop": ("reference", "#8c8c8c"),
    "torch.nn.LSTM": ("nn.LSTM", "#d9d9d9"),
}


def rows(pattern: str) -> list[dict[str, Any]]:
    """All rows of the records whose names fit."""
    files = sorted((HERE / "benchmarks").glob(f"{pattern}.json"))
    return [row for file in files for row in json.loads(file.read_text())["rows"]]


def recurrence(work: str) -> dict[tuple[int, ...], dict[str, Any]]:
    """The rows of one kind of work by their shape."""
    return {tuple(row["shape"]): row for row in rows(f"recurrence_{work}_*")}


def ratio(value: dict[str, float]) -> str:
    """A median with its quartiles."""
    return f"{value['median']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def recurrence_table() -> str:
    """Every shape, training and inference: over torch's plain network, and over the matrix products alone."""
    lines = [
        "| T, B, D, H | over `torch.nn.RNN`, training | over the products, training | over `torch.nn.RNN`, inference "
        "| over the products, inference |",
        "|---|---|---|---|---|",
    ]
    training, inference = recurrence("training"), recurrence("inference")
    for shape in SHAPES:
        cells = [
            ratio(found[shape][key]) for found in (training, inference) for key in ("over nn.RNN", "over products")
        ]
        lines.append(f"| {', '.join(map(str, shape))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def gated_table() -> str:
    """GRU and LSTM over torch's, the layer-normalised LSTM over torch's plain one: a line for each measured."""
    lines = [
        "| T, B, D, H | work | GRU over `torch.nn.GRU` | LSTM over `torch.nn.LSTM` "
        "| layer-normalised LSTM over `torch.nn.LSTM` |",
        "|---|---|---|---|---|",
    ]
    found = {(tuple(row["shape"]), row["work"], row["lengths"]): row["over torch"] for row in rows("gated_*")}
    for shape in GATED_SHAPES:
        for work in ("training", "inference"):
            for lengths in ("padded", "ragged"):
                if (over := found.get((shape, work, lengths))) is None:
                    continue
                cells = [ratio(over[name]) for name in ("gru", "lstm", "layernorm_lstm")]
                lines.append(f"| {', '.join(map(str, shape))} | {work}, {lengths} | {' | '.join(cells)} |")
    return "\n".join(lines)


def further_table() -> str:
    """What else is measured, a line each."""
    lines = ["| measured | result |", "|---|---|"]
    for row in rows("recurrence_ragged_*"):
        shape = ", ".join(map(str, row["shape"]))
        lines.append(
            f"| lengths uniform from T/8 to T ({shape}), over the padded batch | {ratio(row['ratio'])}, with "
            f"{row['filled']:.2f} of its steps |"
        )
    lines += [
        f"| twice the steps (512 over 256) | {ratio(row['ratio'])} |" for row in rows("recurrence_twice_the_steps")
    ]
    for row in rows("recurrence_memory_*"):
        shape, peak = ", ".join(map(str, row["shape"])), row["MiB"]
        lines.append(
            f"| peak memory of a training step ({shape}) | {peak['layernorm']:.0f} MiB, `torch.nn.RNN` "
            f"{peak['nn.RNN']:.0f} MiB |"
        )
    lines += [
        f"| recurrence with attention, training, over the loop | {ratio(row['ratio'])} |" for row in rows("attention")
    ]
    lines += [
        f"| 50,000 words, loss in pieces over all scores at once | time {ratio(row['time'])}, peak memory "
        f"{row['MiB']['in pieces']:.0f} instead of {row['MiB']['at once']:.0f} MiB |"
        for row in rows("large_vocabulary")
    ]
    lines += [f"| {row['what']} | {row['result']} |" for row in rows("training_from_*")]
    lines += [f"| `{row['command']}` | {row['seconds']:.2f} s |" for row in rows("start_up")]
    return "\n".join(lines)


def draw(target: Path) -> None:
    """Time over the limit, by shape: a group of bars each."""
    found = recurrence("training")
    figure, axes = plt.subplots(figsize=(8.2, 4.2), layout="constrained")
    width = 0.8 / len(KINDS)
    for index, (label, (kind, colour)) in enumerate(KINDS.items()):
        heights = [found[s]["milliseconds"][kind] / found[s]["milliseconds"]["products"] for s in SHAPES]
        places = [group + (index - (len(KINDS) - 1) / 2) * width for group in range(len(SHAPES))]
        bars = axes.bar(places, heights, width * 0.92, label=label, color=colour)
        axes.bar_label(bars, fmt="%.1f", fontsize=6.5, padding=1)
    axes.axhline(1, color="black", linewidth=0.8, zorder=0)
    beside = axes.get_yaxis_transform()
    axes.text(1.01, 1, "the matrix\nproducts alone", fontsize=7, ha="left", va="center", transform=beside)
    axes.set_xticks(range(len(SHAPES)), ["T {}, B {}\nD {}, H {}".format(*shape) for shape in SHAPES], fontsize=8)
    axes.set_ylabel("forward and backward, over the products")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.14))
    figure.savefig(target, dpi=150)
    plt.close(figure)


def main() -> None:
    """Writes the figure, and the tables between their marks."""
    draw(DOCS / "recurrence.png")
    page = DOCS / "performance.md"
    tables = {"recurrence": recurrence_table(), "gated": gated_table(), "further": further_table()}
    write_between_marks(page, tables)
    print(f"{page}, {DOCS / 'recurrence.png'}")


if __name__ == "__main__":
    main()
