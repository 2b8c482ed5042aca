"""Text as str, whatever it comes from: a file, plain or gzipped, or a stream such as standard input.

A byte order mark says the encoding, before anything else does. Without one, bytes are UTF-16 where every second one is
zero, and else what the user says, UTF-8 by default, and strictly so.
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from seqvision.errors import UserError

# UTF-32's mark begins with that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PLAIN = ("utf-8", "utf8", "utf-8-sig")
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx, .ods)",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls)",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet table",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
}
_GZIP = b"\x1f\x8b"
_ALWAYS_UNPACKED, _MOST_TIMES = 64 << 20, 200  # text shrinks to a hundredth at most, a gzip bomb to a thousandth
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_text(file: Path, encoding: str | None = None, *, option: str = "data.encoding=") -> str:
    """The text of a file, plain or gzipped, with plain newlines and without a byte order mark; never empty.

    Args:
        file: the file; `.gz`, or gzip's first bytes, mean that it is packed.
        encoding: the encoding where no mark says one; UTF-8 by default.
        option: what sets the encoding, as a message that offers another one has to name it.

    Raises:
        UserError: for a file that cannot be read, is empty, or is not in this encoding, with the row and the byte.
    """
    data = read_file(file)
    text = decode_text(data, file.name, encoding=encoding, option=option)
    if not text.strip():
        raise UserError(f"{file}: the file is empty ({len(data)} bytes). Copy it again, or name another file.")
    return plain_newlines(text)


def read_lines(file: Path, encoding: str | None = None, *, option: str = "data.encoding=") -> list[str]:
    """The lines of a file, without their ends; none where it is empty.

    Only a line feed ends a line (a carriage return in a file without any), so that no other mark shifts those that
    follow: line n of one file may belong to line n of another. Raises UserError as `read_text` does.
    """
    text = decode_text(read_file(file), file.name, encoding=encoding, option=option)
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def text_lines(
    stream: io.BufferedIOBase | BinaryIO,
    *,
    encoding: str | None = None,
    name: str = "standard input",
    option: str = "--encoding ",
    errors: str = "strict",
) -> Iterator[str]:
    """The lines of a stream of bytes as they come, without their ends.

    Raises UserError with the row for what is not in the encoding, but for `errors="surrogateescape"`, as names of files
    need it.
    """
    read = getattr(stream, "read1", stream.read)
    begin = b""
    while len(begin) < 4 and (b"\n" not in begin or b"\0" in begin):  # a line is answered when it has come
        more = read(1 << 16)
        if not more:
            break
        begin += more
    chosen, skipped = _encoding_of(begin, encoding)
    decoder = _codec(chosen, option).incrementaldecoder(errors=errors)
    row, rest, chunk, seen = 1, "", begin[skipped:], len(begin)
    try:
        while True:
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
                row += 1
            chunk = read(1 << 16)
            seen += len(chunk)
            if not chunk:
                break
        rest += decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        place = row, seen - len(error.object)
        raise UserError(_wrong_encoding(name, error.object, chosen, error.start, option, before=place)) from None
    if rest:
        yield rest.removesuffix("\r")


def decode_text(data: bytes, name: str | Path, *, encoding: str | None = None, option: str = "data.encoding=") -> str:
    """The text that the bytes are, without a byte order mark; `name` is what messages call them.

    Raises UserError with the row and the byte for what is not in the encoding, and for an unknown encoding.
    """
    chosen, skipped = _encoding_of(data, encoding)
    codec = _codec(chosen, option)
    try:
        return codec.decode(data[skipped:] if skipped else data)[0]
    except UnicodeError as error:
        at = skipped + getattr(error, "start", 0)
        raise UserError(_wrong_encoding(str(name), data, chosen, at, option)) from None


def text_begin(file: Path, size: int = 4096) -> str:
    """The first bytes of a file as text, whatever is no text replaced: to recognise kinds of files by."""
    with open(file, "rb") as opened:
        data = opened.read(size)
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(31).decompress(data, size)
        except zlib.error:
            return ""
    chosen, skipped = _encoding_of(data, None)
    return plain_newlines(data[skipped:].decode(chosen, errors="replace"))


def read_file(file: Path) -> bytes:
    """The bytes of a file, unpacked where it is gzipped; a UserError where it cannot be read, or would be huge."""
    try:
        with open(file, "rb") as raw:
            if not (raw.peek(2)[:2] == _GZIP or file.suffix.lower() == ".gz"):
                return raw.read()
            unpacked = bytearray()
            with gzip.GzipFile(fileobj=raw) as packed:
                while chunk := packed.read(1 << 20):
                    unpacked += chunk
                    if len(unpacked) > max(_ALWAYS_UNPACKED, _MOST_TIMES * raw.tell()):
                        raise UserError(
                            f"{file}: holds more than {_MOST_TIMES} times its size, which text hardly does, and was "
                            "not unpacked. If it is right, unpack it with gunzip."
                        )
            return bytes(unpacked)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{file}: cannot be read ({reason}). Expected text, or text packed with gzip.") from error


def plain_newlines(text: str) -> str:
    """The text with line feeds for line ends of every system."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def whole_text(text: str, where: str) -> str:
    """The text itself, if it can be written as Unicode.

    Raises UserError for one with half of a surrogate pair, which a JSON escape or a cut emoji leaves behind.
    """
    half = _SURROGATE.search(text)
    if half is None:
        return text
    raise UserError(
        f"{where}: the text holds \\u{ord(half[0]):04x} (character {half.start() + 1}), half of a pair, which is no "
        f"character: '{text[max(0, half.start() - 20) : half.start()]}\ufffd'. Remove it, or copy the text anew."
    )


