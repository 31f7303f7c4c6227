/**
 * Graphite's HTTP API as Grafana's data source uses it: `/metrics/find`, `/metrics/expand`, `/metrics/index.json`, `/functions`, `/version`. GET and POST alike; a slash
 * at the end is let be. Ranges are `(from, until]`. Source: "The Render URL API", "The Metrics API".
 */

import type { Parameter, ParameterType, TargetFunction } from '../query/function.js';
import { functionByName, targetFunctions } from '../query/functions.js';
import type { NameMatch } from '../query/name-tree.js';
import { isSet } from './render-formats.js';
import { type Answer, HttpFault, padded, type Route, type WebRequest } from './route.js';
import type { Services } from './services.js';

const both = ['GET', 'POST'] as const;
const apiVersion = '1.1.10';

export const graphiteRoutes: readonly Route[] = [
  { methods: both, path: '/metrics/find', access: 'read', handle: find },
  { methods: both, path: '/metrics/expand', access: 'read', handle: expand },
  {
    methods: both,
    path: '/metrics/index.json',
    access: 'read',
    handle: ({ parameters }, services) => padded(JSON.stringify([...services.names.names()]), parameters),
  },
  { methods: ['GET'], path: '/functions', access: 'read', handle: functions },
  { methods: ['GET'], path: '/functions/:name', access: 'read', handle: functions },
  { methods: ['GET'], path: '/version', access: 'read', handle: version },
];

// The version of the API, as Graphite says it: a line of text.
function version(): Answer {
  return { type: 'text/plain; charset=utf-8', body: `${apiVersion}\n` };
}

type Finding = (query: string, matches: readonly NameMatch[], wildcards: boolean, parameters: URLSearchParams) => unknown;

// One row a format.
const findings: Readonly<Record<string, Finding>> = {
  treejson: treeRows,
  completer: (_, matches, wildcards) => ({
    metrics: [...matches.flatMap(completerRows), ...(wildcards && matches.length > 1 ? [{ name: '*' }] : [])],
  }),
  nodelist: (_, matches, __, parameters) => {
    const position = Number(parameters.get('position') ?? -1);
    const nodes = matches.map(({ path }) => (position < 0 ? lastNode(path) : (path.split('.')[position] ?? '')));
    return { nodes: [...new Set(nodes)].sort() };
  },
  json: (_, matches) => matches.flatMap(nodeRows),
};

function find(request: WebRequest, services: Services): Answer {
  const { parameters } = request;
  const query = parameters.get('query');
  if (query === null || query === '') throw new HttpFault(400, "the parameter 'query' is missing");
  const format = parameters.get('format') ?? 'treejson';
  const rows = Object.hasOwn(findings, format) ? findings[format] : undefined;
  if (rows === undefined)
    throw new HttpFault(400, `format '${format.slice(0, 20)}' is not served (expected ${Object.keys(findings).join(', ')})`);
  // A completer is asked for what begins with its query.
  const sought = format === 'completer' && !query.endsWith('*') ? `${query.replaceAll('..', '*.')}*` : query;
  const matches = services.names.find(sought, services.configuration().limits.requestSeries);
  return padded(JSON.stringify(rows(query, matches, isSet(parameters, 'wildcards'), parameters)), parameters);
}

function nodeRows({ path, leaf, branch }: NameMatch): unknown[] {
  return [...(branch ? [{ path, is_leaf: false }] : []), ...(leaf ? [{ path, is_leaf: true }] : [])];
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
  const leavesOnly = isSet(parameters, 'leavesOnly');
  const pathsOf = (query: string): string[] =>
    services.names
      .find(query, services.configuration().limits.requestSeries)
      .filter((match) => match.leaf || !leavesOnly)
      .map((match) => match.path);
  if (isSet(parameters, 'groupByExpr')) {
    return padded(JSON.stringify({ results: Object.fromEntries(queries.map((query) => [query, pathsOf(query)])) }), parameters);
  }
  return padded(JSON.stringify({ results: [...new Set(queries.flatMap(pathsOf))].sort() }), parameters);
}

// As Grafana's editor reads it: types name what may be chosen, aggregations with their words.
function functions({ parameters, route }: WebRequest): Answer {
  if (route.name !== undefined) {
    const row = functionByName(route.name);
    if (row === undefined) throw new HttpFault(404, `no function is named ${route.name.slice(0, 100)}`);
    return padded(JSON.stringify(describeFunction(route.name, row)), parameters);
  }
  const rows = targetFunctions.flatMap((row) => row.names.map((name) => describeFunction(name, row)));
  if (!isSet(parameters, 'grouped')) return padded(JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, row]))), parameters);
  const groups: Record<string, Record<string, unknown>> = {};
  for (const row of rows) groups[row.group] = { ...groups[row.group], [row.name]: row };
  return padded(JSON.stringify(groups), parameters);
}

function describeFunction(name: string, row: TargetFunction): Readonly<Record<'name' | 'group', string> & Record<string, unknown>> {
  const params = row.parameters.map(describeParameter);
  const signature = `${name}(${row.parameters.map(signatureOf).join(', ')})`;
  return { name, function: signature, description: row.description, module: 'weir.query', group: row.group, params };
}

// As Python writes a parameter: `func='sum'`, `limit=None`, `*nodes`.
function signatureOf(parameter: Parameter): string {
  const { name, multiple, required, default: otherwise } = parameter;
  if (multiple) return `*${name}`;
  if (required) return name;
  if (typeof otherwise === 'string') return `${name}='${otherwise}'`;
  if (typeof otherwise === 'boolean') return `${name}=${otherwise ? 'True' : 'False'}`;
  return `${name}=${otherwise ?? 'None'}`;
}

const aggregations = [
  ...['average', 'avg', 'avg_zero', 'count', 'current', 'diff', 'first', 'last', 'max', 'median', 'min', 'multiply'],
  ...['range', 'rangeOf', 'stddev', 'sum', 'total', 'absmax', 'absmin', 'last_or_zero'],
].sort();
// Functions that make one series of a list.
const merging = [
  ...[
    'asPercent',
    'averageSeries',
    'averageSeriesWithWildcards',
    'countSeries',
    'diffSeries',
    'diffSeriesLists',
    'maxSeries',
    'medianSeries',
  ],
  ...['minSeries', 'multiplySeries', 'multiplySeriesLists', 'multiplySeriesWithWildcards', 'pct', 'powSeries', 'rangeOfSeries'],
  ...['stddevSeries', 'sumSeries', 'sumSeriesLists', 'sumSeriesWithWildcards'],
];
const chosen: Readonly<Partial<Record<ParameterType, readonly string[]>>> = {
  aggFunc: aggregations,
  aggOrSeriesFunc: [...aggregations, ...merging].sort(),
};
const intervals = ['10min', '1h', '1d'];

function describeParameter({ name, type, required, default: otherwise, multiple, ...rest }: Parameter): Record<string, unknown> {
  const options = rest.options ?? chosen[type];
  const suggestions = rest.suggestions ?? (type === 'interval' ? intervals : undefined);
  return {
    name,
    type,
    ...(required === true && { required }),
    ...(otherwise !== undefined && otherwise !== null && { default: otherwise }),
    ...(multiple === true && { multiple }),
    ...(options !== undefined && { options }),
    ...(suggestions !== undefined && { suggestions }),
  };
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
