/** The block codecs in WebAssembly against the references in TypeScript: the same bytes, the same refusals, and never a byte outside their buffers. */

import { deepEqual, equal, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
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
