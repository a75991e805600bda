"""PNG files of 8-bit RGB or grey, the only kind we write, in a third of Pillow's time.

Compression is ISA-L's, and rows are stored as differences from the row above: lossless, and every reader
knows both. What a file has beyond plain pixels (a palette, transparency, an orientation, 16 bits,
interlacing) is left to Pillow.
"""

import zlib

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

# H height, W width, C channels.

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2
_UP = 2  # the filter that needs no pixel of its own row: fast both ways, 4 % larger files than Paeth's
_LEVEL = 1  # ISA-L's own scale, 0 to 3
_MOST_PIXELS = 1 << 26  # Pillow has words of its own for larger pictures
_WITHOUT_EFFECT = frozenset(
    (b"pHYs", b"tIME", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD", b"sBIT", b"hIST", b"sPLT", b"tEXt")
)
_MAY_HOLD_ORIENTATION = (b"Raw profile", b"XML:")
_Pixels = npt.NDArray[np.uint8]


def encoded(pixels: _Pixels) -> bytes:
    """Return pixels, uint8 (H, W, 3) RGB or (H, W) grey, as a PNG file without metadata."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, -1)
    stored = np.empty((height, 1 + rows.shape[1]), np.uint8)
    stored[:, 0] = _UP
    stored[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=stored[1:, 1:])
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    kind = bytes((8, _GREY if pixels.ndim == 2 else _RGB, 0, 0, 0))
    data = isal_zlib.compress(stored.data, _LEVEL)
    return _SIGNATURE + _chunk(b"IHDR", size + kind) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def decoded(data: bytes, *, round_16_bit: bool = False) -> _Pixels | None:
    """Return the pixels of a PNG file, (H, W, 3) RGB or (H, W) grey; None for what Pillow must read.

    round_16_bit: a file of 16 bits a sample is read, too, each sample as round(255 / 65535 of it).
    """
    found = _plain(data, (8, 16) if round_16_bit else (8,))
    if found is None:
        return None
    from sr_models.data.compiled import unfiltered

    width, height, channels, depth, compressed = found
    step = channels * depth // 8
    try:
        raw = isal_zlib.decompress(compressed, bufsize=height * (1 + width * step))
        stored = np.frombuffer(raw, np.uint8).reshape(height, 1 + width * step)
        rows: _Pixels = unfiltered(stored, step)
    except (isal_zlib.error, EOFError, ValueError):  # type: ignore[misc]
        return None  # damaged: Pillow says how
    if depth == 16:
        rows = ((rows.view(">u2").astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 257 * 255
    return rows if channels == 1 else rows.reshape(height, width, 3)


def _plain(data: bytes, depths: tuple[int, ...]) -> tuple[int, int, int, int, bytes] | None:
    """Width, height, channels, bits and compressed rows, where nothing else in the file matters."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    depth, colour, *rest = data[24:29]
    is_plain = depth in depths and colour in (_GREY, _RGB) and not any(rest)
    if not is_plain or not 0 < width * height <= _MOST_PIXELS:
        return None
    parts, at = [], 33
    while (kind := data[at + 4 : at + 8]) != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            parts.append(body)
        elif kind not in _WITHOUT_EFFECT or body.startswith(_MAY_HOLD_ORIENTATION):
            return None
        at += 12 + length
    return width, height, 1 if colour == _GREY else 3, depth, b"".join(parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return len(body).to_bytes(4, "big") + kind + body + checksum.to_bytes(4, "big")
