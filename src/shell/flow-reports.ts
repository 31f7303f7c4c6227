/**
 * What `weir flows` says about flows instead of listing them: figures (`--stat`), top lists (`--top KEY/FIELD`), sums by keys
 * (`--aggregate KEYS`) and biflows (`--bidirectional`), as a table, CSV or JSON lines. One pass over the flows for all lists together.
 */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { openOutput } from '../base/output-file.js';
import { type FlowGroups, type GroupOrder, groupFigures } from '../fold/flow-groups.js';
import { orderedFlows } from '../fold/flow-order.js';
import type { FlowStat } from '../fold/flow-stat.js';
import { groupCsv, groupJson, groupTable } from '../render/flow-group-rows.js';
import type { Invocation, Option } from './command.js';
import { type GroupTask, ReportFold } from './flow-folds.js';
import { foldFlows } from './flow-shares.js';

/** Fields of `--sort`. */
export const sortFields: readonly GroupOrder[] = [...groupFigures, 'tstart', 'tend', 'duration'];

export const reportOptions: readonly Option[] = [
  { name: 'stat', help: 'prints the figures of all flows: by protocol, first and last, averages' },
  {
    name: 'top',
    value: 'KEY/FIELD',
    repeatable: true,
    help: 'lists the largest: srcip, dstip, ip, srcport, port, proto, as, if, router, record ... by flows, packets, bytes, bps, pps, bpp',
  },
  { name: 'number', short: 'n', value: 'N', help: 'how many a list has (default 10; 0 for all)' },
  { name: 'aggregate', value: 'KEYS', help: 'sums by keys, with masks if need be: srcip4/24,dstport' },
  { name: 'bidirectional', help: 'joins the two directions of TCP and UDP conversations' },
  { name: 'sort', value: 'FIELD', choices: sortFields, help: 'the order: largest first, tstart and tend earliest first' },
];

/** The flows by `--sort`, or as they come. */
export function inOrder(batches: AsyncGenerator<FlowBatch>, invocation: Invocation): AsyncGenerator<FlowBatch> {
  const by = sortFields.find((field) => field === invocation.text('sort'));
  return by === undefined ? batches : orderedFlows(batches, by);
}

interface Report extends GroupTask {
  readonly by: GroupOrder | undefined;
  readonly most: number;
  readonly title: string;
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
  const reports = reportsOf(invocation);
  const path = invocation.text('output') ?? '-';
  const format = formatOf(invocation, path);
  const hasStat = invocation.flag('stat');
  const groups = reports.map(({ keys, option, isBidirectional }) => ({ keys, option, isBidirectional }));
  const fold = new ReportFold(hasStat, groups);
  const { failed } = await foldFlows(fold, { kind: 'report', hasStat, groups }, invocation);
  const output = openOutput(path);
  try {
    if (fold.stat !== undefined) output.write(statText(fold.stat, format));
    for (const [index, report] of reports.entries()) {
      if (format !== 'json' && (index > 0 || hasStat)) output.write(Buffer.from('\n'));
      for (const chunk of reportText(report, fold.groups[index] as FlowGroups, format, invocation)) output.write(chunk);
    }
    if (failed && invocation.flag('strict')) output.discard();
    else output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
  return failed ? 1 : 0;
}

function reportsOf(invocation: Invocation): Report[] {
  const most = numberOption(invocation.text('number'));
  const sort = invocation.text('sort') as GroupOrder | undefined;
  const reports: Report[] = invocation.list('top').map((text) => {
    const at = text.lastIndexOf('/');
    const isMask = /^\d+$/.test(text.slice(at + 1));
    const [keys, field] = at < 0 || isMask ? [text, 'flows'] : [text.slice(0, at), text.slice(at + 1)];
    const by = groupFigures.find((name) => name === field);
    if (by === undefined) throw new Usage(`--top '${text}' (expected KEY/FIELD with a field of ${groupFigures.join(', ')})`);
    return { keys, option: '--top', isBidirectional: false, by, most: most ?? 10, title: `${keys} by ${by}` };
  });
  const aggregate = invocation.text('aggregate');
  const isBidirectional = invocation.flag('bidirectional');
  if (aggregate !== undefined && isBidirectional) throw new Usage('--aggregate with --bidirectional (expected one of them)');
  const whole = { by: sort, most: most ?? 0, isBidirectional };
  if (aggregate !== undefined) reports.push({ ...whole, keys: aggregate, option: '--aggregate', title: aggregate });
  if (isBidirectional) reports.push({ ...whole, keys: 'record', option: '--bidirectional', title: 'biflows' });
  return reports;
}

function reportText({ by, most, title }: Report, groups: FlowGroups, format: string, invocation: Invocation): Generator<Buffer> {
  const count = groups.table.count;
  const whole = Uint32Array.from({ length: most === 0 ? count : Math.min(most, count) }, (_, index) => index);
  const { groups: order, ties } = by === undefined ? { groups: whole, ties: 0 } : groups.ordered(by, most);
  if (ties > 0)
    invocation.world.stderr.write(`weir: ${title}: ${ties} more ${ties === 1 ? 'has' : 'have'} the last one's ${by} and are not listed\n`);
  const isEpoch = invocation.flag('epoch');
  if (format === 'csv') return groupCsv(groups, order, isEpoch);
  return format === 'json' ? groupJson(groups, order, isEpoch) : groupTable(groups, order, isEpoch);
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

/** `--format`, else the output's ending, else a table. */
function formatOf(invocation: Invocation, path: string): string {
  const format = invocation.text('format') ?? (/\.(jsonl?|ndjson)$/.test(path) ? 'json' : path.endsWith('.csv') ? 'csv' : 'table');
  if (!['csv', 'json', 'table'].includes(format)) throw new Usage(`--format ${format} of a report (expected csv, json or table)`);
  return format;
}

function numberOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new Usage(`-n '${text}' (expected a whole number)`);
  return Number(text);
}
