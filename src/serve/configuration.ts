/**
 * `weir.toml`: a literal table of sections, each a literal table of keys with its type, default and help. What is not in the table is refused
 * with the names that would be right; the sample file is checked against the same table by a test. A sibling that needs keys adds its section.
 *
 * Source: DESIGN section 7. TOML by smol-toml.
 */

import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { Malformed } from '../base/faults.js';
import { openLogReader } from '../collect/log-formats.js';
import { statsdDialects } from '../collect/statsd.js';
import { parseKeySpecs } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { methodOf } from '../query/series.js';
import { parseWindow } from './maintenance.js';
import { type BinBounds, binBoundsOf, patternOf, percentileOf, type Rule } from './rules.js';

/** A key: how its value is read, and its default. */
export interface Key<T> {
  readonly help: string;
  readonly otherwise: T;
  readonly read: (value: unknown, where: string) => T;
}

type Section<K> = { readonly [P in keyof K]: K[P] extends Key<infer T> ? T : never };

const flag = (otherwise: boolean, help: string): Key<boolean> => ({
  help,
  otherwise,
  read: (value, where) => (typeof value === 'boolean' ? value : wrong(where, 'true or false')),
});
const text = <T extends string | undefined>(otherwise: T, help: string): Key<string | T> => ({
  help,
  otherwise,
  read: (value, where) => (typeof value === 'string' ? value : wrong(where, 'a text')),
});
// A text that must mean something to whoever reads it: what `check` throws says what is wrong with it.
const checked = <T extends string | undefined>(otherwise: T, help: string, check: (value: string) => unknown): Key<string | T> => ({
  help,
  otherwise,
  read: (value, where) => {
    if (typeof value !== 'string') return wrong(where, 'a text');
    try {
      check(value);
    } catch (error) {
      throw new Malformed(`${where}: ${error instanceof Error ? error.message : String(error)}`, {}, error);
    }
    return value;
  },
});
const choice = (choices: readonly string[], otherwise: string, help: string): Key<string> => ({
  help,
  otherwise,
  read: (value, where) => (typeof value === 'string' && choices.includes(value) ? value : wrong(where, `one of ${choices.join(', ')}`)),
});
const whole = (otherwise: number, min: number, max: number, help: string): Key<number> => ({
  help,
  otherwise,
  read: (value, where) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : wrong(where, `an integer from ${min} to ${max}`),
});
const numbers = (otherwise: readonly number[], help: string): Key<readonly number[]> => ({
  help,
  otherwise,
  read: (value, where) => {
    const list = Array.isArray(value) ? value : [value];
    return list.every((one) => typeof one === 'number' && Math.abs(one) <= 100 && one !== 0)
      ? (list as number[])
      : wrong(where, 'a list of numbers from -100 to 100');
  },
});

const texts = (help: string): Key<readonly string[]> => ({
  help,
  otherwise: [],
  read: (value, where) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') ? (value as string[]) : wrong(where, 'a list of texts'),
});

/** Accounts of the table protocol, ACCOUNT=KEY. What is wrong is not shown: it may be a key. */
const accounts = (help: string): Key<readonly string[]> => ({
  help,
  otherwise: [],
  read: (value, where) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string' && /^[a-z\d]{3,24}=[A-Za-z\d+/]{8,}={0,2}$/.test(one))
      ? (value as string[])
      : wrong(where, 'a list of ACCOUNT=KEY, the key in base64'),
});

/** Days by table. */
const keeps = (help: string): Key<ReadonlyMap<string, number>> => ({
  help,
  otherwise: new Map(),
  read: (value, where) => {
    const entries = (Array.isArray(value) ? value : [value]).map((one) =>
      /^(.{1,255})=(\d{1,5})$/.exec(typeof one === 'string' ? one : ''),
    );
    return entries.every((one) => one !== null)
      ? new Map(entries.map((one) => [one[1] as string, Number(one[2])]))
      : wrong(where, 'a list of TABLE=DAYS');
  },
});

/** etsy's `histogram`: the first entry whose `metric` is part of a timer's name gives its bins. */
export interface TimerBins {
  readonly metric: string;
  readonly bins: BinBounds;
}

const timerBins = (help: string): Key<readonly TimerBins[]> => ({
  help,
  otherwise: [],
  read: (value, where) =>
    Array.isArray(value) && value.every((one) => typeof one?.metric === 'string' && binBoundsOf(one.bins) !== undefined)
      ? (value as TimerBins[])
      : wrong(where, 'a list such as [{ metric = "api", bins = [10, 50, "inf"] }], bounds rising'),
});

const windows = (help: string): Key<readonly string[]> => ({
  ...texts(help),
  read: (value, where) => {
    const list = texts(help).read(value, where);
    for (const one of list) parseWindow(one);
    return list;
  },
});

