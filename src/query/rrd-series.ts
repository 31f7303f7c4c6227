/**
 * Where the series of a DEF come from: an interface, and the one for `.rrd` files; and how rows are joined into coarser ones.
 *
 * RRDtool joins rows before an expression sees them, and a CDEF with UN then no longer finds the unknowns of a joined row. A fetcher may ask for the
 * other order (`consolidate: 'after'`): expressions run over the finest rows, and their results are joined, so that what was unknown stays visible.
 */

import { Refused } from '../base/faults.js';
import { openRrd } from '../collect/open-rrd.js';
import { type RrdDatabase, type RrdFunction, type RrdSource, rrdSource } from '../collect/rrd-database.js';
import type { RrdColumn } from './rpn-column.js';
import { fetchRrd, type RrdRows } from './rrd-fetch.js';

const fineRowsMax = 1 << 24;

/** What a DEF asks for. Times are epoch seconds, `step` the resolution wished for. */
export interface SeriesRequest {
  readonly file: string;
  readonly source: string;
  readonly cf: RrdFunction;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export interface FetchedColumn extends RrdColumn {
  /** Whether rows are joined before expressions, as RRDtool does, or after them. */
  readonly consolidate: 'before' | 'after';
}

/** Gives the rows of a series over a range, at a step near the one wished for, never coarser than need be. */
export interface SeriesFetcher {
  fetch(request: SeriesRequest): Promise<FetchedColumn>;
  close(): void;
}

/** Series of databases, each opened once: `.rrd` files and dumps, or what `open` finds. */
export class RrdFetcher implements SeriesFetcher {
  readonly #opener: (file: string) => RrdDatabase | Promise<RrdDatabase>;
  readonly #open = new Map<string, RrdDatabase>();
  /** The rows fetched last: sources of one file are often asked for one after the other. */
  #last: { readonly key: string; readonly rows: RrdRows } | undefined;

  constructor(open: (file: string) => RrdDatabase | Promise<RrdDatabase> = openRrd) {
    this.#opener = open;
  }

  async fetch({ file, source, cf, start, end, step }: SeriesRequest): Promise<FetchedColumn> {
    let database = this.#open.get(file);
    if (database === undefined) {
      database = await this.#opener(file);
      this.#open.set(file, database);
    }
    const found = rrdSource(database, source);
    if (database.fineRows !== undefined) return fineColumn(database, found, cf, start, end);
    const { index } = found;
    const key = `${cf} ${start} ${end} ${step} ${file}`;
    const rows = this.#last?.key === key ? this.#last.rows : fetchRrd(database, cf, start, end, step);
    this.#last = { key, rows };
    const width = rows.names.length;
    const values = width === 1 ? rows.values : new Float64Array(rows.count);
    if (width > 1) for (let row = 0; row < rows.count; row++) values[row] = rows.values[row * width + index] ?? Number.NaN;
    return { start: rows.start, end: rows.end, step: rows.step, values, consolidate: 'before' };
  }

  close(): void {
    for (const database of this.#open.values()) database.close();
    this.#open.clear();
  }
}

function fineColumn(database: RrdDatabase, source: RrdSource, cf: RrdFunction, start: number, end: number): FetchedColumn {
  const { step } = database;
  const from = start - (start % step);
  const until = Math.ceil(end / step) * step;
  if ((until - from) / step > fineRowsMax)
    throw new Refused(`${(until - from) / step} rows (at most ${fineRowsMax} in one answer)`, { file: database.file });
  if (!database.archives.some((archive) => archive.cf === cf || archive.pdpPerRow === 1))
    throw new Refused('the RRD does not contain an RRA matching the chosen CF', { file: database.file });
  return {
    start: from,
    end: until,
    step,
    values: database.fineRows?.(source, cf, from, until) ?? new Float64Array(0),
    consolidate: 'after',
  };
}

/**
 * Joins rows into ones of at least `step` seconds, as rrdtool does: a first and a last row that the range does not fill are unknown.
 * Source: rrdgraph_data(1), "If the resolution of the data is higher than the resolution of the graph".
 */
export function reduceColumn(column: RrdColumn, cf: RrdFunction, step: number): RrdColumn {
  const factor = Math.ceil(step / column.step);
  const coarse = column.step * factor;
  const startOffset = column.start % coarse;
  const endOffset = column.end % coarse;
  const start = column.start - startOffset;
  const end = endOffset === 0 ? column.end : column.end - endOffset + coarse;
  const values = new Float64Array(Math.max(0, (end - start) / coarse)).fill(Number.NaN);
  let from = startOffset === 0 ? 0 : factor - startOffset / column.step;
  for (let row = startOffset === 0 ? 0 : 1; from + factor <= column.values.length; row++) {
    values[row] = joined(column.values, from, from + factor, cf);
    from += factor;
  }
  return { start, end, step: coarse, values };
}

/** Joins the rows that end in (end - step, end] for each slot of a range; a slot is unknown where none is known. */
export function consolidateColumn(column: RrdColumn, cf: RrdFunction, start: number, step: number, count: number): Float64Array {
  const values = new Float64Array(count);
  const rowAt = (time: number): number => Math.min(column.values.length, Math.max(0, Math.floor((time - column.start) / column.step)));
  for (let slot = 0; slot < count; slot++)
    values[slot] = joined(column.values, rowAt(start + slot * step), rowAt(start + (slot + 1) * step), cf);
  return values;
}

/** One value of the rows [from, to), unknowns left out. */
function joined(values: Float64Array, from: number, to: number, cf: RrdFunction): number {
  let known = 0;
  let result = Number.NaN;
  for (let index = from; index < to; index++) {
    const value = values[index] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    known++;
    if (known === 1 || cf === 'LAST') result = value;
    else if (cf === 'MIN') result = Math.min(result, value);
    else if (cf === 'MAX' || cf === 'FAILURES') result = Math.max(result, value);
    else result += value;
  }
  return cf === 'MIN' || cf === 'MAX' || cf === 'FAILURES' || cf === 'LAST' ? result : result / known;
}
