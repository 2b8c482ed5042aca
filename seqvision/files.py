"""How files are written, whole or not at all, and which names they get: the only place that does either."""

import codecs
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

from seqvision.errors import UserError

PART = ".seqvision-"  # what the names of temporary files begin with
NAME_BYTES = 120  # of a name made here; file systems allow 255 (143 where names are encrypted), endings are added
LONGEST_BYTES = 200  # of a name of somebody else's
_ABANDONED = 24 * 3600  # seconds without a change, where the file system knows no locks
_PLAIN = set(" _-.,+()=")  # beside letters, digits and symbols
_DEVICES = {"con", "prn", "aux", "nul", *(f"{name}{number}" for name in ("com", "lpt") for number in range(10))}


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """A temporary path beside the target, with the same ending, that takes the target's name when the block ends.

    The folder is made if it is missing. A device or a pipe is written to as it is. After any error the target is what
    it was, and nothing is left beside it.

    Raises:
        UserError: The target cannot be written; the sentence names it and the system's reason.
    """
    with writing(Path(target)), replacing(target) as draft:
        yield draft


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """`atomic_path` for callers with a sentence of their own: the system's errors come out as they are."""
    target = Path(target)
    if is_special(target):
        yield target
        return
    real = Path(os.path.realpath(target)) if target.is_symlink() else target
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if real.exists() and not os.access(real, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))
    real.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(real) as draft:
        yield draft
        with open(draft, "rb+") as written:
            os.fsync(written.fileno())
        if real.exists():
            shutil.copymode(real, draft)
        draft.replace(real)
        _flush_folder(real.parent)


@contextmanager
def open_atomic(target: str | Path) -> Iterator[IO[str]]:
    """A UTF-8 text file as `atomic_path` writes it; file names that are not Unicode come out as the bytes they are,
    halves of a character, which UTF-8 cannot hold, as U+FFFD.
    """
    with (
        atomic_path(target) as draft,
        open(draft, "w", encoding="utf-8", errors="seqvision", newline="") as file,
    ):
        yield file


def write_text(target: str | Path, text: str) -> None:
    """The text as a file of its own, as `atomic_path` writes it."""
    with open_atomic(target) as file:
        file.write(text)


def write_bytes(target: str | Path, data: bytes) -> None:
    """The bytes as a file of their own, as `atomic_path` writes it."""
    with atomic_path(target) as draft:
        draft.write_bytes(data)


@contextmanager
def temporary_folder(parent: str | Path) -> Iterator[Path]:
    """A folder in another that is gone when the block ends; `remove_abandoned` knows those of killed processes."""
    with _temporary(Path(parent) / "folder", folder=True) as draft:
        yield draft


@contextmanager
def atomic_folder(target: str | Path) -> Iterator[Path]:
    """A temporary folder beside the target that takes its name when the block ends; a folder with files in it that
    another process has put there meanwhile stays. Errors are those of `atomic_path`.
    """
    target = Path(target)
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target, folder=True) as draft:
            yield draft
            try:
                draft.replace(target)
            except OSError:
                if not target.is_dir() or not any(target.iterdir()):
                    raise


def expect_writable(*targets: str | Path | None) -> None:
    """Raises `UserError` where a file cannot be written, before the work whose results would be lost.

    Missing folders are made. None stands for standard output.
    """
    for target in targets:
        if target is not None:
            with suppress(_Tried), atomic_path(target):
                raise _Tried


def expect_folder(folder: str | Path | None) -> None:
    """Makes the folder where it is missing; a `UserError` where it cannot be made or written to."""
    if folder is not None:
        with writing(Path(folder)):
            Path(folder).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder, prefix=PART):
                pass


def remove_abandoned(folder: str | Path) -> None:
    """Removes what processes that were killed have left in a folder half written; of living ones nothing is touched.

    Whoever writes into a folder for the first time does it.
    """
    for draft in list(Path(folder).glob(f"{PART}*")):
        with suppress(OSError), _locked(draft, wait=False) as locked:
            if locked or time.time() - draft.stat().st_mtime > _ABANDONED:
                if draft.is_dir():
                    shutil.rmtree(draft)
                else:
                    draft.unlink()


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """What the system says against writing the target, as a sentence that names it, and no temporary folder in it."""
    try:
        yield
    except (ConnectionError, TimeoutError):
        raise  # of what was to be written, not of the file
    except OSError as error:
        if error.filename is not None and not _concerns(error, target):
            raise UserError(f"{os.fsdecode(error.filename)}: {error.strerror}") from error
        named = Path(*(part for part in target.parts if not part.startswith(PART)))
        a_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a part of its path is a file, not a folder" if a_file else error.strerror or error
        raise UserError(
            f"{named}: cannot be written ({reason}); nothing of it was kept. "
            "Expected a place that you may write to, and that has room"
        ) from error


