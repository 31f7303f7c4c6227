/**
 * Logs as JSON lines: an object a line, its members found by the names that servers and loggers give them (nginx's own variables,
 * pino and bunyan, Caddy, Traefik, ECS) or by a mapping `time=ts,url=req.path`. Dots go into nested objects.
 * A time may be a number (seconds, milliseconds ... by its size) or a text; `:s`, `:ms`, `:us`, `:ns` after a name says which.
 */

import { Usage } from '../base/faults.js';
import { bytesOf, type Hit } from '../base/hit.js';
import { type LineCause, splitRequest } from './access-log.js';
import { epochMs, type LocalOffset, parseAnyTime, parseEpochTime } from './log-time.js';

/** What is looked for in a JSON line. */
export type JsonField =
  | 'time'
  | 'url'
  | 'query'
  | 'method'
  | 'keyword'
  | 'host'
  | 'vhost'
  | 'user'
  | 'status'
  | 'bytes'
  | 'referer'
  | 'agent'
  | 'served';

const names: Readonly<Record<JsonField, readonly string[]>> = {
  time: [
    'time',
    '@timestamp',
    'timestamp',
    'ts',
    'time_local',
    'time_iso8601',
    'msec',
    'datetime',
    'date',
    'started_at',
    'StartUTC',
    'EdgeStartTimestamp',
  ],
  url: [
    ...['url', 'target', 'request_uri', 'uri', 'path', 'request.uri', 'request.url', 'req.url', 'url.original', 'url.path'],
    ...['RequestPath', 'http.url', 'httpRequest.requestUrl', 'ClientRequestURI', 'ClientRequestPath', 'request', 'cs-uri-stem'],
  ],
  query: ['query_string', 'args', 'url.query', 'cs-uri-query'],
  method: [
    'method',
    'request_method',
    'request.method',
    'req.method',
    'http.request.method',
    'httpRequest.requestMethod',
    'RequestMethod',
    'ClientRequestMethod',
  ],
  keyword: ['keyword'],
  host: [
    ...['remote_addr', 'client_ip', 'clientip', 'client.ip', 'remote_ip', 'request.remote_ip', 'request.client_ip', 'remoteAddress'],
    ...['req.remoteAddress', 'ip', 'client', 'ClientHost', 'ClientIP', 'httpRequest.remoteIp', 'source.ip', 'c-ip', 'host'],
  ],
  vhost: [
    'vhost',
    'http_host',
    'server_name',
    'request.host',
    'request.headers.host',
    'req.headers.host',
    'RequestHost',
    'ClientRequestHost',
    'url.domain',
  ],
  user: ['user', 'remote_user', 'user_id'],
  status: [
    'status',
    'status_code',
    'statusCode',
    'response.status',
    'res.statusCode',
    'http.response.status_code',
    'httpRequest.status',
    'DownstreamStatus',
    'EdgeResponseStatus',
    'response',
  ],
  bytes: [
    'bytes',
    'body_bytes_sent',
    'bytes_sent',
    'size',
    'response.size',
    'res.contentLength',
    'responseSize',
    'http.response.body.bytes',
    'http.response.bytes',
    'httpRequest.responseSize',
    'DownstreamContentSize',
    'EdgeResponseBytes',
  ],
  referer: [
    ...['referer', 'referrer', 'http_referer', 'request.headers.referer', 'request.headers.Referer', 'req.headers.referer'],
    ...['http.request.referrer', 'httpRequest.referer', 'request_Referer', 'ClientRequestReferer'],
  ],
  agent: [
    'agent',
    'http_user_agent',
    'user_agent',
    'userAgent',
    'request.headers.user-agent',
    'req.headers.user-agent',
    'user_agent.original',
    'request.headers.User-Agent',
    'httpRequest.userAgent',
    'request_User-Agent',
    'ClientRequestUserAgent',
  ],
  served: [
    'ms',
    'responseTime',
    'response_time_ms',
    'elapsed_ms',
    'duration_ms',
    'request_time',
    'duration',
    'elapsed',
    'Duration',
    'event.duration',
  ],
};

// Times served under these names are no milliseconds.
const servedUnits: Readonly<Record<string, string>> = {
  request_time: 's',
  duration: 's',
  elapsed: 's',
  Duration: 'ns',
  'event.duration': 'ns',
};

const millisecondsOf: Readonly<Record<string, number>> = { s: 1000, ms: 1, us: 1e-3, ns: 1e-6 };

/** Where a field may stand: names from the outside in. `unit`: of a time or a duration, empty: told by the value. */
export interface JsonSource {
  readonly path: readonly string[];
  readonly unit: string;
}

