"""What a Teams package must keep and Microsoft's schema does not check; and reading its PNGs."""

import io
import json
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")
SYMBOL = range(48, 144)


@dataclass(frozen=True)
class Picture:
    """A PNG, unpacked."""

    width: int
    height: int
    pixels: dict[tuple[int, int], tuple[int, ...]]
    """(x, y) → red, green, blue, alpha."""


def picture(data: bytes) -> Picture:
    """Reads the plain kind of PNG that the icons are: 8 bit, no interlacing, no filters."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += length + 12
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colours, *_ = struct.unpack(">IIBBBBB", chunks[0][1])
    assert depth == 8
    step = {2: 3, 6: 4}[colours]
    raw, pixels = zlib.decompress(chunks[1][1]), {}
    for y in range(height):
        row = raw[y * (width * step + 1) : (y + 1) * (width * step + 1)]
        assert row[0] == 0
        for x in range(width):
            pixel = tuple(row[1 + x * step : 1 + (x + 1) * step])
            pixels[x, y] = pixel if step == 4 else (*pixel, 255)
    return Picture(width, height, pixels)


def problems(package: bytes) -> list[str]:
    """What is wrong with a package, in a few words each."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        files = {info.filename: archive.read(info) for info in archive.infolist()}
        names = [info.filename for info in archive.infolist()]
    if "manifest.json" not in names:
        return ["no manifest.json at the root"]
    manifest = json.loads(files["manifest.json"])
    icons = manifest["icons"]
    expected = ["manifest.json", icons["color"], icons["outline"]]
    if sorted(names) != sorted(expected):
        return [f"the package holds {names}"]
    return [
        *_of_texts(manifest),
        *_of_bot(manifest, manifest["bots"][0]),
        *_of_colour(picture(files[icons["color"]])),
        *_of_outline(picture(files[icons["outline"]])),
    ]


def _of_texts(manifest: dict[str, Any]) -> Iterator[str]:
    for name in ("websiteUrl", "privacyUrl", "termsOfUseUrl"):
        if not manifest["developer"][name].startswith("https://"):
            yield f"{name} is not https"
    if not SEMVER.fullmatch(manifest["version"]):
        yield "the version is no semantic version"
    if f"/v{manifest['manifestVersion']}/" not in manifest["$schema"]:
        yield "the schema is of another version"
    if not GUID.fullmatch(manifest["id"]):
        yield "the id is no GUID"
    if manifest["permissions"] != ["identity"]:
        yield "more permissions than needed"


def _of_bot(manifest: dict[str, Any], bot: dict[str, Any]) -> Iterator[str]:
    if not GUID.fullmatch(bot["botId"]):
        yield "the botId is no GUID"
    if sorted(bot["scopes"]) != ["groupChat", "personal", "team"]:
        yield "the scopes of the bot are not each of the three once"
    if manifest.get("supportsChannelFeatures") != "tier1":
        yield "Teams refuses the scope team without supportsChannelFeatures"
    if not bot["supportsFiles"]:
        yield "no file can be attached"
    listed = Counter(scope for one in bot["commandLists"] for scope in one["scopes"])
    if listed != Counter(bot["scopes"]):
        yield "the command lists do not name each scope once"
    for one in bot["commandLists"]:
        yield from _of_commands(one["commands"])


def _of_commands(commands: list[dict[str, str]]) -> Iterator[str]:
    titles = [command["title"] for command in commands]
    if not 1 <= len(commands) <= 10:
        yield "a list has no commands or more than 10"
    if len(set(titles)) != len(titles):
        yield "a command is listed twice"
    for command in commands:
        if not 1 <= len(command["title"]) <= 32:
            yield "a title is empty or longer than 32"
        if not 1 <= len(command["description"]) <= 128:
            yield "a description is empty or longer than 128"


def _of_colour(icon: Picture) -> Iterator[str]:
    if (icon.width, icon.height) != (192, 192):
        yield "the colour icon is not 192 x 192"
        return
    ground = icon.pixels[0, 0]
    if any(pixel[3] != 255 for pixel in icon.pixels.values()):
        yield "the colour icon is no full square"
    drawn = {at for at, pixel in icon.pixels.items() if pixel != ground}
    if not drawn or any(x not in SYMBOL or y not in SYMBOL for x, y in drawn):
        yield "the symbol is not in the middle 96 x 96"


def _of_outline(icon: Picture) -> Iterator[str]:
    if (icon.width, icon.height) != (32, 32):
        yield "the outline icon is not 32 x 32"
        return
    drawn = {at: pixel for at, pixel in icon.pixels.items() if pixel[3] > 0}
    if any(pixel[:3] != (255, 255, 255) for pixel in drawn.values()):
        yield "the outline icon is not white"
    if len(drawn) > 0.6 * 32 * 32:
        yield "the outline icon is not transparent"
    if {min(x for x, _ in drawn), min(y for _, y in drawn)} != {0}:
        yield "the outline icon is padded"
