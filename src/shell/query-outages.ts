/**
 * `weir query TARGET --outages`: each stretch of unknown time with its start, end and length, and what the share of it is a share of. An outage that has
 * not ended says so; one of a coarse archive, whose place within a slot nobody knows any more, is marked as approximate.
 */

import { type Outage, outagesOf, timesOf } from '../query/availability.js';
import { restOf, type Series } from '../query/series.js';
import type { Invocation } from './command.js';
import { lengthText, quoted } from './query-answers.js';
import type { QueryPlan } from './query-plan.js';

/** Prints the outages of series; `whole` are the same series on steps that divide range and windows, for the totals. */
export async function printOutages(
  series: readonly Series[],
  whole: readonly Series[],
  plan: QueryPlan,
  invocation: Invocation,
): Promise<number> {
  const { stdout, stderr } = invocation.world;
  const [isJson, isCsv] = [invocation.flag('json'), invocation.flag('csv')];
  const lines: string[] = isCsv ? ['target,start,end,seconds,open,exact'] : [];
  for (const [index, one] of series.entries()) {
    const outages = outagesOf(one, plan);
    const summary = summaryOf(outages, whole[index] ?? one, plan);
    if (isJson) lines.push(...outages.map((outage) => JSON.stringify({ target: one.name, ...fieldsOf(outage) })));
    else if (isCsv) lines.push(...outages.map((outage) => [quoted(one.name), ...Object.values(fieldsOf(outage))].join(',')));
    else lines.push(one.name, ...outages.map(lineOf), `  ${summary}`);
    if (isJson || isCsv) stderr.write(`weir: ${one.name}: ${summary}\n`);
  }
  if (lines.length > 0) stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function fieldsOf({ start, end, open, exact }: Outage): { start: string; end: string; seconds: number; open: boolean; exact: boolean } {
  return { start: timeText(start), end: timeText(end), seconds: rounded(end - start), open, exact };
}

function timeText(seconds: number): string {
  return new Date(Math.round(seconds * 1000)).toISOString();
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

function lineOf({ start, end, open, exact }: Outage): string {
  const short = (seconds: number): string => `${timeText(seconds).slice(0, 19)}Z`;
  return `  ${short(start)}  ${short(end)}  ${lengthText(end - start)}${open ? ', still open' : ''}${exact ? '' : ', somewhere within'}`;
}

function summaryOf(outages: readonly Outage[], series: Series, plan: QueryPlan): string {
  const times = timesOf(series, plan);
  const { known, unknown, planned } = restOf(times, 0, series.values.length);
  const share =
    known + unknown === 0
      ? 'of no time at all'
      : `of ${lengthText(known + unknown)} (${Number(((100 * unknown) / (known + unknown)).toFixed(4))} %)`;
  const count = `${outages.length} ${outages.length === 1 ? 'outage' : 'outages'}`;
  const left = planned > 0 ? `, ${lengthText(planned)} of planned maintenance left out` : '';
  const coarse =
    times.fineFrom !== undefined && series.start < times.fineFrom
      ? `, at least: before ${timeText(times.fineFrom).slice(0, 19)}Z rows of coarse archives count as known`
      : '';
  return `${count}, ${lengthText(unknown)} ${share}${left}${coarse}`;
}
