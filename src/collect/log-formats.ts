/**
 * The kinds of logs that Weir reads, and how it knows them: the kind that reads most of the first lines is the one. A virtual host
 * before the client is taken only where most lines have one, or where it is asked for. Syslog may stand around any of the others.
 */

import { clearHit, emptyHit, type Hit } from '../base/hit.js';
import { type LineCause, parseAccessLine } from './access-log.js';
import { parseHaproxyLine } from './haproxy-log.js';
import { JsonReader } from './json-log.js';
import { compileLogFormat } from './log-format.js';
import type { LogPlan } from './log-plan.js';
import type { LocalOffset } from './log-time.js';
import { parseSyslog } from './syslog.js';
import { W3cReader } from './w3c-log.js';

/** Reads the lines of one log. */
export interface LogReader {
  readonly name: string;
  /** Reads a line (a byte string without its newline) into a clear hit; answers why it cannot. */
  readonly parse: (line: string, hit: Hit) => LineCause;
  /** How its lines are built, where the counting kernel can read such; another object after a line that changed it. */
  readonly plan?: LogPlan;
  /** What a line means depends on those before it. */
  readonly linesHang?: boolean;
}

export interface LogReaderOptions {
  /** `common`, `combined`, `vhost`, `json`, `w3c`, `haproxy`, `syslog` or a format string; undefined: by content. */
  readonly format?: string | undefined;
  /** Mapping of JSON members. */
  readonly columns?: string | undefined;
  /** Milliseconds of the epoch: gives syslog's times their year. */
  readonly nowMs: number;
  /** Of times that name no zone; undefined: they are UTC. */
  readonly localOffsetMs?: LocalOffset | undefined;
}

/** Longest line that is read. */
export const lineSizeMax = 2 * 1024 * 1024;

const kinds: readonly { readonly name: string; readonly open: (options: LogReaderOptions) => LogReader }[] = [
  { name: 'combined', open: () => textReader('combined') },
  { name: 'json', open: jsonReader },
  { name: 'w3c', open: w3cReader },
  { name: 'vhost', open: () => textReader('vhost') },
  { name: 'haproxy', open: haproxyReader },
  { name: 'syslog', open: syslogReader },
];

/** A reader for a log that begins with these lines. Throws Usage for a format that makes no sense. */
export function openLogReader(firstLines: readonly string[], options: LogReaderOptions): LogReader {
  if (options.format !== undefined) {
    const kind = kinds.find((candidate) => candidate.name === options.format);
    return kind === undefined ? textReader(options.format, options.localOffsetMs) : kind.open(options);
  }
  if (options.columns !== undefined) return jsonReader(options);
  let best = kinds[0]?.open(options) ?? textReader('combined');
  let bestCount = 0;
  for (const kind of kinds) {
    const reader = kind.open(options);
    const hit = emptyHit();
    let count = 0;
    for (const line of firstLines) {
      clearHit(hit);
      if (reader.parse(line, hit) === '') count += 1;
    }
    if (count <= bestCount) continue;
    best = kind.open(options);
    bestCount = count;
    if (count === firstLines.length) break;
  }
  // Messages that are no requests: the cause says so.
  const isMessage = (line: string): boolean => parseSyslog(line, options.nowMs, false) !== undefined;
  return bestCount === 0 && firstLines.length > 0 && firstLines.every(isMessage) ? syslogReader(options) : best;
}

function textReader(format: string, localOffsetMs?: LocalOffset): LogReader {
  const program = compileLogFormat(format);
  return {
    name: format,
    plan: { kind: 'text', program },
    parse: (line, hit) => (line === '' ? 'blank' : parseAccessLine(program, line, hit, localOffsetMs)),
  };
}

function jsonReader(options: LogReaderOptions): LogReader {
  const reader = new JsonReader(options.columns, options.localOffsetMs);
  return {
    name: 'json',
    plan: { kind: 'json', sources: reader.sources },
    parse: (line, hit) => (line.trim() === '' ? 'blank' : reader.parse(line, hit)),
  };
}

function w3cReader(): LogReader {
  const reader = new W3cReader();
  let plan: LogPlan = { kind: 'columns', columns: reader.columns };
  return {
    name: 'w3c',
    linesHang: true,
    get plan() {
      if (plan.kind !== 'columns' || plan.columns !== reader.columns) plan = { kind: 'columns', columns: reader.columns };
      return plan;
    },
    parse: (line, hit) => (line === '' ? 'blank' : reader.parse(line, hit)),
  };
}

function haproxyReader({ localOffsetMs }: LogReaderOptions): LogReader {
  return { name: 'haproxy', parse: (line, hit) => (line === '' ? 'blank' : parseHaproxyLine(line, hit, localOffsetMs)) };
}

/** Syslog around JSON, combined, virtual-host or HAProxy lines: the message decides, one by one. The message's own time is the hit's. */
function syslogReader(options: LogReaderOptions): LogReader {
  const json = new JsonReader(options.columns, options.localOffsetMs);
  const combined = compileLogFormat('combined');
  const vhost = compileLogFormat('vhost');
  const parse = (line: string, hit: Hit): LineCause => {
    if (line === '') return 'blank';
    const message = parseSyslog(line, options.nowMs, false, options.localOffsetMs);
    if (message === undefined) return 'syslog';
    const text = (message.message ?? '').replace(/^@cee: ?/, '');
    if (text.startsWith('{')) {
      const cause = json.parse(text, hit);
      if (cause !== 'time' || Number.isNaN(message.timeMs)) return cause;
      return json.read({ ...(JSON.parse(Buffer.from(text, 'latin1').toString('utf8')) as object), time: message.timeMs }, hit);
    }
    const cause = parseAccessLine(combined, text, hit);
    if (cause === '') return '';
    clearHit(hit);
    if (parseAccessLine(vhost, text, hit) === '') return '';
    clearHit(hit);
    if (parseHaproxyLine(text, hit, options.localOffsetMs) === '') return '';
    return text.includes('"') && text.includes('[') ? cause : 'request';
  };
  return { name: 'syslog', plan: { kind: 'syslog', program: combined, sources: json.sources }, parse };
}

/** A reader that decides line by line, for streams in which senders of several kinds mix. */
export function openMixedReader(options: LogReaderOptions): LogReader {
  if (options.format !== undefined) return openLogReader([], options);
  const readers = [jsonReader(options), textReader('combined'), textReader('vhost'), syslogReader(options), haproxyReader(options)];
  const parse = (line: string, hit: Hit): LineCause => {
    if (line.trim() === '') return 'blank';
    if (line.startsWith('{')) return readers[0]?.parse(line, hit) ?? 'json';
    if (line.startsWith('<')) return readers[3]?.parse(line, hit) ?? 'syslog';
    let first: LineCause = 'fields';
    for (const reader of readers.slice(1)) {
      clearHit(hit);
      const cause = reader.parse(line, hit);
      if (cause === '') return '';
      if (reader === readers[1]) first = cause;
    }
    return first;
  };
  const { plan } = readers[3] ?? {};
  return { name: 'any', ...(plan?.kind === 'syslog' ? { plan: { ...plan, kind: 'any' } } : {}), parse };
}
