import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/faults.js';
import { openRrd } from './open-rrd.js';
import type { RrdDatabase } from './rrd-database.js';
import { rrdLayout, toNativeDoubles } from './rrd-layout.js';

const data = ['../shared/data/rrd', 'test/data/rrd'].find((path) => existsSync(path)) ?? '';

/** Everything a database says, numbers to the eleven digits that a dump keeps. */
function contents(database: RrdDatabase): unknown {
  const round = (value: number): string => value.toExponential(10);
  return {
    step: database.step,
    lastUpdate: database.lastUpdate,
    sources: database.sources.map(({ min, max, pending, ...source }) => ({
      ...source,
      min: round(min),
      max: round(max),
      pending: round(pending),
    })),
    archives: database.archives.map((archive) => ({
      shape: [archive.cf, archive.rows, archive.pdpPerRow, round(archive.xff), archive.firstEnd, archive.lastEnd],
      rows: [...database.rows(archive, 0, archive.rows)].map(round),
    })),
  };
}

const read = (file: string): unknown => {
  const database = openRrd(file);
  try {
    return contents(database);
  } finally {
    database.close();
  }
};

for (const file of ['v1-big-64', 'v1-little-64', 'v3-big-32', 'v3-little-32-align4']) {
  test(`${file}: every field and row is that of the dump`, () => {
    assert.deepEqual(read(join(data, `real/${file}.rrd`)), read(join(data, 'real/arch-golden-rrdtool1.xml')));
  });
}

const dumped = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((path) => existsSync(join(data, `${path}.dump.xml`)));
for (const path of dumped) {
  test(`${path}: every field and row is that of its dump`, () => {
    assert.deepEqual(read(join(data, path)), read(join(data, `${path}.dump.xml`)));
  });
}

test('rows in part are those of the whole', () => {
  const database = openRrd(join(data, 'made/ping-300s.rrd'));
  const archive = database.archives[0];
  assert.ok(archive);
  const whole = database.rows(archive, 0, archive.rows);
  const width = database.sources.length;
  for (const [first, count] of [
    [0, 1],
    [archive.rows - 1, 5],
    [3, 7],
    [archive.rows - archive.currentRow - 3, 6],
    [-2, 4],
  ] as const) {
    assert.deepEqual(database.rows(archive, first, count), whole.slice(Math.max(0, first) * width, (first + count) * width));
  }
  database.close();
});

test('what is no RRD is refused at its first byte', () => {
  assert.throws(() => openRrd(join(data, 'real/corrupt.rrd')), /corrupt\.rrd@0|not an RRD/);
});

const folder = mkdtempSync(join(tmpdir(), 'weir-rrd-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Reads damaged bytes: a database, or a fault with a place; nothing else. */
function tryBytes(name: string, bytes: Uint8Array): RrdDatabase | undefined {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return tryFile(name);
}

function tryFile(name: string): RrdDatabase | undefined {
  try {
    const database = openRrd(join(folder, name));
    for (const archive of database.archives) database.rows(archive, 0, Math.min(archive.rows, 1000));
    database.close();
    return database;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    assert.match(error.line, new RegExp(`${name}(@\\d+)?: .`));
    return undefined;
  }
}

for (const path of [
  'real/v1-little-64.rrd',
  'real/v3-big-32.rrd',
  'real/v3-little-32-align4.rrd',
  'real/v1-big-64.rrd',
  'real/arch-golden-rrdtool1.xml',
]) {
  const whole = readFileSync(join(data, path));
  test(`${path} cut at every byte is refused with its offset`, () => {
    // The last bytes of a dump close elements and end the line.
    const end = path.endsWith('.xml') ? whole.lastIndexOf('</rrd>') + 5 : whole.length - 1;
    writeFileSync(join(folder, 'cut'), whole.subarray(0, end));
    for (let cut = end; cut >= 0; cut--) {
      truncateSync(join(folder, 'cut'), cut);
      assert.equal(tryFile('cut'), undefined, `cut at ${cut}`);
    }
  });
  test(`${path} with flipped bits is read or refused, never more`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const bytes = Uint8Array.from(whole);
          for (const [at, mask] of flips) bytes[at] = (bytes[at] ?? 0) ^ mask;
          tryBytes('flip', bytes);
        },
      ),
      { numRuns: 150, seed: 7 },
    );
  });
}

test('a 32-bit file with times of 64 bits reads as the one with 32', () => {
  // The time lies behind the head (112 or 120), 2 sources of 120 and 2 archives of 108 or 112 bytes.
  for (const [name, timeAt, added] of [
    ['v3-little-32-align4', 112 + 240 + 216, [4, Buffer.alloc(4)]],
    ['v3-big-32', 120 + 240 + 224, [0, Buffer.alloc(4)]],
  ] as const) {
    const whole = readFileSync(join(data, `real/${name}.rrd`));
    const [behind, zeroes] = added;
    const wide = [whole.subarray(0, timeAt + behind), zeroes, whole.subarray(timeAt + behind)];
    // Aligned to 8, the structure of 12 bytes takes 16.
    if (name === 'v3-big-32') wide.splice(2, 1, whole.subarray(timeAt, timeAt + 8), Buffer.alloc(4), whole.subarray(timeAt + 8));
    writeFileSync(join(folder, 'wide.rrd'), Buffer.concat(wide));
    assert.deepEqual(read(join(folder, 'wide.rrd')), read(join(data, `real/${name}.rrd`)));
  }
});

test('doubles with their words exchanged, as old ARM has them, are known by the cookie and put right', () => {
  const head = readFileSync(join(data, 'real/v3-little-32-align4.rrd')).subarray(0, 64);
  const exchanged = Buffer.from(head);
  head.copy(exchanged, 12, 16, 20);
  head.copy(exchanged, 16, 12, 16);
  const layout = rrdLayout(new DataView(Uint8Array.from(exchanged).buffer), { file: 'arm.rrd' });
  assert.deepEqual(layout, { littleEndian: true, longBytes: 4, doubleAlign: 4, wordsExchanged: true });
  const doubles = new Uint8Array(16);
  const view = new DataView(doubles.buffer);
  for (const [index, value] of [1.5, -2.25].entries()) {
    view.setFloat64(index * 8, value, true);
    const low = view.getUint32(index * 8, true);
    view.setUint32(index * 8, view.getUint32(index * 8 + 4, true), true);
    view.setUint32(index * 8 + 4, low, true);
  }
  assert.deepEqual([...toNativeDoubles(doubles, layout)], [1.5, -2.25]);
});

test('hostile counts are refused before anything of their size is allocated', () => {
  const whole = readFileSync(join(data, 'real/v1-little-64.rrd'));
  for (const at of [24, 32, 40, 128 + 120 * 2 + 24, 128 + 120 * 2 + 32]) {
    for (const value of [0n, 0xffffffffn, 0x7fffffffffffffffn, 1n << 40n]) {
      const bytes = Buffer.from(whole);
      bytes.writeBigUInt64LE(value, at);
      const before = process.memoryUsage().arrayBuffers;
      tryBytes('hostile', bytes);
      assert.ok(process.memoryUsage().arrayBuffers - before < 64 << 20);
    }
  }
});
