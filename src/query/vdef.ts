/**
 * A VDEF: one figure of a whole column, and the time at which it stands where it stands at one.
 *
 *     x,MAXIMUM   x,MINIMUM   x,AVERAGE   x,STDEV   x,LAST   x,FIRST   x,TOTAL   x,95,PERCENT   x,95,PERCENTNAN   x,LSLSLOPE   x,LSLINT   x,LSLCORREL
 *
 * Unknown and infinite values count in none but MAXIMUM, MINIMUM (where they are first), FIRST, LAST and the percentiles. Source: rrdgraph_rpn(1), "VARIABLES".
 */

import { Malformed } from '../base/faults.js';
import type { RrdColumn } from './rpn-column.js';

export interface VdefValue {
  readonly value: number;
  /** Epoch seconds; undefined where the figure is of no one time. */
  readonly time: number | undefined;
}

export interface VdefDefinition {
  readonly variable: string;
  readonly functionName: string;
  readonly parameter: number | undefined;
}

type Figure = (column: RrdColumn, parameter: number) => VdefValue;

const figures: ReadonlyMap<string, Figure> = new Map<string, Figure>([
  ['MAXIMUM', (column) => extreme(column, (value, best) => value > best)],
  ['MINIMUM', (column) => extreme(column, (value, best) => value < best)],
  ['AVERAGE', (column) => timeless(total(column) / finite(column).length)],
  ['STDEV', (column) => timeless(deviation(column))],
  ['TOTAL', (column) => timeless(finite(column).length === 0 ? Number.NaN : total(column) * column.step)],
  ['FIRST', first],
  ['LAST', last],
  ['PERCENT', (column, share) => timeless(percentile(column.values, share))],
  [
    'PERCENTNAN',
    (column, share) =>
      timeless(
        percentile(
          column.values.filter((value) => !Number.isNaN(value)),
          share,
        ),
      ),
  ],
  ['LSLSLOPE', (column) => timeless(line(column).slope)],
  ['LSLINT', (column) => timeless(line(column).intercept)],
  ['LSLCORREL', (column) => timeless(line(column).correlation)],
]);
const withParameter: ReadonlySet<string> = new Set(['PERCENT', 'PERCENTNAN']);

/** Reads `variable,[number,]FUNCTION`. Throws Malformed as rrdtool words it; `name` is the VDEF's. */
export function parseVdef(name: string, text: string, isColumn: (variable: string) => boolean): VdefDefinition {
  const [variable = '', ...rest] = text.split(',');
  if (rest.length === 0) throw new Malformed(`Comma expected in VDEF definition ${text}`);
  if (!isColumn(variable)) throw new Malformed(`Not a valid vname: ${variable} in line ${text}`);
  const [number, functionName] = rest.length > 1 && /^[-+]?[\d.]/.test(rest[0] ?? '') ? rest.slice(0, 2) : [undefined, rest[0]];
  const whole = rest.slice(number === undefined ? 0 : 1).join(',');
  if (functionName === undefined || !figures.has(functionName) || whole !== functionName) {
    if (/^[A-Z]+$/.test(whole)) throw new Malformed(`Unknown function '${whole}' in VDEF '${name}'`);
    throw new Malformed(`Unknown function string '${whole}' in VDEF '${name}'`);
  }
  const parameter = number === undefined ? undefined : Number(number);
  if (withParameter.has(functionName)) {
    if (parameter === undefined) throw new Malformed(`Function '${functionName}' needs parameter in VDEF '${name}'`);
    if (!(parameter >= 0 && parameter <= 100)) throw new Malformed(`Parameter '${parameter.toFixed(6)}' out of range in VDEF '${name}'`);
  } else if (parameter !== undefined) throw new Malformed(`Function '${functionName}' needs no parameter in VDEF '${name}'`);
  return { variable, functionName, parameter };
}

/** The figure of a column. */
export function calculateVdef(definition: VdefDefinition, column: RrdColumn): VdefValue {
  const figure = figures.get(definition.functionName);
  if (figure === undefined) throw new Malformed(`Unknown function '${definition.functionName}'`);
  return figure(column, definition.parameter ?? Number.NaN);
}

function timeless(value: number): VdefValue {
  return { value, time: undefined };
}

/** The first of the extreme values, with the end of its row. */
function extreme({ values, start, step }: RrdColumn, isBetter: (value: number, best: number) => boolean): VdefValue {
  const from = values.findIndex((value) => !Number.isNaN(value));
  if (from < 0) return timeless(Number.NaN);
  let at = from;
  let best = values[from] ?? Number.NaN;
  for (let index = from; index < values.length; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value) || !isBetter(value, best)) continue;
    best = value;
    at = index;
  }
  return { value: best, time: start + (at + 1) * step };
}

/** The first known value, with the start of its row. */
function first({ values, start, step }: RrdColumn): VdefValue {
  const at = values.findIndex((value) => !Number.isNaN(value));
  return at < 0 ? timeless(Number.NaN) : { value: values[at] ?? Number.NaN, time: start + at * step };
}

/** The last known value, with the end of its row. */
function last({ values, start, step }: RrdColumn): VdefValue {
  for (let at = values.length - 1; at >= 0; at--) {
    const value = values[at] ?? Number.NaN;
    if (!Number.isNaN(value)) return { value, time: start + (at + 1) * step };
  }
  return timeless(Number.NaN);
}

function finite({ values }: RrdColumn): Float64Array {
  return values.filter((value) => Number.isFinite(value));
}

function total(column: RrdColumn): number {
  let sum = 0;
  for (const value of column.values) if (Number.isFinite(value)) sum += value;
  return sum;
}

function deviation(column: RrdColumn): number {
  const known = finite(column);
  const average = total(column) / known.length;
  let sum = 0;
  for (const value of known) sum += (value - average) ** 2;
  return Math.sqrt(sum / known.length);
}

/** Unknowns lie below the lowest infinity. */
function percentile(values: Float64Array, share: number): number {
  if (values.length === 0) return Number.NaN;
  const unknown = values.reduce((count, value) => count + (Number.isNaN(value) ? 1 : 0), 0);
  // A typed array sorts NaN last.
  const sorted = Float64Array.from(values).sort();
  const place = Math.floor((share * (values.length - 1)) / 100 + 0.5) - unknown;
  return place < 0 ? Number.NaN : (sorted[place] ?? Number.NaN);
}

/** The line of least squares over (number of the row, value). */
function line({ values }: RrdColumn): { slope: number; intercept: number; correlation: number } {
  let [count, x, y, xx, xy, yy] = [0, 0, 0, 0, 0, 0];
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) return;
    count++;
    x += index;
    y += value;
    xx += index * index;
    xy += index * value;
    yy += value * value;
  });
  if (count === 0) return { slope: Number.NaN, intercept: Number.NaN, correlation: Number.NaN };
  const slope = (x * y - count * xy) / (x * x - count * xx);
  const intercept = (y - slope * x) / count;
  const correlation = (xy - (x * y) / count) / Math.sqrt((xx - (x * x) / count) * (yy - (y * y) / count));
  return { slope, intercept, correlation };
}
