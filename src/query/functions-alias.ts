/**
 * Functions that rename series and leave their values alone: the cells below them stay, so a narrower picture still merges events.
 * Names of nodes count from 0, negative ones from the end; a text in place of a number is a tag. Source: graphite-web's functions.py (behaviour).
 */

import { RE2JS } from 're2js';
import type { Call, TargetFunction, Value } from './function.js';
import { methodOf, type Series } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;

export const aliasFunctions: readonly TargetFunction[] = [
  {
    names: ['alias'],
    group: 'Alias',
    description: 'Names each series by the text given.',
    parameters: [seriesList, { name: 'newName', type: 'string', required: true }],
    run: (call) => call.series().map((series) => ({ ...series, name: call.text('newName') })),
  },
  {
    names: ['aliasByNode', 'aliasByTags'],
    group: 'Alias',
    description: 'Names each series by nodes of its path or by tags.',
    parameters: [seriesList, { name: 'nodes', type: 'node', required: true, multiple: true }],
    run: (call) => call.series().map((series) => ({ ...series, name: nodesName(series, call.all('nodes')) })),
  },
  {
    names: ['aliasByMetric'],
    group: 'Alias',
    description: 'Names each series by the last node of its path.',
    parameters: [seriesList],
    run: (call) =>
      call.series().map((series) => ({ ...series, name: (pathOf(series.name).split('.').at(-1) as string).split(',')[0] as string })),
  },
  {
    names: ['aliasSub'],
    group: 'Alias',
    description: 'Replaces what a regular expression finds in each name; \\1 is its first group.',
    parameters: [seriesList, { name: 'search', type: 'string', required: true }, { name: 'replace', type: 'string', required: true }],
    run: aliasSub,
  },
  {
    names: ['consolidateBy'],
    group: 'Special',
    description: 'Chooses how slots merge when fewer are shown: sum, average, min, max, first, last.',
    parameters: [seriesList, { name: 'consolidationFunc', type: 'string', required: true }],
    run: consolidateBy,
  },
  {
    names: ['setXFilesFactor', 'xFilesFactor'],
    group: 'Special',
    description: 'Sets the share of slots that must be known when slots merge.',
    parameters: [seriesList, { name: 'xFilesFactor', type: 'float', required: true }],
    run: (call) => {
      const xFilesFactor = call.number('xFilesFactor');
      return call.series().map((series) => ({ ...series, xFilesFactor, tags: { ...series.tags, xFilesFactor: String(xFilesFactor) } }));
    },
  },
];

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
    .filter((part) => part !== '')
    .join('.');
}

function aliasSub(call: Call): readonly Series[] {
  let pattern: RE2JS;
  try {
    pattern = RE2JS.compile(call.text('search'));
  } catch {
    throw call.fault(`'${call.text('search')}' is no regular expression`);
  }
  const replacement = call
    .text('replace')
    .replace(/\$/g, '\\$')
    .replace(/\\(\d+)/g, '$$$1');
  return call.series().map((series) => ({ ...series, name: pattern.matcher(series.name).replaceAll(replacement) }));
}

function consolidateBy(call: Call): readonly Series[] {
  const word = call.text('consolidationFunc');
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`'${word}' is no way to consolidate (expected sum, average, min, max, first or last)`);
  return call.series().map((series) => {
    const name = `consolidateBy(${series.name},"${word}")`;
    return { ...series, name, pathExpression: name, method, methodChosen: true, tags: { ...series.tags, consolidateBy: word } };
  });
}
