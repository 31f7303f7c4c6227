/**
 * W3C extended log files (Hallam-Baker, Behlendorf: WD-logfile-960323), as IIS and CDNs write them: `#Fields:` names the columns, and
 * may come again with others. Columns are parted by blanks or tabs; `-` is nothing; texts hold `+` for a blank (IIS) and may be quoted.
 * Date and time are UTC. `time-taken` is milliseconds as IIS has it (seconds where it has a decimal point, as the draft says).
 */

import type { Hit } from '../base/hit.js';
import { type LineCause, setField } from './access-log.js';
import type { LogField } from './log-format.js';
import { parseIsoTime } from './log-time.js';

/** What a column holds; undefined: nothing that is counted. */
export type W3cColumn = LogField | 'date' | 'time' | 'taken' | undefined;

const columns: Readonly<Record<string, W3cColumn>> = {
  date: 'date',
  time: 'time',
  'c-ip': 'host',
  'cs-username': 'user',
  'cs-host': 'vhost',
  'cs(host)': 'vhost',
  'cs-method': 'method',
  'cs-uri': 'target',
  'cs-uri-stem': 'target',
  'cs-uri-query': 'query',
  'sc-status': 'status',
  'sc-bytes': 'bytes',
  'cs(referer)': 'referer',
  'cs(user-agent)': 'agent',
  'time-taken': 'taken',
};

/** Reads the lines of one file, whose columns are named in it. */
export class W3cReader {
  #columns: readonly W3cColumn[] = [];

  /** The columns that were named last. */
  get columns(): readonly W3cColumn[] {
    return this.#columns;
  }

  /** Reads a line into `hit`; lines that begin with `#` are directives and count as blank. */
  parse(line: string, hit: Hit): LineCause {
    if (line.startsWith('#')) {
      if (/^#Fields:/i.test(line))
        this.#columns = line
          .slice(8)
          .trim()
          .toLowerCase()
          .split(/[ \t]+/)
          .map((name) => (Object.hasOwn(columns, name) ? columns[name] : undefined));
      return 'blank';
    }
    if (this.#columns.length === 0) return 'fields';
    const values = line.match(/"(?:[^"]|"")*"|[^ \t]+/g) ?? [];
    if (values.length !== this.#columns.length) return 'fields';
    let date = '';
    let time = '';
    for (let index = 0; index < values.length; index++) {
      const raw = values[index] ?? '';
      const value = raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw;
      const column = this.#columns[index];
      if (column === undefined || value === '-') continue;
      if (column === 'date') date = value;
      else if (column === 'time') time = value;
      else if (column === 'taken') setField(hit, value.includes('.') ? 'servedSeconds' : 'servedMs', value);
      else {
        const cause = setField(hit, column, column === 'agent' ? value.replaceAll('+', ' ') : value);
        if (cause !== '') return cause;
      }
    }
    hit.timeMs = parseIsoTime(`${date} ${time}`);
    return Number.isNaN(hit.timeMs) ? 'time' : '';
  }
}
