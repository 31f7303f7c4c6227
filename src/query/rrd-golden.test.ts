import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault } from '../base/faults.js';
import { utcClock } from '../base/wall-clock.js';
import { openRrd } from '../collect/open-rrd.js';
import type { RrdFunction } from '../collect/rrd-database.js';
import { fetchRrd } from './rrd-fetch.js';
import { parseRrdScript } from './rrd-script.js';
import { RrdFetcher } from './rrd-series.js';
import { calculateScript, xport } from './xport.js';

const data = ['../shared/data/rrd', 'test/data/rrd'].find((path) => existsSync(path)) ?? '';
interface Fetched {
  args: string[];
  error?: string;
  ds: string[];
  rows: (number | null)[][];
}
interface Made {
  file: string;
  fetch: Fetched[];
  xport: {
    args: string[];
    options?: string[];
    start: number;
    end: number;
    result: { error?: string; meta: { start: number; end: number; step: number; legend: string[] }; data: (number | null)[][] };
  }[];
  vdef: { vdef: string; start: number; end: number; def_?: string; value?: number | null; time?: string; rtt?: number; offline?: number }[];
}
const read = <Kind>(name: string): Kind => JSON.parse(readFileSync(join(data, name), 'utf8')) as Kind;
const made = read<Made[]>('made-cases.json');
const real = read<{ file: string; fetch?: Fetched[] }[]>('real-index.json').filter((entry) => existsSync(join(data, entry.file)));
const world = { now: 1_700_030_000, clock: utcClock, firstWeekday: 0 };

/** Goldens keep eleven digits. */
function assertNear(got: number | undefined, wanted: number | null | undefined, what: string): void {
  if (wanted === null || wanted === undefined) assert.ok(got === undefined || !Number.isFinite(got), `${what}: ${got}, wanted unknown`);
  else assert.ok(got !== undefined && Math.abs(got - wanted) <= 1e-9 * Math.abs(wanted), `${what}: ${got}, wanted ${wanted}`);
}

for (const { file, fetch } of [...made, ...real]) {
  for (const { args, ds, rows, error } of fetch ?? []) {
    test(`fetch ${file} ${args.join(' ')}`, () => {
      const option = (name: string): string | undefined => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
      const database = openRrd(join(data, file));
      const run = () => fetchRrd(database, args[0] as RrdFunction, Number(option('-s')), Number(option('-e')), Number(option('-r') ?? 1));
      if (error !== undefined) {
        assert.throws(run, (fault) => fault instanceof Fault && `ERROR: ${fault.message}` === error);
        return;
      }
      const got = run();
      assert.deepEqual(got.names, ds);
      assert.equal(got.count, rows.length);
      rows.forEach(([time, ...values], row) => {
        assert.equal(got.start + (row + 1) * got.step, time);
        for (const [column, value] of values.entries()) assertNear(got.values[row * ds.length + column], value, `${time} ${ds[column]}`);
      });
      database.close();
    });
  }
}

for (const { file, xport: cases } of made) {
  const path = join(data, file);
  for (const { args, options = [], start, end, result } of cases) {
    test(`xport ${file} ${[...options, ...args].join(' ')}`, async () => {
      const words = args.map((word) => word.replace('@F', path));
      const option = (name: string, otherwise: number): number =>
        options.includes(name) ? Number(options[options.indexOf(name) + 1]) : otherwise;
      const range = { start, end, maxRows: option('-m', 400), step: option('--step', 0) };
      const fetcher = new RrdFetcher();
      try {
        const run = async () => xport(parseRrdScript(words, world.now, world.clock), range, fetcher, world);
        if (result.error !== undefined) {
          const message = result.error.replace(/^ERROR: /, '').replace('@F', path);
          await assert.rejects(run, (error) => error instanceof Fault && error.message.startsWith(message));
          return;
        }
        const table = await run();
        const { meta, data: rows } = result;
        assert.deepEqual([table.start + table.step, table.end, table.step], [meta.start, meta.end, meta.step]);
        assert.deepEqual(table.legends, meta.legend);
        assert.equal(table.count, rows.length);
        rows.forEach((values, row) => {
          for (const [column, value] of values.entries()) assertNear(table.columns[column]?.[row], value, `row ${row}, column ${column}`);
        });
      } finally {
        fetcher.close();
      }
    });
  }
}

for (const { file, vdef } of made) {
  for (const { def_, vdef: text, start, end, value, time, rtt, offline } of vdef) {
    test(`vdef ${file} ${def_ ?? 'rtt and offline'} ${text}`, async () => {
      const fetcher = new RrdFetcher();
      const words = [`DEF:x=${join(data, file)}:${def_ ?? 'rtt:AVERAGE'}`, 'CDEF:o=x,UN,100,0,IF', `VDEF:v=x,${text}`, `VDEF:w=o,${text}`];
      const range = { start, end, maxRows: 400, step: 0 };
      const { figures } = await calculateScript(parseRrdScript(words, world.now, world.clock), range, fetcher, world);
      fetcher.close();
      const figure = figures.get('v');
      assertNear(figure?.value, def_ === undefined ? rtt : value, text);
      if (def_ === undefined) assertNear(figures.get('w')?.value, offline, text);
      else assert.equal(figure?.time === undefined ? '-' : String(figure.time), time);
    });
  }
}

test('there are goldens', () => {
  assert.ok(made.reduce((count, { xport: cases }) => count + cases.length, 0) > 80);
});
