/**
 * `xport`: a script of DEF, CDEF, VDEF and XPORT statements over a range into one table of rows.
 *
 * The step wished for is the range divided by the most rows that are wanted (400), or `--step` if that is more. Each DEF is fetched at an archive near
 * it and joined to at least it; expressions follow in the order in which they stand; the table's step is the greatest that divides the steps of what it shows.
 * Source: rrdxport(1), rrdgraph(1); what they leave open by asking rrdtool 1.7.2.
 */

import { Malformed } from '../base/faults.js';
import type { RrdFunction } from '../collect/rrd-database.js';
import { type RpnProgram, rpnVariables } from './rpn.js';
import { calculateColumn, greatestDivisor, type RpnWorld, type RrdColumn } from './rpn-column.js';
import { type DefStatement, named, type PrintStatement, type RrdStatement } from './rrd-script.js';
import { consolidateColumn, type FetchedColumn, reduceColumn, type SeriesFetcher } from './rrd-series.js';
import { calculateVdef, type VdefValue } from './vdef.js';
import { type RrdTime, resolveRrdRange } from './when-rrd.js';

export interface XportRange {
  readonly start: number;
  readonly end: number;
  /** Most rows; 400 unless told otherwise. */
  readonly maxRows: number;
  /** Least seconds a row; 0 where it does not matter. */
  readonly step: number;
}

/** A table: row i is (start + i*step, start + (i+1)*step], labelled by its end. */
export interface XportTable {
  readonly start: number;
  readonly end: number;
  readonly step: number;
  readonly count: number;
  readonly legends: readonly string[];
  readonly columns: readonly Float64Array[];
}

/** What the statements of a script made: its columns and figures by name. */
export interface RrdResults {
  readonly columns: ReadonlyMap<string, CalculatedColumn>;
  readonly figures: ReadonlyMap<string, VdefValue>;
  /** Seconds a row that were wished for. */
  readonly step: number;
}

export interface CalculatedColumn extends FetchedColumn {
  /** How its rows are joined, where they are to be. */
  readonly reduce: RrdFunction;
}

const rowsMax = 1 << 24;

/** Fetches and calculates every column and figure of a script. */
export async function calculateScript(
  statements: readonly RrdStatement[],
  range: XportRange,
  fetcher: SeriesFetcher,
  world: RpnWorld,
): Promise<RrdResults> {
  const step = Math.max(Math.floor((range.end - range.start) / range.maxRows), range.step);
  const columns = new Map<string, CalculatedColumn>();
  const figures = new Map<string, VdefValue>();
  for (const statement of statements)
    if (statement.kind === 'def') columns.set(statement.name, await fetchDef(statement, range, step, fetcher, world));
  for (const statement of statements) {
    if (statement.kind === 'cdef') {
      const { name, program } = statement;
      columns.set(
        name,
        named(name, () => calculateCdef(program, columns, figures, world)),
      );
    }
    if (statement.kind === 'vdef') {
      const column = columns.get(statement.definition.variable);
      if (column !== undefined) figures.set(statement.name, calculateVdef(statement.definition, column));
    }
    if (statement.kind === 'shift') {
      const column = columns.get(statement.name);
      const by = typeof statement.by === 'number' ? statement.by : (figures.get(statement.by)?.value ?? Number.NaN);
      if (column !== undefined) columns.set(statement.name, shifted(column, by));
    }
  }
  return { columns, figures, step };
}

/** The table of a script's XPORT statements. Throws Malformed when there are none. */
export async function xport(
  statements: readonly RrdStatement[],
  range: XportRange,
  fetcher: SeriesFetcher,
  world: RpnWorld,
): Promise<XportTable> {
  if (statements.length === 0) throw new Malformed("can't make an xport without contents");
  const shown = statements.flatMap((statement) => (statement.kind === 'xport' ? [statement] : []));
  const results = await calculateScript(statements, range, fetcher, world);
  if (shown.length === 0) throw new Malformed('no XPORT found, nothing to do');
  const columns = shown.flatMap(({ name }) => results.columns.get(name) ?? []);
  const finest = columns.map((column) => column.step).reduce(greatestDivisor);
  const joinsAfter = columns.some((column) => column.consolidate === 'after');
  const wished = Math.max(results.step, ...statements.map((statement) => (statement.kind === 'def' ? (statement.step ?? 0) : 0)));
  const step = joinsAfter ? Math.max(1, Math.ceil(wished / finest)) * finest : finest;
  const start = range.start - (range.start % step);
  const end = range.end % step === 0 ? range.end : range.end - (range.end % step) + step;
  const count = Math.max(0, (end - start) / step);
  if (count * columns.length > rowsMax)
    throw new Malformed(`${count} rows of ${columns.length} values (at most ${rowsMax} values in one answer)`);
  return {
    ...{ start, end, step, count },
    legends: shown.map(({ legend }) => legend),
    columns: columns.map((column) =>
      column.consolidate === 'after' && column.step < step
        ? consolidateColumn(column, column.reduce, start, step, count)
        : sampled(column, start, step, count),
    ),
  };
}

