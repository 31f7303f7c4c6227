/** `weir top`: request counts and top keys of logs, by day, month and year. */

import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { type Fault, Usage } from '../base/faults.js';
import { causeTexts } from '../collect/access-log.js';
import { openLogReader } from '../collect/log-formats.js';
import { parseAnyTime } from '../collect/log-time.js';
import { expandPaths } from '../collect/paths.js';
import { defaultKeyOptions, parseKeySpecs } from '../fold/hit-keys.js';
import { type Per, pers, ZoneCalendar } from '../fold/period.js';
import { countMany } from '../query/count-many.js';
import type { LogScan, ScanOptions } from '../query/log-scan.js';
import { rankPeriods, type TopRow } from '../query/rank.js';
import { visitorList, withVisitors } from '../query/stored-top.js';
import { type ReportOptions, topReport } from '../render/top-report.js';
import { sizeText, topCsv, topJson, topTable } from '../render/top-text.js';
import { clockOf } from './clock.js';
import type { Command, Invocation } from './command.js';
import { writeWhole } from './write-whole.js';

const defaultBy = 'url,keyword';

export const top: Command = {
  name: 'top',
  summary: 'request counts and top keys of logs, by day, month and year',
  usage: 'LOGS...|STORE|URL',
  description:
    'Counts the requests of access logs and lists the most frequent keys of each period. The kind of log is known by its content: common, ' +
    'combined, with virtual hosts, W3C (IIS), JSON lines, HAProxy, syslog around any of them, gzip and zstd; a folder is the files below it. Without logs, lists come from the counts of a store (--data, or its folder) or of a running server (its URL). Counts are exact until the keys exceed --memory; ' +
    'beyond it the answer says so and gives the bound of its error. Counts shown and `other` always sum to the requests.',
  options: [
    {
      name: 'by',
      value: 'FIELDS',
      help: 'url, keyword, host, status, agent, referer, vhost, user, method; a+b combines (default url,keyword)',
    },
    { name: 'per', value: 'PERIOD', choices: ['all', 'hour', 'day', 'month', 'year'], help: 'a list for each period (default all)' },
    { name: 'tz', value: 'ZONE', help: 'time zone in which days, months and years begin, and of times that name none (default UTC)' },
    { name: 'n', short: 'n', value: 'N', help: 'keys a list (default 10)' },
    { name: 'compare', value: 'PERIOD', help: 'compares each period with this one (2026-11-22) or with the `previous` one' },
    { name: 'data', value: 'DIR', help: 'folder of the store that answers when no log is given (default ./weir-data)' },
    { name: 'from', value: 'TIME', help: 'only requests from this time on' },
    { name: 'to', value: 'TIME', help: 'only requests before this time' },
    { name: 'format', value: 'FORMAT', help: 'combined, common, vhost, json, w3c, haproxy, syslog, or an Apache or nginx format string' },
    { name: 'columns', value: 'MAP', help: 'members of JSON lines: time=ts:ms,url=req.path,status=code' },
    { name: 'visitors', help: 'counts distinct visitors: clients by address and agent' },
    { name: 'with-query', help: 'keeps the query string in url' },
    { name: 'keywords', value: 'NAMES', help: 'parameters that hold a keyword (default q,query,search)' },
    { name: 'no-engines', help: "takes no keyword from search engines' referers" },
    { name: 'memory', value: 'SIZE', help: 'bound of the keys held (default 256M)' },
    { name: 'cores', value: 'N', help: 'cores to use (default all)' },
    { name: 'html', value: 'FILE', help: 'writes a report for the browser' },
    { name: 'csv', help: 'prints CSV' },
    { name: 'json', help: 'prints JSON lines, one a period and list' },
    { name: 'strict', help: 'fails if any line is rejected' },
    { name: 'now', value: 'T', help: 'the time to take as now, for syslog times without a year' },
  ],
  examples: [
    ['weir top access.log', 'the most requested URLs and keywords'],
    ['weir top --per day --tz Europe/Berlin --by keyword -n 20 access.log*', "each day's 20 top keywords"],
    ['weir top --per month --by url+status --csv logs/*.gz', 'a combination of fields, as CSV'],
    ['weir top http://127.0.0.1:8420 --per day -n 100', 'what a running server counted'],
  ],
  run: runTop,
};

