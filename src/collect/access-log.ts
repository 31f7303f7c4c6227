/**
 * Reads one line of a text access log by a compiled format (`log-format.ts`) into a Hit. The reference for the counting kernel,
 * which reads the same programs from bytes: a test runs both on the same lines.
 *
 * A line that does not fit is refused with a cause, the first that is met: `time` (missing or no such instant), `request`, `status`
 * (not three digits), `bytes` (no number), `fields` (a literal of the format is missing). A request that is no HTTP request line
 * (`-`, bytes of a TLS handshake) is a request nevertheless: it has a status and a time, but neither method nor target.
 */

import type { Hit } from '../base/hit.js';
import type { LogField, LogProgram, LogStep } from './log-format.js';
import { epochMs, type LocalOffset, parseClfTime, parseEpochTime, parseIsoTime } from './log-time.js';

/** Why a line was refused; the empty text: it was read. */
export type LineCause = '' | 'fields' | 'time' | 'request' | 'status' | 'bytes' | 'json' | 'syslog' | 'too-long' | 'blank';

/** What is wrong in a person's words. */
export const causeTexts: Readonly<Record<Exclude<LineCause, ''>, string>> = {
  fields: 'the line does not follow the format',
  time: 'no time, or no such date',
  request: 'no request',
  status: 'the status is no number of three digits',
  bytes: 'the size is no number',
  json: 'not a JSON object',
  syslog: 'not a syslog message',
  'too-long': 'the line is longer than 2 MiB',
  blank: 'a blank line',
};

/** Reads `line` (a byte string without its newline) into `hit`, which must be clear. */
export function parseAccessLine(program: LogProgram, line: string, hit: Hit, localOffsetMs?: LocalOffset): LineCause {
  const { steps, tail, optionalFrom } = program;
  let at = 0;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] as LogStep;
    if (!line.startsWith(step.literal, at)) return index >= optionalFrom && at === line.length ? '' : causeOf(step.field);
    at += step.literal.length;
    const next = steps[index + 1];
    const literal = next === undefined ? tail : next.literal;
    let end = step.quoted ? quotedEnd(line, at, literal) : fieldEnd(line, at, literal);
    if (end < 0 && index + 1 === optionalFrom) end = fieldEnd(line, at, '');
    if (end < 0) return causeOf(step.field === 'skip' || step.field === 'user' ? (next?.field ?? 'skip') : step.field);
    const cause = setField(hit, step.field, line.slice(at, end), localOffsetMs);
    if (cause !== '') return cause;
    at = end;
  }
  return line.startsWith(tail, at) ? '' : 'fields';
}

// An unquoted field ends where the next literal begins; the first byte of the literal must not be in the field.
function fieldEnd(line: string, start: number, literal: string): number {
  if (literal === '') {
    const blank = line.indexOf(' ', start);
    return blank < 0 ? line.length : blank;
  }
  const end = line.indexOf(literal.charAt(0), start);
  return end >= 0 && line.startsWith(literal, end) ? end : -1;
}

// A quoted field ends at the first quote that no backslash escapes and that the rest of the literal follows.
function quotedEnd(line: string, start: number, literal: string): number {
  for (let at = start; at < line.length; at++) {
    const char = line.charCodeAt(at);
    if (char === 0x5c) at += 1;
    else if (char === 0x22 && (line.startsWith(literal, at) || at + 1 === line.length)) return at;
  }
  return -1;
}

function causeOf(field: LogField): LineCause {
  if (field === 'clf' || field === 'iso' || field.startsWith('epoch')) return 'time';
  return field === 'status' || field === 'bytes' || field === 'request' ? field : 'fields';
}

/** Puts one field of a line into the hit; answers why it cannot. */
export function setField(hit: Hit, field: LogField, text: string, localOffsetMs?: LocalOffset): LineCause {
  switch (field) {
    case 'skip':
      return '';
    case 'host':
    case 'user':
    case 'vhost':
    case 'referer':
    case 'agent':
    case 'method':
      hit[field] = text === '-' ? '' : text;
      return '';
    case 'target':
      hit.target = text === '-' ? '' : text;
      return '';
    case 'query':
      if (text !== '-' && text !== '' && !hit.target.includes('?')) hit.target += text.startsWith('?') ? text : `?${text}`;
      return '';
    case 'request':
      splitRequest(hit, text);
      return '';
    case 'status':
      if (!/^\d{3}$/.test(text)) return 'status';
      hit.status = Number(text);
      return '';
    case 'bytes':
      if (text === '-') return '';
      if (!/^\d{1,15}$/.test(text)) return 'bytes';
      hit.bytes = Number(text);
      return '';
    case 'servedSeconds':
    case 'servedMs':
    case 'servedUs':
      if (/^\d+(\.\d+)?$/.test(text)) hit.servedMs = Number(text) * (field === 'servedSeconds' ? 1000 : field === 'servedMs' ? 1 : 0.001);
      return '';
    default:
      return setTime(hit, field, text, localOffsetMs);
  }
}

function setTime(hit: Hit, field: LogField, text: string, localOffsetMs: LocalOffset | undefined): LineCause {
  if (field === 'clf') hit.timeMs = parseClfTime(text);
  else if (field === 'iso') hit.timeMs = parseIsoTime(text, localOffsetMs);
  else if (/^\d{1,19}(\.\d+)?$/.test(text)) {
    const value = Number(text);
    hit.timeMs = field === 'epoch' ? parseEpochTime(value) : epochMs(value, field === 'epochMs' ? 1 : 1e-3);
  }
  return Number.isNaN(hit.timeMs) ? 'time' : '';
}

/** `METHOD target HTTP/x` into method and target; anything else leaves both empty. */
export function splitRequest(hit: Hit, request: string): void {
  const blank = request.indexOf(' ');
  if (blank < 1 || blank > 32 || !/^[A-Za-z_-]+$/.test(request.slice(0, blank))) return;
  const last = request.lastIndexOf(' ');
  const end = last > blank && request.startsWith('HTTP/', last + 1) ? last : request.length;
  hit.method = request.slice(0, blank);
  hit.target = request.slice(blank + 1, end);
}
