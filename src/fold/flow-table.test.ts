import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FlowTable, partRows } from './flow-table.js';

const seed = 20261126;
interface Row {
  readonly key: readonly number[];
  readonly packets: number;
  readonly back: number;
  readonly first: number;
  readonly nanos: number;
}
const rowOf = fc.record({
  key: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, 0xffff0000, 0xffffffff), fc.integer({ min: 0, max: 40 })),
  packets: fc.integer({ min: 0, max: 2 ** 40 }),
  back: fc.constantFrom(0, 0, 7),
  first: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});

function fold(table: FlowTable, rows: readonly Row[], hasBack = true): void {
  for (let start = 0; start < rows.length; start += partRows) {
    const part = rows.slice(start, start + partRows);
    const packets = Float64Array.from(part, (row) => row.packets);
    const back = Float64Array.from(part, (row) => row.back);
    const firstSeconds = Uint32Array.from(part, (row) => row.first);
    const firstNanos = Uint32Array.from(part, (row) => row.nanos);
    table.keys.set(part.flatMap((row) => row.key));
    const columns = { packets, bytes: packets, firstSeconds, firstNanos, lastSeconds: firstSeconds, lastNanos: firstNanos };
    table.fold({ ...columns, ...(hasBack ? { packetsRev: back } : {}) }, 0, part.length);
  }
}

// Groups by key, with all their figures.
function told(table: FlowTable): Map<string, string> {
  return new Map(
    Array.from({ length: table.count }, (_, group) => [
      Array.from({ length: table.words }, (_, word) => table.key(group, word)).join(),
      [
        table.flows(group),
        table.packets(group),
        table.bytes(group),
        table.packetsRev(group),
        table.bytesRev(group),
        table.firstNs(group),
        table.lastNs(group),
      ].join(),
    ]),
  );
}

function naive(rows: readonly Row[]): Map<string, string> {
  const groups = new Map<string, [number, number, number, bigint, bigint]>();
  for (const { key, packets, back, first, nanos } of rows) {
    const at = BigInt(first) * 1_000_000_000n + BigInt(nanos);
    const [flows, sum, backSum, from, to] = groups.get(key.join()) ?? [0, 0, 0, at, at];
    groups.set(key.join(), [flows + 1, sum + packets, backSum + back, at < from ? at : from, at > to ? at : to]);
  }
  return new Map([...groups].map(([key, [flows, packets, back, from, to]]) => [key, [flows, packets, packets, back, 0, from, to].join()]));
}

test('groups have the sums of their rows, however the rows are cut into tables', () => {
  fc.assert(
    fc.property(fc.array(rowOf, { maxLength: 60 }), fc.nat(60), (rows, cut) => {
      const whole = new FlowTable(3);
      fold(whole, rows);
      deepEqual(told(whole), naive(rows));
      const [one, other] = [new FlowTable(3), new FlowTable(3)];
      fold(one, rows.slice(0, cut));
      fold(other, rows.slice(cut));
      one.absorb(other.groups());
      // The same groups in the same order of first appearance.
      deepEqual([...told(one)], [...told(whole)]);
    }),
    { seed, numRuns: 200 },
  );
});

test('many groups: slots double, chunks follow each other, and nothing is lost', () => {
  const table = new FlowTable(1);
  const rows = Array.from({ length: 50_000 }, (_, index) => ({
    key: [Math.imul(index % 40_000, 0x9e3779b1) >>> 0],
    packets: index,
    back: 0,
    first: 5,
    nanos: 6,
  }));
  fold(table, rows, false);
  equal(table.count, 40_000);
  deepEqual(told(table), naive(rows));
  const other = new FlowTable(1);
  other.absorb(table.groups());
  other.absorb(table.groups());
  equal(other.count, 40_000);
  equal(other.flows(3), 2 * table.flows(3));
});

test('keys of one word below and above 65536, and rows that go back from some part on', () => {
  const row = (key: number, index: number, back: number): Row => ({ key: [key], packets: index, back, first: 5 + index, nanos: 6 });
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(0, 1, 443, 65535, 65536, 65537, 2 ** 32 - 1), { maxLength: 40 }),
      fc.nat(40),
      fc.nat(40),
      (keys, from, cut) => {
        const rows = keys.map((key, index) => row(key, index, index < from ? 0 : 3));
        const wide = new FlowTable(1);
        fold(wide, rows);
        // Rows before `from` are folded without the columns that they do not need.
        const grown = new FlowTable(1);
        fold(grown, rows.slice(0, from), false);
        fold(grown, rows.slice(from));
        deepEqual([...told(grown)], [...told(wide)]);
        deepEqual(told(wide), naive(rows));
        // Narrow and wide tables are added up either way.
        const [narrow, other] = [new FlowTable(1), new FlowTable(1)];
        const plain = rows.map((one) => ({ ...one, back: 0 }));
        fold(narrow, plain.slice(0, cut), false);
        fold(other, rows.slice(cut));
        const both = [...plain.slice(0, cut), ...rows.slice(cut)];
        const added = new FlowTable(1);
        added.absorb(other.groups());
        added.absorb(narrow.groups());
        narrow.absorb(other.groups());
        deepEqual(told(narrow), naive(both));
        deepEqual(told(added), naive(both));
      },
    ),
    { seed, numRuns: 200 },
  );
});
