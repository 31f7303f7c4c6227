/**
 * `weir load`: files into the store. What kinds of files there are stands in one literal table; each row tells a file by its content.
 */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, Malformed, Usage } from '../base/faults.js';
import { openInput } from '../collect/bytes-input.js';
import { expandPaths } from '../collect/paths.js';
import { defaultKeyOptions } from '../fold/hit-keys.js';
import { HitJournal } from '../keep/hit-journal.js';
import { looksLikeFlows } from '../query/load-flows.js';
import { loadLog, looksLikeLog } from '../query/load-log.js';
import { defaultConfiguration } from '../serve/configuration.js';
import { hitMemoryBytes, keptLists } from '../serve/hit-intake.js';
import { loadGraphite, looksLikeGraphite } from '../serve/load-graphite.js';
import type { Command, Invocation } from './command.js';
import { loadFlows } from './load-flows.js';
import { withFiles } from './load-pipes.js';
import { loadRrd, looksLikeRrd, rrdFilesOf } from './load-rrd.js';
import { loadWhisper, looksLikeWhisper } from './load-whisper.js';
import { clockOf, configurationOf, openMetrics } from './metric-store.js';
import { ProgressLine } from './progress.js';

interface LoadKind {
  readonly name: string;
  readonly takes: (head: Uint8Array, nowMs: number, columns: string | undefined) => boolean;
  /** Loads the files of this kind; answers false if any failed. */
  readonly load: (files: readonly string[], invocation: Invocation) => Promise<boolean>;
}

const kinds: readonly LoadKind[] = [
  { name: 'Whisper files', takes: looksLikeWhisper, load: async (files, invocation) => await loadWhisper(files, invocation) },
  { name: 'RRDtool files', takes: looksLikeRrd, load: async (files, invocation) => await loadRrd(files, invocation) },
  { name: 'Graphite lines', takes: looksLikeGraphite, load: loadLines },
  { name: 'flow files', takes: (head, _, columns) => looksLikeFlows(head, columns), load: loadFlows },
  { name: 'access logs', takes: looksLikeLog, load: loadLogs },
];

export const load: Command = {
  name: 'load',
  summary: 'puts flows, logs, metrics, Whisper and RRDtool trees into the store',
  usage: 'FILES...|FOLDER',
  description:
    'Loads files into the store, each known by its content (gzip and zstd are unpacked). Flow files of any format that `weir flows` reads become flow records, which `weir flows, profile, packets --data` and `/api/flows` answer from; they are kept for `[flows] keepDays` days after they were loaded. Graphite lines (name, value, epoch seconds) become metrics by the rules of the configuration. A folder is the files below it, or a tree of Whisper files or of RRDtool files (.rrd of any machine; XML dumps one by one): they become series named by their path below it, with every archive; loading it ' +
    'again adds what is new, and a load that was cut short goes on where it stood. Access logs become counts by quarter of an hour, which `weir top --data` and ' +
    '`/api/top` answer from. A file that is loaded again, with the same content, counts once. An address redis://HOST:PORT names a server whose sorted sets of counts are taken over; ' +
    'the names of the keys hold the date and the list (day:top:2026-11-23, top:url:20261123), and --by names the list where they do not. While a daemon has the store, send to it instead (`weir ship --once`).',
  options: [
    { name: 'data', value: 'DIR', help: 'folder of the store (default ./weir-data)' },
    { name: 'config', value: 'FILE', help: 'weir.toml with the rules of storage (default ./weir.toml, if it is there)' },
    { name: 'format', value: 'FORMAT', help: 'format of logs, when it is not known by their content' },
    { name: 'by', value: 'LISTS', help: `lists to keep (default ${defaultConfiguration.logs.lists})` },
    { name: 'keys', value: 'GLOB', help: 'of a Redis server: keys of the sorted sets to take over (default *)' },
    { name: 'tz', value: 'ZONE', help: 'the time zone of flow times without one, and of dates in keys of a Redis server (default UTC)' },
    { name: 'columns', value: 'MAP', help: 'names the columns of a flow CSV with a header: first=ts:ms,packets=IN_PKTS' },
    { name: 'now', value: 'T', help: 'the time to take as now: for how far back archives reach, for syslog times without a year' },
    { name: 'dry-run', help: 'of Whisper files: says what would be loaded, and loads nothing' },
  ],
  examples: [
    ['weir load access.log*', 'counts logs into ./weir-data'],
    ['weir load /var/netflow/2026/11', 'keeps a month of flow files; `weir flows --data weir-data` reads them'],
    ['weir load points.txt.gz', 'stores Graphite lines; `weir query` and Grafana show them'],
    ['weir load /var/lib/graphite/whisper', 'brings a Whisper tree into ./weir-data'],
    ['weir load /var/lib/collectd/rrd', 'brings a tree of .rrd files into ./weir-data'],
    ['weir top --data weir-data --per month', 'lists from what was loaded'],
    ["weir load redis://127.0.0.1:6379 --keys 'day:top:*' --by keyword", 'takes over the sorted sets of counts that are kept by hand'],
  ],
  run: runLoad,
};

async function runLoad(invocation: Invocation): Promise<number> {
  if (invocation.words.length === 0) throw new Usage('load: no file given');
  return withFiles(invocation, loadWords);
}

