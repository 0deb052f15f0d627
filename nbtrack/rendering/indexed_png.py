"""PNG with a palette: one byte a pixel, encoded in a few milliseconds, with transparency."""

from __future__ import annotations

import struct
import zlib

import numpy as np

GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
"""A palette of greys."""


def encode_indexed_png(indices: np.ndarray, palette: np.ndarray) -> bytes:
    """Encode a picture of palette entries as PNG.

    Parameters
    ----------
    indices : ndarray of uint8, shape (y, x)
        Which entry each pixel is.
    palette : ndarray of uint8, shape (n, 3) or (n, 4)
        Red, green, blue and, if there is a fourth column, alpha; at most 256 entries.

    Returns
    -------
    bytes
        A whole PNG file.
    """
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = indices
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", np.ascontiguousarray(palette[:, :3]).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 1)),
        (b"IEND", b""),
    ]
    if palette.shape[1] == 4:
        chunks.insert(2, (b"tRNS", np.ascontiguousarray(palette[:, 3]).tobytes()))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