const graphiteKeys = {
  schemas: text(undefined, 'path of storage-schemas.conf'),
  aggregation: text(undefined, 'path of storage-aggregation.conf'),
};
const statsdKeys = {
  dialect: choice(Object.keys(statsdDialects), 'etsy', 'how lines are read: etsy, dogstatsd (and gostatsd, veneur, telegraf)'),
  legacyNamespace: flag(true, 'stats.X and stats_counts.X instead of stats.counters.X.rate and .count'),
  globalPrefix: text('stats', 'first node of served names when legacyNamespace is false'),
  prefixCounter: text('counters', 'node of counters when legacyNamespace is false'),
  prefixTimer: text('timers', 'node of timers when legacyNamespace is false'),
  prefixGauge: text('gauges', 'node of gauges when legacyNamespace is false'),
  prefixSet: text('sets', 'node of sets when legacyNamespace is false'),
  percentThreshold: numbers([90], 'percentiles of timers; negative ones are the top'),
  histogram: timerBins("bins of timers, served as X.histogram.bin_N: etsy's histogram"),
  flushInterval: whole(10, 1, 86_400, "seconds of the clients' slot: what a rate is over, and the first step where no schema matches"),
  deleteIdleStats: flag(false, 'idle counters and gauges read as unknown instead of 0 and the last value'),
  keyNameSanitize: flag(true, 'blanks become _, slashes -, other characters outside a-zA-Z0-9_-.;= are dropped'),
};
const limitKeys = {
  series: whole(1_000_000, 1, 100_000_000, 'series kept; a new one beyond is rejected as series-limit'),
  points: whole(10_000_000, 1, 1_000_000_000, 'points a request may read'),
  requestSeries: whole(20_000, 1, 10_000_000, 'series a request may read'),
  bodySize: whole(8 << 20, 1024, 1 << 30, 'bytes of a request body'),
  lineSize: whole(65_536, 256, 1 << 24, 'bytes of a line over TCP'),
  connections: whole(1000, 1, 100_000, 'open connections a listener'),
  requestSeconds: whole(30, 1, 3600, 'seconds until a request must be there, and an answer taken'),
};
const tokenKeys = {
  readFile: text(undefined, 'file of bearer tokens for reading, one a line'),
  readEnvironment: text(undefined, 'environment variable of a bearer token for reading'),
  writeFile: text(undefined, 'file of bearer tokens for writing, one a line'),
  writeEnvironment: text(undefined, 'environment variable of a bearer token for writing'),
};
const logKeys = {
  tail: texts('files that are followed through rotation and truncation'),
  format: checked(undefined, 'combined, common, vhost, json, w3c, haproxy, syslog or a format string; by content when not set', (format) =>
    openLogReader([], { format, nowMs: 0 }),
  ),
  columns: checked(undefined, 'members of JSON lines: time=ts:ms,url=req.path', (columns) => openLogReader([], { columns, nowMs: 0 })),
  lists: checked('url,keyword,host,status,agent', 'lists that are kept: fields, or several combined with +', parseKeySpecs),
  keywords: text('q,query,search', 'parameters that hold a keyword'),
  engines: flag(true, "keywords from search engines' referers too"),
  withQuery: flag(false, 'keeps the query string in url'),
  keepDays: whole(0, 0, 36_500, 'days that counts of requests are kept; 0: for good'),
  records: flag(false, 'keeps each request as a record too: table hits, partition the client, row the time'),
  tz: checked('UTC', 'time zone of times that name none', (zone) => new ZoneCalendar(zone)),
  memoryMiB: whole(256, 1, 1 << 20, 'MiB of keys that an answer may hold; beyond it counts are approximate and say so'),
};
const azureKeys = {
  keys: accounts('accounts that may use /tables, each ACCOUNT=KEY with the key in base64; without any, whoever comes over loopback may'),
  keysFile: text(undefined, 'file of such accounts, one a line'),
  keysEnvironment: text(undefined, 'environment variable of such accounts, by blanks'),
};
const flowKeys = {
  keepDays: whole(90, 0, 36_500, 'days that flow records are kept after they arrived; 0: for good'),
};
const recordKeys = {
  keepDays: whole(0, 0, 36_500, 'days that records are kept after they were put; 0: for good'),
  keep: keeps('days by table, before keepDays: ["messages=365"]'),
};
const listenKeys = {
  host: text('127.0.0.1', 'address that listeners bind to'),
  batches: flag(true, 'datagrams of lines are read many at a time, in a thread of their own (Linux, with the optional package koffi)'),
};
const availabilityKeys = {
  maintenance: windows('planned maintenance, START/END each, left out of the denominators of availability'),
  maintenanceFile: text(undefined, 'file of such windows, START/END a line'),
};

/** Sections with fixed keys. */
export const sections = {
  graphite: graphiteKeys,
  statsd: statsdKeys,
  limits: limitKeys,
  tokens: tokenKeys,
  listen: listenKeys,
  logs: logKeys,
  flows: flowKeys,
  records: recordKeys,
  azure: azureKeys,
  availability: availabilityKeys,
} as const;

