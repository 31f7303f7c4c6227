/**
 * Functions that make one series of many. Series of different steps are first brought to a common one (their least common multiple, by each
 * series' own method), on the span of all of them. Names are Graphite's: `sumSeries(` and the expressions that were written.
 * Source: graphite-web's functions.py and aggfuncs (behaviour).
 */

import type { Call, TargetFunction, Value } from './function.js';
import { nodesName } from './functions-alias.js';
import { bare, derive, type Method, mergeValues, methodOf, ratesOf, type Series } from './series.js';

const lists = { name: 'seriesLists', type: 'seriesList', required: true, multiple: true } as const;
const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;

export const combineFunctions: readonly TargetFunction[] = [
  ...(
    [
      ['sum', ['sumSeries', 'sum'], 'Adds series slot by slot.'],
      ['average', ['averageSeries', 'avg'], 'The average of series, slot by slot.'],
      ['min', ['minSeries'], 'The least of series, slot by slot.'],
      ['max', ['maxSeries'], 'The greatest of series, slot by slot.'],
      ['diff', ['diffSeries'], 'Subtracts the others from the first series.'],
      ['multiply', ['multiplySeries'], 'Multiplies series slot by slot.'],
      ['stddev', ['stddevSeries'], 'The standard deviation of series, slot by slot.'],
      ['range', ['rangeOfSeries'], 'The greatest less the least of series, slot by slot.'],
      ['median', ['medianSeries'], 'The median of series, slot by slot.'],
    ] as const
  ).map(
    ([method, names, description]): TargetFunction => ({
      names: [...names] as [string, ...string[]],
      group: 'Combine',
      description,
      parameters: [lists],
      ...(method === 'multiply' ? {} : { needs: 'values' as const }),
      run: (call) => {
        const all = call.series('seriesLists');
        return method === 'multiply' && all.length === 1 ? all : aggregate(all, method);
      },
    }),
  ),
  {
    names: ['aggregate'],
    group: 'Combine',
    description: 'Merges series by the method given.',
    parameters: [seriesList, { name: 'func', type: 'aggFunc', required: true }, { name: 'xFilesFactor', type: 'float' }],
    needs: 'values',
    run: (call) => aggregate(call.series(), wantedMethod(call, call.text('func')), factorOf(call), shownWord(call.text('func'))),
  },
  {
    names: ['countSeries'],
    group: 'Combine',
    description: 'A line of the number of series.',
    parameters: [{ ...lists, required: false }],
    run: countSeries,
  },
  {
    names: ['group'],
    group: 'Combine',
    description: 'Joins lists of series.',
    parameters: [{ ...lists, required: false }],
    run: (call) => call.series('seriesLists'),
  },
  {
    names: ['groupByNode'],
    group: 'Combine',
    description: 'Merges series that share a node of their path.',
    parameters: [
      seriesList,
      { name: 'nodeNum', type: 'nodeOrTag', required: true },
      { name: 'callback', type: 'aggOrSeriesFunc', default: 'average' },
    ],
    run: (call) => groupBy(call, call.all('nodeNum'), call.text('callback', 'average')),
  },
  {
    names: ['groupByNodes'],
    group: 'Combine',
    description: 'Merges series that share several nodes of their path.',
    parameters: [
      seriesList,
      { name: 'callback', type: 'aggOrSeriesFunc', required: true },
      { name: 'nodes', type: 'nodeOrTag', multiple: true },
    ],
    run: (call) => groupBy(call, call.all('nodes'), call.text('callback')),
  },
  {
    names: ['divideSeries'],
    group: 'Combine',
    description: 'Divides series by one other, slot by slot.',
    parameters: [
      { name: 'dividendSeriesList', type: 'seriesList', required: true },
      { name: 'divisorSeries', type: 'seriesList', required: true },
    ],
    run: divideSeries,
  },
];

/** One series of many by a method; the empty list stays empty. The share of series that must be known is what was set for them, unless it is given. */
export function aggregate(series: readonly Series[], method: Method, given?: number, shown?: string): readonly Series[] {
  if (series.length === 0) return [];
  const xFilesFactor = given ?? (series[0] as Series).xFilesFactor;
  const word = shown ?? (method === 'range' ? 'rangeOf' : method);
  const name = `${word}Series(${expressionsOf(series)})`;
  const [first, ...others] = onOneStep(series) as [Series, ...Series[]];
  const all = [first, ...others];
  const values = mergeColumns(all, method, xFilesFactor);
  const shared = Object.entries(first.tags).filter(([tag, value]) => all.every((one) => one.tags[tag] === value));
  // Merged counts are counts; how many there are, how they vary and what they multiply to are none.
  const isCount = method !== 'count' && method !== 'stddev' && method !== 'multiply';
  const { methodChosen: _, ...rest } = bare(isCount ? first : ratesOf(first));
  return [{ ...rest, name, pathExpression: name, values, tags: { name, ...Object.fromEntries(shared), aggregatedBy: word } }];
}

