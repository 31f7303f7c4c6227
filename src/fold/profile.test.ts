/** Laws of profiles: any split and order gives the same counts, saved bytes repeat, spread shares sum, percentages sum to 100. */

import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../base/faults.js';
import { FlowBatch } from '../base/flow-batch.js';
import { BinFinder, binEnd, defaultBins, parseBins } from './histogram.js';
import { Profile, type ProfileShape, profileBys } from './profile.js';
import { profileText, readProfile } from './profile-file.js';

interface Row {
  first: number;
  ms: number;
  packets: number;
  bytes: number;
  proto: number;
}

const start = Date.UTC(2026, 9, 24, 20) / 1000;
const rowOf = fc.record({
  first: fc.integer({ min: 0, max: 90_000 }),
  ms: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 9_000_000 })),
  packets: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 2 ** 33 })),
  bytes: fc.integer({ min: 0, max: 2 ** 40 }),
  proto: fc.constantFrom(1, 6, 17),
});

function batchOf(rows: readonly Row[]): FlowBatch {
  const batch = new FlowBatch(Math.max(rows.length, 1));
  rows.forEach(({ first, ms, packets, bytes, proto }, row) => {
    batch.firstSeconds[row] = start + first;
    batch.firstNanos[row] = 123_456_789;
    const last = 123_456_789 + ms * 1_000_000;
    batch.lastSeconds[row] = start + first + Math.floor(last / 1e9);
    batch.lastNanos[row] = last % 1e9;
    batch.packets[row] = packets;
    batch.bytes[row] = bytes;
    batch.proto[row] = proto;
  });
  batch.count = rows.length;
  return batch;
}

const shapes: readonly ProfileShape[] = profileBys.flatMap((by) => [
  { bins: defaultBins(by), group: [], byFile: false, per: undefined, zone: 'UTC', spread: false },
  { bins: defaultBins(by), group: ['proto'], byFile: false, per: 'hour', zone: 'Australia/Lord_Howe', spread: true },
  { bins: parseBins(by, '1,2-5,6-99'), group: [], byFile: false, per: 'day', zone: 'Europe/London', spread: true },
]);

function textOf(profile: Profile): string {
  return profileText({ shape: profile.shape, rejected: new Map(), cells: profile.cells() });
}

test('any split and order of flows, saved or not, gives the same bytes', () => {
  fc.assert(
    fc.property(fc.array(rowOf, { maxLength: 60 }), fc.nat(), fc.constantFrom(...shapes), (rows, seed, shape) => {
      const whole = new Profile(shape);
      whole.add(batchOf(rows));
      const parts = [new Profile(shape), new Profile(shape), new Profile(shape)];
      rows.forEach((row, index) => {
        parts[(index * 7 + seed) % 3]?.add(batchOf([row]));
      });
      const sum = new Profile(shape);
      for (const part of parts.reverse()) {
        const saved = readProfile(textOf(part), 'part');
        sum.merge(saved.cells, saved.shape, 'part');
      }
      equal(textOf(sum), textOf(whole));
    }),
    { seed: 4, numRuns: 150 },
  );
});

test('spreading shares packets and bytes among intervals in integers that sum to the records', () => {
  fc.assert(
    fc.property(fc.array(rowOf, { minLength: 1, maxLength: 20 }), (rows) => {
      const bins = defaultBins('packets');
      const base = { bins, group: [], byFile: false, zone: 'America/Sao_Paulo' } as const;
      const spread = new Profile({ ...base, per: '5m', spread: true });
      const plain = new Profile({ ...base, per: undefined, spread: false });
      spread.add(batchOf(rows));
      plain.add(batchOf(rows));
      deepEqual(spread.total(), plain.total());
      for (const { histogram } of spread.cells()) {
        for (const column of [histogram.flows, histogram.packets, histogram.bytes])
          equal(
            column.every((value) => value >= 0 && Number.isInteger(value)),
            true,
          );
      }
    }),
    { seed: 5, numRuns: 150 },
  );
});