async function runTop(invocation: Invocation): Promise<number> {
  const { words } = invocation;
  const options = countOptions(invocation);
  if (words.length > 0 && !words.some((word) => isServer(word) || isStore(word))) return await topOfLogs(words, options, invocation);
  if (words.length > 1) throw new Usage('top: a store or a server stands alone (expected logs only, or one of these)');
  // What only the store's answers need is read only for them.
  const { topOfServer, topOfStore } = await import('./top-stored.js');
  const asked = {
    by: invocation.text('by') ?? defaultBy,
    per: options.per,
    zone: options.calendar.zone,
    n: shownKeys(invocation),
    compare: invocation.text('compare'),
    fromMs: options.fromMs,
    toMs: options.toMs,
    memoryBytes: options.memoryBytes,
    visitors: invocation.flag('visitors'),
  };
  const [word] = words;
  const data = word ?? invocation.text('data') ?? 'weir-data';
  if (word === undefined && invocation.text('data') === undefined && !existsSync(data))
    throw new Usage('top: no log given, and no store in ./weir-data (expected files, - for standard input, or --data DIR)');
  const rows = isServer(data) ? await topOfServer(data, asked, invocation) : topOfStore(data, asked, options.nowMs);
  printRows(rows, invocation, { title: 'Requests', rejected: new Map(), lines: 0, zone: asked.zone, nowMs: options.nowMs });
  return 0;
}

function isServer(word: string): boolean {
  return /^https?:\/\//.test(word);
}

function isStore(word: string): boolean {
  return existsSync(join(word, 'hits', 'hits.journal')) || existsSync(join(word, 'store.mdb'));
}

async function topOfLogs(words: readonly string[], given: ScanOptions, invocation: Invocation): Promise<number> {
  const { world } = invocation;
  const visitors = invocation.flag('visitors') ? visitorList : undefined;
  const asked = given.specs;
  const options = visitors === undefined ? given : { ...given, specs: withVisitors(asked) };
  const n = shownKeys(invocation);
  const missing: Fault[] = [];
  const files = expandPaths(words, 'logs', missing);
  const progress = progressOf(files, invocation);
  const cores = wholeNumber(invocation.text('cores') ?? String(availableParallelism()), '--cores');
  const { scan, failures } = await countMany(files, options, { cores, stdin: world.stdin, progress: progress.add });
  progress.end();
  const lost = [...missing.map((fault) => fault.line), ...failures];
  for (const failure of lost) world.stderr.write(`weir: ${failure}\n`);
  reportRejects(scan, world.stderr);
  if (invocation.flag('strict') && scan.rejected.size > 0) return 1;
  const { rejected, lines } = scan;
  const rows = rankPeriods(scan.results(n), { specs: asked, n, visitors, compare: invocation.text('compare'), rejected });
  const title = `Requests of ${files.length === 1 ? basename(files[0] ?? '') : `${files.length} logs`}`;
  printRows(rows, invocation, { title, rejected, lines, zone: options.calendar.zone, nowMs: options.nowMs });
  return lost.length > 0 ? 1 : 0;
}

function shownKeys(invocation: Invocation): number {
  return wholeNumber(invocation.text('n') ?? '10', '-n');
}

// Rows in the form asked for: a report in a file, JSON lines, CSV or a table.
function printRows(rows: readonly TopRow[], invocation: Invocation, about: ReportOptions): void {
  const { world } = invocation;
  const html = invocation.text('html');
  if (html !== undefined) {
    writeWhole(html, topReport(rows, about));
    if (!invocation.flag('json') && !invocation.flag('csv')) return;
  }
  const width = Number(world.env['COLUMNS']) || 100;
  world.stdout.write(invocation.flag('json') ? topJson(rows) : invocation.flag('csv') ? topCsv(rows) : topTable(rows, width));
}

