/**
 * Functions that rename series and leave their values alone: the cells below them stay, so a narrower picture still merges events.
 * Names of nodes count from 0, negative ones from the end; a text in place of a number is a tag. Source: graphite-web's functions.py (behaviour).
 */

import { RE2JS } from 're2js';
import type { Call, TargetFunction, Value } from './function.js';
import { formatFloat, formatG } from './python-number.js';
import { mergeValues, methodOf, type Series } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const consolidations = [
  ...['average', 'avg', 'avg_zero', 'first', 'last', 'max', 'min', 'sum', 'total', 'current', 'count', 'median', 'diff', 'stddev'],
  ...['range', 'rangeOf', 'multiply', 'absmax', 'absmin', 'last_or_zero'],
];

export const aliasFunctions: readonly TargetFunction[] = [
  {
    names: ['alias'],
    group: 'Alias',
    description: 'Names each series by the text given.',
    parameters: [seriesList, { name: 'newName', type: 'string', required: true }],
    run: (call) => call.series().map((series) => ({ ...series, name: call.text('newName') })),
  },
  {
    names: ['aliasByNode'],
    group: 'Alias',
    description: 'Names each series by nodes of its path or by tags.',
    parameters: [seriesList, { name: 'nodes', type: 'nodeOrTag', required: true, multiple: true }],
    run: (call) => call.series().map((series) => ({ ...series, name: nodesName(series, call.all('nodes')) })),
  },
  {
    names: ['aliasByTags'],
    group: 'Alias',
    description: 'Names each series by tags or by nodes of its path.',
    parameters: [seriesList, { name: 'tags', type: 'nodeOrTag', required: true, multiple: true }],
    run: (call) => call.series().map((series) => ({ ...series, name: nodesName(series, call.all('tags')) })),
  },
  {
    names: ['aliasByMetric'],
    group: 'Alias',
    description: 'Names each series by the last node of its path.',
    parameters: [seriesList],
    run: (call) => call.series().map((series) => ({ ...series, name: partOf(series.name, -1, 0) })),
  },
  {
    names: ['aliasSub'],
    group: 'Alias',
    description: 'Replaces what a regular expression finds in each name; \\1 is its first group.',
    parameters: [seriesList, { name: 'search', type: 'string', required: true }, { name: 'replace', type: 'string', required: true }],
    run: aliasSub,
  },
  {
    names: ['aliasQuery'],
    group: 'Alias',
    description: 'Names each series by a text with the last value of a series whose name a replacement makes of its name.',
    parameters: [
      seriesList,
      { name: 'search', type: 'string', required: true },
      { name: 'replace', type: 'string', required: true },
      { name: 'newName', type: 'string', required: true },
    ],
    run: aliasQuery,
  },
  {
    names: ['substr'],
    group: 'Special',
    description: 'Names each series by a part of its nodes.',
    parameters: [seriesList, { name: 'start', type: 'node', default: 0 }, { name: 'stop', type: 'node', default: 0 }],
    run: (call) => {
      const [start, stop] = [Number(call.text('start', '0')), Number(call.text('stop', '0'))];
      if (!Number.isInteger(start) || !Number.isInteger(stop)) throw call.fault('start and stop are numbers of nodes');
      return call.series().map((series) => ({ ...series, name: partOf(series.name, start, stop) }));
    },
  },
  ...(
    [
      ['toLowerCase', 'lower', (text: string) => text.toLowerCase()],
      ['toUpperCase', 'upper', (text: string) => text.toUpperCase()],
    ] as const
  ).map(
    ([name, short, change]): TargetFunction => ({
      names: [name, short],
      group: 'Alias',
      description: `Names in ${short} case, whole or at the positions given.`,
      parameters: [seriesList, { name: 'pos', type: 'node', multiple: true }],
      run: (call) => call.series().map((series) => ({ ...series, name: changeAt(series.name, call.all('pos').map(Number), change) })),
    }),
  ),
  {
    names: ['cumulative'],
    group: 'Special',
    description: "The old name of consolidateBy(..., 'sum').",
    parameters: [seriesList],
    run: (call) => consolidateBy(call, 'sum'),
  },
  {
    names: ['consolidateBy'],
    group: 'Special',
    description: 'Chooses how slots merge when fewer are shown: sum, average, min, max, first, last.',
    parameters: [seriesList, { name: 'consolidationFunc', type: 'string', required: true, options: consolidations }],
    run: (call) => consolidateBy(call, call.text('consolidationFunc')),
  },
  {
    names: ['setXFilesFactor', 'xFilesFactor'],
    group: 'Special',
    description: 'Sets the share of slots that must be known when slots merge.',
    parameters: [seriesList, { name: 'xFilesFactor', type: 'float', required: true }],
    run: (call) => {
      const xFilesFactor = call.number('xFilesFactor');
      return call
        .series()
        .map((series) => ({ ...series, xFilesFactor, tags: { ...series.tags, xFilesFactor: formatFloat(xFilesFactor) } }));
    },
  },
];