// Sums and averages go series by series, which is how values lie in memory; the others slot by slot.
function mergeColumns(all: readonly Series[], method: Method, xFilesFactor: number): Float64Array {
  const values = new Float64Array(all.reduce((most, one) => Math.max(most, one.values.length), 0));
  if (method === 'sum' || method === 'average') {
    const counts = new Int32Array(values.length);
    for (const one of all) addColumn(values, counts, one.values);
    for (let slot = 0; slot < values.length; slot++) {
      const count = counts[slot] as number;
      if (count === 0 || count / all.length < xFilesFactor) values[slot] = Number.NaN;
      else if (method === 'average') values[slot] = (values[slot] as number) / count;
    }
    return values;
  }
  const column = new Float64Array(all.length);
  for (let slot = 0; slot < values.length; slot++) {
    for (let index = 0; index < all.length; index++) column[index] = (all[index] as Series).values[slot] ?? Number.NaN;
    values[slot] = mergeValues(column, 0, all.length, method, xFilesFactor);
  }
  return values;
}

// No column is longer than the sums.
function addColumn(sums: Float64Array, counts: Int32Array, added: Float64Array): void {
  for (let slot = 0; slot < added.length; slot++) {
    const value = added[slot]!;
    if (Number.isNaN(value)) continue;
    sums[slot]! += value;
    counts[slot]!++;
  }
}

/** The distinct expressions of series in their order, joined by commas. */
export function expressionsOf(series: readonly Series[]): string {
  return [...new Set(series.map((one) => one.pathExpression))].join(',');
}

/** Brings series to one step and one span; slots that a series lacks are unknown. */
export function onOneStep(series: readonly Series[]): readonly Series[] {
  const first = series[0];
  if (first === undefined) return [];
  if (series.every((one) => one.stepSeconds === first.stepSeconds && one.start === first.start && one.end === first.end)) return series;
  const step = series.reduce((left, one) => leastCommonMultiple(left, one.stepSeconds), 1);
  const start = Math.min(...series.map((one) => one.start));
  // Up to the last slot in which any of them has one.
  const count = series.reduce((most, one) => Math.max(most, Math.floor((one.end - one.stepSeconds - start) / step) + 1), 0);
  return series.map((one) => {
    const values = new Float64Array(count).fill(Number.NaN);
    for (let slot = 0; slot < count; slot++) {
      const from = Math.max(0, Math.ceil((start + slot * step - one.start) / one.stepSeconds));
      const to = Math.min(one.values.length, Math.ceil((start + (slot + 1) * step - one.start) / one.stepSeconds));
      if (to > from) values[slot] = mergeValues(one.values, from, to, one.method, one.xFilesFactor);
    }
    return { ...bare(one), start, end: start + count * step, stepSeconds: step, values };
  });
}

function leastCommonMultiple(left: number, right: number): number {
  let [a, b] = [left, right];
  while (b !== 0) [a, b] = [b, a % b];
  return (left / a) * right;
}

/** The method that a word asks for; a fault of the call where there is none. */
export function wantedMethod(call: Call, word: string): Method {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported aggregation function: ${word}`);
  return method;
}

/** A word as it stands in names: `sumSeries` is `sum`. */
export function shownWord(word: string): string {
  return word.replace(/Series$/, '');
}

/** The factor that the call gives, if it gives one. */
export function factorOf(call: Call): number | undefined {
  const factor = call.number('xFilesFactor');
  return Number.isNaN(factor) ? undefined : factor;
}

async function countSeries(call: Call): Promise<readonly Series[]> {
  if (!call.has('seriesLists')) return await call.target('alias(constantLine(0),"0")');
  const all = call.series('seriesLists');
  const [first] = onOneStep(all);
  if (first === undefined) return [];
  const name = `countSeries(${expressionsOf(all)})`;
  return [{ ...ratesOf(derive(first, name, new Float64Array(first.values.length).fill(all.length))), tags: { name } }];
}

async function groupBy(call: Call, nodes: readonly Value[], callback: string): Promise<readonly Series[]> {
  const groups = new Map<string, Series[]>();
  for (const series of call.series()) {
    const key = nodesName(series, nodes);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [series]);
    else group.push(series);
  }
  const method = methodOf(callback);
  const word = callback === 'avg' ? 'average' : shownWord(callback);
  const results: Series[] = [];
  for (const [name, members] of groups) {
    const merged = method !== undefined ? aggregate(members, method, undefined, word) : await call.callback(callback, members);
    if (merged === undefined) throw call.fault(`unsupported aggregation function: ${callback}`);
    const [first] = merged;
    if (first !== undefined) results.push({ ...first, name });
  }
  return results;
}

function divideSeries(call: Call): readonly Series[] {
  const divisors = call.series('divisorSeries');
  if (divisors.length === 0) return call.series('dividendSeriesList').map(withoutDivisor);
  if (divisors.length !== 1) throw call.fault(`the second argument must be exactly 1 series, got ${divisors.length}`);
  return call.series('dividendSeriesList').map((dividend) => {
    const [top, below] = onOneStep([dividend, divisors[0] as Series]) as [Series, Series];
    const values = top.values.map((value, slot) => (below.values[slot] === 0 ? Number.NaN : value / (below.values[slot] as number)));
    const name = `divideSeries(${dividend.name},${(divisors[0] as Series).name})`;
    return { ...ratesOf(derive(top, name, values)), tags: { name } };
  });
}

function withoutDivisor(series: Series): Series {
  return derive(series, `divideSeries(${series.name},MISSING)`, new Float64Array(series.values.length).fill(Number.NaN));
}
