/**
 * Functions over several lists or groups of series: list against list, groups by wildcards, tags or nodes, shares of a total, weighted averages, a
 * target for each node. Source: graphite-web's functions.py (behaviour).
 */

import { Refused } from '../base/faults.js';
import type { Call, Parameter, TargetFunction, Value } from './function.js';
import { nodesName } from './functions-alias.js';
import { aggregate, expressionsOf, factorOf, onOneStep, shownWord, wantedMethod } from './functions-combine.js';
import { percentile } from './functions-select.js';
import { formatFloat, formatG } from './python-number.js';
import { derive, type Method, methodOf, ratesOf, type Series } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const nodes = { name: 'nodes', type: 'nodeOrTag', required: true, multiple: true } as const;
const pair: readonly Parameter[] = [
  { name: 'seriesListFirstPos', type: 'seriesList', required: true },
  { name: 'seriesListSecondPos', type: 'seriesList', required: true },
];
const positions = { name: 'position', type: 'node', multiple: true } as const;

export const listFunctions: readonly TargetFunction[] = [
  ...(
    [
      ['sumSeriesLists', 'sum', 'Adds'],
      ['diffSeriesLists', 'diff', 'Subtracts'],
      ['multiplySeriesLists', 'multiply', 'Multiplies'],
    ] as const
  ).map(
    ([name, method, verb]): TargetFunction => ({
      names: [name],
      group: 'Combine',
      description: `${verb} two lists, series by series.`,
      parameters: pair,
      run: (call) => pairs(call).flatMap((two) => ofPair(two, method, method)),
    }),
  ),
  {
    names: ['aggregateSeriesLists'],
    group: 'Combine',
    description: 'Merges two lists, series by series, by the method given.',
    parameters: [...pair, { name: 'func', type: 'aggFunc', required: true }, { name: 'xFilesFactor', type: 'float' }],
    run: (call) => {
      const method = wantedMethod(call, call.text('func'));
      return pairs(call).flatMap((two) => ofPair(two, method, shownWord(call.text('func')), factorOf(call)));
    },
  },
  {
    names: ['divideSeriesLists'],
    group: 'Combine',
    description: 'Divides a list by another, series by series.',
    parameters: [
      { name: 'dividendSeriesList', type: 'seriesList', required: true },
      { name: 'divisorSeriesList', type: 'seriesList', required: true },
    ],
    run: (call) =>
      pairs(call, 'dividendSeriesList', 'divisorSeriesList').map(([top, below]) =>
        quotient(top, below, `divideSeries(${top.name},${below.name})`, 1),
      ),
  },
  ...(
    [
      ['sumSeriesWithWildcards', 'sum'],
      ['averageSeriesWithWildcards', 'average'],
      ['multiplySeriesWithWildcards', 'multiply'],
    ] as const
  ).map(
    ([name, method]): TargetFunction => ({
      names: [name],
      group: 'Combine',
      description: `The ${method} of series whose names are the same without the nodes given.`,
      parameters: [seriesList, positions],
      run: (call) => withWildcards(call, method),
    }),
  ),
  {
    names: ['aggregateWithWildcards'],
    group: 'Combine',
    description: 'Merges series whose names are the same without the nodes given.',
    parameters: [seriesList, { name: 'func', type: 'aggFunc', required: true }, positions],
    run: (call) => withWildcards(call, wantedMethod(call, call.text('func')), shownWord(call.text('func'))),
  },
  {
    names: ['groupByTags'],
    group: 'Combine',
    description: 'Merges series that share the values of tags.',
    parameters: [seriesList, { name: 'callback', type: 'aggOrSeriesFunc', required: true }, { name: 'tags', type: 'tag', multiple: true }],
    run: groupByTags,
  },
  {
    names: ['asPercent', 'pct'],
    group: 'Combine',
    description: 'Each series as a share of a total, of one other series or of their sum.',
    parameters: [seriesList, { name: 'total', type: 'any' }, { name: 'nodes', type: 'nodeOrTag', multiple: true }],
    run: (call) => (call.all('nodes').length > 0 ? percentByNodes(call) : percent(call)),
  },
  {
    names: ['percentileOfSeries'],
    group: 'Combine',
    description: 'The n-th percentile of series, slot by slot.',
    parameters: [seriesList, { name: 'n', type: 'float', required: true }, { name: 'interpolate', type: 'boolean', default: false }],
    run: percentileOfSeries,
  },
  {
    names: ['weightedAverage'],
    group: 'Combine',
    description: 'The average of series, each weighted by another that shares its nodes.',
    parameters: [
      { name: 'seriesListAvg', type: 'seriesList', required: true },
      { name: 'seriesListWeight', type: 'seriesList', required: true },
      nodes,
    ],
    run: weightedAverage,
  },
  {
    names: ['mapSeries', 'map'],
    group: 'Combine',
    description: 'Series in groups by a node, for reduceSeries.',
    parameters: [seriesList, { name: 'mapNodes', type: 'nodeOrTag', required: true, multiple: true }],
    run: (call) => [...grouped(call.series(), (series) => nodesName(series, call.all('mapNodes'))).values()].flat(),
  },
  {
    names: ['reduceSeries', 'reduce'],
    group: 'Combine',
    description: 'Hands series that differ only in a node to a function, in the order of the names given.',
    parameters: [
      { name: 'seriesLists', type: 'seriesLists', required: true },
      { name: 'reduceFunction', type: 'string', required: true },
      { name: 'reduceNode', type: 'node', required: true },
      { name: 'reduceMatchers', type: 'string', required: true, multiple: true },
    ],
    run: reduceSeries,
  },
  {
    names: ['applyByNode'],
    group: 'Combine',
    description: 'Evaluates a target for each prefix of the names up to a node; % stands for the prefix.',
    parameters: [
      seriesList,
      { name: 'nodeNum', type: 'node', required: true },
      { name: 'templateFunction', type: 'string', required: true },
      { name: 'newName', type: 'string' },
    ],
    run: applyByNode,
  },
];