export interface Configuration {
  readonly graphite: Section<typeof graphiteKeys>;
  readonly statsd: Section<typeof statsdKeys>;
  readonly limits: Section<typeof limitKeys>;
  readonly tokens: Section<typeof tokenKeys>;
  readonly listen: Section<typeof listenKeys>;
  readonly logs: Section<typeof logKeys>;
  readonly flows: Section<typeof flowKeys>;
  readonly records: Section<typeof recordKeys>;
  readonly azure: Section<typeof azureKeys>;
  readonly availability: Section<typeof availabilityKeys>;
  readonly rules: readonly Rule[];
}

export const defaultConfiguration: Configuration = readConfiguration('');

/** Reads `weir.toml` from its place: paths in it are relative to its folder (or to the working folder, where only that has the file). */
export function readConfigurationFile(path: string): Configuration {
  const configuration = readConfiguration(readFileSync(path, 'utf8'), path);
  const { graphite, tokens } = configuration;
  const beside = (file: string | undefined): string | undefined => {
    if (file === undefined) return undefined;
    const there = resolve(dirname(path), file);
    return existsSync(there) || !existsSync(file) ? there : file;
  };
  return {
    ...configuration,
    graphite: { ...graphite, schemas: beside(graphite.schemas), aggregation: beside(graphite.aggregation) },
    tokens: { ...tokens, readFile: beside(tokens.readFile), writeFile: beside(tokens.writeFile) },
  };
}

/** Reads the text of a `weir.toml`. Throws Malformed with the line or the key. */
export function readConfiguration(source: string, file = 'weir.toml'): Configuration {
  let document: Record<string, unknown>;
  try {
    document = parse(source) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const message = (error.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '');
    throw new Malformed(message, { file, line: error.line, column: error.column });
  }
  const names = [...Object.keys(sections), 'rule'];
  for (const name of Object.keys(document)) {
    if (!names.includes(name)) throw new Malformed(`unknown key '${name}' (expected one of ${names.join(', ')})`, { file });
  }
  const read = <K extends Record<string, Key<unknown>>>(name: string, keys: K): Section<K> => readSection(document[name], keys, name, file);
  return {
    graphite: read('graphite', graphiteKeys),
    statsd: read('statsd', statsdKeys),
    limits: read('limits', limitKeys),
    tokens: read('tokens', tokenKeys),
    listen: read('listen', listenKeys),
    logs: read('logs', logKeys),
    flows: read('flows', flowKeys),
    records: read('records', recordKeys),
    azure: read('azure', azureKeys),
    availability: read('availability', availabilityKeys),
    rules: readRules(document.rule, file),
  };
}

function readSection<K extends Record<string, Key<unknown>>>(value: unknown, keys: K, name: string, file: string): Section<K> {
  if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    throw new Malformed(`'${name}' is not a section (expected [${name}])`, { file });
  }
  const given = (value ?? {}) as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(keys, key)) {
      throw new Malformed(`unknown key '${name}.${key}' (expected one of ${Object.keys(keys).join(', ')})`, { file });
    }
  }
  const entries = Object.entries(keys).map(([key, row]) => {
    try {
      return [key, given[key] === undefined ? row.otherwise : row.read(given[key], `${name}.${key}`)];
    } catch (error) {
      if (error instanceof Malformed) throw new Malformed(error.message, { file });
      throw error;
    }
  });
  return Object.fromEntries(entries) as Section<K>;
}

const ruleKeys = ['pattern', 'method', 'sameTimestamp', 'histogram'];

function readRules(value: unknown, file: string): readonly Rule[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new Malformed("'rule' is not a list (expected [[rule]])", { file });
  return value.map((entry: Record<string, unknown>, index) => {
    const where = `rule ${index + 1}`;
    for (const key of Object.keys(entry)) {
      if (!ruleKeys.includes(key)) throw new Malformed(`${where}: unknown key '${key}' (expected one of ${ruleKeys.join(', ')})`, { file });
    }
    if (typeof entry.pattern !== 'string') throw new Malformed(`${where}: 'pattern' is missing (expected a regular expression)`, { file });
    patternOf(entry.pattern);
    if (entry.sameTimestamp !== undefined && entry.sameTimestamp !== 'merge' && entry.sameTimestamp !== 'replace') {
      throw new Malformed(`${where}: sameTimestamp is '${String(entry.sameTimestamp)}' (expected merge or replace)`, { file });
    }
    const { method, histogram } = entry;
    if (method !== undefined && (typeof method !== 'string' || (methodOf(method) ?? percentileOf(method)) === undefined)) {
      throw new Malformed(`${where}: method is '${String(method)}' (expected average, sum, min, max, last, count, median, p95, ...)`, {
        file,
      });
    }
    if (histogram !== undefined && typeof histogram !== 'boolean' && binBoundsOf(histogram) === undefined) {
      throw new Malformed(`${where}: histogram is '${String(histogram)}' (expected true, false or rising bounds such as [10, 50, "inf"])`, {
        file,
      });
    }
    return entry as unknown as Rule;
  });
}

function wrong(where: string, expected: string): never {
  throw new Malformed(`'${where}' has a wrong value (expected ${expected})`);
}
