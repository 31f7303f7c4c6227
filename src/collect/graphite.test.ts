/** Carbon's plaintext and pickle protocols against golden lines and frames, and against hostile ones. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/faults.js';
import { readNumber } from './byte-number.js';
import { parsePlaintext } from './graphite-plaintext.js';
import { type PicklePoint, readPickle } from './pickle.js';

interface Point {
  metric: string;
  value: number;
  timestamp: number | 'now';
}

function readLines(text: string): { points: Point[]; rejects: string[]; lines: number } {
  const bytes = Buffer.from(text);
  const points: Point[] = [];
  const rejects: string[] = [];
  const lines = parsePlaintext(bytes, 0, bytes.length, {
    point: (start, end, value, seconds) =>
      points.push({ metric: bytes.toString('utf8', start, end), value, timestamp: seconds === -1 ? 'now' : seconds }),
    reject: (cause) => rejects.push(cause),
  });
  return { points, rejects, lines };
}

const folder = ['../shared/data/graphite-ingest', 'test/data/graphite-ingest'].find((path) => existsSync(path));
const skip = folder === undefined && 'no golden lines here';
const load = (name: string): unknown => JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));

test('plaintext lines', { skip }, () => {
  type Expect = Partial<Point> & { upstreamGoCarbon?: Point; dropped?: boolean; points?: Point[]; errors?: number };
  for (const { line, expect } of load('plaintext.json') as { line: string; expect: string | Expect }[]) {
    const { points, rejects } = readLines(line);
    if (expect === 'error') assert.deepEqual([points.length, rejects.length], [0, line === '' ? 0 : 1], line);
    else if (expect === 'skip') assert.deepEqual([points.length, rejects.length], [0, 0], line);
    else if (typeof expect === 'object' && expect.dropped) assert.deepEqual([points, rejects], [[], ['nan']]);
    else if (typeof expect === 'object' && expect.points) assert.deepEqual([points, rejects.length], [expect.points, expect.errors]);
    else if (typeof expect === 'object') {
      const { metric, value, timestamp } = expect.upstreamGoCarbon ?? expect;
      assert.deepEqual(points, [{ metric, value, timestamp }], line);
    }
  }
});

test('numbers read from bytes are those of the language, bit for bit', () => {
  const same = (text: string, expected: number): void => {
    const bytes = Buffer.from(`x${text} `);
    assert.ok(Object.is(readNumber(bytes, 1, bytes.length - 1), expected), text);
  };
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => same(String(value), Object.is(value, -0) ? 0 : value)),
    { seed: 3, numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), fc.integer({ min: 0, max: 999_999 }), (whole, part) =>
      same(`-${whole}.${part}`, Number(`-${whole}.${part}`)),
    ),
    { seed: 3, numRuns: 3000 },
  );
  for (const text of ['', '-', '.', '1,5', '0x10', ' 1', 'inf', 'NaN', '1e', '1e999', '1..2']) same(text, Number.NaN);
});

test('pickle frames', { skip }, () => {
  type Row = { name: string; hex: string; expect: string | Point[] | { upstreamCarbon: Point[] } };
  for (const { name, hex, expect } of load('pickle.json') as Row[]) {
    const frame = Buffer.from(hex, 'hex');
    if (frame.readUInt32BE(0) !== frame.length - 4) continue;
    const points: PicklePoint[] = [];
    const rejects: string[] = [];
    const run = (): number =>
      readPickle(
        frame.subarray(4),
        (point) => points.push(point),
        (cause) => rejects.push(cause),
      );
    if (typeof expect === 'string') {
      try {
        run();
        assert.ok(rejects.length > 0, name);
      } catch (error) {
        assert.ok(error instanceof Fault, name);
      }
      assert.equal(points.length, 0, name);
    } else {
      run();
      const wanted = Array.isArray(expect) ? expect : expect.upstreamCarbon;
      assert.deepEqual(
        points.map((point) => ({ metric: point.name, value: point.value, timestamp: point.seconds })),
        wanted,
        name,
      );
    }
  }
});

test('a pickle cut or changed anywhere gives points or a fault, never anything else', { skip }, () => {
  const frames = (load('pickle.json') as { hex: string }[]).map(({ hex }) => Buffer.from(hex, 'hex').subarray(4));
  const attempt = (bytes: Uint8Array): void => {
    try {
      readPickle(
        bytes,
        () => {},
        () => {},
      );
    } catch (error) {
      assert.ok(error instanceof Fault, String(error));
    }
  };
  for (const frame of frames) for (let size = 0; size < frame.length; size++) attempt(frame.subarray(0, size));
  fc.assert(
    fc.property(fc.constantFrom(...frames.filter((frame) => frame.length > 3)), fc.nat(), fc.nat(255), (frame, at, byte) => {
      const copy = Uint8Array.from(frame);
      copy[at % copy.length] = byte;
      attempt(copy);
    }),
    { seed: 11, numRuns: 5000 },
  );
});
