"""Draws the app's icons: ``python -m manifest.icons`` writes color.png and outline.png.

Three bars and a dashed threshold that only the last bar crosses. The PNGs are committed next to this
file, so that a package has the same bytes wherever it is built.
"""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent
ACCENT = (0x0F, 0x5F, 0xB0)
WHITE = (0xFF, 0xFF, 0xFF)
ABOVE_THRESHOLD = (0xFF, 0xC2, 0x5C)
OPAQUE = 0xFF

Pixel = tuple[int, int, int, int]
Shape = Callable[[float, float], float]
"""Signed distance of a point from the edge, in pixels; negative inside."""


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Shape:
    """A rectangle with rounded corners."""
    half = (right - left) / 2 - radius, (bottom - top) / 2 - radius
    middle = (left + right) / 2, (top + bottom) / 2

    def distance(x: float, y: float) -> float:
        beside, above = abs(x - middle[0]) - half[0], abs(y - middle[1]) - half[1]
        outside = float((max(beside, 0.0) ** 2 + max(above, 0.0) ** 2) ** 0.5)
        return outside + min(max(beside, above), 0.0) - radius

    return distance


def outlined(shape: Shape, width: float) -> Shape:
    """Only the outline of a shape, drawn inward."""
    return lambda x, y: max(shape(x, y), -shape(x, y) - width)


def between(shape: Shape, top: float, bottom: float) -> Shape:
    """The part of a shape between two heights."""
    return lambda x, y: max(shape(x, y), top - y, y - bottom)


class Canvas:
    """A square picture that shapes are painted on, one over the other."""

    def __init__(self, size: int, background: Pixel) -> None:
        self.size = size
        self.pixels = [[background] * size for _ in range(size)]

    def fill(self, shape: Shape, color: tuple[int, int, int]) -> None:
        """Paint a shape over what is there, with its edge antialiased over one pixel."""
        for y, row in enumerate(self.pixels):
            for x, under in enumerate(row):
                cover = min(max(0.5 - shape(x + 0.5, y + 0.5), 0.0), 1.0)
                if cover > 0:
                    row[x] = _over(under, color, cover)

    def png(self) -> bytes:
        """Encode as PNG; without an alpha channel when every pixel is opaque."""
        opaque = all(pixel[3] == OPAQUE for row in self.pixels for pixel in row)
        channels, kind = (3, 2) if opaque else (4, 6)
        rows = b"".join(
            b"\0" + b"".join(bytes(pixel[:channels]) for pixel in row) for row in self.pixels
        )
        head = struct.pack(">IIBBBBB", self.size, self.size, 8, kind, 0, 0, 0)
        parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _over(under: Pixel, color: tuple[int, int, int], cover: float) -> Pixel:
    if under[3] == 0:
        return (*color, round(255 * cover))
    red, green, blue = (
        round(old + (new - old) * cover) for old, new in zip(under[:3], color, strict=True)
    )
    return red, green, blue, round(under[3] + (255 - under[3]) * cover)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def color_icon() -> Canvas:
    """192 x 192, a full square; the symbol stays within the middle 96 x 96, as Microsoft asks."""
    canvas = Canvas(192, (*ACCENT, 255))
    for left, top in ((48, 112), (84, 94), (120, 48)):
        canvas.fill(rounded(left, top, left + 24, 144, 4), WHITE)
    last = rounded(120, 48, 144, 144, 4)
    canvas.fill(between(last, 0, 74), ABOVE_THRESHOLD)
    canvas.fill(rounded(120, 70, 144, 78, 0), ACCENT)
    for left in (48, 66, 84, 102):
        canvas.fill(rounded(left, 71, left + 12, 77, 3), WHITE)
    return canvas


def outline_icon() -> Canvas:
    """32 x 32, white on transparent, as Teams requires."""
    canvas = Canvas(32, (*WHITE, 0))
    for left, top in ((0, 20), (12, 15), (24, 0)):
        canvas.fill(outlined(rounded(left, top, left + 8, 32, 2), 2), WHITE)
    canvas.fill(between(rounded(24, 0, 32, 32, 2), 0, 10), WHITE)
    for left in (0, 6, 12, 18):
        canvas.fill(rounded(left, 8, left + 4, 10, 0), WHITE)
    return canvas


ICONS = {"color.png": color_icon, "outline.png": outline_icon}


def main() -> None:
    """Write both icons."""
    for name, draw in ICONS.items():
        (FOLDER / name).write_bytes(draw().png())


if __name__ == "__main__":
    main()
