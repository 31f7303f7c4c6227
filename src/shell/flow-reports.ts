/**
 * What `weir flows` says about flows instead of listing them: figures (`--stat`), top lists (`--top KEY/FIELD`), sums by keys
 * (`--aggregate KEYS`) and biflows (`--bidirectional`), as a table, CSV or JSON lines. One pass over the flows for all lists together.
 */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openOutput } from '../base/output-file.js';
import { type FlowGroups, type GroupFigure, type GroupOrder, groupFigures } from '../fold/flow-groups.js';
import { orderedFlows } from '../fold/flow-order.js';
import type { FlowStat } from '../fold/flow-stat.js';
import { groupCsv, groupJson, groupTable } from '../render/flow-group-rows.js';
import type { Invocation, Option } from './command.js';
import { type GroupTask, ReportFold } from './flow-folds.js';
import { namesNfcapd } from './flow-nfcapd.js';
import { namesParquet } from './flow-parquet-output.js';
import { foldFlows } from './flow-shares.js';
import { foldedStatistics, statisticsOf } from './flow-statistics.js';

/** Fields of `--sort`. */
export const sortFields: readonly GroupOrder[] = [...groupFigures, 'tstart', 'tend', 'duration'];

export const reportOptions: readonly Option[] = [
  { name: 'stat', help: 'prints the figures of all flows: by protocol, first and last, averages' },
  {
    name: 'top',
    value: 'KEY/FIELD',
    repeatable: true,
    help: 'lists the largest, several by commas: srcip, ip, dstport, port, proto, as, if, vlan, router, record, ip:p ... by flows, packets, bytes, bps, pps, bpp',
  },
  { name: 'number', short: 'n', value: 'N', help: 'how many a list has (default 10; 0 for all), or how many flows are printed' },
  { name: 'aggregate', value: 'KEYS', help: 'sums by keys, with masks if need be: srcip4/24,dstport' },
  { name: 'bidirectional', help: 'joins the two directions of TCP and UDP conversations' },
  { name: 'sort', value: 'FIELD', choices: sortFields, help: 'the order: largest first, tstart and tend earliest first' },
];

/** The flows by `--sort`, or as they come; the first `-n` of them. */
export function inOrder(batches: AsyncGenerator<FlowBatch>, invocation: Invocation): AsyncGenerator<FlowBatch> {
  const by = sortFields.find((field) => field === invocation.text('sort'));
  const most = numberOption(invocation.text('number')) ?? 0;
  const ordered = by === undefined ? batches : orderedFlows(batches, by);
  return most === 0 ? ordered : firstFlows(ordered, most);
}

async function* firstFlows(batches: AsyncGenerator<FlowBatch>, most: number): AsyncGenerator<FlowBatch> {
  let left = most;
  for await (const batch of batches) {
    batch.count = Math.min(batch.count, left);
    left -= batch.count;
    yield batch;
    if (left === 0) return;
  }
}

interface Report {
  /** Which grouping of the fold. */
  readonly index: number;
  readonly by: GroupOrder | undefined;
  readonly most: number;
  readonly title: string;
  /** Whether it is a list of one element of the record, as those of nfdump -s. */
  readonly isElement: boolean;
}

/** Whether one of the reports is asked for. */
export function asksReport(invocation: Invocation): boolean {
  return (
    invocation.flag('stat') ||
    invocation.flag('bidirectional') ||
    invocation.text('aggregate') !== undefined ||
    invocation.list('top').length > 0
  );
}