test('a flow of ten seconds over two intervals is shared by its time in each', () => {
  const profile = new Profile({ bins: defaultBins('packets'), group: [], byFile: false, per: '5m', zone: 'UTC', spread: true });
  const batch = batchOf([{ first: 298, ms: 10_000, packets: 101, bytes: 1001, proto: 6 }]);
  profile.add(batch);
  // 1.876543211 s of 10 s lie before the border.
  deepEqual(
    profile
      .cells()
      .map(({ startMs, histogram }) => [
        (startMs ?? 0) / 1000 - start,
        histogram.flows.reduce((a, b) => a + b),
        histogram.packets.reduce((a, b) => a + b),
        histogram.bytes.reduce((a, b) => a + b),
      ]),
    [
      [0, 1, 18, 187],
      [300, 0, 83, 814],
    ],
  );
});

test('every value lies in the bin that names it', () => {
  for (const by of profileBys) {
    for (const bins of [defaultBins(by), parseBins(by, '3,4-9,10-5000')]) {
      const finder = new BinFinder(bins);
      for (const value of [0, 1, 2, 3, 4, 9, 10, 100, 101, 4095, 4096, 4097, 5000, 5001, 1e6, 1e6 + 1, 2 ** 52]) {
        const bin = finder.of(value);
        const expected = bins.from.findIndex((from, index) => value >= from && value <= (binEnd(bins, index) ?? Number.POSITIVE_INFINITY));
        equal(bin, expected < 0 ? bins.from.length : expected, `${bins.identity} ${value}`);
      }
    }
  }
});

test('bins with a gap, an overlap or no sense are refused with the reason', () => {
  const cases = {
    '1,3': /a gap before '3' \(expected it to begin at 2\)/,
    '1-5,5': /'5' overlaps the bin before it \(expected it to begin at 6\)/,
    '1-,2': /'2' comes after an open bin/,
    '5-3': /ends before it begins/,
    '1,two': /'two' is no bin/,
    '': /is no bin/,
  };
  for (const [text, reason] of Object.entries(cases)) throws(() => parseBins('packets', text), reason);
});

test('profiles of other bins never merge, and the error names both', () => {
  const one = new Profile(shapes[0] as ProfileShape);
  const other = { ...(shapes[0] as ProfileShape), bins: parseBins('packets', '1,2-') };
  throws(() => one.merge([], other, 'b.json'), /bins packets 1,2-, the other of bins packets 1,2,3,4,5,6-10/);
});

test('a damaged saved profile is refused', () => {
  const whole = new Profile(shapes[1] as ProfileShape);
  whole.add(batchOf([{ first: 1, ms: 5, packets: 3, bytes: 300, proto: 6 }]));
  const text = textOf(whole);
  for (const [from, to] of [
    ['"version":1', '"version":2'],
    ['[1,1]', '[1,7]'],
    ['"flows":[0', '"flows":[-1'],
    ['"flows":[0,', '"flows":['],
    ['"weir"', '"ware"'],
    ['"cells"', '"sells"'],
    ['}\n', '\n'],
  ] as const) {
    equal(text.includes(from), true, from);
    throws(() => readProfile(text.replace(from, to), 'saved.json'), /saved/);
  }
});

test('a saved profile that is cut anywhere, or has a letter changed, is refused or read in whole', () => {
  const whole = new Profile(shapes[1] as ProfileShape);
  whole.add(batchOf([{ first: 1, ms: 5, packets: 3, bytes: 300, proto: 6 }]));
  const text = textOf(whole);
  for (let end = 0; end < text.trimEnd().length; end++)
    throws(() => readProfile(text.slice(0, end), 'saved.json'), /saved/, `cut at ${end}`);
  for (let at = 0; at < text.length; at++) {
    for (const letter of ['9', '"', '{', '-', ',']) {
      try {
        readProfile(text.slice(0, at) + letter + text.slice(at + 1), 'saved.json');
      } catch (error) {
        equal(error instanceof Fault, true, `${letter} at ${at}: ${String(error)}`);
      }
    }
  }
});
