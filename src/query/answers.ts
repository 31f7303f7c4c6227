/**
 * Answers as Graphite's JSON has them, with what each series rests on under the key `weir` (law 5): exact or within which error, what part of the time is unknown,
 * how many points came, sampled or not, how many were turned away, from which archives. A computed series rests on all that its target read.
 */

import { timesOf } from './availability.js';
import { bandsOf } from './calendar-steps.js';
import { pointsOf } from './consolidate.js';
import type { TargetContext } from './function.js';
import { restOf, type Series, type TimeRest } from './series.js';

/** What a stored series that was read for an answer rests on. */
export interface Basis {
  readonly name: string;
  readonly method: string;
  readonly xFilesFactor: number;
  readonly slots: number;
  /** Slots' worth of time for which nothing is known. */
  readonly unknownSlots: number;
  /** Points, weighted by their sampling. */
  readonly points: number;
  /** Points as they came: a sampled one is one. */
  readonly received: number;
  /** Steps of the archives that reach into the range, finest first. */
  readonly archives: readonly number[];
  readonly exact: boolean;
  /** Where it is not exact: the greatest error of a figure (percentiles), or the standard error (distinct members), in percent. */
  readonly errorPercent?: number;
  /** Slots that hold points which the method cannot tell, since no values of theirs were kept. */
  readonly lackingSlots?: number;
}

/** What listeners of metrics turned away in the time of a range: it has no series, so it may concern any. */
export interface Rejected {
  readonly byListener: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Since when it is known, epoch seconds (null: it never was), where that is not all of the range. */
  readonly since?: number | null;
}

/** What an answer is asked on. */
export interface AnswerPlan extends Pick<TargetContext, 'now' | 'maintenance'> {
  readonly rejected: Rejected;
  /** Edges of the steps asked for. */
  readonly edges: Float64Array | undefined;
  /** At most so many points, where no steps are asked for. */
  readonly countMax: number | undefined;
}

export interface Answered {
  readonly target: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly datapoints: readonly (readonly [number | null, number])[];
  readonly weir?: Readonly<Record<string, unknown>> & { readonly rests?: readonly TimeRest[] };
}

/** The points of the series of a target, on the steps of the plan or in at most `countMax` bands; `bases` are what the target read. */
export function answersOf(series: readonly Series[], plan: AnswerPlan, bases: readonly Basis[]): Answered[] {
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  return series.map((one) => {
    const bands = plan.edges === undefined ? { ...pointsOf(one, plan.countMax, span), rests: undefined } : bandsOf(one, plan.edges);
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
        ...restsOn(one, plan, bases),
        rejected: plan.rejected.byListener,
        ...(plan.rejected.since === undefined ? {} : { rejectedSince: sinceText(plan.rejected.since) }),
        ...(rests === undefined ? {} : { rests }),
      },
    };
  });
}

function sinceText(since: number | null): string | null {
  return since === null ? null : new Date(since * 1000).toISOString().replace('.000', '');
}

function slotRests(series: Series): TimeRest[] {
  const { times } = series;
  return times === undefined ? [] : Array.from(series.values, (_, slot) => restOf(times, slot, slot + 1));
}

function stepOf(series: Series, { edges }: AnswerPlan): number {
  return edges === undefined || edges.length < 2 ? series.stepSeconds : (edges[1] as number) - (edges[0] as number);
}

// Of states the part of the time that is unknown, and what it is a part of; of events the part of the finest slots without a point.
function restsOn(series: Series, plan: AnswerPlan, bases: readonly Basis[]): Record<string, unknown> {
  const times = series.times ?? (series.cells?.states === undefined ? undefined : timesOf(series, plan));
  if (times === undefined) {
    const own = series.cells === undefined ? [] : bases.filter(({ name }) => name === series.name).slice(-1);
    return own.length > 0 || bases.length > 0 ? sumOf(own.length > 0 ? own : bases, own.length > 0) : shareOfValues(series);
  }
  const { known, unknown, planned } = restOf(times, 0, series.values.length);
  const denominator = known + unknown;
  const lacking = bases.findLast(({ name }) => name === series.name)?.lackingSlots ?? 0;
  return {
    percentUnknown: denominator === 0 ? null : (100 * unknown) / denominator,
    knownSeconds: known,
    unknownSeconds: unknown,
    plannedSeconds: planned,
    denominatorSeconds: denominator,
    ...(times.fineFrom !== undefined && series.start < times.fineFrom ? { lowerBoundBefore: times.fineFrom } : {}),
    ...(lacking === 0 ? {} : { lackingSlots: lacking }),
  };
}

function sumOf(bases: readonly Basis[], isStored: boolean): Record<string, unknown> {
  const add = (figure: (one: Basis) => number): number => bases.reduce((sum, one) => sum + figure(one), 0);
  const slots = add((one) => one.slots);
  const [points, received] = [add((one) => one.points), add((one) => one.received)];
  const errors = bases.flatMap(({ errorPercent }) => (errorPercent === undefined ? [] : [errorPercent]));
  const lacking = add((one) => one.lackingSlots ?? 0);
  return {
    ...(isStored ? { method: bases[0]?.method, xFilesFactor: bases[0]?.xFilesFactor } : {}),
    percentUnknown: slots === 0 ? 100 : (100 * add((one) => one.unknownSlots)) / slots,
    exact: bases.every((one) => one.exact),
    ...(errors.length === 0 ? {} : { errorPercent: Math.max(...errors) }),
    series: new Set(bases.map((one) => one.name)).size,
    points,
    received,
    samplingFactor: points === 0 ? null : received / points,
    archives: [...new Set(bases.flatMap((one) => one.archives))].sort((one, two) => one - two),
    ...(lacking === 0 ? {} : { lackingSlots: lacking }),
  };
}

function shareOfValues({ values }: Series): Record<string, unknown> {
  let unknown = 0;
  for (const value of values) if (Number.isNaN(value)) unknown++;
  return { percentUnknown: values.length === 0 ? 100 : (100 * unknown) / values.length };
}
