/**
 * Graphite's HTTP API as Grafana's data source uses it: `/render`, `/metrics/find`, `/metrics/expand`, `/metrics/index.json`, `/functions`, `/version`. GET and POST alike; a slash
 * at the end is let be. Ranges are `(from, until]`. Source: "The Render URL API", "The Metrics API".
 */

import { Temporal } from 'temporal-polyfill';
import { pointsOf } from '../query/consolidate.js';
import { evaluateTarget } from '../query/evaluate.js';
import type { TargetContext } from '../query/function.js';
import { targetFunctions } from '../query/functions.js';
import type { NameMatch } from '../query/name-tree.js';
import type { Series } from '../query/series.js';
import { parseWhen } from '../query/when.js';
import { type Answer, HttpFault, json, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const both = ['GET', 'POST'] as const;
const callsMax = 10_000;
const targetsMax = 1000;

export const graphiteRoutes: readonly Route[] = [
  { methods: both, path: '/render', access: 'read', handle: render },
  { methods: both, path: '/metrics/find', access: 'read', handle: find },
  { methods: both, path: '/metrics/expand', access: 'read', handle: expand },
  { methods: both, path: '/metrics/index.json', access: 'read', handle: (_, services) => json([...services.names.names()]) },
  { methods: ['GET'], path: '/functions', access: 'read', handle: functions },
  { methods: ['GET'], path: '/version', access: 'read', handle: (_, services) => json(`1.1.10-weir-${services.version}`) },
];

async function render(request: WebRequest, services: Services): Promise<Answer> {
  const { parameters } = request;
  const targets = parameters.getAll('target').filter((target) => target.trim() !== '');
  if (targets.length > targetsMax) throw new HttpFault(400, `the request has ${targets.length} targets (at most ${targetsMax})`);
  const format = parameters.get('format') ?? 'json';
  if (!['json', 'csv', 'raw'].includes(format))
    throw new HttpFault(400, `format '${format.slice(0, 20)}' is not served (expected json, csv or raw)`);
  const context = contextOf(request, services);
  const series: Series[] = [];
  if (context.from < context.now) for (const target of targets) series.push(...(await evaluateTarget(target, context)));
  if (format === 'csv') return { type: 'text/csv', body: csv(series, context.timeZone) };
  if (format === 'raw') return { type: 'text/plain', body: series.map(rawLine).join('') };
  return jsonAnswer(series, context.maxDataPoints, parameters);
}

/** The range, zone and limits of a request. Throws when the range is empty or a word is no time. */
export function contextOf(request: WebRequest, services: Services): TargetContext {
  const { parameters } = request;
  const timeZone = parameters.get('tz') || 'UTC';
  const clock = Math.floor(services.now() / 1000);
  const now = parameters.has('now') ? parseWhen(parameters.get('now') as string, clock, timeZone) : clock;
  const from = parseWhen(parameters.get('from') || '-1d', now, timeZone);
  const until = parseWhen(parameters.get('until') || 'now', now, timeZone);
  if (from === until) throw new HttpFault(400, 'the time range is empty (from equals until)');
  const wanted = parameters.get('maxDataPoints');
  const maxDataPoints = wanted === null || wanted === '' ? undefined : Number(wanted);
  if (maxDataPoints !== undefined && !(maxDataPoints >= 1)) throw new HttpFault(400, `maxDataPoints '${wanted}' is no number above 0`);
  const spent = { series: 0, points: 0 };
  const template: Record<string, string> = {};
  for (const [name, value] of parameters) {
    const found = /^template\[(.+)\]$/.exec(name);
    if (found !== null) template[found[1] as string] = value;
  }
  return {
    from: Math.min(from, until),
    until: Math.max(from, until),
    now,
    timeZone,
    maxDataPoints: maxDataPoints === undefined ? undefined : Math.floor(maxDataPoints),
    fetch: (path, context) => services.reader.fetch(path, context, spent),
    fetchTagged: (expressions, context) => services.reader.fetchTagged(expressions, context, spent),
    template,
    budget: { calls: callsMax, stacks: new Map() },
  };
}

function jsonAnswer(series: readonly Series[], maxDataPoints: number | undefined, parameters: URLSearchParams): Answer {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  const noNulls = parameters.get('noNullPoints') === '1' || parameters.get('noNullPoints') === 'true';
  const parts = series.flatMap((one) => {
    const { times, values } = pointsOf(one, maxDataPoints, span);
    const points: string[] = [];
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as number;
      if (Number.isFinite(value)) points.push(`[${value}, ${times[index]}]`);
      else if (!noNulls)
        points.push(
          `[${value === Number.POSITIVE_INFINITY ? '1e9999' : value === Number.NEGATIVE_INFINITY ? '-1e9999' : 'null'}, ${times[index]}]`,
        );
    }
    if (noNulls && points.length === 0) return [];
    return [`{"target": ${JSON.stringify(one.name)}, "tags": ${tagsText(one.tags)}, "datapoints": [${points.join(', ')}]}`];
  });
  const body = `[${parts.join(', ')}]`;
  const callback = parameters.get('jsonp');
  if (callback === null) return { type: 'application/json', body };
  if (!/^[\w$.]{1,100}$/.test(callback)) throw new HttpFault(400, 'jsonp is no name of a function');
  return { type: 'text/javascript', body: `${callback}(${body})` };
}