/** Folds all flows and writes the reports; answers the exit code. */
export async function writeReports(invocation: Invocation): Promise<number> {
  const { reports, groups } = reportsOf(invocation);
  const path = invocation.text('output') ?? '-';
  const hasStat = invocation.flag('stat');
  const format = formatOf(invocation, path, hasStat && groups.length === 0);
  const fold = new ReportFold(hasStat, groups);
  const known = hasStat && groups.length === 0 ? statisticsOf(invocation) : undefined;
  for (const figures of known ?? []) fold.merge({ stat: foldedStatistics(figures), groups: [] });
  const failed = known !== undefined ? false : (await foldFlows(fold, { kind: 'report', hasStat, groups }, invocation)).failed;
  const output = openOutput(path);
  try {
    if (fold.stat !== undefined) output.write(statText(fold.stat, format));
    for (const [place, report] of reports.entries()) {
      if (format !== 'json' && (place > 0 || hasStat)) output.write(Buffer.from('\n'));
      for (const chunk of reportText(report, fold.groups[report.index] as FlowGroups, format, invocation)) output.write(chunk);
    }
    if (failed && invocation.flag('strict')) output.discard();
    else output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
  return failed ? 1 : 0;
}

// Several orders of one list are one grouping.
function reportsOf(invocation: Invocation): { reports: Report[]; groups: GroupTask[] } {
  const most = numberOption(invocation.text('number'));
  const reports: Report[] = [];
  const groups: GroupTask[] = [];
  const aggregate = invocation.text('aggregate');
  const isBidirectional = invocation.flag('bidirectional');
  if (aggregate !== undefined && isBidirectional) throw new Usage('--aggregate with --bidirectional (expected one of them)');
  // As with nfdump -s record -A KEYS, the records of a list are those that --aggregate makes.
  let isListed = false;
  for (const { keys, fields } of invocation.list('top').flatMap(listsOf).map(topOf)) {
    const isRecord = keys === 'record' && aggregate !== undefined;
    isListed ||= isRecord;
    const ofKeys = isRecord ? aggregate : keys;
    const held = groups.findIndex((group) => group.keys === ofKeys);
    const index = held < 0 ? groups.push({ keys: ofKeys, option: isRecord ? '--aggregate' : '--top', isBidirectional: false }) - 1 : held;
    for (const by of fields)
      reports.push({
        index,
        by,
        most: most ?? 10,
        title: `${ofKeys} by ${by}`,
        isElement: /^[^,]+(,proto)?$/.test(ofKeys) && keys !== 'record',
      });
  }
  if ((aggregate !== undefined && !isListed) || isBidirectional) {
    const index = groups.push({ keys: aggregate ?? 'record', option: '--aggregate', isBidirectional }) - 1;
    reports.push({
      index,
      by: invocation.text('sort') as GroupOrder | undefined,
      most: most ?? 0,
      title: aggregate ?? 'biflows',
      isElement: false,
    });
  }
  return { reports, groups };
}

/** `srcip/bytes,dstport/flows` is two lists: a list ends with its order. `srcip/bytes,flows` is one in two orders. */
function listsOf(text: string): string[] {
  const lists: string[] = [];
  let isEnded = true;
  for (const part of text.split(',')) {
    if (isEnded && lists.length > 0 && groupFigures.some((name) => name === part)) lists.push(`${lists.pop()}/${part}`);
    else if (isEnded) lists.push(part);
    else lists.push(`${lists.pop()},${part}`);
    isEnded = groupFigures.some((name) => part.endsWith(`/${name}`) || part === name);
  }
  return lists;
}

/** `srcip4/24,dstport/bytes/flows`: keys, then orders; `ip:p` is by protocol too, as in nfdump -s. */
function topOf(text: string): { keys: string; fields: readonly GroupFigure[] } {
  const parts = text.split('/');
  const fields: GroupFigure[] = [];
  for (let last = groupFigures.find((name) => name === parts.at(-1)); last !== undefined && parts.length > 1; ) {
    fields.unshift(last);
    parts.pop();
    last = groupFigures.find((name) => name === parts.at(-1));
  }
  const unknown = parts.length > 1 && !/^\d/.test(parts.at(-1) ?? '');
  if (unknown) throw new Usage(`--top '${text}' (expected KEY/FIELD with fields of ${groupFigures.join(', ')})`);
  const keys = parts.join('/').replace(/:p$/, ',proto');
  return { keys, fields: fields.length > 0 ? fields : ['flows'] };
}

function reportText({ by, most, title, isElement }: Report, groups: FlowGroups, format: string, invocation: Invocation): Generator<Buffer> {
  const count = groups.table.count;
  // As in nfdump: lists of one element count both directions, unless they are by flows; records and sums the forward one.
  const way = isElement && by !== 'flows' ? 'both' : 'forward';
  const whole = Uint32Array.from({ length: most === 0 ? count : Math.min(most, count) }, (_, index) => index);
  const { groups: order, ties } = by === undefined ? { groups: whole, ties: 0 } : groups.ordered(by, most, way);
  if (ties > 0)
    invocation.world.stderr.write(`weir: ${title}: ${ties} more ${ties === 1 ? 'has' : 'have'} the last one's ${by} and are not listed\n`);
  const list = { groups, order, way, isEpoch: invocation.flag('epoch'), isOfBoth: isElement } as const;
  if (format === 'csv') return groupCsv(list);
  return format === 'json' ? groupJson(list) : groupTable(list);
}

/** As nfdump -I says it, a figure a line; or one JSON document; or two lines of CSV. */
function statText(stat: FlowStat, format: string): Buffer {
  const figures = stat.figures();
  if (format === 'json') return Buffer.from(`${JSON.stringify(figures)}\n`);
  if (format === 'csv') return Buffer.from(`${Object.keys(figures).join(',')}\n${Object.values(figures).join(',')}\n`);
  const lines = Object.entries(figures).map(([name, value]) => `${/^(msec|avg)/.test(name) ? name : capitalized(name)}: ${value}\n`);
  return Buffer.from(lines.join(''));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `--format`, else the output's ending, else CSV; on a terminal a table. Figures alone (`--stat`) are lines. */
function formatOf(invocation: Invocation, path: string, isStatOnly: boolean): string {
  const format =
    flowFormatOf(invocation) ?? endingOf(path) ?? (isStatOnly || (path === '-' && invocation.world.isTerminal.stdout) ? 'table' : 'csv');
  if (!['csv', 'json', 'table'].includes(format)) throw new Usage(`a report as ${format} (expected csv, json or table by --format)`);
  return format;
}

function endingOf(path: string): string | undefined {
  if (/\.(jsonl?|ndjson)$/.test(path)) return 'json';
  if (namesParquet(path)) return 'parquet';
  return namesNfcapd(path) ? 'nfcapd' : path.endsWith('.csv') ? 'csv' : undefined;
}

/** The format in which the reports that are asked for would be written. Throws Usage. */
export function reportFormatOf(invocation: Invocation): string {
  const hasGroups = invocation.flag('bidirectional') || invocation.text('aggregate') !== undefined || invocation.list('top').length > 0;
  return formatOf(invocation, invocation.text('output') ?? '-', !hasGroups);
}

/** `--format`, or one of its short forms. */
export function flowFormatOf(invocation: Invocation): string | undefined {
  return invocation.text('format') ?? (invocation.flag('json') ? 'json' : invocation.flag('csv') ? 'csv' : undefined);
}

function numberOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Usage(`-n '${text}' (expected a whole number)`);
  return Number(text);
}
