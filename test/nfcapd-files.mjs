// Generated nfcapd files (layout 2, not compressed), seeded: what a collector would have left, for tests and benches. Real programs read
// them (`nfdump -r`), and `nfdump -r FILE -z=lz4 -w OUT` makes of them what a collector writes. Layouts: src/collect/nfcapd.ts and
// src/collect/nfcapd-records.ts. About one flow in six is of IPv6, one in eight lasts longer than five minutes.
import { closeSync, openSync, writeSync } from 'node:fs';

const recordBytes = { 4: 12 + 52 + 12, 6: 12 + 52 + 36 };
const blockRecords = 16_384;

/** Writes `flows` records that start within `spanMs` of `startMs`; `seed` decides everything else. */
export function writeNfcapd(path, { flows, startMs, spanMs = 300_000, seed = 1 }) {
  const random = generator(seed);
  const blocks = Math.ceil(flows / blockRecords);
  const file = openSync(path, 'w');
  const head = Buffer.alloc(40);
  head.writeUInt16LE(0xa50c, 0);
  head.writeUInt16LE(2, 2);
  head.writeUInt32LE(0x01070100, 4);
  head.writeBigUInt64LE(BigInt(Math.floor(startMs / 1000)), 8);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(blockRecords * recordBytes[6], 32);
  head.writeUInt32LE(blocks, 36);
  writeSync(file, head);
  const block = Buffer.alloc(12 + blockRecords * recordBytes[6]);
  for (let done = 0; done < flows; done += blockRecords) {
    const count = Math.min(blockRecords, flows - done);
    let at = 12;
    for (let record = 0; record < count; record += 1) at = writeRecord(block, at, random, startMs, spanMs);
    block.writeUInt32LE(count, 0);
    block.writeUInt32LE(at - 12, 4);
    block.writeUInt16LE(3, 8);
    writeSync(file, block, 0, at);
  }
  closeSync(file);
}

function writeRecord(block, start, random, startMs, spanMs) {
  const family = random(6) === 0 ? 6 : 4;
  const size = recordBytes[family];
  const firstMs = startMs + random(spanMs);
  const lastMs = firstMs + (random(8) === 0 ? random(900_000) : random(20_000));
  const draw = random(10);
  const packets = 1 + (draw < 4 ? 0 : draw < 8 ? random(10) : draw < 9 ? random(400) : random(30_000));
  const isUdp = random(3) === 0;
  const bytes = packets * (40 + random(1400));
  let at = block.writeUInt16LE(11, start);
  at = block.writeUInt16LE(size, at);
  at = block.writeUInt16LE(2, at);
  block.fill(0, at, at + 6);
  at = block.writeUInt16LE(1, at + 6);
  at = block.writeUInt16LE(52, at);
  for (const value of [firstMs, lastMs, lastMs, packets, bytes]) {
    block.writeUInt32LE(value % 2 ** 32, at);
    at = block.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
  }
  at = block.writeUInt16LE(1024 + random(60_000), at);
  at = block.writeUInt16LE([53, 80, 443, 8080][random(4)], at);
  at = block.writeUInt8(isUdp ? 17 : 6, at);
  at = block.writeUInt8(isUdp ? 0 : 0x1b, at);
  at = block.writeUInt16LE(0, at);
  at = block.writeUInt16LE(family === 4 ? 2 : 3, at);
  at = block.writeUInt16LE(family === 4 ? 12 : 36, at);
  const words =
    family === 4
      ? [0x0a000000 + random(65_536), 0xc0a80000 + random(4096)]
      : [0, 0x20010db8, random(65_536), 0, 1, 0x20010db8, random(4096), 0];
  for (const word of words) at = block.writeUInt32LE(word, at);
  return at;
}

/** Whole numbers below a bound, from a linear congruence (Numerical Recipes). */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
