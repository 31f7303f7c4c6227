/**
 * What `/api/flows`, `/api/profile` and `/api/packets` are asked, as the options of the commands that answer: one literal table a route, from the name of a
 * parameter to the option. What is not in the table is refused with what would be right: a filter that is misspelt must not select everything.
 *
 * A filter is compiled here first, so that its faults are told with their column and no file of this machine is named in one.
 */

import { compileFilter } from '../collect/filter.js';
import { HttpFault } from './route.js';

/** The commands that answer; `blocks` gives flows to another Weir. */
export type FlowAnswerer = 'flows' | 'blocks' | 'profile' | 'packets';

/** What whoever answers is told. */
export interface FlowOrder {
  readonly command: FlowAnswerer;
  /** The store's folder. */
  readonly data: string;
  /** Values of options by name; a flag has none. */
  readonly options: Readonly<Record<string, readonly string[]>>;
}

type Kind = 'text' | 'texts' | 'flag';
type Table = Readonly<Record<string, readonly [option: string, kind: Kind]>>;

const selection: Table = {
  filter: ['filter', 'text'],
  from: ['from', 'text'],
  to: ['to', 'text'],
  until: ['to', 'text'],
  window: ['window', 'text'],
  limit: ['limit', 'text'],
  tz: ['tz', 'text'],
  format: ['format', 'text'],
};

/** Parameters of each route. */
export const flowParameters = {
  flows: {
    ...selection,
    count: ['count', 'flag'],
    stat: ['stat', 'flag'],
    top: ['top', 'texts'],
    n: ['number', 'text'],
    aggregate: ['aggregate', 'text'],
    bidirectional: ['bidirectional', 'flag'],
    sort: ['sort', 'text'],
    epoch: ['epoch', 'flag'],
    plainNumbers: ['plain-numbers', 'flag'],
    longAddresses: ['long-addresses', 'flag'],
  },
  profile: {
    ...selection,
    by: ['by', 'text'],
    bins: ['bins', 'text'],
    group: ['group', 'text'],
    byFile: ['by-file', 'flag'],
    per: ['per', 'text'],
    spread: ['spread', 'flag'],
  },
  packets: {
    ...selection,
    nano: ['nano', 'flag'],
    relative: ['relative', 'flag'],
    snaplen: ['snaplen', 'text'],
    spacing: ['spacing', 'text'],
    seed: ['seed', 'text'],
    shard: ['shard', 'text'],
    header: ['header', 'text'],
    fit: ['fit', 'flag'],
    conversationTimeout: ['conversation-timeout', 'text'],
    dryRun: ['dry-run', 'flag'],
  },
} as const satisfies Readonly<Record<string, Table>>;

export type FlowRoute = keyof typeof flowParameters;

const formats: Readonly<Record<FlowRoute, readonly string[]>> = {
  flows: ['json', 'csv', 'table', 'parquet', 'blocks', 'fmt:...'],
  profile: ['json', 'csv', 'table', 'counts'],
  packets: ['pcap', 'pcapng', 'csv'],
};

const types: Readonly<Record<string, string>> = {
  json: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
  blocks: 'application/octet-stream',
  pcap: 'application/vnd.tcpdump.pcap',
  pcapng: 'application/octet-stream',
  counts: 'application/json',
};

/** The question of a request, and the type of its answer. Throws HttpFault, and Malformed for a filter that makes no sense. */
export function flowQuestion(route: FlowRoute, parameters: URLSearchParams): { order: Omit<FlowOrder, 'data'>; type: string } {
  const table: Table = flowParameters[route];
  const options: Record<string, readonly string[]> = {};
  for (const name of new Set(parameters.keys())) {
    const row = Object.hasOwn(table, name) ? table[name] : undefined;
    if (row === undefined)
      throw new HttpFault(400, `unknown parameter '${name.slice(0, 40)}' (expected one of ${Object.keys(table).join(', ')})`);
    const values = parameters.getAll(name).filter((value) => value !== '');
    const [option, kind] = row;
    if (kind === 'flag') {
      if (!values.every((value) => ['0', '1', 'true', 'false'].includes(value))) throw new HttpFault(400, `${name}: expected 1 or 0`);
      if (['1', 'true'].includes(values.at(-1) ?? '')) options[option] = [''];
    } else if (values.length > 0) options[option] = kind === 'texts' ? values : values.slice(-1);
  }
  const [filter] = options['filter'] ?? [];
  if (filter !== undefined) compileFilter(filter);
  return { order: ordered(route, options), type: typeOf(route, options) };
}

function ordered(route: FlowRoute, options: Record<string, readonly string[]>): Omit<FlowOrder, 'data'> {
  const format = options['format']?.[0] ?? formats[route][0] ?? '';
  const known = formats[route].includes(format) || (route === 'flows' && format.startsWith('fmt:'));
  if (!known) throw new HttpFault(400, `format '${format.slice(0, 40)}' (expected one of ${formats[route].join(', ')})`);
  options['format'] = [format];
  if (format === 'blocks') return { command: 'blocks', options };
  if (route !== 'profile') return { command: route, options };
  if (format === 'counts') options['save'] = ['-'];
  else if (format !== 'table') options[format] = [''];
  return { command: 'profile', options };
}

function typeOf(route: FlowRoute, options: Readonly<Record<string, readonly string[]>>): string {
  const has = (...names: readonly string[]): boolean => names.some((name) => options[name] !== undefined);
  const isOne = has('count', 'dry-run') || (route === 'profile' && has('json') && !has('group', 'by-file', 'per'));
  if (isOne) return 'application/json';
  return types[options['format']?.[0] ?? ''] ?? 'text/plain; charset=utf-8';
}