// With the blanks that Graphite's own answer has, so that a padded answer (jsonp) is the same text.
function tagsText(tags: Readonly<Record<string, string>>): string {
  return `{${Object.entries(tags)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(', ')}}`;
}

function csv(series: readonly Series[], timeZone: string): string {
  const lines: string[] = [];
  for (const one of series) {
    const name = /[",\r\n]/.test(one.name) ? `"${one.name.replaceAll('"', '""')}"` : one.name;
    one.values.forEach((value, slot) => {
      const time = Temporal.Instant.fromEpochMilliseconds((one.start + slot * one.stepSeconds) * 1000).toZonedDateTimeISO(timeZone);
      const text = time.toPlainDateTime().toString({ smallestUnit: 'second' }).replace('T', ' ');
      lines.push(`${name},${text},${Number.isNaN(value) ? '' : value}\r\n`);
    });
  }
  return lines.join('');
}

function rawLine(series: Series): string {
  const values = Array.from(series.values, (value) => (Number.isNaN(value) ? 'None' : String(value)));
  return `${series.name},${series.start},${series.end},${series.stepSeconds}|${values.join(',')}\n`;
}

function find(request: WebRequest, services: Services): Answer {
  const { parameters } = request;
  const query = parameters.get('query');
  if (query === null || query === '') throw new HttpFault(400, "the parameter 'query' is missing");
  const format = parameters.get('format') ?? 'treejson';
  const matches = services.names.find(query, services.configuration().limits.requestSeries);
  if (format === 'completer') return json({ metrics: matches.flatMap(completerRows) });
  if (format !== 'treejson' && format !== 'json')
    throw new HttpFault(400, `format '${format.slice(0, 20)}' is not served (expected treejson or completer)`);
  return json(treeRows(query, matches, /^(1|true)$/.test(parameters.get('wildcards') ?? '')));
}

function completerRows(match: NameMatch): unknown[] {
  const name = lastNode(match.path);
  const rows: unknown[] = [];
  if (match.branch) rows.push({ path: `${match.path}.`, name, is_leaf: '0' });
  if (match.leaf) rows.push({ path: match.path, name, is_leaf: '1' });
  return rows;
}

// One row a last node: its id is the query with that node in the place of the last, as Grafana asks on with it.
function treeRows(query: string, matches: readonly NameMatch[], wildcards: boolean): unknown[] {
  const base = query.includes('.') ? query.slice(0, lastDot(query) + 1) : '';
  const rows = new Map<string, { leaf: boolean; branch: boolean }>();
  for (const match of matches) {
    const name = lastNode(match.path);
    const row = rows.get(name);
    if (row === undefined) rows.set(name, { leaf: match.leaf, branch: match.branch });
    else {
      row.leaf ||= match.leaf;
      row.branch ||= match.branch;
    }
  }
  const names = [...rows.keys()].sort();
  const shown: unknown[] = [];
  const put = (text: string, branch: boolean): void => {
    shown.push({ text, id: base + text, allowChildren: Number(branch), expandable: Number(branch), leaf: Number(!branch) });
  };
  if (wildcards && names.length > 1)
    put(
      '*',
      [...rows.values()].some((row) => row.branch),
    );
  for (const name of names) {
    const row = rows.get(name) as { leaf: boolean; branch: boolean };
    if (row.branch) put(name, true);
    if (row.leaf) put(name, false);
  }
  return shown;
}

function expand(request: WebRequest, services: Services): Answer {
  const { parameters } = request;
  const queries = parameters.getAll('query');
  if (queries.length === 0) throw new HttpFault(400, "the parameter 'query' is missing");
  const leavesOnly = /^(1|true)$/.test(parameters.get('leavesOnly') ?? '');
  const pathsOf = (query: string): string[] =>
    services.names
      .find(query, services.configuration().limits.requestSeries)
      .filter((match) => match.leaf || !leavesOnly)
      .map((match) => match.path);
  if (/^(1|true)$/.test(parameters.get('groupByExpr') ?? '')) {
    return json({ results: Object.fromEntries(queries.map((query) => [query, pathsOf(query)])) });
  }
  return json({ results: [...new Set(queries.flatMap(pathsOf))].sort() });
}

function functions(): Answer {
  const rows = targetFunctions.flatMap((row) =>
    row.names.map((name) => {
      const params = row.parameters.map(({ type, ...rest }) => ({ ...rest, type: type === 'seriesLists' ? 'seriesLists' : type }));
      const signature = `${name}(${row.parameters.map((one) => (one.multiple ? `*${one.name}` : one.name)).join(', ')})`;
      return [name, { name, function: signature, description: row.description, module: 'weir', group: row.group, params }];
    }),
  );
  return json(Object.fromEntries(rows));
}

function lastNode(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

// The last dot that is not within braces.
function lastDot(query: string): number {
  let depth = 0;
  for (let at = query.length - 1; at >= 0; at--) {
    if (query[at] === '}') depth++;
    else if (query[at] === '{') depth--;
    else if (query[at] === '.' && depth <= 0) return at;
  }
  return -1;
}
