"""A frozen encoder's features, computed once and kept on disk."""

import errno
import hashlib
import json
import logging
import re
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from seqvision.devices import float32_digits
from seqvision.encoders.base import Encoder
from seqvision.encoders.feature_table import HASH_DIGITS, FeatureTable, TableWriter
from seqvision.encoders.fused_features import JoinedTable
from seqvision.encoders.fusion import Fusion
from seqvision.errors import UserError
from seqvision.files import write_bytes

log = logging.getLogger(__name__)

Picture = Path | np.ndarray
Load = Callable[[Any], Tensor]


class FeatureCache:
    """Features by the bytes of each picture, the encoder with its weights, and the preprocessing.

    A renamed or copied picture is found again; a changed picture, other weights or another transform are not, and are
    computed. Whatever a killed process had finished is kept. Several processes may use one folder: one computes a
    split, the others wait for it.

    Args:
        folder: made if missing; may be deleted at any time
        dtype: of the numbers on disk; "float16" takes half the space and costs about three decimals
    """

    def __init__(self, folder: str | Path, *, dtype: str = "float32") -> None:
        if dtype not in ("float32", "float16"):
            raise UserError(f"feature cache: dtype is {dtype!r}; expected 'float32' or 'float16'")
        self.folder, self.dtype = Path(folder), dtype

    def compute(
        self,
        encoder: Encoder,
        load: Load,
        paths: Sequence[str | Path | np.ndarray],
        *,
        split: str,
        transform_key: str,
        batch_size: int = 32,
        workers: int | None = None,
        progress: bool = True,
        device: str | torch.device | None = None,
    ) -> FeatureTable:
        """The features of the pictures in `paths`, in that order; those not yet in the cache are computed.

        `load` reads one picture and gives a uint8 tensor (C, H, W), all of one size; it is called from `workers`
        threads while the encoder works. `transform_key` says what `load` does, such as the transform's settings as
        JSON: it must change when they do. Where pictures are no files of their own but lie in archives
        (`ARCHIVE/NAME`), `load` also has a method `read_bytes` for them. Pictures in memory stand as arrays in `paths`,
        and are found again by their pixels. A fusion's encoders are kept each by itself:
        one that stands alone, or in another fusion, finds the same features.
        """
        if not encoder.frozen:
            raise UserError(
                f"feature cache: {encoder} is being trained, so its features change; set trainable='none' "
                "or do without the cache"
            )
        pictures = [path if isinstance(path, np.ndarray) else Path(path) for path in paths]
        if not pictures:
            raise UserError(f"feature cache: no pictures in split '{split}'; expected at least one path")
        if device is not None:
            encoder.to(device)
        if isinstance(encoder, Fusion):
            settings: Any = {"split": split, "transform_key": transform_key, "batch_size": batch_size}
            settings.update(workers=workers, progress=progress)
            tables = [self.compute(part, load, paths, **settings) for part in encoder.parts()]
            return JoinedTable(tables, encoder.join)
        workers = workers or min(8, (cpu_count() or 1) + 1)
        with self._friendly_disk(), ThreadPoolExecutor(workers) as pool:
            self.folder.mkdir(parents=True, exist_ok=True)
            hashes = self._hashes(pictures, pool, getattr(load, "read_bytes", Path.read_bytes))
            made_by = {"encoder": fingerprint(encoder), "transform": transform_key}
            digest = _hash(json.dumps([made_by, self.dtype]).encode())[:16]
            path = self.folder / f"{re.sub('[^A-Za-z0-9_-]', '_', split)}-{digest}.json"
            with self._locked(path), _evaluating(encoder):
                shape = tuple(encoder(_read(load, pictures[0])[None].to(encoder.mean.device)).shape[1:])
                writer = TableWriter(path, made_by, shape, self.dtype)
                try:
                    todo = {name: file for name, file in zip(hashes, pictures, strict=True) if name not in writer.rows}
                    self._check_space(len(todo) * writer.row_bytes)
                    for names, features in _features(encoder, load, todo, pool, workers, batch_size, progress, split):
                        writer.append(names, features.numpy())
                    return writer.table(hashes)
                finally:
                    writer.close()

    def _hashes(
        self, pictures: Sequence[Picture], pool: ThreadPoolExecutor, read: Callable[[Path], bytes]
    ) -> list[str]:
        """The hash of each picture's bytes; a file whose path, size and time are known is not read again."""
        index = self.folder / "files.json"
        try:
            known = dict(json.loads(index.read_bytes()))
        except (OSError, ValueError, TypeError):  # absent, or damaged: it only saves reading
            known = {}

        def hash_of(picture: Picture) -> tuple[str | None, list[Any]]:
            if isinstance(picture, np.ndarray):
                return None, [_hash(f"{picture.dtype} {picture.shape} ".encode() + picture.tobytes())]
            try:
                picture = picture.absolute()
                stat = _file(picture).stat()
                entry = known.get(str(picture))
                if isinstance(entry, list) and len(entry) == 3 and entry[:2] == [stat.st_size, stat.st_mtime_ns]:
                    return str(picture), entry
                return str(picture), [stat.st_size, stat.st_mtime_ns, _hash(read(picture))]
            except OSError as error:
                raise UserError(
                    f"{picture}: no picture that can be read ({error.strerror}); put it there or remove its entry"
                ) from error

        found = list(pool.map(hash_of, pictures))
        new = {name: entry for name, entry in found if name is not None and known.get(name) != entry}
        if new:
            with FileLock(f"{index}.lock"):
                write_bytes(index, json.dumps({**known, **new}).encode())
        return [entry[-1] for _, entry in found]

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        lock = FileLock(path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=1)
        except Timeout:
            log.warning("another process computes the features in %s; waiting for it", path.with_suffix(".bin"))
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB needed")

    @contextmanager
    def _friendly_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):  # Windows has no quotas
                problem = f"no space left for features ({error.strerror})"
                free = shutil.disk_usage(self.folder).free
                problem += f", {free / 1e6:.0f} MB free; what was computed is kept. Make room, or use dtype='float16'"
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
                problem = f"cannot be written ({error.strerror}); expected a folder that you may write to"
            else:
                raise
            raise UserError(f"feature cache {self.folder}: {problem}, or choose another folder") from error


