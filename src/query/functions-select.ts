/**
 * Functions that keep series, or values of series, by a figure against a limit: averageAbove, removeBelowPercentile, mostDeviant, useSeriesAbove and
 * their siblings. Percentiles are Graphite's own: of the known values in order, the one of rank `n/100 x (count + 1)`.
 */

import type { Call, TargetFunction } from './function.js';
import { replacer } from './functions-alias.js';
import { ranked } from './functions-filter.js';
import { formatFloat, formatG } from './python-number.js';
import { derive, type Method, mergeValues, methodOf, type Series } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const limit = { name: 'n', type: 'float', required: true } as const;

/** The percentile of known values, `undefined` when there is none. */
export function percentile(values: ArrayLike<number>, n: number, interpolate = false): number | undefined {
  const sorted = Float64Array.from(values)
    .filter((value) => !Number.isNaN(value))
    .sort();
  if (sorted.length === 0) return undefined;
  const fraction = (n / 100) * (sorted.length + 1);
  let rank = Math.trunc(fraction);
  const rest = fraction - rank;
  if (!interpolate) rank += Math.ceil(rest);
  if (rank <= 0) return sorted[0];
  if (rank - 1 >= sorted.length) return sorted.at(-1);
  const found = sorted[rank - 1] as number;
  return interpolate && rank < sorted.length ? found + rest * ((sorted[rank] as number) - found) : found;
}

export const selectFunctions: readonly TargetFunction[] = [
  ...(
    [
      ['averageAbove', 'average', true],
      ['averageBelow', 'average', false],
      ['currentAbove', 'last', true],
      ['currentBelow', 'last', false],
      ['maximumAbove', 'max', true],
      ['maximumBelow', 'max', false],
      ['minimumAbove', 'min', true],
      ['minimumBelow', 'min', false],
    ] as const
  ).map(
    ([name, method, above]): TargetFunction => ({
      names: [name],
      group: 'Filter Series',
      description: `Series whose ${method} is ${above ? 'above' : 'at or below'} n.`,
      parameters: [seriesList, limit],
      run: (call) => call.series().filter((series) => compare(figure(series, method), above ? '>' : '<=', call.number('n'))),
    }),
  ),
  {
    names: ['filterSeries'],
    group: 'Filter Series',
    description: 'Series whose figure stands in a relation to a threshold.',
    parameters: [
      seriesList,
      { name: 'func', type: 'aggFunc', required: true },
      { name: 'operator', type: 'string', required: true, options: ['!=', '<', '<=', '=', '>', '>='] },
      { name: 'threshold', type: 'float', required: true },
    ],
    run: (call) => {
      const method = wanted(call, call.text('func'));
      return call.series().filter((series) => compare(figure(series, method), call.text('operator'), call.number('threshold')));
    },
  },
  ...(
    [
      ['removeAboveValue', (value: number, bound: number) => value > bound],
      ['removeBelowValue', (value: number, bound: number) => value < bound],
    ] as const
  ).map(
    ([name, removes]): TargetFunction => ({
      names: [name],
      group: 'Filter Data',
      description: `Values ${name === 'removeAboveValue' ? 'above' : 'below'} n become unknown.`,
      parameters: [seriesList, limit],
      run: (call) => {
        const bound = call.number('n');
        return call.series().map((series) =>
          derive(
            series,
            `${name}(${series.name}, ${formatG(bound)})`,
            without(series.values, (value) => removes(value, bound)),
          ),
        );
      },
    }),
  ),
  ...(
    [
      ['removeAbovePercentile', (value: number, bound: number) => value > bound],
      ['removeBelowPercentile', (value: number, bound: number) => value < bound],
    ] as const
  ).map(
    ([name, removes]): TargetFunction => ({
      names: [name],
      group: 'Filter Data',
      description: `Values ${name === 'removeAbovePercentile' ? 'above' : 'below'} the n-th percentile of their series become unknown.`,
      parameters: [seriesList, limit],
      run: (call) =>
        call.series().map((series) => {
          const n = formatG(call.number('n'));
          const bound = percentile(series.values, call.number('n'));
          const values = bound === undefined ? series.values.slice() : without(series.values, (value) => removes(value, bound));
          const tags = bound === undefined ? undefined : { nPercentile: formatFloat(call.number('n')) };
          return derive(series, `${name}(${series.name}, ${n})`, values, tags);
        }),
    }),
  ),
  {
    names: ['nPercentile'],
    group: 'Calculate',
    description: 'A line at the n-th percentile of each series.',
    parameters: [seriesList, limit],
    run: (call) =>
      call.series().flatMap((series) => {
        const n = formatG(call.number('n'));
        const value = percentile(series.values, call.number('n'));
        if (value === undefined) return [];
        return [
          derive(
            series,
            `nPercentile(${series.name}, ${n})`,
            series.values.map(() => value),
            { nPercentile: formatFloat(call.number('n')) },
          ),
        ];
      }),
  },
  {
    names: ['averageOutsidePercentile'],
    group: 'Filter Series',
    description: 'Series whose average lies outside the n-th percentile interval of all averages.',
    parameters: [seriesList, limit],
    run: (call) => {
      const { low, high } = interval(
        call.series().map((series) => figure(series, 'average')),
        call.number('n'),
      );
      return call.series().filter((series) => {
        const average = figure(series, 'average');
        return !(average > low && average < high);
      });
    },
  },
  {
    names: ['removeBetweenPercentile'],
    group: 'Filter Series',
    description: 'Series with a value outside the n-th percentile interval of its slot.',
    parameters: [seriesList, limit],
    run: removeBetweenPercentile,
  },
  {
    names: ['mostDeviant'],
    group: 'Filter Series',
    description: 'The n series that vary most.',
    parameters: [seriesList, { name: 'n', type: 'integer', required: true }],
    run: (call) => {
      const known = call.series().filter((series) => !Number.isNaN(figure(series, 'stddev')));
      return ranked(known, 'stddev', false).slice(0, call.number('n'));
    },
  },
  {
    names: ['unique'],
    group: 'Filter Series',
    description: 'Each series name once.',
    parameters: [{ name: 'seriesLists', type: 'seriesList', required: true, multiple: true }],
    run: (call) => eachNameOnce(call.series('seriesLists')),
  },
  {
    names: ['sortByMinima'],
    group: 'Sorting',
    description: 'Series by their least value, least first; only those with a value above 0.',
    parameters: [seriesList],
    run: (call) =>
      ranked(
        call.series().filter((series) => figure(series, 'max') > 0),
        'min',
        true,
      ),
  },
  {
    names: ['sortBy'],
    group: 'Sorting',
    description: 'Series by a figure.',
    parameters: [seriesList, { name: 'func', type: 'aggFunc', default: 'average' }, { name: 'reverse', type: 'boolean', default: false }],
    run: (call) => ranked(call.series(), wanted(call, call.text('func', 'average')), !call.flag('reverse')),
  },
  {
    names: ['useSeriesAbove'],
    group: 'Filter Series',
    description: 'For each series with a value above a limit, the series whose name a replacement makes of its name.',
    parameters: [
      seriesList,
      { name: 'value', type: 'float', required: true },
      { name: 'search', type: 'string', required: true },
      { name: 'replace', type: 'string', required: true },
    ],
    run: useSeriesAbove,
  },
];