// On a terminal, a line that says how far it is: share done, rate, time left.
function progressOf(files: readonly string[], { world }: Invocation): { add: (bytes: number) => void; end: () => void } {
  if (!world.isTerminal.stderr) return { add: () => undefined, end: () => undefined };
  let total = 0;
  for (const file of files) total += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const start = world.monotonicMs();
  let done = 0;
  let shownMs = start;
  const add = (bytes: number): void => {
    done += bytes;
    const nowMs = world.monotonicMs();
    if (nowMs - shownMs < 200) return;
    shownMs = nowMs;
    const rate = done / ((nowMs - start) / 1000);
    const left = total > done ? `, ${Math.ceil((total - done) / rate)} s left` : '';
    const share = total > 0 ? `${Math.min(100, Math.floor((100 * done) / total))} %, ` : '';
    world.stderr.write(`\r${share}${sizeText(rate)}/s${left}\u001b[K`);
  };
  return { add, end: () => world.stderr.write('\r\u001b[K') };
}

function countOptions(invocation: Invocation): ScanOptions {
  const per = (invocation.text('per') ?? 'all') as Per;
  if (!pers.includes(per)) throw new Usage(`--per '${per}': expected one of ${pers.join(', ')}`);
  const format = invocation.text('format');
  const columns = invocation.text('columns');
  // A format or mapping that makes no sense is told before anything is read.
  openLogReader([], { format, columns, nowMs: 0 });
  return {
    specs: parseKeySpecs(invocation.text('by') ?? defaultBy),
    keys: {
      withQuery: invocation.flag('with-query'),
      keywordParameters: invocation.text('keywords')?.split(',') ?? defaultKeyOptions.keywordParameters,
      engines: !invocation.flag('no-engines'),
    },
    per,
    calendar: new ZoneCalendar(invocation.text('tz') ?? 'UTC'),
    memoryBytes: parseSize(invocation.text('memory') ?? '256M'),
    format,
    columns,
    fromMs: timeOption(invocation, 'from', Number.NEGATIVE_INFINITY),
    toMs: timeOption(invocation, 'to', Number.POSITIVE_INFINITY),
    nowMs: clockOf(invocation)(),
  };
}

function timeOption(invocation: Invocation, name: string, absent: number): number {
  const text = invocation.text(name);
  if (text === undefined) return absent;
  const time = parseAnyTime(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(time)) throw new Usage(`--${name} '${text}': expected a time such as 2026-11-23T17:40:00Z, or epoch seconds`);
  return time;
}

function wholeNumber(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Usage(`${option} '${text}': expected a whole number`);
  return Number(text);
}

function parseSize(text: string): number {
  const parts = /^(\d+(?:\.\d+)?)([kKMGT]?)i?B?$/.exec(text);
  const bytes = Number(parts?.[1]) * 1024 ** ' KMGT'.indexOf((parts?.[2] ?? '').toUpperCase() || ' ');
  if (!(bytes >= 4096 && bytes <= 2 ** 40)) throw new Usage(`--memory '${text}': expected a size such as 64M or 2G`);
  return Math.floor(bytes);
}

function reportRejects(counts: LogScan, stderr: { write: (text: string) => unknown }): void {
  for (const { file, line, cause } of counts.refused) stderr.write(`weir: ${file}:${line}: ${causeTexts[cause]}\n`);
  if (counts.rejected.size === 0) return;
  const causes = [...counts.rejected].map(([cause, count]) => `${cause} ${count}`);
  const total = [...counts.rejected.values()].reduce((sum, count) => sum + count, 0);
  stderr.write(`weir: ${total} of ${counts.lines} lines rejected: ${causes.join(', ')}\n`);
}
