// A generated nfcapd file (layout 2, not compressed) whose records carry every element that the filter language and the top lists speak of:
// interfaces, masks, flow direction, both tos, reverse counters, VLAN, AS, next hops, exporter, MPLS, MAC. Seeded; values are drawn from small
// sets, so that filters and groups meet many records; each record leaves some elements out. Layouts: src/collect/nfcapd-records.ts.
import { writeFileSync } from 'node:fs';

/** Writes `flows` records; `seed` decides everything. */
export function writeRichNfcapd(path, { flows, startMs = 1_700_000_000_000, seed = 1 }) {
  const random = generator(seed);
  const pick = (list) => list[random(list.length)];
  const records = Array.from({ length: flows }, () => record(random, pick, startMs));
  const data = Buffer.concat(records);
  const head = Buffer.alloc(52);
  head.writeUInt16LE(0xa50c, 0);
  head.writeUInt16LE(2, 2);
  head.writeUInt32LE(0x01070100, 4);
  head.writeBigUInt64LE(BigInt(Math.floor(startMs / 1000)), 8);
  head.writeUInt32LE(1, 20);
  head.writeUInt32LE(Math.max(data.length, 1 << 20), 32);
  head.writeUInt32LE(1, 36);
  head.writeUInt32LE(flows, 40);
  head.writeUInt32LE(data.length, 44);
  head.writeUInt16LE(3, 48);
  writeFileSync(path, Buffer.concat([head, data]));
}

const ports = [0, 22, 53, 80, 123, 443, 1024, 8080, 33434, 50000, 65535];
const ases = [0, 1, 174, 3356, 64512, 65535, 65536, 4200000000];

function record(random, pick, startMs) {
  const isSix = random(4) === 0;
  const proto = pick([1, 2, 6, 6, 6, 6, 17, 17, 17, 47, 50, 58, 132]);
  const firstMs = startMs + random(3_600_000);
  const lastMs = random(40) === 0 ? firstMs - random(50) : firstMs + pick([0, 0, 1, 20, random(1000), random(60_000), random(900_000)]);
  const packets = pick([1, 1, 1, 2, 3, 1000, 1 + random(200), 1 + random(100_000)]);
  const bytes = packets * (28 + random(1472)) + random(packets);
  const isIcmp = proto === 1 || proto === 58;
  const dport = isIcmp ? pick([8, 0, 3, 11, 128, 135]) * 256 + pick([0, 0, 1, 3]) : pick(ports);
  const flags = proto === 6 ? pick([0x02, 0x12, 0x1b, 0x10, 0x18, 0x14, 0x04, 0x3f, 0xc2, 0x00, 0x29]) : random(20) === 0 ? 0x02 : 0;
  const flow = bytesOf([
    ...[firstMs, lastMs, lastMs + 5, packets, bytes].map((value) => [8, value]),
    ...[isIcmp ? 0 : pick(ports), dport].map((value) => [2, value]),
    ...[proto, flags, pick([0, 0, 64, 128, 1]), pick([0, 0, 8, 46, 184])].map((value) => [1, value]),
  ]);
  const elements = [element(1, flow)];
  if (random(60) !== 0) elements.push(isSix ? element(3, addresses6(random)) : element(2, addresses4(random)));
  if (random(5) !== 0)
    elements.push(
      element(
        4,
        bytesOf([
          ...[1, 2].map(() => [4, pick([0, 1, 2, 3, 65536])]),
          [1, pick([0, 8, 16, 24])],
          [1, pick([0, 24, 32])],
          [1, random(2)],
          [1, pick([0, 8, 32])],
          [4, 0],
        ]),
      ),
    );
  if (random(3) === 0)
    elements.push(
      element(
        5,
        bytesOf([
          [8, 1],
          [8, random(500)],
          [8, random(100_000)],
        ]),
      ),
    );
  if (random(3) === 0)
    elements.push(
      element(
        6,
        bytesOf([
          [4, pick([0, 1, 10, 4094])],
          [4, pick([0, 1, 20])],
        ]),
      ),
    );
  if (random(2) === 0)
    elements.push(
      element(
        7,
        bytesOf([
          [4, pick(ases)],
          [4, pick(ases)],
        ]),
      ),
    );
  if (random(4) === 0) elements.push(element(8, bytesOf([[4, 0xc0000201 + random(3)]])));
  if (random(3) !== 0) elements.push(element(10, bytesOf([[4, 0x0a000001 + random(3)]])));
  else if (random(2) === 0) elements.push(element(11, address6(random(3))));
  if (random(4) !== 0) elements.push(element(12, bytesOf([[4, 0x7f000201 + random(3)]])));
  if (random(4) === 0) elements.push(element(14, bytesOf(Array.from({ length: 10 }, (_, index) => [4, mplsWord(random, index)]))));
  if (random(3) === 0) elements.push(element(15, bytesOf([0, 1, 2, 3].map((index) => [8, 0x0a0b0c0d0e00 + index * 16 + random(2)]))));
  if (random(4) === 0)
    elements.push(
      element(
        16,
        bytesOf([
          [4, pick(ases)],
          [4, pick(ases)],
        ]),
      ),
    );
  const body = Buffer.concat(elements);
  const head = Buffer.alloc(12);
  head.writeUInt16LE(11, 0);
  head.writeUInt16LE(12 + body.length, 2);
  head.writeUInt16LE(elements.length, 4);
  head.writeUInt8(random(3), 6);
  head.writeUInt8(random(3), 7);
  head.writeUInt16LE(1 + random(3), 8);
  return Buffer.concat([head, body]);
}

// Label, experimental bits and end of stack in the 24 bits of the wire; a stack of one to three.
function mplsWord(random, index) {
  const isThere = index < 3;
  return isThere ? ((16 + random(4)) << 4) | (random(8) << 1) | (index === 2 ? 1 : 0) : 0;
}

function addresses4(random) {
  const one = () =>
    [0x0a000000 + random(6), 0xc0a80000 + random(600), 0xcb007100 + random(4), 0x00000000, 0xffffffff][
      random(5) === 0 ? random(5) : random(3)
    ];
  return bytesOf([
    [4, one()],
    [4, one()],
  ]);
}

function addresses6(random) {
  return Buffer.concat([address6(random(6)), address6(random(6))]);
}

// 2001:db8:N::1, fe80::N, and now and then :: and ::N
function address6(number) {
  const words =
    number === 5
      ? [0, 0, 0, 0]
      : number === 4
        ? [0, 0, 0, 7]
        : number === 3
          ? [0xfe800000, 0, 0x02000000, 3]
          : [0x20010db8, number << 16, 0, 1];
  return bytesOf([
    [4, words[1]],
    [4, words[0]],
    [4, words[3]],
    [4, words[2]],
  ]);
}

function element(type, data) {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(type, 0);
  head.writeUInt16LE(4 + data.length, 2);
  return Buffer.concat([head, data]);
}

/** Numbers as little-endian integers of so many bytes. */
function bytesOf(values) {
  const parts = Buffer.alloc(values.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of values) {
    if (size === 8) at = parts.writeBigUInt64LE(BigInt(value), at);
    else at = parts.writeUIntLE(value, at, size);
  }
  return parts;
}

/** Whole numbers below a bound, from a linear congruence (Numerical Recipes). */
function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