def reason_of(error: BaseException) -> str:
    """Why a file could not be written, as the system says it: a library may have raised an error of its own after it,
    which says nothing to a user.
    """
    said, later = str(error), error
    while not isinstance(later, OSError):
        following = later.__cause__ or later.__context__
        if following is None:
            torchs = "PytorchStreamWriter" in said or "inline_container" in said
            return "not all of it could be written, as on a full disk" if torchs else said
        later = following
    return later.strerror or str(later)


def is_special(target: Path) -> bool:
    """Whether it is there and neither a file nor a folder: /dev/null, a pipe."""
    return target.exists() and not target.is_file() and not target.is_dir()


def file_name(text: str) -> str:
    """A name for a file or folder that every system takes; distinct texts have distinct names.

    A text that may serve as it is stays as it is. Of others what cannot be in a name becomes `_`, long ones are cut,
    and `~` with ten digits of the text's hash follows. An output should hold the text itself, which its name need not
    give back. Names that differ only by case: see `file_names`.
    """
    composed = unicodedata.normalize("NFC", text)
    name = "".join(letter if _is_plain(letter) else "_" for letter in composed)
    name = name.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    if name[:1] in ("", ".", "-", " ") or name.partition(".")[0].lower() in _DEVICES:
        name = f"_{name}"
    return name if name == text else f"{name}~{_short(text)}"


def short_name(name: str) -> str:
    """The name of a file that is there, for others that are called after it with longer endings."""
    return name if len(os.fsencode(name)) <= LONGEST_BYTES else file_name(name)


def file_names(texts: Iterable[str]) -> dict[str, str]:
    """`file_name` of each; those that a file system which ignores case would take for one get their hash too."""
    names = {text: file_name(text) for text in texts}
    often = Counter(name.casefold() for name in names.values())
    return {text: f"{name}~{_short(text)}" if often[name.casefold()] > 1 else name for text, name in names.items()}


_remove_abandoned_once = lru_cache(maxsize=1000)(remove_abandoned)  # not for each of a thousand files


class _Tried(Exception):
    """Ends a file that was only begun to see whether it could be."""


@contextmanager
def _temporary(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """An empty file or folder beside the target, of a short name, that is locked while it is written and then gone."""
    _remove_abandoned_once(target.parent)
    suffix = target.suffix if len(target.suffix.encode()) < 20 else ""
    while True:
        draft = target.with_name(f"{PART}{secrets.token_hex(6)}{suffix}")
        if folder:
            draft.mkdir()
        else:
            draft.touch(exist_ok=False)
        with _locked(draft) as locked:
            if locked is None:
                continue  # removed by another process in the moment before it was locked
            try:
                yield draft
            finally:
                if folder:
                    shutil.rmtree(draft, ignore_errors=True)
                else:
                    draft.unlink(missing_ok=True)
        return


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[bool | None]:
    """Holds a lock on a path that dies with the process; gives whether it could be had, None where the path is gone."""
    handle = -1
    try:
        handle = os.open(path, os.O_RDONLY)
        locked = _lock(handle, wait=wait)
        same = os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        locked, same = False, False
    try:
        yield locked if same else None
    finally:
        if handle >= 0:
            os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # held by another, or a file system without locks
        return False
    return True


def _flush_folder(folder: Path) -> None:
    """Makes a rename outlive a loss of power, where the system has a way for it."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _concerns(error: OSError, target: Path) -> bool:
    """Whether an error is about the target, its folders or its temporary file."""
    at = Path(os.path.abspath(os.fsdecode(error.filename)))
    around = Path(os.path.abspath(target))
    real = Path(os.path.realpath(target))
    near = {around, *around.parents, real, *real.parents}
    return at in near or any(part.startswith(PART) for part in at.parts)


def _is_plain(letter: str) -> bool:
    if letter.isascii():
        return letter.isalnum() or letter in _PLAIN
    return unicodedata.category(letter)[0] in "LMNPS"


def _encode_surrogates(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    halves = map(ord, error.object[error.start : error.end])
    return b"".join(bytes([n - 0xDC00]) if 0xDC80 <= n <= 0xDCFF else "\ufffd".encode() for n in halves), error.end


codecs.register_error("seqvision", _encode_surrogates)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]
