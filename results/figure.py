"""Draws docs/captions.png: the first pictures of two held-out splits with a model's captions, green where true.

python results/figure.py runs/demo data/scenes
"""

import sys
from pathlib import Path

from seqvision.data import read_image
from seqvision.data.scenes import check_caption, read_scenes
from seqvision.figures import sheet_picture
from seqvision.inference import caption_pictures, load_captioner

TARGET = Path(__file__).resolve().parent.parent / "docs" / "captions.png"


def main(run: str, folder: str) -> None:
    """Writes the figure; the pictures are the first of each split, not chosen."""
    scenes = read_scenes(folder)
    names = [f"{split}/{index:05}.png" for split in ("test", "combinations") for index in range(6)]
    paths = [Path(folder) / name for name in names]
    captioner = load_captioner(run)
    captions = [result.text for result in caption_pictures([captioner], paths)]
    right = [check_caption(caption, scenes[name]).true for caption, name in zip(captions, names, strict=True)]
    TARGET.parent.mkdir(exist_ok=True)
    sheet_picture([read_image(path) for path in paths], captions, columns=6, right=right).save(TARGET, optimize=True)
    print(f"{TARGET}: {sum(right)} of {len(right)} true")


if __name__ == "__main__":
    main(*sys.argv[1:])
