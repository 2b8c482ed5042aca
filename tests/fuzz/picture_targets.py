"""Readers of pictures and of videos."""

import gzip
import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from target import PICTURES, Files, Target, picture


def images() -> Files:
    return {f"a.{kind}": picture(kind=kind.upper()) for kind in ("png", "jpeg", "gif", "bmp", "webp", "tiff")}


def read_images(folder: Path) -> object:
    from seqvision.data import list_pictures, read_image
    from seqvision.errors import UserError

    for file in list_pictures(folder):
        try:
            read_image(file)
        except UserError:
            continue


def labelled() -> Files:
    return PICTURES | {"labels.csv": b"path,label,split\na.png,12,train\nb.png,21,train\nc.png,1,train\nd.png,2,val\n"}


def read_labelled(folder: Path) -> object:
    from seqvision.data import WholePictureReader, read_labelled_pictures
    from seqvision.data.labelled.reader import picture_of

    found = read_labelled_pictures(folder, strings=True)
    reader = WholePictureReader(longest=32).fitted(picture_of(record) for record in found.records)
    return [reader(picture_of(record)).shape for record in found.records]


def idx() -> Files:
    def pack(array: np.ndarray) -> bytes:
        return bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()

    pixels, classes = np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4), np.arange(12, dtype=np.uint8) % 3
    return {
        **{"train-images-idx3-ubyte": pack(pixels), "train-labels-idx1-ubyte": pack(classes)},
        **{"t10k-images-idx3-ubyte": pack(pixels), "t10k-labels-idx1-ubyte": pack(classes)},
    }


def read_idx_folder(folder: Path) -> object:
    from seqvision.data import read_idx

    return [np.asarray(record.source).shape for record in read_idx(folder).records]


def svhn() -> Files:
    from scipy.io import savemat

    files = {}
    for name in ("train", "test"):
        out = io.BytesIO()
        savemat(
            out,
            {
                "X": np.arange(32 * 32 * 3 * 12, dtype=np.uint8).reshape(32, 32, 3, 12) % 250,
                "y": np.arange(12)[:, None] % 3 + 1,
            },
        )
        files[f"{name}_32x32.mat"] = out.getvalue()
    return files


def read_svhn_folder(folder: Path) -> object:
    from seqvision.data import read_svhn

    return len(read_svhn(folder).records)


def stills() -> Files:
    files = {}
    for name in ("a", "b"):
        out = io.BytesIO()
        np.savez_compressed(
            out, frames=np.arange(6 * 8 * 8 * 3, dtype=np.uint8).reshape(6, 8, 8, 3), rate=np.float64(10)
        )
        files[f"{name}.npz"] = out.getvalue()
    return files | {
        "segments.csv": b"file,start,end,label,split\na.npz,0,0.3,x,train\na.npz,0.3,0.6,y,train\nb.npz,0,0.6,x,val\n"
    }


@cache
def films() -> Files:
    from films import write_film

    with tempfile.TemporaryDirectory() as folder:
        made = {"a.mp4": "libx264", "b.avi": "mpeg4", "c.mkv": "libx264", "d.mpg": "mpeg2video"}
        files = {name: write_film(Path(folder) / name, 6, codec=codec).read_bytes() for name, codec in made.items()}
    rows = "".join(f"{name},0,0.1,x,train\n{name},0.1,0.24,y,train\n" for name in files)
    return files | {"segments.csv": f"file,start,end,label,split\n{rows}".encode()}


def read_video_folder(folder: Path) -> object:
    from seqvision.data import VideoReader, read_videos

    reader = VideoReader(width=8, height=8)
    found = read_videos(folder, reader=reader)
    return [(reader.length(record.source), reader.read(record.source).shape) for record in found.records]


def check_videos(folder: Path) -> object:
    from seqvision.data import SequenceData, VideoReader, check_sequences, read_videos

    data = SequenceData(read_videos, VideoReader(width=8, height=8), path=folder)
    return check_sequences(data, "here", layout="videos").to_text()


@cache
def house_numbers() -> Files:
    """SVHN's pictures with the boxes of their digits, as MATLAB keeps them."""
    import h5py

    files = {}
    for split in ("train", "test"):
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            names, boxes = [], []
            for number in range(6):
                named = file.create_dataset(f"#refs#/n{number}", data=[[ord(c)] for c in f"{number}.png"], dtype="u2")
                box = file.create_group(f"#refs#/b{number}")
                values = {"label": number % 3 + 1, "left": 1, "top": 1, "width": 4, "height": 4}
                for key, value in values.items():
                    box.create_dataset(key, data=[[float(value)]])
                names.append([named.ref])
                boxes.append([box.ref])
            file.create_dataset("digitStruct/name", data=names, dtype=h5py.ref_dtype)
            file.create_dataset("digitStruct/bbox", data=boxes, dtype=h5py.ref_dtype)
        files[f"{split}/digitStruct.mat"] = out.getvalue()
        files |= {f"{split}/{number}.png": picture(number) for number in range(6)}
    return files


def read_house_numbers(folder: Path) -> object:
    from seqvision.data import read_svhn_strings

    return len(read_svhn_strings(folder).records)


TARGETS = {
    "svhn_strings": Target(house_numbers, read_house_numbers),
    "images": Target(images, read_images),
    "labelled_pictures": Target(labelled, read_labelled),
    "idx": Target(idx, read_idx_folder),
    "idx_gz": Target(lambda: {f"{name}.gz": gzip.compress(data) for name, data in idx().items()}, read_idx_folder),
    "svhn": Target(svhn, read_svhn_folder),
    "videos_npz": Target(stills, read_video_folder),
    "videos": Target(films, read_video_folder),
    "data_check_videos": Target(films, check_videos),
}