async function loadWords(invocation: Invocation): Promise<number> {
  const { words, world } = invocation;
  const groups = new Map<LoadKind, string[]>();
  let failed = false;
  for (const address of words.filter(isRedisUrl)) {
    // Its client is read only when it is needed.
    const { loadRedis } = await import('./load-redis.js');
    if (!(await loadRedis(address, invocation))) failed = true;
  }
  const missing: Fault[] = [];
  for (const word of words.filter((one) => !isRedisUrl(one))) {
    if (isTree(word)) {
      if (!(await loadTree(word, invocation))) failed = true;
      continue;
    }
    for (const file of expandPaths([word], 'files', missing)) {
      const kind = await kindOf(file, invocation, missing);
      if (kind !== undefined) groups.set(kind, [...(groups.get(kind) ?? []), file]);
    }
  }
  for (const fault of missing) world.stderr.write(`weir: ${fault.line}\n`);
  if (missing.length > 0) failed = true;
  for (const [kind, files] of groups) if (!(await kind.load(files, invocation))) failed = true;
  return failed ? 1 : 0;
}

// A tree holds Whisper files, RRDtool's, or both.
async function loadTree(folder: string, invocation: Invocation): Promise<boolean> {
  const hasRrds = rrdFilesOf(folder).length > 0;
  const hasWhisper = !hasRrds || readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((file) => /\.c?wsp$/.test(file));
  const whisper = hasWhisper ? await loadWhisper([folder], invocation) : true;
  const rrds = hasRrds ? await loadRrd([folder], invocation) : true;
  return whisper && rrds;
}

function isRedisUrl(word: string): boolean {
  return /^rediss?:\/\//.test(word);
}

// A folder of Whisper or RRD files, whose paths name series.
function isTree(word: string): boolean {
  if (!statSync(word, { throwIfNoEntry: false })?.isDirectory()) return false;
  return rrdFilesOf(word).length > 0 || readdirSync(word, { recursive: true, encoding: 'utf8' }).some((name) => /\.c?wsp$/.test(name));
}

async function kindOf(file: string, { text, world }: Invocation, missing: Fault[]): Promise<LoadKind | undefined> {
  try {
    if (/\.c?wsp$/.test(file)) return kinds.find(({ name }) => name === 'Whisper files');
    if (text('format') !== undefined) return kinds.find((kind) => kind.name === 'access logs');
    const head = (await openInput(file, undefined)).head;
    const kind = kinds.find((one) => one.takes(head, world.now(), text('columns')));
    if (kind === undefined)
      missing.push(new Malformed(`not a file that can be loaded (expected ${kinds.map(({ name }) => name).join(', ')})`, { file }));
    return kind;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    missing.push(new Malformed(isMissing ? 'no such file or folder' : 'cannot be read', { file }, error));
    return undefined;
  }
}

async function loadLogs(files: readonly string[], invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const lists = invocation.text('by') ?? defaultConfiguration.logs.lists;
  const configuration = { ...defaultConfiguration, logs: { ...defaultConfiguration.logs, lists } };
  const specs = keptLists(configuration);
  const memoryBytes = hitMemoryBytes(configuration);
  const now = world.now;
  const journal = new HitJournal({ folder: join(invocation.text('data') ?? 'weir-data', 'hits'), specs, now }).open();
  let fine = true;
  try {
    for (const file of files) {
      const options = { specs, keys: defaultKeyOptions, memoryBytes, format: invocation.text('format'), fromMs: Number.NEGATIVE_INFINITY };
      const { scan, known, failure } = await loadLog(file, journal, { ...options, toMs: Number.POSITIVE_INFINITY, nowMs: now() });
      if (failure !== undefined) {
        fine = false;
        world.stderr.write(`weir: ${failure}\n`);
      }
      const rejected = [...scan.rejected].map(([cause, count]) => `${cause} ${count}`).join(', ');
      const what = known ? 'loaded before, counted once' : `${scan.lines} lines${rejected === '' ? '' : `, rejected: ${rejected}`}`;
      world.stderr.write(`weir: ${file}: ${what}\n`);
    }
    // Days that have passed leave the journal, so that the next start is quick.
    while (await journal.settle());
  } finally {
    await journal.close();
  }
  return fine;
}

async function loadLines(files: readonly string[], invocation: Invocation): Promise<boolean> {
  const { world } = invocation;
  const configuration = configurationOf(invocation);
  const now = clockOf(invocation);
  const { store, metrics } = await openMetrics(invocation, configuration, now, false);
  const nowSeconds = Math.floor(now() / 1000);
  let fine = true;
  try {
    for (const file of files) {
      const line = world.isTerminal.stderr ? new ProgressLine(world, 'lines') : undefined;
      const sizeBytes = Math.max(1, statSync(file).size);
      const progress = (lines: number, bytes: number): void => line?.update(lines, Math.min(1, bytes / sizeBytes));
      const result = await loadGraphite(file, { metrics, nowSeconds, seriesMax: configuration.limits.series, progress });
      line?.clear();
      if (result.failure !== undefined) fine = false;
      const known = result.known === 0 ? '' : `, ${result.known} loaded before, counted once`;
      const rejected = [...result.rejected].map(([cause, count]) => `${cause} ${count}`).join(', ');
      const failure = result.failure === undefined ? '' : `weir: ${file}: ${result.failure}\n`;
      world.stderr.write(
        `${failure}weir: ${file}: ${result.lines} lines, ${result.accepted} points${known}${rejected === '' ? '' : `, rejected: ${rejected}`}\n`,
      );
    }
    store.settle(nowSeconds);
  } finally {
    await metrics.close();
  }
  return fine;
}
