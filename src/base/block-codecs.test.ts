/** The block codecs in WebAssembly against the references in TypeScript: the same bytes, the same refusals, and never a byte outside their buffers. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import bzip from 'seek-bzip';
import { BlockCodecs, type Codec } from './block-codecs.js';
import { Malformed } from './faults.js';
import { decodeLz4 } from './lz4.js';
import { decodeLzo } from './lzo.js';

type Decode = (from: number, fromEnd: number, to: number, toEnd: number) => number;

const memory = new WebAssembly.Memory({ initial: 64 });
const bytes = new Uint8Array(memory.buffer);
const exportsOf = (name: string): Record<string, unknown> =>
  new WebAssembly.Instance(new WebAssembly.Module(readFileSync(new URL(name, import.meta.url))), { env: { memory } }).exports;
const lz4 = exportsOf('lz4.wasm');
const lzo = exportsOf('lzo.wasm');
const encodeLz4 = lz4['encodeLz4'] as Decode;
const kernels = [
  { name: 'LZ4', kernel: lz4['decodeLz4'] as Decode, reference: decodeLz4 },
  { name: 'LZO', kernel: lzo['decodeLzo'] as Decode, reference: decodeLzo },
] as const;

const tableAt = 0x10000;
const rawAt = 0x40000;
const packedAt = 0x100000;
const outAt = 0x200000;
const fence = 0xa7;

function packed(data: Uint8Array): Uint8Array {
  bytes.set(data, rawAt);
  const size = encodeLz4(rawAt, rawAt + data.length, packedAt, tableAt);
  return bytes.slice(packedAt, packedAt + size);
}

/** What the kernel gives of an input into a buffer of `room` bytes; undefined where it refuses. */
function unpack(kernel: Decode, input: Uint8Array, room: number): Uint8Array | undefined {
  bytes.fill(fence, outAt - 64, outAt + room + 64);
  bytes.set(input, packedAt);
  const got = kernel(packedAt, packedAt + input.length, outAt, outAt + room);
  ok(got <= room);
  for (let place = 1; place <= 64; place++) {
    equal(bytes[outAt - place], fence, 'before the buffer');
    equal(bytes[outAt + room + place - 1], fence, 'behind the buffer');
  }
  return got < 0 ? undefined : bytes.slice(outAt, outAt + got);
}

function byReference(reference: (input: Uint8Array, out: Uint8Array) => number, input: Uint8Array, room: number): Uint8Array | undefined {
  const out = new Uint8Array(room);
  try {
    return out.slice(0, reference(input, out));
  } catch {
    return undefined;
  }
}

// Texts that repeat: runs, copies of earlier parts, noise.
const repeating = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 60 })), { maxLength: 30 })
  .map((parts) => Uint8Array.from(parts.flatMap(([part, times]) => Array.from({ length: times }, () => [...part]).flat())));

test('what is packed unpacks to itself, by the kernel and by the reference', () => {
  fc.assert(
    fc.property(fc.oneof(repeating, fc.uint8Array({ maxLength: 3000 })), (data) => {
      const block = packed(data);
      deepEqual(unpack(kernels[0].kernel, block, data.length), data);
      deepEqual(byReference(decodeLz4, block, data.length), data);
    }),
    { seed: 11, numRuns: 400 },
  );
});

for (const { name, kernel, reference } of kernels) {
  test(`${name}: damaged and made-up blocks are taken or refused alike, and no byte outside is touched`, () => {
    const damaged = fc
      .tuple(repeating, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }), fc.nat())
      .map(([data, changes, cut]) => {
        const block = packed(data);
        for (const [at, value] of changes) if (block.length > 0) block[at % block.length] = value;
        return cut % 3 === 0 ? block.subarray(0, cut % (block.length + 1)) : block;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 300 })), fc.integer({ min: 0, max: 4000 }), (input, room) => {
        deepEqual(unpack(kernel, input, room), byReference(reference, input, room));
      }),
      { seed: 12, numRuns: 3000 },
    );
  });
}