def fingerprint(encoder: Encoder) -> str:
    """A hash that changes with the encoder's class, structure, settings and weights, and with a device that computes
    with fewer digits than a CPU does: its features are others.
    """
    plain = {
        name: value
        for name, value in sorted(vars(encoder).items())
        if not name.startswith("_") and name != "training" and isinstance(value, (str, int, float, bool, tuple, list))
    }
    digest = hashlib.blake2b(f"{type(encoder).__qualname__} {plain} {encoder!r}".encode(), digest_size=16)
    if (digits := float32_digits(encoder.mean.device)) != "exact":
        digest.update(digits.encode())
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=HASH_DIGITS // 2).hexdigest()


def _file(picture: Path) -> Path:
    """The file that holds a picture: itself, or the archive that it lies in."""
    return picture.parent if picture.parent.is_file() else picture


def _read(load: Load, picture: Picture) -> Tensor:
    try:
        return load(picture)
    except UserError:
        raise
    except (OSError, ValueError, SyntaxError, RuntimeError) as error:  # what decoders raise on damaged files
        name = "a picture in memory" if isinstance(picture, np.ndarray) else picture
        raise UserError(f"{name}: not a picture that can be read ({error}); replace or remove it") from error


@contextmanager
def _evaluating(encoder: Encoder) -> Iterator[None]:
    training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        encoder.train(training)


def _features(
    encoder: Encoder,
    load: Load,
    todo: dict[str, Picture],
    pool: ThreadPoolExecutor,
    workers: int,
    batch_size: int,
    progress: bool,
    split: str,
) -> Iterator[tuple[list[str], Tensor]]:
    """Hashes and features, batch by batch; the threads stay two batches ahead of the encoder."""
    names = list(todo)
    batches = [names[i : i + batch_size] for i in range(0, len(names), batch_size)]
    waiting: deque[list[Future[Tensor]]] = deque()
    ahead = iter(batches)

    def fill() -> None:
        while len(waiting) < 3 and (batch := next(ahead, None)) is not None:
            waiting.append([pool.submit(_read, load, todo[name]) for name in batch])

    try:
        with _bar(f"features of {split}", len(names), show=progress) as advance:
            for batch in batches:
                fill()
                pictures = [future.result() for future in waiting.popleft()]
                fill()
                for name, picture in zip(batch, pictures, strict=True):
                    if picture.shape != pictures[0].shape:
                        place = "in memory" if isinstance(todo[name], np.ndarray) else todo[name]
                        raise UserError(
                            f"{place}: a picture of shape {tuple(picture.shape)} among those of "
                            f"{tuple(pictures[0].shape)}; expected a transform to one size"
                        )
                images = torch.stack(pictures).to(encoder.mean.device, non_blocking=True)
                yield batch, encoder(images).float().cpu()
                advance(len(batch))
    finally:
        for future in [future for batch_futures in waiting for future in batch_futures]:
            future.cancel()


@contextmanager
def _bar(what: str, total: int, *, show: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on the error stream that appears once the work has taken two seconds."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=total)
    start = monotonic()

    def advance(count: int) -> None:
        bar.advance(task, count)
        if show and not bar.live.is_started and monotonic() - start > 2:
            bar.start()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
