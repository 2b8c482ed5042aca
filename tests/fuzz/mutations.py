"""Damaged copies of small files: bytes, text, JSON and what lies inside archives, always the same by their seed."""

import gzip
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

LONG_NUMBER, LONG_NAME = "9" * 5000, "x" * 300
VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1.5, 1e308, float("nan"), float("inf"), 10**30, 2**63, -(2**31)),
    *("", " ", "x", LONG_NAME, LONG_NUMBER, "nan", "\ud800", "\0", "\n", "../../x", "/etc/passwd", "é\u0301", "\u2028"),
    *([], {}, [[]], {"": {}}, [None], ["x", 1], {"a": 1, "x": [], "": []}, "${oc.env:HOME}", "$(touch x)", "<b>"),
]
CELLS = [
    *("", "NaN", "Infinity", "-1", "0", "1e999", "-0.0", "1_0", "1,5", "٣", LONG_NUMBER, LONG_NAME, "\ud800", "\0"),
    *('"', '""', "'", "\\", "\t", "\r", "\n", ",", ";", "\u2028", "\ufeff", "../../x", "=1+1", "true", "null", "[]"),
    *("00:00:-1", "1:99:99.9", "-1:00", "2**63", str(2**63), str(2**31), "1" * 400, "0x10", "🜁" * 50, "a" * 70_000),
]
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><ANNOTATION_DOCUMENT><TIME_ORDER>&j;</TIME_ORDER></ANNOTATION_DOCUMENT>"
)
WHOLE: list[bytes] = [
    *(
        b"",
        b"\0",
        b" ",
        b"\n",
        b"[]",
        b"{}",
        b"null",
        b"1",
        b'""',
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1f\x8b",
        b"PK\x03\x04",
    ),
    *(b"[" * 200_000, b'{"a":' * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[" * 900 + b"]" * 900, BOMB.encode()),
    *(
        b"1" * 5000,
        b"\0" * 5000,
        b"a," * 20_000,
        b'"' * 999,
        gzip.compress(b"0" * 100_000_000, 9),
        bytes(range(256)) * 8,
    ),
]


LARGEST = 2**26  # bytes that a mutation may grow to: beyond, the harness itself would run out of memory


def mutated(name: str, data: bytes, dice: Random) -> bytes:
    """One to three mutations of a file's bytes, of kinds that suit its content."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        changed = dice.choice(_kinds(name, data))(data, dice)
        data = changed if len(changed) <= LARGEST else data
    return data


def mutated_value(value: Any, dice: Random) -> Any:
    """A copy of plain data with one place changed: replaced, left out, renamed, doubled or nested."""
    copy = _copied(value)
    places = list(_places(copy))
    if not places:
        return dice.choice(VALUES)
    parent, key = dice.choice(places)
    kind = dice.random()
    if kind < 0.6:
        parent[key] = _copied(dice.choice(VALUES))
    elif kind < 0.75:
        del parent[key]
    elif kind < 0.85 and isinstance(parent, dict):
        parent[dice.choice(["", "x", LONG_NAME, "\ud800", f"{key} ", str(key).upper()])] = parent.pop(key)
    elif kind < 0.95:
        other, place = dice.choice(places)
        parent[key] = _copied(other[place]) if place in other or (isinstance(other, list) and place < len(other)) else 0
    else:
        for _ in range(dice.choice((2, 50, 400))):
            parent[key] = [parent[key]]
    return copy


def _kinds(name: str, data: bytes) -> list[Callable[[bytes, Random], bytes]]:
    kinds = [_flipped, _cut, _inserted, _doubled, _number, _whole]
    if b"\0" not in data[:200]:
        kinds += [_cell, _cell, _lines, _lines, _encoded, _number]
    if data[:1] in (b"{", b"["):
        kinds += [_json] * 12
    if name.endswith((".npz", ".zip")):
        kinds += [_member] * 4
    if name.endswith(".gz"):
        kinds += [_packed] * 4
    if name.endswith(".safetensors"):
        kinds += [_header] * 6
    return kinds


def _flipped(data: bytes, dice: Random) -> bytes:
    changed = bytearray(data or b"\0")
    for _ in range(dice.choice((1, 1, 2, 8, 64))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _cut(data: bytes, dice: Random) -> bytes:
    begin, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    return dice.choice((data[:end], data[begin:], data[:begin] + data[end:]))


def _inserted(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data) + 1)
    piece = dice.choice((dice.randbytes(dice.randrange(1, 40)), b"\0", b"\xff" * 8, b"\xed\xa0\x80", b"\r\n", b'"'))
    return data[:at] + piece + data[at + dice.choice((0, len(piece))) :]


def _doubled(data: bytes, dice: Random) -> bytes:
    begin, end = sorted(dice.randrange(len(data) + 1) for _ in range(2))
    end = min(end, begin + 2000)
    return data[:end] + data[begin:end] * dice.choice((1, 2, 100, 1000)) + data[end:]


def _number(data: bytes, dice: Random) -> bytes:
    found = list(re.finditer(rb"\d+", data))
    if found and dice.random() < 0.7:
        place = dice.choice(found)
        number = dice.choice((b"0", b"-1", b"999999999999", b"1" * 30, LONG_NUMBER.encode(), b"1e400", b"NaN", b"1.5"))
        return data[: place.start()] + number + data[place.end() :]
    if len(data) < 9:
        return data
    at = dice.randrange(len(data) - 8)
    form = dice.choice(("<I", ">I", "<Q", ">Q", "<H", ">H"))
    limit = 2 ** (8 * struct.calcsize(form)) - 1
    piece = struct.pack(form, dice.choice((0, 1, limit, limit // 2, limit // 2 + 1, limit - 1)))
    return data[:at] + piece + data[at + len(piece) :]


def _whole(data: bytes, dice: Random) -> bytes:
    whole = dice.choice(WHOLE)
    return whole if dice.random() < 0.6 else dice.choice((whole + data, data + whole))


def _cell(data: bytes, dice: Random) -> bytes:
    """A word of a text, or what stands between two separators, replaced."""
    found = list(re.finditer(rb"[^\s,;:\"'<>{}\[\]=]+|(?<=[,;\t])(?=[,;\t\n])", data))
    if not found:
        return data
    place = dice.choice(found)
    cell = dice.choice(CELLS).encode("utf-8", "surrogatepass")
    return data[: place.start()] + cell + data[place.end() :]


def _lines(data: bytes, dice: Random) -> bytes:
    lines = data.split(b"\n")
    one, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    kind = dice.randrange(5)
    if kind == 0:
        lines[one], lines[other] = lines[other], lines[one]
    elif kind == 1:
        del lines[one]
    elif kind == 2:
        lines[one:one] = [lines[other]] * dice.choice((1, 2, 500))
    elif kind == 3:
        mark, another = dice.sample((b",", b";", b"\t", b"|", b" "), 2)
        lines = [line.replace(mark, another) for line in lines]
    else:
        lines[one] = lines[one] + lines[other]
    return b"\n".join(lines)


def _encoded(data: bytes, dice: Random) -> bytes:
    text = data.decode("utf-8", "replace")
    encoding = dice.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "cp037", "gzip", "crlf")
    )
    if encoding == "gzip":
        return gzip.compress(data)
    if encoding == "crlf":
        return data.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\n\r", b"\x85", "\u2028".encode())))
    return text.encode(encoding, "replace")


def _json(data: bytes, dice: Random) -> bytes:
    """A JSON text, or one line of JSON lines, with a value changed."""
    try:
        return _dumped(mutated_value(json.loads(data), dice), dice)
    except (ValueError, RecursionError):
        lines = data.split(b"\n")
        at = dice.randrange(len(lines))
        try:
            lines[at] = _dumped(mutated_value(json.loads(lines[at]), dice), dice)
        except (ValueError, RecursionError):
            return _flipped(data, dice)
        return b"\n".join(lines)


def _dumped(value: Any, dice: Random) -> bytes:
    return json.dumps(value, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")


def _member(data: bytes, dice: Random) -> bytes:
    """An archive with one of its members changed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # it is damaged already
        return _flipped(data, dice)
    if not members:
        return data
    name = dice.choice(sorted(members))
    changed = mutated(name, members.pop(name), dice)
    members[dice.choice((name, name, name, "x", f"../{name}"))] = changed
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", dice.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return made.getvalue()


def _packed(data: bytes, dice: Random) -> bytes:
    """What lies within gzip, changed."""
    try:
        return gzip.compress(mutated("", gzip.decompress(data), dice))
    except (OSError, EOFError, ValueError, zlib.error):
        return _flipped(data, dice)


def _header(data: bytes, dice: Random) -> bytes:
    """A safetensors file with its header changed, and the length before it made to fit."""
    size = int.from_bytes(data[:8], "little")
    if not 0 < size < len(data):
        return _flipped(data, dice)
    header = _json(data[8 : 8 + size], dice)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def _places(value: Any) -> Any:
    """All (container, key) of plain data, however deep."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        keys = list(here) if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        for key in keys:
            yield here, key
            if isinstance(here[key], (dict, list)):
                waiting.append(here[key])


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, (list, tuple)) else value