// Streams of bzip2 1.0.8: nothing, runs of every length around four, every byte, noise of 2,000 bytes; and one of zstd 1.5.
const streams = readFileSync(new URL('../../src/base/block-codecs.samples.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split(' ') as [Codec, string])
  .map(([codec, text]) => ({ codec, data: new Uint8Array(Buffer.from(text, 'base64')) }));
const workMemory = new WebAssembly.Memory({ initial: 128 });
const work = new Uint8Array(workMemory.buffer);
const codecs = new BlockCodecs(workMemory, 65536);
const [fromAt, toAt] = [0x400000, 0x500000];

function unpackWith(codec: Codec, input: Uint8Array, room: number): Uint8Array | undefined {
  work.fill(fence, toAt - 64, toAt);
  work.fill(fence, toAt + room, toAt + room + 64);
  work.set(input, fromAt);
  let size: number;
  try {
    size = codecs.unpack(codec, fromAt, input.length, toAt, room);
  } catch (error) {
    ok(error instanceof Malformed, String(error));
    return undefined;
  } finally {
    for (let place = 1; place <= 64; place++) {
      equal(work[toAt - place], fence, 'before the buffer');
      equal(work[toAt + room + place - 1], fence, 'behind the buffer');
    }
  }
  return work.slice(toAt, toAt + size);
}

test('BZ2 streams unpack as by seek-bzip; cut, bent or without room they are refused', () => {
  for (const { data } of streams.filter(({ codec }) => codec === 'BZ2')) {
    const wanted = new Uint8Array(bzip.decode(data));
    deepEqual(unpackWith('BZ2', data, wanted.length), wanted);
    if (wanted.length > 0) equal(unpackWith('BZ2', data, wanted.length - 1), undefined, 'no room');
    for (let cut = 0; cut < data.length; cut++) equal(unpackWith('BZ2', data.subarray(0, cut), wanted.length), undefined, `cut at ${cut}`);
    for (let bit = 0; bit < data.length * 8; bit += Math.ceil(data.length / 200)) {
      const bent = Uint8Array.from(data);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      const got = unpackWith('BZ2', bent, wanted.length);
      // Only what is not looked at may differ: the block size that is allowed for, the bits that fill the last byte.
      ok(got === undefined || Buffer.compare(got, wanted) === 0, `bit ${bit}`);
    }
  }
});

test('BZ2: a run whose length has no end is refused', () => {
  // 40 digits of a run, where 20 are the most that a block can hold.
  const bits = ['BZh9']
    .flatMap((text) => [...Buffer.from(text)].map((byte) => byte.toString(2).padStart(8, '0')))
    .concat(BigInt('0x314159265359').toString(2).padStart(48, '0'), '0'.repeat(32), '0', '0'.repeat(24))
    .concat('1'.padEnd(16, '0'), '1'.padEnd(16, '0'), '010', '000000000000001', '0')
    // Symbols 0, 1 and the end have codes of 1, 2 and 2 bits, in both tables.
    .concat(['00001', '0', '100', '0'].join('').repeat(2), '0'.repeat(40), '11');
  const text = bits.join('');
  const data = Uint8Array.from({ length: Math.ceil(text.length / 8) + 8 }, (_, index) =>
    Number.parseInt(text.slice(index * 8, index * 8 + 8).padEnd(8, '0'), 2),
  );
  equal(unpackWith('BZ2', data, 900_000), undefined);
});

test('ZSTD: a frame unpacks; cut, with a large content or window or more behind it, it is refused before it is unpacked', () => {
  const { data } = streams.find(({ codec }) => codec === 'ZSTD') as (typeof streams)[number];
  const wanted = unpackWith('ZSTD', data, 100_000) as Uint8Array;
  ok(wanted.length > 1000);
  equal(unpackWith('ZSTD', data, wanted.length - 1), undefined, 'no room');
  for (let cut = 0; cut < data.length; cut++) equal(unpackWith('ZSTD', data.subarray(0, cut), 100_000), undefined, `cut at ${cut}`);
  equal(unpackWith('ZSTD', Uint8Array.from([...data, 0]), 100_000), undefined);
  const frame = (...bytes: number[]): Uint8Array => Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...bytes, 0, 0, 0, 0]);
  equal(unpackWith('ZSTD', frame(0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0), 100_000), undefined);
  equal(unpackWith('ZSTD', frame(0, 0xff, 1, 0, 0), 100_000), undefined);
  // A thousand runs of 2 MiB each.
  const run = [0xfa, 0xff, 0xff, 7];
  equal(unpackWith('ZSTD', frame(0, 0x58, ...Array.from({ length: 1000 }, () => run).flat()), 100_000), undefined);
});