function pairs(call: Call, first = 'seriesListFirstPos', second = 'seriesListSecondPos'): readonly (readonly [Series, Series])[] {
  const [left, right] = [call.series(first), call.series(second)];
  if (left.length !== right.length) throw call.fault(`lists of ${left.length} and ${right.length} series (expected as many in both)`);
  return left.map((series, index) => [series, right[index] as Series]);
}

// One of a list and one of another, named by both.
function ofPair(two: readonly [Series, Series], method: Method, word: string, xFilesFactor?: number): readonly Series[] {
  return aggregate(two, method, xFilesFactor, word).map((one) => ({ ...one, name: `${word}Series(${two[0].name},${two[1].name})` }));
}

function grouped(series: readonly Series[], keyOf: (series: Series) => string): Map<string, Series[]> {
  const groups = new Map<string, Series[]>();
  for (const one of series) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

function quotient(top: Series, below: Series, name: string, factor: number): Series {
  const [over, under] = onOneStep([top, below]) as [Series, Series];
  const values = over.values.map((value, slot) =>
    under.values[slot] === 0 ? Number.NaN : (value / (under.values[slot] as number)) * factor,
  );
  return { ...ratesOf(derive(over, name, values)), tags: { name } };
}

function withWildcards(call: Call, method: Method, word: string = method): readonly Series[] {
  const left = new Set(call.all('position').map(Number));
  const keyOf = (series: Series): string =>
    series.name
      .split('.')
      .filter((_, index) => !left.has(index))
      .join('.');
  return [...grouped(call.series(), keyOf)].flatMap(([name, members]) =>
    aggregate(members, method, undefined, word).map((series) => ({ ...series, name })),
  );
}

async function groupByTags(call: Call): Promise<readonly Series[]> {
  const tags = call.all('tags').map(String);
  const callback = call.text('callback');
  if (call.series().length === 0) return [];
  if (tags.length === 0) throw call.fault('no tags are given');
  const others = tags.filter((tag) => tag !== 'name').sort();
  // Series that share their name keep it, else the result is named by what made it.
  const [only, ...more] = new Set(call.series().map((series) => series.tags.name ?? ''));
  const shared = only === undefined || more.length > 0 ? callback : only;
  const nameOf = ({ tags: held }: Series): string => {
    const name = tags.includes('name') ? (held.name ?? '') : shared;
    return [name, ...others.map((tag) => `${tag}=${held[tag] ?? ''}`)].join(';');
  };
  const found: Series[] = [];
  for (const [name, members] of grouped(call.series(), nameOf)) {
    const method = methodOf(callback);
    const merged =
      method !== undefined ? aggregate(members, method, undefined, shownWord(callback)) : await call.callback(callback, members);
    if (merged === undefined) throw call.fault(`unsupported aggregation function: ${callback}`);
    const held = Object.fromEntries(others.map((tag) => [tag, members[0]?.tags[tag] ?? '']));
    for (const one of merged.slice(0, 1))
      found.push({ ...one, name, pathExpression: name, tags: { name: name.split(';')[0] as string, ...held } });
  }
  return found;
}

function percent(call: Call): readonly Series[] {
  const own = call.series();
  const total = call.all('total')[0] ?? null;
  if (own.length === 0) return [];
  if (typeof total === 'number' || (typeof total === 'string' && /^-?[\d.]+$/.test(total))) {
    const whole = Number(total);
    const shown = typeof total === 'number' ? (Number.isInteger(total) ? String(total) : formatFloat(total)) : total;
    return own.map((series) => {
      const name = `asPercent(${series.name},${shown})`;
      const values = series.values.map((value) => (whole === 0 ? Number.NaN : (value / whole) * 100));
      return { ...ratesOf(derive(series, name, values)), tags: { name } };
    });
  }
  if (total === null) {
    const stepped = onOneStep(own);
    const [sum] = aggregate(stepped, 'sum') as [Series];
    return stepped.map((series) => quotient(series, sum, `asPercent(${series.name},sumSeries(${expressionsOf(own)}))`, 100));
  }
  if (!Array.isArray(total) || (total.length !== 1 && total.length !== own.length)) {
    const got = Array.isArray(total) ? `${total.length} series` : `'${String(total)}'`;
    throw call.fault(`the total is ${got} (expected none, a number, one series, or as many as the first list has)`);
  }
  const totals: readonly Series[] = total;
  const byName = (left: Series, right: Series): number => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0);
  if (totals.length === 1) return own.map((one) => quotient(one, totals[0] as Series, `asPercent(${one.name},${totals[0]?.name})`, 100));
  const sorted = totals.toSorted(byName);
  return own.toSorted(byName).map((one, index) => {
    const whole = sorted[index] as Series;
    return quotient(one, whole, `asPercent(${one.name},${whole.name})`, 100);
  });
}

