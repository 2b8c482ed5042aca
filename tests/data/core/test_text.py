"""One function opens text: marks, encodings, packed files, streams; the same letters whatever they came as."""

import codecs
import gzip
import io
from pathlib import Path

import pytest

from seqvision.data.core.text import decode_text, read_lines, read_text, text_lines, whole_text
from seqvision.errors import UserError
from seqvision.names import composed, same_name

TEXT = "Größe,naïve\nzwei,œuvre\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        *(TEXT.encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
        gzip.compress(TEXT.encode("utf-16")),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode("utf-16"),
    ],
    ids=str.split("plain mark utf-16 utf-16-le utf-16-be utf-32 mark-utf-16-be mark-utf-32-be gzip crlf cr"),
)
def test_the_same_letters_whatever_they_came_as(data: bytes, tmp_path: Path):
    file = tmp_path / "a.csv"
    file.write_bytes(data)
    assert read_text(file) == read_text(file, "utf-8") == TEXT
    assert read_lines(file) == TEXT.split("\n")[:2]
    if not data.startswith(b"\x1f\x8b"):
        for size in (1, 3, 1000):  # however the bytes arrive
            assert list(text_lines(Pieces(data.replace(b"\r", b""), size))) == TEXT.split("\n")[:2] or b"\r" in data


class Pieces(io.BytesIO):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, size: int):
        super().__init__(data)
        self.size_at_once = size

    def read1(self, size: int = -1) -> bytes:
        return super().read1(self.size_at_once)


def test_a_mark_says_more_than_the_user():
    assert decode_text(codecs.BOM_UTF8 + "é".encode(), "a", encoding="latin-1") == "é"
    assert decode_text("é".encode("utf-16"), "a", encoding="windows-1252") == "é"
    assert decode_text("é".encode("windows-1252"), "a", encoding="windows-1252") == "é"


def test_other_line_marks_are_letters(tmp_path: Path):
    text = "a\u2028b\x0bc\x85d\x1ce\n"
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert read_lines(tmp_path / "a.txt") == [text[:-1]] == list(text_lines(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"a\nb\xe9c\n",
            r"a.txt row 2: byte 0xe9 \(number 3 of the file\) is not utf-8. As latin-1 the place reads 'béc'",
        ),
        (b"a\nb\x93c\x94\n", r"row 2: byte 0x93 .* As windows-1252 the place reads 'b“c”'.* option=windows-1252"),
        ("äöüß".encode() * 5 + b"\nx\xff\n", r"row 2: byte 0xff .*The rest of the file is.*correct the row \('x�'\)"),
        (b"PK\x03\x04\xff\xfe\n", r"a.txt: not text but a zip archive or a spreadsheet"),
    ],
)
def test_what_is_no_text_is_refused_by_row_and_byte(data: bytes, message: str):
    with pytest.raises(UserError, match=message):
        decode_text(data, "a.txt", option="option=")
    with pytest.raises(UserError, match=message.replace("a.txt", "input")):
        list(text_lines(io.BytesIO(data), name="input", option="option="))


def test_an_unknown_encoding_is_refused():
    for encoding in ("utf-9", "zip", "\0"):
        with pytest.raises(UserError, match="no encoding is called"):
            decode_text(b"a", "a.txt", encoding=encoding)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(bytes(100 << 20), 1))
    with pytest.raises(UserError, match="more than 200 times its size"):
        read_text(tmp_path / "a.txt.gz")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"text")[:-5])
    with pytest.raises(UserError, match="cannot be read"):
        read_text(tmp_path / "a.txt.gz")


def test_half_a_surrogate_pair_is_refused_by_row():
    assert whole_text("a😀", "row 1") == "a😀"
    with pytest.raises(UserError, match=r"a.jsonl row 7: the text holds .ud83d \(character 4\)"):
        whole_text("so \ud83d", "a.jsonl row 7")


def test_names_are_the_same_however_their_letters_are_composed():
    assert same_name("Ma\u0308use.mp4", "Mäuse.mp4")
    assert not same_name("Mause.mp4", "Mäuse.mp4")
    assert composed("b\udcff.jpg") == "b\udcff.jpg"  # bytes that are no Unicode stay what they are
