"""What was read, to look at: the path on the picture, and an animation of what was seen at each look."""

import torch
from PIL import Image
from torch import Tensor

from seqvision.figures.looks import as_picture, boxes_of, looks_frames, path_picture
from seqvision.inference.reading import LoadedReader, Read


def overlay(loaded: LoadedReader, pixels: Tensor, found: Read) -> Image.Image:
    """The picture with the path of looks."""
    picture = as_picture(pixels)
    return path_picture(picture, boxes_of(loaded.model.sensor, found.places, picture.size))


@torch.inference_mode()
def film(loaded: LoadedReader, pixels: Tensor, found: Read) -> list[Image.Image]:
    """A frame a look, with what the network saw and what it then took the picture for."""
    sensor, number = loaded.model.sensor, len(found.places)
    scene = sensor.scene(pixels.unsqueeze(0).expand(number, -1, -1, -1).to(loaded.device))
    patches = sensor(scene, torch.from_numpy(found.places).to(loaded.device)).cpu().numpy()
    names = [*loaded.symbols.names, *(["(end)"] if loaded.symbols.several else [])]
    says = []
    for look, row in enumerate(found.beliefs):
        place = int(row.argmax())
        says.append(f"look {look + 1}: {names[place]}  {row[place]:.0%}")
    picture = as_picture(pixels)
    return looks_frames(picture, boxes_of(loaded.model.sensor, found.places, picture.size), patches, says)
