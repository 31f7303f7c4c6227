/**
 * Answers of `weir query` as they are printed: Graphite's JSON with what each series rests on under the key `weir`, CSV, and a table. A share of unknown
 * time says what it is a share of.
 */

import { timesOf } from '../query/availability.js';
import { bandsOf } from '../query/calendar-steps.js';
import { pointsOf } from '../query/consolidate.js';
import { restOf, type Series, type TimeRest } from '../query/series.js';
import type { QueryPlan } from './query-plan.js';

export interface Answered {
  readonly target: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly datapoints: readonly (readonly [number | null, number])[];
  readonly weir?: Readonly<Record<string, unknown>> & { readonly rests?: readonly TimeRest[] };
}

/** The points of series, on the steps of the plan or in at most `countMax` bands. */
export function answersOf(series: readonly Series[], plan: QueryPlan, countMax: number | undefined): Answered[] {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  return series.map((one) => {
    const bands = plan.edges === undefined ? { ...pointsOf(one, countMax, span), rests: undefined } : bandsOf(one, plan.edges);
    const { times, values } = bands;
    const rests = bands.rests ?? (one.times === undefined || values.length !== one.values.length ? undefined : slotRests(one));
    return {
      target: one.name,
      tags: one.tags,
      datapoints: times.map((time, index) => [Number.isFinite(values[index]) ? (values[index] as number) : null, time] as const),
      weir: {
        stepSeconds: stepOf(one, plan),
        method: one.method,
        xFilesFactor: one.xFilesFactor,
        ...restsOn(one, plan),
        ...(rests === undefined ? {} : { rests }),
      },
    };
  });
}

function slotRests(series: Series): TimeRest[] {
  const { times } = series;
  return times === undefined ? [] : Array.from(series.values, (_, slot) => restOf(times, slot, slot + 1));
}

function stepOf(series: Series, { edges }: QueryPlan): number {
  return edges === undefined || edges.length < 2 ? series.stepSeconds : (edges[1] as number) - (edges[0] as number);
}

// What law 5 asks for: the part of the time that is unknown, and what it is a part of.
function restsOn(series: Series, plan: QueryPlan): Record<string, unknown> {
  const times = series.times ?? (series.cells?.states === undefined ? undefined : timesOf(series, plan));
  if (times === undefined) {
    let unknown = 0;
    for (const value of series.values) if (Number.isNaN(value)) unknown++;
    return { percentUnknown: series.values.length === 0 ? 100 : (100 * unknown) / series.values.length };
  }
  const { known, unknown, planned } = restOf(times, 0, series.values.length);
  const denominator = known + unknown;
  return {
    percentUnknown: denominator === 0 ? null : (100 * unknown) / denominator,
    knownSeconds: known,
    unknownSeconds: unknown,
    plannedSeconds: planned,
    denominatorSeconds: denominator,
    ...(times.fineFrom !== undefined && series.start < times.fineFrom ? { lowerBoundBefore: times.fineFrom } : {}),
  };
}

export function csv(answers: readonly Answered[]): string {
  const hasRests = answers.some(({ weir }) => weir?.rests !== undefined);
  const lines = [`target,time,value${hasRests ? ',known_seconds,unknown_seconds,planned_seconds' : ''}`];
  for (const { target, datapoints, weir } of answers) {
    const name = quoted(target);
    for (const [index, [value, time]] of datapoints.entries()) {
      const rest = weir?.rests?.[index];
      const more = rest === undefined ? (hasRests ? ',,,' : '') : `,${rest.known},${rest.unknown},${rest.planned}`;
      lines.push(`${name},${new Date(time * 1000).toISOString()},${value ?? ''}${more}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A field of CSV. */
export function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function table(answers: readonly Answered[]): string {
  const lines: string[] = [];
  for (const { target, datapoints, weir } of answers) {
    lines.push(target);
    for (const [index, [value, time]] of datapoints.entries()) {
      if (value === null) continue;
      const rest = weir?.rests?.[index];
      const of =
        rest === undefined
          ? ''
          : `  of ${lengthText(rest.known + rest.unknown)}${rest.planned > 0 ? `, ${lengthText(rest.planned)} planned left out` : ''}`;
      lines.push(`  ${new Date(time * 1000).toISOString().slice(0, 19)}Z  ${value}${of}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** A length of time as people say it: `2d 3h 5m`, `45s`. */
export function lengthText(seconds: number): string {
  const parts: string[] = [];
  let left = Math.round(seconds);
  for (const [unit, size] of [['d', 86_400] as const, ['h', 3600] as const, ['m', 60] as const, ['s', 1] as const]) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}