function percentByNodes(call: Call): readonly Series[] {
  const total = call.all('total')[0] ?? null;
  if (total !== null && !Array.isArray(total)) throw call.fault('the total is no list of series (expected None or a list)');
  const keyOf = (series: Series): string => nodesName(series, call.all('nodes'));
  const own = grouped(call.series(), keyOf);
  const totals = new Map<string, Series>();
  for (const [key, members] of total === null ? own : grouped(total as readonly Series[], keyOf)) {
    totals.set(key, members.length === 1 ? (members[0] as Series) : (aggregate(members, 'sum')[0] as Series));
  }
  return [...new Set([...own.keys(), ...totals.keys()])].flatMap((key) => {
    const whole = totals.get(key);
    const unknown = (series: Series, name: string): Series => ({
      ...derive(
        series,
        name,
        series.values.map(() => Number.NaN),
      ),
      tags: { name },
    });
    const members = own.get(key);
    if (members === undefined) return whole === undefined ? [] : [unknown(whole, `asPercent(MISSING,${whole.name})`)];
    return members.map((one) =>
      whole === undefined
        ? unknown(one, `asPercent(${one.name},MISSING)`)
        : quotient(one, whole, `asPercent(${one.name},${whole.name})`, 100),
    );
  });
}

function percentileOfSeries(call: Call): readonly Series[] {
  const n = call.number('n');
  if (!(n > 0)) throw call.fault(`percent ${n} (expected one above 0)`);
  const stepped = onOneStep(call.series());
  const [first] = stepped;
  if (first === undefined) return [];
  const column = new Float64Array(stepped.length);
  const values = first.values.map((_, slot) => {
    for (let index = 0; index < stepped.length; index++) column[index] = (stepped[index] as Series).values[slot] as number;
    return percentile(column, n, call.flag('interpolate')) ?? Number.NaN;
  });
  const name = `percentileOfSeries(${first.pathExpression},${formatG(n)})`;
  return [{ ...derive(first, name, values), tags: { name } }];
}

