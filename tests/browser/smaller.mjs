// Makes pictures of pages smaller, in place: so many colours, 256 at most, packed as tightly as PNG can.
//
//   node smaller.mjs COLOURS PICTURE.png ...
//
// Text on flat grounds has some hundreds of colours, most of them edges of letters: the rarest become
// the nearest of the others, which nobody sees.

import { readFileSync, writeFileSync } from "node:fs";
import { crc32 as ofZlib, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const RGB = 2, RGBA = 6, PALETTE = 3;
const [colours, ...paths] = process.argv.slice(2), MOST = Math.min(Number(colours), 256);

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const crc32 = ofZlib ?? ((bytes) => {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
});

function chunks(file) {
  const found = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    found.push([file.toString("latin1", at + 4, at + 8), file.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return found;
}

/** The pixels as bytes, without the filters of their lines. */
function pixels(raw, width, height, size) {
  const stride = width * size, out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    const kind = raw[y * (stride + 1)], from = y * (stride + 1) + 1, to = y * stride;
    for (let x = 0; x < stride; x++) {
      const a = x >= size ? out[to + x - size] : 0, b = y ? out[to + x - stride] : 0;
      const c = x >= size && y ? out[to + x - stride - size] : 0;
      const p = a + b - c, pa = Math.abs(p - a), pb = Math.abs(p - b), pc = Math.abs(p - c);
      const guess = [0, a, b, (a + b) >> 1, pa <= pb && pa <= pc ? a : pb <= pc ? b : c][kind];
      out[to + x] = raw[from + x] + guess;
    }
  }
  return out;
}

function chunk(name, data) {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const length = Buffer.alloc(4), sum = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, sum]);
}

function smaller(file) {
  const parts = chunks(file), head = parts[0][1];
  const width = head.readUInt32BE(0), height = head.readUInt32BE(4), kind = head[9];
  if (head[8] !== 8 || ![RGB, RGBA].includes(kind) || head[12]) return file;
  const size = kind === RGBA ? 4 : 3;
  const data = Buffer.concat(parts.filter(([name]) => name === "IDAT").map(([, part]) => part));
  const bytes = pixels(inflateSync(data), width, height, size);
  const number = width * height, counts = new Map(), colours = new Uint32Array(number);
  for (let i = 0; i < number; i++) {
    const at = i * size, colour = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    colours[i] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const kept = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([colour]) => colour);
  const index = new Map(kept.map((colour, i) => [colour, i]));
  const part = (colour, shift) => (colour >> shift) & 255;
  const apart = (a, b) => [16, 8, 0].reduce((sum, shift) => sum + (part(a, shift) - part(b, shift)) ** 2, 0);
  for (const colour of counts.keys()) {
    if (index.has(colour)) continue;
    let best = 0;
    for (let i = 1; i < kept.length; i++) if (apart(kept[i], colour) < apart(kept[best], colour)) best = i;
    index.set(colour, best);
  }
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0, i = 0; y < height; y++) for (let x = 1; x <= width; x++) lines[y * (width + 1) + x] = index.get(colours[i++]);
  const header = Buffer.from(head);
  header[9] = PALETTE;
  const palette = Buffer.from(kept.flatMap((colour) => [part(colour, 16), part(colour, 8), part(colour, 0)]));
  const made = Buffer.concat([
    SIGNATURE, chunk("IHDR", header), chunk("PLTE", palette),
    chunk("IDAT", deflateSync(lines, { level: 9, memLevel: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
  return made.length < file.length ? made : file;
}

for (const path of paths) {
  const before = readFileSync(path), after = smaller(before);
  writeFileSync(path, after);
  process.stdout.write(`${path}: ${before.length.toLocaleString("en")} > ${after.length.toLocaleString("en")} bytes\n`);
}
