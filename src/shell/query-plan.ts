/**
 * What a question over a store asks: its range, its steps, and the maintenance that is left out. With a step, or for outages, the range is `[from, until)` and
 * series are read on a step that divides every edge, so that days of any zone and windows of any length are exact where the store holds them so.
 */

import { Malformed, Usage } from '../base/faults.js';
import { checkTimeZone } from '../base/time.js';
import { alignment, bandsOf, edgesOf, parseStep, stepEdges } from '../query/calendar-steps.js';
import type { TimeSpan } from '../query/function.js';
import { bare, type Series } from '../query/series.js';
import { parseWhen } from '../query/when.js';
import { maintenanceOf, parseWindow, readWindows } from '../serve/maintenance.js';
import type { Invocation } from './command.js';
import { clockOf, configurationOf } from './metric-store.js';
import type { Range } from './query-picture.js';

export interface QueryPlan extends Range {
  readonly now: number;
  readonly isHalfOpen: boolean;
  /** Edges of the steps asked for. */
  readonly edges: Float64Array | undefined;
  /** What the steps of stored series are to divide; 0: the finest, cells as they are stored. */
  readonly alignSeconds: number | undefined;
  readonly maintenance: readonly TimeSpan[];
}

/** What the options ask. Throws Usage. */
export function planOf(invocation: Invocation): QueryPlan {
  const now = Math.floor(clockOf(invocation)() / 1000);
  const range = rangeOf(invocation, now);
  const maintenance = windowsOf(invocation, range.timeZone);
  const text = invocation.text('step');
  const isHalfOpen = text !== undefined || invocation.flag('outages');
  if (!isHalfOpen) return { ...range, now, isHalfOpen, edges: undefined, alignSeconds: undefined, maintenance };
  const hasPicture = invocation.flag('outages') && (invocation.text('svg') ?? invocation.text('png')) !== undefined;
  const asked = hasPicture ? '1h' : text;
  const edges = asked === undefined ? undefined : usage('step', () => stepEdges(parseStep(asked), range.from, range.until, range.timeZone));
  const within = maintenance.filter(({ start, end }) => end > range.from && start < range.until);
  const alignSeconds = alignment([range.from, range.until, ...(edges ?? []), ...edgesOf(within)]);
  return { ...range, now, isHalfOpen, edges, alignSeconds, maintenance };
}

function windowsOf(invocation: Invocation, timeZone: string): readonly TimeSpan[] {
  const file = invocation.text('maintenance-file');
  const given = invocation.list('maintenance').map((text) => usage('maintenance', () => parseWindow(text, timeZone)));
  return maintenanceOf(configurationOf(invocation), [...given, ...(file === undefined ? [] : readWindows(file, timeZone))]);
}

/** The range of `--from` and `--until`, in the zone of `--tz`. Throws Usage. */
export function rangeOf(invocation: Invocation, now: number): Range {
  const timeZone = checkTimeZone(invocation.text('tz') ?? 'UTC');
  const when = (name: string, text: string): number => usage(name, () => parseWhen(text, now, timeZone));
  const from = when('from', invocation.text('from') ?? '-1d');
  const until = when('until', invocation.text('until') ?? invocation.text('to') ?? 'now');
  if (!(from < until)) throw new Usage('the range is empty (expected --from before --until)');
  return { from, until, timeZone };
}

export function pointsWanted(invocation: Invocation): number | undefined {
  const text = invocation.text('points');
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Usage(`--points '${text}' (expected a whole number above 0)`);
  if (invocation.text('step') !== undefined) throw new Usage('--points goes without --step (expected one of the two)');
  return Number(text);
}

// What cannot be read in an option is a wrong use of it.
function usage<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) throw new Usage(`--${name}: ${error.message}`);
    throw error;
  }
}

/** A series for a picture whose steps are not of one length: each figure stands for all of its step. */
export function uniform(series: Series, edges: Float64Array): Series {
  const { times, ends, values } = bandsOf(series, edges);
  const stepSeconds = Math.max(alignment(edges), 1);
  const start = times[0] ?? series.start;
  const end = ends.at(-1) ?? series.end;
  const shown = new Float64Array((end - start) / stepSeconds);
  for (const [band, time] of times.entries())
    shown.fill(values[band] as number, (time - start) / stepSeconds, ((ends[band] as number) - start) / stepSeconds);
  return { ...bare(series), start, end, stepSeconds, values: shown };
}