// Nodes `[start, stop)` of what stands within the innermost brackets of a name; a stop of 0 is the end.
function partOf(name: string, start: number, stop: number): string {
  const close = name.indexOf(')');
  const inner = name.slice(name.lastIndexOf('(') + 1, close < 0 ? undefined : close);
  const nodes = inner.split('.').slice(start, stop === 0 ? undefined : stop);
  return nodes.join('.').replace(/,.*$/, '');
}

/** The path within a computed name: `summarize(a.b.c, "1h")` -> `a.b.c`. */
export function pathOf(name: string): string {
  const inner = /([^(),"'\s{}]|\{[^}]*\})+(?=[,)]|$)/.exec(name.replace(/^(?:[A-Za-z_]\w*\()+/, ''));
  return (inner === null ? name : inner[0]).split(';')[0] as string;
}

/** The name that nodes (numbers) and tags (texts) of a series make, joined by dots. */
export function nodesName(series: Series, nodes: readonly Value[]): string {
  const parts = pathOf(series.name).split('.');
  return nodes
    .map((node) => {
      if (typeof node !== 'number') {
        const tag = String(node);
        return series.tags[tag] ?? (/^-?\d+$/.test(tag) ? parts.at(Number(tag)) : undefined) ?? '';
      }
      return parts.at(node) ?? '';
    })
    .join('.');
}

function aliasSub(call: Call): readonly Series[] {
  const replace = replacer(call, call.text('search'), call.text('replace'));
  return call.series().map((series) => ({ ...series, name: replace(series.name) }));
}

/** A pattern that runs in linear time, whatever it is; a fault of the call where it is none. */
export function compilePattern(call: Call, source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch {
    throw call.fault(`'${source.slice(0, 200)}' is no regular expression`);
  }
}

/** What replaces each match of a pattern; `\\1` and `\\g<1>` are its first group, `\\g<name>` is one with a name. */
export function replacer(call: Call, search: string, replace: string): (text: string) => string {
  const pattern = compilePattern(call, search);
  return (text) => {
    const matcher = pattern.matcher(text);
    let replaced = '';
    let at = 0;
    while (matcher.find()) {
      replaced += text.slice(at, matcher.start());
      replaced += replace.replace(/\\(?:(\d+)|g<(\d+)>|g<(\w+)>|(\\))/g, (_, number, other, name, slash) => {
        if (slash !== undefined) return slash;
        try {
          return matcher.group(name ?? Number(number ?? other)) ?? '';
        } catch {
          throw call.fault(`'${replace.slice(0, 200)}' names a group that the pattern lacks`);
        }
      });
      at = matcher.end();
    }
    return replaced + text.slice(at);
  };
}

async function aliasQuery(call: Call): Promise<readonly Series[]> {
  const replace = replacer(call, call.text('search'), call.text('replace'));
  const found: Series[] = [];
  for (const series of call.series()) {
    const query = replace(series.name);
    const [first] = await call.target(query);
    if (first === undefined) throw call.fault(`no series is found with ${query}`);
    const value = mergeValues(first.values, 0, first.values.length, 'last');
    if (Number.isNaN(value)) throw call.fault(`${query} has no value`);
    found.push({ ...series, name: fillFormat(call.text('newName'), value) });
  }
  return found;
}

// Python's `%d`, `%s`, `%.2f`, `%g`.
function fillFormat(format: string, value: number): string {
  return format.replace(/%(?:\.(\d{1,2}))?([dsfg%])/g, (_, digits: string | undefined, kind: string) => {
    if (kind === '%') return '%';
    if (kind === 'd') return String(Math.trunc(value));
    if (kind === 'f') return value.toFixed(Number(digits ?? 6));
    return kind === 'g' ? formatG(value) : formatFloat(value);
  });
}

function changeAt(text: string, positions: readonly number[], change: (text: string) => string): string {
  if (positions.length === 0) return change(text);
  const characters = [...text];
  for (const position of positions) {
    const at = position < 0 ? characters.length + position : position;
    const character = characters[at];
    if (character !== undefined) characters[at] = change(character);
  }
  return characters.join('');
}

function consolidateBy(call: Call, word: string): readonly Series[] {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`'${word}' is no way to consolidate (expected sum, average, min, max, first or last)`);
  return call.series().map((series) => {
    const name = `consolidateBy(${series.name},"${word}")`;
    return { ...series, name, pathExpression: name, method, methodChosen: true, tags: { ...series.tags, consolidateBy: word } };
  });
}
