/**
 * Formats of text access logs, compiled into steps: a literal, then a field, and so on. Apache's LogFormat strings (mod_log_config),
 * nginx's log_format strings and the presets `common`, `combined`, `vhost` all become the same list, which `access-log.ts` runs on a
 * line and the counting kernel runs on bytes.
 *
 * A field ends where the literal of the next step stands. Between double quotes a backslash escapes the next character. What follows
 * the last literal is ignored: a server may append columns. Steps from `optionalFrom` on may be missing (combined takes common lines).
 */

import { Usage } from '../base/faults.js';

/** What a field of a line is. `epoch` is seconds with decimals, `epochMs` and `epochUs` thousandths and millionths. */
export const logFields = [
  'skip',
  'host',
  'user',
  'vhost',
  'clf',
  'request',
  'status',
  'bytes',
  'referer',
  'agent',
  'method',
  'target',
  'query',
  'servedSeconds',
  'servedMs',
  'servedUs',
  'epoch',
  'epochMs',
  'epochUs',
  'iso',
] as const;

export type LogField = (typeof logFields)[number];

export interface LogStep {
  /** What must stand before the field. */
  readonly literal: string;
  readonly field: LogField;
  /** The field stands between double quotes. */
  readonly quoted: boolean;
}

export interface LogProgram {
  readonly steps: readonly LogStep[];
  /** What must stand after the last field; empty: the last field ends at a blank or the end of the line. */
  readonly tail: string;
  /** Steps that every line must have. */
  readonly optionalFrom: number;
}

const presets: Readonly<Record<string, string>> = {
  common: '%h %l %u %t "%r" %>s %b',
  combined: '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
  vhost: '%v %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
};

/** Names of the presets. */
export const logPresets: readonly string[] = Object.keys(presets);

/** Compiles a preset's name, an Apache or an nginx format string. Throws Usage for what is none of them. */
export function compileLogFormat(text: string): LogProgram {
  const preset = presets[text === 'vhost_combined' ? 'vhost' : text];
  const source = preset ?? text;
  const pieces = source.includes('$') ? nginxPieces(source) : apachePieces(source);
  const steps: LogStep[] = [];
  let literal = '';
  for (const piece of pieces) {
    if ('literal' in piece) {
      literal += piece.literal;
      continue;
    }
    // `%U%q` and `$uri$is_args$args` are one target in the line.
    if (literal === '' && steps.at(-1)?.field === 'target' && (piece.field === 'query' || piece.field === 'skip')) continue;
    if (steps.length > 0 && literal === '') throw new Usage(`format '${text}': two fields with nothing between them`);
    steps.push({ literal, field: piece.field, quoted: literal.endsWith('"') });
    literal = '';
  }
  if (steps.length === 0) throw new Usage(`format '${text}': no field (expected ${logPresets.join(', ')}, json, w3c or a format string)`);
  const times: readonly LogField[] = ['clf', 'epoch', 'epochMs', 'epochUs', 'iso'];
  if (!steps.some((step) => times.includes(step.field)))
    throw new Usage(`format '${text}': no field for the time (expected %t or $time_local)`);
  const optionalFrom = preset !== undefined && text !== 'common' ? steps.findIndex((step) => step.field === 'referer') : steps.length;
  return { steps, tail: literal, optionalFrom };
}

type Piece = { readonly literal: string } | { readonly field: LogField };

const apacheFields: Readonly<Record<string, LogField>> = {
  h: 'host',
  a: 'host',
  u: 'user',
  v: 'vhost',
  V: 'vhost',
  r: 'request',
  s: 'status',
  b: 'bytes',
  B: 'bytes',
  O: 'bytes',
  m: 'method',
  U: 'target',
  q: 'query',
  T: 'servedSeconds',
  D: 'servedUs',
};

function apachePieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  const pattern = /%(?:[!\d,]*)([<>]?)(?:\{([^}]*)\}(\^?[A-Za-z]+)|([A-Za-z%]))|\\([nt"\\])/g;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > at) pieces.push({ literal: text.slice(at, match.index) });
    at = match.index + match[0].length;
    const name = match[2];
    const letter = match[3] ?? match[4] ?? '';
    if (match[5] !== undefined) pieces.push({ literal: match[5] === 't' ? '\t' : match[5] === 'n' ? '\n' : match[5] });
    else if (letter === '%') pieces.push({ literal: '%' });
    else if (letter === 't' && name === undefined) pieces.push({ literal: '[' }, { field: 'clf' }, { literal: ']' });
    else pieces.push({ field: name === undefined ? (apacheFields[letter] ?? 'skip') : apacheNamed(name, letter) });
  }
  if (at < text.length) pieces.push({ literal: text.slice(at) });
  return pieces;
}

function apacheNamed(name: string, letter: string): LogField {
  const header = name.toLowerCase();
  if (letter === 'i') {
    if (header === 'referer' || header === 'referrer') return 'referer';
    if (header === 'user-agent') return 'agent';
    if (header === 'host') return 'vhost';
    return header === 'x-forwarded-for' ? 'host' : 'skip';
  }
  if (letter === 'T') return header === 'ms' ? 'servedMs' : header === 'us' ? 'servedUs' : 'servedSeconds';
  if (letter === 't') {
    const kinds: Readonly<Record<string, LogField>> = { sec: 'epoch', msec: 'epochMs', usec: 'epochUs' };
    const kind = kinds[header.replace(/^(begin|end):/, '')];
    if (kind !== undefined) return kind;
    if (header === '%d/%b/%y:%h:%m:%s %z') return 'clf';
    if (header.startsWith('%y-%m-%d') || header.startsWith('%ft')) return 'iso';
  }
  return 'skip';
}

const nginxFields: Readonly<Record<string, LogField>> = {
  remote_addr: 'host',
  http_x_forwarded_for: 'skip',
  realip_remote_addr: 'skip',
  remote_user: 'user',
  host: 'vhost',
  http_host: 'vhost',
  server_name: 'vhost',
  time_local: 'clf',
  time_iso8601: 'iso',
  msec: 'epoch',
  request: 'request',
  request_method: 'method',
  request_uri: 'target',
  uri: 'target',
  args: 'query',
  query_string: 'query',
  status: 'status',
  body_bytes_sent: 'bytes',
  bytes_sent: 'bytes',
  http_referer: 'referer',
  http_user_agent: 'agent',
  request_time: 'servedSeconds',
};

function nginxPieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$(?:\{(\w+)\}|(\w+))/g)) {
    if (match.index > at) pieces.push({ literal: text.slice(at, match.index) });
    at = match.index + match[0].length;
    pieces.push({ field: nginxFields[match[1] ?? match[2] ?? ''] ?? 'skip' });
  }
  if (at < text.length) pieces.push({ literal: text.slice(at) });
  return pieces;
}
