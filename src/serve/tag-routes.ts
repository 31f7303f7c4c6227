/**
 * Graphite's API of tags: `/tags`, `/tags/TAG`, `/tags/findSeries`, `/tags/autoComplete/tags` and `.../values`, as Grafana's editor asks. Only series with tags
 * are found by tag; where there are none, answers are empty lists. Source: "Graphite Tag Support".
 */

import { RE2JS } from 're2js';
import { type Answer, HttpFault, padded, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const both = ['GET', 'POST'] as const;
const shownMax = 100;

export const tagRoutes: readonly Route[] = [
  { methods: both, path: '/tags', access: 'read', handle: tags },
  { methods: both, path: '/tags/findSeries', access: 'read', handle: findSeries },
  { methods: both, path: '/tags/autoComplete/tags', access: 'read', handle: completeTags },
  { methods: both, path: '/tags/autoComplete/values', access: 'read', handle: completeValues },
  { methods: ['GET'], path: '/tags/:tag', access: 'read', handle: tagValues },
];

function filterOf(parameters: URLSearchParams): (text: string) => boolean {
  const source = parameters.get('filter');
  if (source === null || source === '') return () => true;
  try {
    const pattern = RE2JS.compile(source);
    return (text) => pattern.matcher(text).lookingAt();
  } catch {
    throw new HttpFault(400, `filter '${source.slice(0, 100)}' is no regular expression`);
  }
}

function limitOf(parameters: URLSearchParams): number {
  const text = parameters.get('limit') ?? String(shownMax);
  if (!/^\d{1,9}$/.test(text)) throw new HttpFault(400, `limit '${text.slice(0, 20)}' is no whole number`);
  return Number(text);
}

function expressionsOf(parameters: URLSearchParams): string[] {
  return [...parameters.getAll('expr'), ...parameters.getAll('expr[]')].filter((expression) => expression !== '');
}

function tags({ parameters }: WebRequest, services: Services): Answer {
  const passes = filterOf(parameters);
  const names = services.reader.tags
    .tags([])
    .filter(passes)
    .slice(0, parameters.has('limit') ? limitOf(parameters) : undefined);
  return padded(JSON.stringify(names.map((tag) => ({ tag }))), parameters);
}

function tagValues({ parameters, route }: WebRequest, services: Services): Answer {
  const tag = route.tag ?? '';
  const passes = filterOf(parameters);
  const all = services.reader.tags.values(tag, []).filter(([value]) => passes(value));
  const values = all.slice(0, parameters.has('limit') ? limitOf(parameters) : undefined).map(([value, count]) => ({ count, value }));
  return padded(JSON.stringify({ tag, values }), parameters);
}

function findSeries({ parameters }: WebRequest, services: Services): Answer {
  const expressions = expressionsOf(parameters);
  if (expressions.length === 0) throw new HttpFault(400, "the parameter 'expr' is missing");
  const names = services.reader.tags.find(expressions).map(({ name }) => name);
  return padded(JSON.stringify(names.sort()), parameters);
}

function completeTags({ parameters }: WebRequest, services: Services): Answer {
  const prefix = parameters.get('tagPrefix') ?? '';
  const expressions = expressionsOf(parameters);
  const asked = new Set(expressions.map((expression) => /^[^!=]+/.exec(expression)?.[0]));
  const names = services.reader.tags.tags(expressions).filter((tag) => tag.startsWith(prefix) && !asked.has(tag));
  return padded(JSON.stringify(names.slice(0, limitOf(parameters))), parameters);
}

function completeValues({ parameters }: WebRequest, services: Services): Answer {
  const tag = parameters.get('tag');
  if (tag === null || tag === '') throw new HttpFault(400, "the parameter 'tag' is missing");
  const prefix = parameters.get('valuePrefix') ?? '';
  const values = services.reader.tags
    .values(tag, expressionsOf(parameters))
    .map(([value]) => value)
    .filter((value) => value.startsWith(prefix));
  return padded(JSON.stringify(values.slice(0, limitOf(parameters))), parameters);
}
