"""`seqvision report` of sweeps."""

from collections.abc import Sequence
from pathlib import Path

from seqvision.cli.output import open_output
from seqvision.cli.sweep import write_page
from seqvision.errors import UserError
from seqvision.sweeps import read_sweep


def report_sweeps(folders: Sequence[Path], output: str | None) -> Path:
    """The file with the page of one sweep, or with the comparison of several searches of the same score."""
    from seqvision.inference.sweep_report import write_comparison

    sweeps = {folder.name: read_sweep(folder) for folder in folders}
    if len(folders) == 1:
        return write_page(next(iter(sweeps.values())), folders[0], Path(output) if output else None)
    if len(sweeps) < len(folders):
        sweeps = {str(folder): read_sweep(folder) for folder in folders}
    for name, sweep in sweeps.items():
        if not sweep.space:
            raise UserError(f"{name}: a sweep of {sweep.kind}; searches (random, grid, …) can be compared")
    monitors = {sweep.monitor for sweep in sweeps.values()}
    if len(monitors) > 1:
        raise UserError(f"{', '.join(sweeps)}: chosen by {' and by '.join(sorted(monitors))}; expected the same score")
    target = Path(output) if output else folders[0] / "comparison.html"
    with open_output(target) as file:
        write_comparison(file, sweeps)
    return target
