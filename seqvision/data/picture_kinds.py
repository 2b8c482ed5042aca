"""Which files are pictures: by the ending of their name, or by their first bytes where it says nothing."""

import importlib.util
import os
from pathlib import Path

_SUFFIXES = "jpg jpeg jpe jfif png gif bmp webp tif tiff ppm pgm pbm pnm jp2 j2k ico tga avif"
_HEIC = "heic heif hif heics heifs"
_RAW = "cr2 cr3 nef arw dng orf rw2 raf pef srw"
_OTHERS = """txt text caption csv tsv json jsonl ndjson md xml html htm yaml yml toml ini cfg log py ipynb pdf doc docx
    xls xlsx parquet arrow npy npz mat pkl pt pth ckpt h5 hdf5 tar gz tgz zip rar 7z bz2 xz mp4 m4v mov avi mkv webm mpg
    mpeg wav mp3 lock db sqlite boris eaf textgrid srt part tmp crdownload"""


def _endings(text: str) -> frozenset[str]:
    return frozenset(f".{ending}" for ending in text.split())


HEIC_SUFFIXES = _endings(_HEIC)
PICTURE_SUFFIXES = _endings(_SUFFIXES) | HEIC_SUFFIXES
_UNREAD = dict.fromkeys(_endings(_RAW), "a camera's raw file is not read; convert it to JPEG or TIFF")
_UNREAD |= {
    ".jxl": "JPEG XL is not read; convert it to PNG or JPEG",
    ".svg": "a drawing has no pixels; convert it to PNG",
}
_OTHER_SUFFIXES = _endings(_OTHERS)
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def is_picture_name(name: str) -> bool:
    """Whether a file name ends like a picture's, one that cannot be read among them."""
    ending = os.path.splitext(name)[1].lower()
    return ending in PICTURE_SUFFIXES or ending in _UNREAD


def is_picture_file(path: Path) -> bool:
    """Whether a file is a picture: by its ending, or, where that is none of a known kind, by its first bytes."""
    ending = path.suffix.lower()
    if ending in PICTURE_SUFFIXES or ending in _UNREAD:
        return True
    return ending not in _OTHER_SUFFIXES and starts_like_picture(_start(path))


def starts_like_picture(start: bytes) -> bool:
    """Whether the first 16 bytes are those of a picture."""
    bitmap = start[:2] == b"BM" and start[6:10] == bytes(4)
    webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    return start.startswith((*_STARTS, *_JXL)) or bitmap or webp or is_heif(start) or start[4:11] == b"ftypavi"


def is_heif(start: bytes) -> bool:
    """Whether the first 16 bytes are those of HEIC, as phones write it."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS


def heif_readable() -> bool:
    """Whether the optional part that reads HEIC is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def why_unread(path: Path) -> str:
    """Why a picture of this kind cannot be read here, and what to do; empty if it can, judged without decoding."""
    ending = path.suffix.lower()
    if ending in _UNREAD:
        return _UNREAD[ending]
    if ending in HEIC_SUFFIXES or not ending:
        return of_start(_start(path))
    return ""


def of_start(start: bytes) -> str:
    """The same by the first 16 bytes."""
    if is_heif(start) and not heif_readable():
        return "HEIC needs an optional part: pip install 'seqvision[heic]', or convert it to JPEG"
    return _UNREAD[".jxl"] if start.startswith(_JXL) else ""


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(16)
    except OSError:
        return b""