def _encoding_of(data: bytes, given: str | None) -> tuple[str, int]:
    """(the encoding of the bytes, the length of their byte order mark)."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    if given is None or given.lower().replace("_", "-") in (*_PLAIN, "utf-16", "utf16"):
        begin = data[:4096]
        zeros = begin[::2].count(0), begin[1::2].count(0)
        if len(begin) > 3 and 10 * max(zeros) >= 3 * len(begin[::2]) and 10 * min(zeros) <= max(zeros):
            return ("utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"), 0
    return given or "utf-8", 0


def _codec(encoding: str, option: str) -> codecs.CodecInfo:
    try:
        codec = codecs.lookup(encoding)
        if codec._is_text_encoding:  # as bytes.decode asks
            return codec
    except (LookupError, ValueError):
        pass
    raise UserError(
        f"{option.strip(' =')}: no encoding is called '{encoding}' (utf-8, windows-1252, latin-1, utf-16 …); correct it"
    )


def _wrong_encoding(
    name: str, data: bytes, encoding: str, at: int, option: str, *, before: tuple[int, int] = (1, 0)
) -> str:
    """The message. before: the row in which the data begin, and the number of bytes before them."""
    kind = next((kind for begin, kind in _ARCHIVES.items() if data.startswith(begin)), None)
    if kind is not None:
        return f"{name}: not text but {kind}. Save it as text in UTF-8 (CSV), and name that file."
    at = min(at, len(data) - 1)
    begin, end = max(data.rfind(b"\n", 0, at) + 1, at - 20), data.find(b"\n", at)
    piece = data[begin : min(at + 20, end if end >= 0 else len(data))]
    rows = before[0] + data.count(b"\n", 0, at)
    found = f"{name} row {rows}: byte 0x{data[at]:02x} (number {before[1] + at} of the file) is not {encoding}. "
    if encoding.lower().replace("_", "-") in _PLAIN:
        read = data.decode("utf-8", errors="replace")
        wrong = read.count("\ufffd")
        if len(read.encode()) - len(read) > 10 * wrong:  # letters outside ASCII, nearly all of them as they should be
            shown = piece.decode("utf-8", errors="replace").strip()
            return f"{found}The rest of the file is, all but {wrong} bytes or so: correct the row ('{shown}')."
    guess = "windows-1252" if any(0x80 <= byte <= 0x9F for byte in data) else "latin-1"
    return (
        f"{found}As {guess} the place reads '{piece.decode(guess, errors='replace').strip()}': "
        f"if that looks right, set {option}{guess}."
    )