function eachNameOnce(series: readonly Series[]): readonly Series[] {
  const seen = new Set<string>();
  return series.filter(({ name }) => {
    const isNew = !seen.has(name);
    seen.add(name);
    return isNew;
  });
}

function figure(series: Series, method: Method): number {
  return mergeValues(series.values, 0, series.values.length, method);
}

function wanted(call: Call, word: string): Method {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported consolidation function: ${word}`);
  return method;
}

// An unknown figure is below every bound, as it is in order.
function compare(figure: number, operator: string, bound: number): boolean {
  const value = Number.isNaN(figure) ? Number.NEGATIVE_INFINITY : figure;
  switch (operator) {
    case '>':
      return value > bound;
    case '>=':
      return value >= bound;
    case '<':
      return value < bound;
    case '<=':
      return value <= bound;
    case '=':
      return value === bound;
    default:
      return value !== bound;
  }
}

function without(values: Float64Array, removes: (value: number) => boolean): Float64Array {
  return values.map((value) => (removes(value) ? Number.NaN : value));
}

function interval(values: readonly number[], n: number): { low: number; high: number } {
  const upper = n < 50 ? 100 - n : n;
  return { low: percentile(values, 100 - upper) ?? Number.NaN, high: percentile(values, upper) ?? Number.NaN };
}

function removeBetweenPercentile(call: Call): readonly Series[] {
  const all = call.series();
  const slots = all.reduce((most, one) => Math.max(most, one.values.length), 0);
  const kept = new Set<Series>();
  for (let slot = 0; slot < slots; slot++) {
    const { low, high } = interval(
      all.map((one) => one.values[slot] ?? Number.NaN),
      call.number('n'),
    );
    for (const one of all) {
      const value = one.values[slot] ?? Number.NaN;
      if (value <= low || value >= high) kept.add(one);
    }
  }
  return all.filter((one) => kept.has(one));
}

async function useSeriesAbove(call: Call): Promise<readonly Series[]> {
  const replace = replacer(call, call.text('search'), call.text('replace'));
  const found: Series[] = [];
  for (const series of call.series()) {
    if (!series.values.some((value) => value > call.number('value'))) continue;
    found.push(...(await call.target(replace(series.name))));
  }
  return found;
}
