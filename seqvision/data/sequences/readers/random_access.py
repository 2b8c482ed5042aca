"""At which packets of a video stream decoding may begin: what the codecs' standards promise, read from the bits."""

from collections.abc import Callable, Iterator
from typing import Any

Entry = Callable[[bytes], bool]

HEAD = 4096  # bytes of a packet; the headers of its frame are among them
START_CODE = b"\0\0\1"


def entry_test(codec: str, extradata: bytes, *, intra_only: bool, palette: bool) -> Entry:
    """A test of a packet's first `HEAD` bytes: whether all frames that are shown from this packet's frame on decode to
    the same pixels when decoding begins here.

    The key flag of a container is no proof of that: some files flag every packet, intra refresh flags frames that are
    not whole, and pictures of an open GOP refer across it. A codec that is not known here has no such packet.
    """
    if palette:  # the colours may have come with an earlier packet
        return _never
    if intra_only or codec == "png":
        return _always
    if codec in ("h264", "hevc"):
        configured = bool(extradata) and extradata[0] == 1
        prefix = (extradata[4 if codec == "h264" else 21] & 3) + 1 if configured and len(extradata) > 21 else 0
        clean = _h264 if codec == "h264" else _hevc
        return lambda head: clean(_units(head, prefix))
    if codec in ("mpeg1video", "mpeg2video"):
        known = START_CODE + b"\xb3" in extradata
        return lambda head: _mpeg2(head, known)
    return _BITS.get(codec, _never)


def shows_nothing(codec: str, head: bytes, size: int) -> bool:
    """Whether a packet may hold no frame of its own, so that packets do not count frames.

    VP8 has hidden reference frames, and MPEG-4 has frames that say "not coded", which are a few bytes.
    """
    return (codec == "vp8" and not head[0] & 0x10) or (codec == "mpeg4" and size <= 32)


def _always(_head: bytes) -> bool:
    return True


def _never(_head: bytes) -> bool:
    return False


def _units(head: bytes, prefix: int) -> Iterator[bytes]:
    """The NAL units, each behind its length in `prefix` bytes, or behind start codes where `prefix` is 0."""
    if not prefix:
        yield from (unit for unit in head.split(START_CODE)[1:] if unit)
        return
    place = 0
    while place + prefix < len(head):
        length = int.from_bytes(head[place : place + prefix], "big")
        place += prefix
        if length:
            yield head[place : place + length]
        place += length


def _h264(units: Iterator[bytes]) -> bool:
    """An IDR picture, or an I picture with a recovery point that is exact and at once (an open GOP)."""
    recovers = False
    for unit in units:
        kind = unit[0] & 31
        if kind == 5:
            return True
        if kind == 6:
            recovers = recovers or _recovers(unit[1:])
        if kind in (1, 2):
            return recovers
    return False


def _recovers(messages: bytes) -> bool:
    """Whether these SEI messages hold a recovery point with a frame count of 0 and an exact match."""
    place = 0
    while place + 2 < len(messages):
        kind = size = 0
        while messages[place : place + 1] == b"\xff":
            kind, place = kind + 255, place + 1
        kind, place = kind + (messages[place] if place < len(messages) else 0), place + 1
        while messages[place : place + 1] == b"\xff":
            size, place = size + 255, place + 1
        size, place = size + (messages[place] if place < len(messages) else 0), place + 1
        if kind == 6:
            return place < len(messages) and messages[place] & 0xC0 == 0xC0
        place += size
    return False


def _hevc(units: Iterator[bytes]) -> bool:
    """An IRAP picture: what follows it in order of showing does not refer to what comes before it."""
    for unit in units:
        kind = unit[0] >> 1 & 63
        if kind < 32:
            return 16 <= kind <= 21
    return False


def _mpeg2(head: bytes, known: bool) -> bool:
    """An I picture behind a sequence header; `known`: the file's own header has one."""
    at = head.find(START_CODE + b"\0")
    return at >= 0 and len(head) > at + 5 and head[at + 5] >> 3 & 7 == 1 and (known or START_CODE + b"\xb3" in head)


def _mpeg4(head: bytes) -> bool:
    at = head.find(START_CODE + b"\xb6")
    return at >= 0 and len(head) > at + 4 and head[at + 4] >> 6 == 0


def _vp8(head: bytes) -> bool:
    return not head[0] & 1


def _vp9(head: bytes) -> bool:
    """A key frame that is no repetition of an older frame; profile 3 has one bit more before these."""
    return not head[0] & (0x06 if head[0] & 0x30 == 0x30 else 0x0C)


def _av1(head: bytes) -> bool:
    """A sequence header, and as the first frame a key frame that is shown at once."""
    place, sequence = 0, False
    while place + 1 < len(head):
        kind, extended, sized = head[place] >> 3 & 15, head[place] >> 2 & 1, head[place] >> 1 & 1
        place += 1 + extended
        length = shift = 0
        while sized and place < len(head):
            byte = head[place]
            length, shift, place = length | (byte & 127) << shift, shift + 7, place + 1
            if byte < 128:
                break
        sequence = sequence or kind == 1
        if kind in (3, 6):
            return sequence and place < len(head) and head[place] & 0xF0 == 0x10
        if not sized:
            return False
        place += length
    return False


def _ffv1(head: bytes) -> bool:
    """The first bit that the range coder gives, whose state is even at the start."""
    return int.from_bytes(head[:2], "big") >= 0x7F80


def _h263(head: bytes) -> bool:
    """A picture header with a plain source format whose type is INTRA."""
    bits = int.from_bytes(head[:5].ljust(5, b"\0"), "big")
    return bits >> 18 == 0x20 and (bits >> 2 & 7) not in (0, 7) and not bits >> 1 & 1


def _flv1(head: bytes) -> bool:
    bits = int.from_bytes(head[:10].ljust(10, b"\0"), "big")
    size = bits >> (80 - 33) & 7
    skipped = 33 + {0: 16, 1: 32}.get(size, 0)
    return not bits >> (80 - skipped - 2) & 3


def _msmpeg4(head: bytes) -> bool:
    return not head[0] & 0xC0


def _wmv2(head: bytes) -> bool:
    return not head[0] & 0x80


def _theora(head: bytes) -> bool:
    return not head[0] & 0xC0


_BITS: dict[Any, Entry] = {
    "mpeg4": _mpeg4,
    "vp8": _vp8,
    "vp9": _vp9,
    "av1": _av1,
    "ffv1": _ffv1,
    "h263": _h263,
    "flv1": _flv1,
    "msmpeg4v2": _msmpeg4,
    "msmpeg4v3": _msmpeg4,
    "wmv1": _msmpeg4,
    "wmv2": _wmv2,
    "theora": _theora,
}
