/**
 * `weir query TARGET --outages`: each stretch of unknown time with its start, end and length, and what the share of it is a share of. An outage that has
 * not ended says so; one of a coarse archive, whose place within a slot nobody knows any more, is marked as approximate.
 */

import { Usage } from '../base/faults.js';
import { type Outage, outagesOf, timesOf } from '../query/availability.js';
import { bandsOf, stepEdges } from '../query/calendar-steps.js';
import { restOf, type Series } from '../query/series.js';
import { type AvailabilityDay, availabilityChart } from '../render/availability-chart.js';
import type { Invocation } from './command.js';
import { lengthText, quoted } from './query-answers.js';
import { drawQuery } from './query-picture.js';
import type { QueryPlan } from './query-plan.js';

const daysMax = 400;
const panelsMax = 12;

/** Prints the outages of series; `whole` are the same series on steps that divide range and windows, for the totals. */
export async function printOutages(
  series: readonly Series[],
  whole: readonly Series[],
  plan: QueryPlan,
  invocation: Invocation,
): Promise<number> {
  const { stdout, stderr } = invocation.world;
  const [isJson, isCsv] = [invocation.flag('json'), invocation.flag('csv')];
  if (plan.edges !== undefined) await drawOutages(series, whole, plan, plan.edges, invocation);
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

// A picture of hours by days; the range is cut at the hours of its zone.
async function drawOutages(
  series: readonly Series[],
  whole: readonly Series[],
  plan: QueryPlan,
  hours: Float64Array,
  invocation: Invocation,
): Promise<void> {
  const days = stepEdges({ unit: 'day' }, plan.from, plan.until, plan.timeZone);
  if (days.length - 1 > daysMax || series.length > panelsMax)
    throw new Usage(`a picture of ${days.length - 1} days of ${series.length} series (expected at most ${daysMax} days of ${panelsMax})`);
  const panels = series.map((one, index) => {
    const outages = outagesOf(one, plan);
    const shares = whole[index] ?? one;
    return { name: one.name, summary: summaryOf(outages, shares, plan), days: daysOf(shares, plan, hours, days), outages };
  });
  await drawQuery(availabilityChart(panels, plan.timeZone), invocation);
}

function daysOf(series: Series, plan: QueryPlan, hours: Float64Array, days: Float64Array): AvailabilityDay[] {
  const { times, ends, rests = [] } = bandsOf({ ...series, times: timesOf(series, plan) }, hours);
  const all = times.map((start, index) => {
    const { known = 0, unknown = 0, planned = 0 } = rests[index] ?? {};
    return { start, end: ends[index] as number, knownSeconds: known, unknownSeconds: unknown, plannedSeconds: planned };
  });
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: plan.timeZone,
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
  return [...days.subarray(0, -1)].map((start, index) => {
    const end = days[index + 1] as number;
    return {
      name: format.format(start * 1000).replace(',', ''),
      start,
      end,
      hours: all.filter((hour) => hour.start >= start && hour.start < end),
    };
  });
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

// Four decimals, and neither all nor nothing where it is not quite.
function percentText(percent: number): string {
  const rounded = Number(percent.toFixed(4));
  if (rounded === 100 && percent < 100) return '>99.9999';
  return rounded === 0 && percent > 0 ? '<0.0001' : String(rounded);
}

function summaryOf(outages: readonly Outage[], series: Series, plan: QueryPlan): string {
  const times = timesOf(series, plan);
  const { known, unknown, planned } = restOf(times, 0, series.values.length);
  const share =
    known + unknown === 0
      ? 'of no time at all'
      : `of ${lengthText(known + unknown)} (${percentText((100 * unknown) / (known + unknown))} %)`;
  const count = `${outages.length} ${outages.length === 1 ? 'outage' : 'outages'}`;
  const left = planned > 0 ? `, ${lengthText(planned)} of planned maintenance left out` : '';
  const coarse =
    times.fineFrom !== undefined && series.start < times.fineFrom
      ? `, at least: before ${timeText(times.fineFrom).slice(0, 19)}Z rows of coarse archives count as known`
      : '';
  return `${count}, ${lengthText(unknown)} ${share}${left}${coarse}`;
}