/** What a PRINT statement speaks of: the figure of a VDEF, or of a column by a function over all of its rows. */
export function printedFigure(statement: PrintStatement, { columns, figures }: RrdResults): VdefValue {
  const { name, cf } = statement;
  const column = columns.get(name);
  if (column === undefined || cf === undefined) return figures.get(name) ?? { value: Number.NaN, time: undefined };
  const known = { ...column, values: column.values.filter(Number.isFinite) };
  const functionName = cf === 'MIN' ? 'MINIMUM' : cf === 'MAX' || cf === 'FAILURES' ? 'MAXIMUM' : cf === 'LAST' ? 'LAST' : 'AVERAGE';
  return { value: calculateVdef({ variable: name, functionName, parameter: undefined }, known).value, time: undefined };
}

async function fetchDef(
  def: DefStatement,
  range: XportRange,
  step: number,
  fetcher: SeriesFetcher,
  world: RpnWorld,
): Promise<CalculatedColumn> {
  const instant = (seconds: number): RrdTime => ({ from: 'instant', seconds });
  const { start, end } = resolveRrdRange(def.start ?? instant(range.start), def.end ?? instant(range.end), world.clock);
  if (end < start) throw new Malformed(`start (${start}) should be less than end (${end}) of ${def.name}`);
  const fetched = await fetcher.fetch({ file: def.file, source: def.source, cf: def.cf, start, end, step: def.step ?? step });
  // Where expressions come first, rows stay as fine as they are held.
  const least = fetched.consolidate === 'before' ? Math.max(def.step ?? 0, step) : 0;
  const column = fetched.step < least ? reduceColumn(fetched, def.reduce, least) : fetched;
  return { ...column, consolidate: fetched.consolidate, reduce: def.reduce };
}

function calculateCdef(
  program: RpnProgram,
  columns: ReadonlyMap<string, CalculatedColumn>,
  figures: ReadonlyMap<string, VdefValue>,
  world: RpnWorld,
): CalculatedColumn {
  const column = calculateColumn(program, (name) => columns.get(name) ?? figures.get(name)?.value ?? Number.NaN, world);
  const sources = rpnVariables(program).flatMap((name) => columns.get(name) ?? []);
  const isOfStore = sources.some((source) => source.consolidate === 'after');
  if (!isOfStore) refuseLaterOperators(program);
  const [first] = sources;
  const alike = first !== undefined && sources.every((source) => source.reduce === first.reduce);
  return {
    ...column,
    consolidate: isOfStore ? 'after' : 'before',
    reduce: alike ? first.reduce : 'AVERAGE',
  };
}

// Files are answered as rrdtool 1.7.2 answers, which knows no ROUND.
function refuseLaterOperators({ text }: RpnProgram): void {
  const words = text.split(',');
  const place = words.indexOf('ROUND');
  if (place >= 0) throw new Malformed(`don't understand '${words.slice(place).join(',')}'`);
}

/** Moved by whole steps. */
function shifted(column: CalculatedColumn, by: number): CalculatedColumn {
  const whole = Math.trunc(by / column.step) * column.step;
  if (!Number.isFinite(whole)) throw new Malformed(`a shift by ${by} seconds`);
  return { ...column, start: column.start + whole, end: column.end + whole };
}

/** The value of the row in which each slot begins. */
function sampled(column: RrdColumn, start: number, step: number, count: number): Float64Array {
  const first = (start - column.start) / column.step;
  if (column.step === step && first >= 0 && first + count <= column.values.length) return column.values.subarray(first, first + count);
  const values = new Float64Array(count);
  for (let slot = 0; slot < count; slot++)
    values[slot] = column.values[Math.floor((start + slot * step - column.start) / column.step)] ?? Number.NaN;
  return values;
}