/** Where each field is looked for, in this order. */
export type JsonSources = ReadonlyMap<JsonField, readonly JsonSource[]>;

export class JsonReader {
  readonly #sources = new Map<JsonField, readonly JsonSource[]>();

  readonly #localOffsetMs: LocalOffset | undefined;

  /** `mapping`: `time=ts:ms,url=req.path`; `localOffsetMs`: of times without a zone. Throws Usage if a field of the mapping is unknown. */
  constructor(mapping?: string, localOffsetMs?: LocalOffset) {
    this.#localOffsetMs = localOffsetMs;
    for (const field of Object.keys(names) as JsonField[]) {
      this.#sources.set(
        field,
        names[field].flatMap((name) => sourcesOf(name, field === 'served' ? (servedUnits[name] ?? 'ms') : '')),
      );
    }
    for (const pair of mapping === undefined || mapping === '' ? [] : mapping.split(',')) {
      const [field = '', name = ''] = pair.split('=', 2).map((text) => text.trim());
      if (!(field in names) || name === '') {
        throw new Usage(`--columns '${pair}': expected FIELD=NAME with FIELD one of ${Object.keys(names).join(', ')}`);
      }
      const [, path = name, unit = field === 'served' ? 'ms' : ''] = /^(.*):(s|ms|us|ns)$/.exec(name) ?? [];
      this.#sources.set(field as JsonField, sourcesOf(path, unit));
    }
  }

  get sources(): JsonSources {
    return this.#sources;
  }

  /** Reads a line (a byte string) into `hit`, which must be clear. */
  parse(line: string, hit: Hit): LineCause {
    let record: unknown;
    try {
      record = JSON.parse(Buffer.from(line, 'latin1').toString('utf8'));
    } catch {
      return 'json';
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'json';
    return this.read(record, hit);
  }

  /** Reads a parsed record into `hit`, which must be clear. */
  read(record: object, hit: Hit): LineCause {
    hit.timeMs = this.#timeOf(record);
    if (Number.isNaN(hit.timeMs)) return 'time';
    for (const field of ['host', 'vhost', 'user', 'method', 'keyword', 'referer', 'agent'] as const)
      hit[field] = this.#textOf(record, field);
    const url = this.#textOf(record, 'url');
    if (/^[A-Z]+ \S/.test(url)) splitRequest(hit, url);
    else hit.target = url;
    if (hit.target !== '' && !hit.target.includes('?')) {
      const query = this.#textOf(record, 'query');
      if (query !== '') hit.target += query.startsWith('?') ? query : `?${query}`;
    }
    const status = this.#find(record, 'status')?.value;
    if (status !== undefined && status !== '-') {
      hit.status = Number(status);
      if (!Number.isInteger(hit.status) || hit.status < 0 || hit.status > 999) return 'status';
    }
    const bytes = Number(this.#find(record, 'bytes')?.value ?? 0);
    hit.bytes = Number.isSafeInteger(bytes) && bytes > 0 ? bytes : 0;
    const served = this.#find(record, 'served');
    if (served !== undefined && served.value !== '' && Number.isFinite(Number(served.value))) {
      hit.servedMs = Number(served.value) * (millisecondsOf[served.unit] ?? 1);
    }
    return '';
  }

  #timeOf(record: object): number {
    for (const { path, unit } of this.#sources.get('time') ?? []) {
      const value = valueAt(record, path);
      if (value === undefined) continue;
      if (unit === '') return parseAnyTime(value, this.#localOffsetMs);
      const number = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
      return unit === 's' ? parseEpochTime(number) : epochMs(number, millisecondsOf[unit] ?? 1);
    }
    return Number.NaN;
  }

  #textOf(record: object, field: JsonField): string {
    const value = this.#find(record, field)?.value;
    if (typeof value === 'string') return value === '-' ? '' : bytesOf(value);
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
  }

  // The first source that holds a plain value.
  #find(record: object, field: JsonField): { value: unknown; unit: string } | undefined {
    for (const { path, unit } of this.#sources.get(field) ?? []) {
      const value = valueAt(record, path);
      if (value !== undefined && value !== null && typeof value !== 'object') return { value, unit };
    }
    return undefined;
  }
}

// A dotted name may also be a member of that very name.
function sourcesOf(name: string, unit: string): JsonSource[] {
  const whole = { path: [name], unit };
  return name.includes('.') ? [whole, { path: name.split('.'), unit }] : [whole];
}

function valueAt(record: object, path: readonly string[]): unknown {
  let value: unknown = record;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
    if (Array.isArray(value)) value = value[0];
  }
  return value;
}
