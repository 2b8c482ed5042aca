"""The page of a painter: new pictures, pictures painted again, how a canvas grows, what each step tells."""

from collections.abc import Sequence
from html import escape

from PIL import Image

from seqvision.data.labelled.reader import picture_of
from seqvision.data.sequences.records import SequenceRecord
from seqvision.figures import Page, curves_figure, data_uri, figure_svg
from seqvision.figures.canvases import growth_grid, picture_grid
from seqvision.inference.painting import LoadedPainter, reconstruct, sample
from seqvision.inference.painting_evaluation import Bounds
from seqvision.inference.report import Words
from seqvision.models import Draw
from seqvision.wording import counted

SAMPLES = 64


class PaintingReport:
    """The parts of the page that only painters have."""

    words = Words(
        unit="pictures",
        scores={
            "nats": ("nats", "minus the variational bound on log p(picture): less is better"),
            "reconstruction": ("reconstruction", "minus the log-likelihood of the picture, given what was understood"),
            "kl": ("KL", "what the latent numbers say of the picture, over all steps"),
            "importance_weighted": ("importance-weighted", "an estimate nearer to minus log p(picture)"),
        },
        controls={"mean_picture": "mean picture"},
        tiles=("nats", "reconstruction", "kl", "importance_weighted"),
        alone=("nats",),
        about="In nats on the whole picture; less is better. Mean picture: each pixel by itself, with the mean that it "
        "has in training.",
    )

    def __init__(
        self,
        loaded: LoadedPainter,
        bounds: Bounds,
        records: Sequence[SequenceRecord],
        *,
        split: str,
        examples: int = 8,
    ):
        self.loaded, self.bounds, self.records, self.split = loaded, bounds, records, split
        self.examples = min(examples, len(records))

    @property
    def network(self) -> str:
        """What it is, in a line."""
        model = self.loaded.model
        kind = type(model).__name__
        if not isinstance(model, Draw):
            return f"{kind}, {model.latent_size} latent numbers"
        cell = type(next(iter(model.decoder.cells))).__name__
        ways = f"{type(model.read).__name__}, {type(model.write).__name__}"
        return f"{kind} of {cell}, {counted(model.steps, 'step')}, {ways}"

    @property
    def facts(self) -> dict[str, str]:
        """What the configuration does not say."""
        return {"classes": ", ".join(self.loaded.symbols.names)} if self.loaded.model.classes else {}

    def write(self, page: Page) -> None:
        """Samples, reconstructions as they grow, the KL by step."""
        new = sample(self.loaded, SAMPLES)
        page.heading("New pictures", "Drawn from the prior, seed 0: the mean of each pixel.")
        columns = len(self.loaded.symbols.names) if self.loaded.model.classes else 16
        self._show(page, picture_grid(new.pictures, columns=columns))
        page.heading("How they are painted", "The canvas after each step; the frame is where that step wrote.")
        boxes = None if new.boxes is None else new.boxes[: self.examples]
        self._show(page, growth_grid(new.growth[: self.examples], boxes))
        order = self.bounds.nats.argsort(kind="stable").tolist()
        best, worst = order[: self.examples], order[::-1][: self.examples]
        for title, chosen in (("Best known", best), ("Least known", worst)):
            page.heading(f"{title}, {self.split}", "The picture as it was shown, then the canvas after each step.")
            some = [self.records[place] for place in chosen]
            images = self.loaded.pixels([picture_of(record) for record in some])
            names = [str(record.label) for record in some] if self.loaded.model.classes else None
            shown, again = reconstruct(self.loaded, images, [record.id for record in some], names=names)
            self._show(page, growth_grid(again.growth, again.boxes, first=shown))
            said = ", ".join(f"{escape(self.records[place].id)} {self.bounds.nats[place]:.1f}" for place in chosen)
            page.add(f'<p class="note">nats: {said}</p>')
        if self.loaded.model.steps > 1:
            page.heading(
                "What each step tells",
                f"In nats, mean over {self.split}. Left: what each step says of the picture. Right: what the canvas "
                "after it leaves to say, what was said so far, and both together, the bound had it ended there.",
            )
            each, left = self.bounds.kl.mean(axis=0), self.bounds.left.mean(axis=0)
            so_far = {"left to say": left, "KL so far": each.cumsum(), "together": left + each.cumsum()}
            panels = {"KL of each step": {"": each}, "after so many steps": so_far}
            points = {
                title: {
                    name: [(float(step), float(value)) for step, value in enumerate(values, start=1)]
                    for name, values in lines.items()
                }
                for title, lines in panels.items()
            }
            drawn = figure_svg(curves_figure(points))
            page.add(f'<div class="figure" style="max-width:52rem">{drawn}</div>')

    def _show(self, page: Page, picture: Image.Image) -> None:
        page.add(f'<p><img src="{data_uri(picture)}" alt="" style="max-width:100%"></p>')
