/**
 * Functions that choose and order series: the highest, the lowest, those whose name matches. Values stay as they are, the cells below
 * them too. Ties keep the order that the series came in. Source: graphite-web's functions.py (behaviour).
 */

import type { Call, TargetFunction } from './function.js';
import { compilePattern } from './functions-alias.js';
import { type Method, mergeValues, methodOf, type Series } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const count = { name: 'n', type: 'integer', required: true } as const;
const some = { name: 'n', type: 'integer', default: 1 } as const;

export const filterFunctions: readonly TargetFunction[] = [
  ...(
    [
      ['highestMax', 'max', false],
      ['highestAverage', 'average', false],
      ['highestCurrent', 'last', false],
      ['lowestAverage', 'average', true],
      ['lowestCurrent', 'last', true],
    ] as const
  ).map(
    ([name, method, ascending]): TargetFunction => ({
      names: [name],
      group: 'Filter Series',
      description: `The ${ascending ? 'lowest' : 'highest'} n series by their ${method}.`,
      parameters: [seriesList, count],
      run: (call) => ranked(call.series(), method, ascending).slice(0, call.number('n')),
    }),
  ),
  ...(['highest', 'lowest'] as const).map(
    (name): TargetFunction => ({
      names: [name],
      group: 'Filter Series',
      description: `The ${name} n series by a method.`,
      parameters: [seriesList, some, { name: 'func', type: 'aggFunc', default: 'average' }],
      run: (call) => ranked(call.series(), wanted(call, call.text('func', 'average')), name === 'lowest').slice(0, call.number('n', 1)),
    }),
  ),
  {
    names: ['limit'],
    group: 'Filter Series',
    description: 'The first n series.',
    parameters: [seriesList, { name: 'n', type: 'integer', required: true }],
    run: (call) => call.series().slice(0, call.number('n')),
  },
  {
    names: ['exclude'],
    group: 'Filter Series',
    description: 'Series whose name a regular expression does not find.',
    parameters: [seriesList, { name: 'pattern', type: 'string', required: true }],
    run: (call) => matching(call, false),
  },
  {
    names: ['grep'],
    group: 'Filter Series',
    description: 'Series whose name a regular expression finds.',
    parameters: [seriesList, { name: 'pattern', type: 'string', required: true }],
    run: (call) => matching(call, true),
  },
  {
    names: ['sortByName'],
    group: 'Sorting',
    description: 'Series in order of name.',
    parameters: [seriesList, { name: 'natural', type: 'boolean', default: false }, { name: 'reverse', type: 'boolean', default: false }],
    run: sortByName,
  },
  {
    names: ['sortByMaxima'],
    group: 'Sorting',
    description: 'Series by their greatest value, greatest first.',
    parameters: [seriesList],
    run: (call) => ranked(call.series(), 'max', false),
  },
  {
    names: ['sortByTotal'],
    group: 'Sorting',
    description: 'Series by their sum, greatest first.',
    parameters: [seriesList],
    run: (call) => ranked(call.series(), 'sum', false),
  },
  {
    names: ['removeEmptySeries'],
    group: 'Filter Series',
    description: 'Leaves out series without any known value, or with too few.',
    parameters: [seriesList, { name: 'xFilesFactor', type: 'float' }],
    run: (call) => {
      const factor = call.number('xFilesFactor', 0);
      return call.series().filter((series) => !Number.isNaN(mergeValues(series.values, 0, series.values.length, 'last', factor)));
    },
  },
  {
    names: ['fallbackSeries'],
    group: 'Special',
    description: 'The first list, or the second where the first is empty.',
    parameters: [seriesList, { name: 'fallback', type: 'seriesList', required: true }],
    run: (call) => (call.series().length > 0 ? call.series() : call.series('fallback')),
  },
  {
    names: ['seriesByTag'],
    group: 'Special',
    description: "Series whose tags match: seriesByTag('name=disk.used','server=~web.*').",
    parameters: [{ name: 'tagExpressions', type: 'string', required: true, multiple: true }],
    run: async (call) => {
      if (call.context.fetchTagged === undefined) throw call.fault('this source of series has no tags');
      return await call.context.fetchTagged(call.all('tagExpressions').map(String), call.context, call.node.text);
    },
  },
];

/** Series in order of one figure of each; an unknown figure is the lowest, as Graphite has it. */
export function ranked(series: readonly Series[], method: Method, ascending: boolean): readonly Series[] {
  return series
    .map((one) => {
      const figure = mergeValues(one.values, 0, one.values.length, method);
      return { one, figure: Number.isNaN(figure) ? Number.NEGATIVE_INFINITY : figure };
    })
    .sort((left, right) => (left.figure === right.figure ? 0 : left.figure < right.figure === ascending ? -1 : 1))
    .map(({ one }) => one);
}

function wanted(call: Call, word: string): Method {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported consolidation function: ${word}`);
  return method;
}

function matching(call: Call, keep: boolean): readonly Series[] {
  const pattern = compilePattern(call, call.text('pattern'));
  return call.series().filter((series) => pattern.matcher(series.name).find() === keep);
}

function sortByName(call: Call): readonly Series[] {
  const key = (series: Series): string =>
    call.flag('natural') ? series.name.replace(/\d+/g, (digits) => digits.padStart(16, '0')) : series.name;
  const sorted = [...call.series()].sort((left, right) => (key(left) < key(right) ? -1 : key(left) > key(right) ? 1 : 0));
  return call.flag('reverse') ? sorted.reverse() : sorted;
}