function weightedAverage(call: Call): readonly Series[] {
  const [averages, weights] = [call.series('seriesListAvg'), call.series('seriesListWeight')];
  const keyOf = (series: Series): string => nodesName(series, call.all('nodes'));
  const weightOf = new Map(weights.map((one) => [keyOf(one), one]));
  const products = averages.flatMap((average) => {
    const weight = weightOf.get(keyOf(average));
    return weight === undefined ? [] : aggregate([weight, average], 'multiply', 1);
  });
  const [sum] = aggregate(products, 'sum');
  const [whole] = aggregate(weights, 'sum');
  if (sum === undefined || whole === undefined) return [];
  const expressions = (series: readonly Series[]): string => [...new Set(series.map((one) => one.pathExpression))].sort().join(',');
  const shown = call.all('nodes').map(String).join(',');
  return [quotient(sum, whole, `weightedAverage(${expressions(averages)}, ${expressions(weights)}, ${shown})`, 1)];
}

async function reduceSeries(call: Call): Promise<readonly Series[]> {
  const word = call.text('reduceFunction');
  const node = Number(call.all('reduceNode')[0]);
  const matchers = call.all('reduceMatchers').map(String);
  if (!Number.isInteger(node)) throw call.fault('reduceNode is no node number');
  const keyOf = (series: Series): string => `${series.name.split('.').slice(0, node).join('.')}.reduce.${word}`;
  const found: Series[] = [];
  for (const [name, members] of grouped(call.series('seriesLists'), keyOf)) {
    const lists = matchers.map((matcher) => members.filter((one) => one.name.split('.').at(node) === matcher));
    if (lists.some((list) => list.length === 0)) continue;
    const result = await call.callback(word, ...lists.map((list) => list.slice(-1)));
    if (result === undefined) throw call.fault(`'${word}' is no function`);
    found.push(...result.slice(0, 1).map((one) => ({ ...one, name })));
  }
  return found;
}

async function applyByNode(call: Call): Promise<readonly Series[]> {
  const node = call.number('nodeNum');
  const count = node < 0 ? node + 1 || Number.POSITIVE_INFINITY : node + 1;
  const prefixes = new Set(call.series().map((series) => series.name.split('.').slice(0, count).join('.')));
  if (prefixes.size > 1000) throw new Refused(`applyByNode: ${prefixes.size} prefixes (at most 1000)`);
  const newName: Value = call.all('newName')[0] ?? null;
  const found: Series[] = [];
  for (const prefix of [...prefixes].sort()) {
    for (const series of await call.target(call.text('templateFunction').replaceAll('%', prefix))) {
      const name = newName === null ? series.name : String(newName).replaceAll('%', prefix);
      found.push({ ...series, name, pathExpression: prefix });
    }
  }
  return found;
}
