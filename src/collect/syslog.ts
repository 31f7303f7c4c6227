/**
 * Syslog messages: RFC 5424 by its grammar, RFC 3164 as loosely as senders write it (RFC 3164 section 4 describes, it does not
 * prescribe): time without a year, with one, RFC 3339, or none; a host or none; a tag with a pid or none. Lines of /var/log, which have
 * no PRI, are read too where that is allowed. Texts are byte strings.
 */

import { type LocalOffset, parseBsdTime, parseIsoTime } from './log-time.js';

export interface SyslogMessage {
  readonly format: 'rfc5424' | 'rfc3164';
  /** PRI: facility * 8 + severity, 0 .. 191; undefined where the line has none. */
  readonly priority: number | undefined;
  readonly version: number | undefined;
  /** Milliseconds of the Unix epoch; NaN when there is none. */
  readonly timeMs: number;
  readonly timestamp: string | undefined;
  readonly host: string | undefined;
  /** APP-NAME or TAG. */
  readonly app: string | undefined;
  readonly process: string | undefined;
  readonly messageId: string | undefined;
  /** Elements of structured data, with their parameters unescaped. */
  readonly data: ReadonlyMap<string, ReadonlyMap<string, string>> | undefined;
  readonly message: string | undefined;
}

/** Reads a message; undefined when it is none (`needPriority`: a line without PRI is none). */
export function parseSyslog(text: string, nowMs: number, needPriority = true, localOffsetMs?: LocalOffset): SyslogMessage | undefined {
  const head = /^<(0|[1-9]\d{0,2})>/.exec(text);
  if (head === null) return needPriority || text.startsWith('<') ? undefined : parseBsd(text, undefined, { nowMs, localOffsetMs });
  const priority = Number(head[1]);
  if (priority > 191) return undefined;
  const rest = text.slice(head[0].length);
  return /^[1-9]\d{0,2} /.test(rest) && !/^\d{4} /.test(rest)
    ? parse5424(rest, priority)
    : parseBsd(rest, priority, { nowMs, localOffsetMs });
}

const printable = '[\\x21-\\x7e]';
const header = new RegExp(
  `^([1-9]\\d{0,2}) (-|\\S+) (-|${printable}{1,255}) (-|${printable}{1,48}) (-|${printable}{1,128}) (-|${printable}{1,32}) `,
);
const timestampShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$/;

function parse5424(text: string, priority: number): SyslogMessage | undefined {
  const head = header.exec(text);
  if (head === null) return undefined;
  const [, version, timestamp = '-', host, app, process, messageId] = head;
  const timeMs = timestamp === '-' ? Number.NaN : timestampShape.test(timestamp) ? parseIsoTime(timestamp) : undefined;
  if (timeMs === undefined || (timestamp !== '-' && Number.isNaN(timeMs))) return undefined;
  const data = parseData(text, head[0].length);
  if (data === undefined) return undefined;
  if (data.end < text.length && text[data.end] !== ' ') return undefined;
  const present = (value: string | undefined): string | undefined => (value === '-' ? undefined : value);
  let message = data.end < text.length ? text.slice(data.end + 1) : undefined;
  // The byte order mark only says that UTF-8 follows (section 6.4).
  if (message?.startsWith('\u00ef\u00bb\u00bf') && message.length > 3) message = message.slice(3);
  return {
    format: 'rfc5424',
    priority,
    version: Number(version),
    timeMs,
    timestamp: present(timestamp),
    host: present(host),
    app: present(app),
    process: present(process),
    messageId: present(messageId),
    data: data.elements,
    message: message === '' ? undefined : message,
  };
}

// STRUCTURED-DATA of section 6.3: `-` or one or more [ID NAME="VALUE" ...]; in a value \" \\ \] are escapes, another backslash is itself.
function parseData(text: string, start: number): { end: number; elements: Map<string, Map<string, string>> | undefined } | undefined {
  if (text[start] === '-') return { end: start + 1, elements: undefined };
  const elements = new Map<string, Map<string, string>>();
  const id = /\[([\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32})/y;
  const parameter = /[ ]([\x21\x23-\x3c\x3e-\x5c\x5e-\x7e]{1,32})="((?:[^"\\\]]|\\[\s\S])*)"/y;
  let at = start;
  while (text[at] === '[') {
    id.lastIndex = at;
    const element = id.exec(text);
    if (element === null) return undefined;
    at = id.lastIndex;
    if (elements.has(element[1] ?? '')) return undefined;
    const parameters = new Map<string, string>();
    parameter.lastIndex = at;
    for (let found = parameter.exec(text); found !== null; found = parameter.exec(text)) {
      parameters.set(found[1] ?? '', (found[2] ?? '').replace(/\\(["\\\]])/g, '$1'));
      at = parameter.lastIndex;
    }
    if (text[at] !== ']') return undefined;
    elements.set(element[1] ?? '', parameters);
    at += 1;
  }
  return at === start ? undefined : { end: at, elements };
}

interface Clock {
  readonly nowMs: number;
  readonly localOffsetMs: LocalOffset | undefined;
}

function parseBsd(text: string, priority: number | undefined, clock: Clock): SyslogMessage | undefined {
  const iso = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)(?: |$)/.exec(text);
  const bsd = iso === null ? /^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?: [A-Z]{3,4})?(?: (\d{4}))?(?: |$)/.exec(text) : null;
  const timestamp = iso?.[1] ?? bsd?.[1];
  if (timestamp === undefined && priority === undefined) return undefined;
  const timeMs = iso !== null ? parseIsoTime(timestamp ?? '', clock.localOffsetMs) : bsd !== null ? bsdTime(bsd, clock) : Number.NaN;
  let rest = text.slice((iso ?? bsd)?.[0].length ?? 0);
  let host: string | undefined;
  if (timestamp !== undefined) {
    const name = /^([^\s:[\]]+|[0-9A-Fa-f:.]+) /.exec(rest);
    if (name !== null) {
      host = name[1];
      rest = rest.slice(name[0].length);
    }
  }
  const tag = /^([^\s:[\]"{]{1,64})(?:\[([^\]\s]*)\])?: ?/.exec(rest);
  return {
    format: 'rfc3164',
    priority,
    version: undefined,
    timeMs,
    timestamp,
    host,
    app: tag?.[1],
    process: tag?.[2],
    messageId: undefined,
    data: undefined,
    message: tag === null ? rest : rest.slice(tag[0].length),
  };
}

function bsdTime(parts: RegExpExecArray, { nowMs, localOffsetMs }: Clock): number {
  const near = parts[2] === undefined ? nowMs : Date.UTC(Number(parts[2]), 6, 1);
  return parseBsdTime(parts[1] ?? '', near, localOffsetMs);
}
