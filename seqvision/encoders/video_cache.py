"""A frozen encoder's features of every frame of a video, computed once and kept on disk."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seqvision.encoders.base import Encoder
from seqvision.encoders.cache import FeatureCache, _bar, _evaluating, _hash, fingerprint
from seqvision.encoders.fused_features import JoinedFeatures
from seqvision.encoders.fusion import Fusion
from seqvision.errors import UserError
from seqvision.files import replacing

ReadChunks = Callable[[Path], Iterable[Tensor]]


class VideoFeatures(Mapping[str, Tensor]):
    """The features of videos by name, (time, *features) as float32, mapped from disk: only what is looked at is read.

    Workers of a data loader get the places of the files, not the numbers.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = dict(files)

    def __getitem__(self, name: str) -> Float[Tensor, " time *features"]:
        # copy on write: torch wants arrays that can be written to; the file stays as it is
        return torch.from_numpy(np.load(self.files[name], mmap_mode="c")).float()

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


class VideoFeatureCache(FeatureCache):
    """Features of videos by the bytes of each file, the encoder with its weights, and what the reader does.

    A .npy file a video, `NAME-DIGEST.npy`, which appears when it is whole; what a killed process had finished is kept.
    Several processes may use one folder: one computes a video, the others wait for it. Arguments as of `FeatureCache`.
    """

    def features(
        self,
        encoder: Encoder,
        read_chunks: ReadChunks,
        videos: Mapping[str, str | Path],
        *,
        length: Callable[[Path], int],
        reader_key: str,
        progress: bool = True,
        device: str | torch.device | None = None,
    ) -> Mapping[str, Tensor]:
        """The features of the videos, under their names; those not yet in the cache are computed.

        read_chunks  gives a video's frames as uint8 (time, C, H, W), a few at a time
        length       how many these are
        reader_key   says what `read_chunks` does, such as the reader's settings as JSON: it must change when they do
        """
        if not encoder.frozen:
            raise UserError(
                f"feature cache: {encoder} is being trained, so its features change; set trainable='none' "
                "or do without the cache"
            )
        if device is not None:
            encoder.to(device)
        if isinstance(encoder, Fusion):  # each by itself, so that it is found again elsewhere
            kept = [
                self.features(part, read_chunks, videos, length=length, reader_key=reader_key, progress=progress)
                for part in encoder.parts()
            ]
            return JoinedFeatures(kept, encoder.join)
        paths = {name: Path(path) for name, path in videos.items()}
        with self._friendly_disk(), ThreadPoolExecutor(1) as pool:
            self.folder.mkdir(parents=True, exist_ok=True)
            hashes = self._hashes(list(paths.values()), pool, _digest)
            key = json.dumps([fingerprint(encoder), reader_key, self.dtype])
            files = {
                name: self.folder / f"{_safe(path.stem)}-{_hash(f'{key} {content}'.encode())[:16]}.npy"
                for (name, path), content in zip(paths.items(), hashes, strict=True)
            }
            todo = {files[name]: path for name, path in paths.items() if not files[name].exists()}
            lengths = {file: length(path) for file, path in todo.items()}
            with _bar("features of videos", sum(lengths.values()), show=progress) as advance, _evaluating(encoder):
                for file, path in todo.items():
                    with self._locked(file):
                        if not file.exists():  # nor has another process made it meanwhile
                            self._write(file, lengths[file], _encoded(encoder, read_chunks(path), advance), path)
        return VideoFeatures(files)

    def _write(self, file: Path, frames: int, chunks: Iterable[np.ndarray], video: Path) -> None:
        """The chunks one after the other as one array; nothing is left behind where something goes wrong."""
        with replacing(file) as draft, open(draft, "wb") as opened:
            written = 0
            for chunk in chunks:
                if not written:
                    head = {"descr": np.lib.format.dtype_to_descr(np.dtype(self.dtype)), "fortran_order": False}
                    np.lib.format.write_array_header_1_0(opened, {**head, "shape": (frames, *chunk.shape[1:])})
                opened.write(np.ascontiguousarray(chunk, dtype=self.dtype).tobytes())
                written += len(chunk)
            if written != frames:
                raise UserError(f"{video}: {written} frames came, expected {frames}. Was the file changed? Run again.")


def _encoded(encoder: Encoder, chunks: Iterable[Tensor], advance: Callable[[int], None]) -> Iterator[np.ndarray]:
    for frames in chunks:
        yield encoder(frames.to(encoder.mean.device)).float().cpu().numpy()
        advance(len(frames))


def _digest(path: Path) -> bytes:
    """What a file's bytes come to, without holding them all at once."""
    digest = hashlib.blake2b()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def _safe(name: str) -> str:
    """A video's name as a file's."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:80]
