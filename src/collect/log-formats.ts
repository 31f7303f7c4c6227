/**
 * The kinds of logs that Weir reads, and how it knows them: the kind that reads most of the first lines is the one. A virtual host
 * before the client is taken only where most lines have one, or where it is asked for. Syslog may stand around any of the others.
 */

import { clearHit, emptyHit, type Hit } from '../base/hit.js';
import { type LineCause, parseAccessLine } from './access-log.js';
import { JsonReader } from './json-log.js';
import { compileLogFormat, type LogProgram } from './log-format.js';
import { parseSyslog } from './syslog.js';
import { W3cReader } from './w3c-log.js';

/** Reads the lines of one log. */
export interface LogReader {
  readonly name: string;
  /** Reads a line (a byte string without its newline) into a clear hit; answers why it cannot. */
  readonly parse: (line: string, hit: Hit) => LineCause;
  /** The steps, where the format has such: the counting kernel runs them. */
  readonly program?: LogProgram;
}

export interface LogReaderOptions {
  /** `common`, `combined`, `vhost`, `json`, `w3c`, `syslog` or a format string; undefined: by content. */
  readonly format?: string | undefined;
  /** Mapping of JSON members. */
  readonly columns?: string | undefined;
  /** Milliseconds of the epoch: gives syslog's times their year. */
  readonly nowMs: number;
}

/** Longest line that is read. */
export const lineSizeMax = 2 * 1024 * 1024;

const kinds: readonly { readonly name: string; readonly open: (options: LogReaderOptions) => LogReader }[] = [
  { name: 'combined', open: () => textReader('combined') },
  { name: 'json', open: jsonReader },
  { name: 'w3c', open: w3cReader },
  { name: 'vhost', open: () => textReader('vhost') },
  { name: 'syslog', open: syslogReader },
];

/** A reader for a log that begins with these lines. Throws Usage for a format that makes no sense. */
export function openLogReader(firstLines: readonly string[], options: LogReaderOptions): LogReader {
  if (options.format !== undefined) {
    const kind = kinds.find((candidate) => candidate.name === options.format);
    return kind === undefined ? textReader(options.format) : kind.open(options);
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
  return best;
}

function textReader(format: string): LogReader {
  const program = compileLogFormat(format);
  return {
    name: format,
    program,
    parse: (line, hit) => (line === '' ? 'blank' : parseAccessLine(program, line, hit)),
  };
}

function jsonReader(options: LogReaderOptions): LogReader {
  const reader = new JsonReader(options.columns);
  return { name: 'json', parse: (line, hit) => (line.trim() === '' ? 'blank' : reader.parse(line, hit)) };
}

function w3cReader(): LogReader {
  const reader = new W3cReader();
  return { name: 'w3c', parse: (line, hit) => (line === '' ? 'blank' : reader.parse(line, hit)) };
}

/** Syslog around JSON, combined or virtual-host lines: the message decides, one by one. The message's own time is the hit's. */
function syslogReader(options: LogReaderOptions): LogReader {
  const json = new JsonReader(options.columns);
  const combined = compileLogFormat('combined');
  const vhost = compileLogFormat('vhost');
  const parse = (line: string, hit: Hit): LineCause => {
    if (line === '') return 'blank';
    const message = parseSyslog(line, options.nowMs, false);
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
    return parseAccessLine(vhost, text, hit) === '' ? '' : cause;
  };
  return { name: 'syslog', parse };
}

/** A reader that decides line by line, for streams in which senders of several kinds mix. */
export function openMixedReader(options: LogReaderOptions): LogReader {
  if (options.format !== undefined) return openLogReader([], options);
  const readers = [jsonReader(options), textReader('combined'), textReader('vhost'), syslogReader(options)];
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
  return { name: 'any', parse };
}
