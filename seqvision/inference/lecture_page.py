"""One page of many sweeps: of each its figure, what there is to see, the command, and how long it took."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from seqvision.figures import Page, Writable, data_uri
from seqvision.sweeps import read_sweep
from seqvision.wording import counted

DRAWN_AT = 150 / 96  # dots of a figure for each of the page's, so that letters are as large in all of them


def write_lecture(
    file: Writable, chapters: Mapping[str, Sequence[str]], *, root: Path, missed: Mapping[str, str]
) -> None:
    """Writes the page. chapters: by title, the names of folders in root that hold a sweep; missed: why an experiment is
    not among them.
    """
    sweeps = {name: read_sweep(root / name) for names in chapters.values() for name in names}
    seconds = sum(sweep.seconds for sweep in sweeps.values())
    lead = f"{counted(len(sweeps), 'experiment')}, {seconds / 60:.0f} minutes of training"
    with Page(file, "The lecture's claims, tried out", lead) as page:
        for title, names in chapters.items():
            links = [f'<a href="#{name}">{escape(sweeps[name].title or name)}</a>' for name in names]
            page.add(f"<p><b>{escape(title)}</b>: {' · '.join(links)}</p>")
        for name, reason in missed.items():
            page.add(f'<p class="warning">{escape(name)} is not here: {escape(reason)}</p>')
        for title, names in chapters.items():
            page.heading(title)
            for name in names:
                sweep = sweeps[name]
                page.add(f'<h3 id="{name}">{escape(sweep.title or name)}</h3>')
                with Image.open(root / name / "figure.png") as picture:
                    size = f"width:{round(picture.width / DRAWN_AT)}px; max-width:100%"
                    image = f'<img src="{data_uri(picture)}" style="{size}" alt="{escape(name)}">'
                page.add(f'<div class="figure paper" style="background:#fff">{image}</div>')
                page.add(f"<p>{escape(sweep.see or '')}</p>")
                states = [trial.state for trial in sweep.trials]
                page.add(
                    f'<p class="note"><code>seqvision train experiment=lecture/{escape(name)}</code> · '
                    f"{counted(len(states), 'training')} in {sweep.seconds:.0f} s · "
                    f'<a href="{escape(name)}/report.html">all numbers</a></p>'
                )
