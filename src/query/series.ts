/**
 * What a target gives: series on one step, a value a slot, NaN where nothing is known. `start` is the label of the first slot, `end` is
 * exclusive. A series straight from a store can also merge the cells below its values, so that a narrower picture averages events and never
 * averages, and percentiles are those of all values. Functions make new series without that.
 */

/** How values are merged into one. */
export type Method =
  | 'average'
  | 'sum'
  | 'min'
  | 'max'
  | 'first'
  | 'last'
  | 'count'
  | 'median'
  | 'diff'
  | 'stddev'
  | 'range'
  | 'multiply'
  | 'absmax'
  | 'absmin'
  | 'avg_zero'
  | 'last_or_zero';

export interface Series {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The expression that a reader wrote: a glob for fetched series, the name for computed ones. */
  readonly pathExpression: string;
  /** Label of the first slot, epoch seconds. */
  readonly start: number;
  /** Label of the last slot plus one step. */
  readonly end: number;
  readonly stepSeconds: number;
  readonly values: Float64Array;
  /** How slots merge when fewer are shown. */
  readonly method: Method;
  /** `consolidateBy` chose the method: slots are then cut as Graphite cuts them. */
  readonly methodChosen?: boolean;
  readonly xFilesFactor: number;
  /** How a picture draws it, where a function asked for that. */
  readonly drawing?: Drawing;
  /** The figure of slots `[start, end)` merged from the cells below the values, where the series is as stored: never an average of averages. */
  readonly merged?: (start: number, end: number) => number;
  readonly cells?: SeriesCells;
  /** Of shares of unknown time: the seconds that each slot rests on. */
  readonly times?: SlotTimes;
}

/** Time of each slot, seconds. */
export interface SlotTimes {
  readonly known: Float64Array;
  readonly unknown: Float64Array;
  readonly planned: Float64Array;
  /** Without regard to planned maintenance; `tails` is the unknown time at the end of the slot. */
  readonly raw: { readonly known: Float64Array; readonly unknown: Float64Array; readonly tails: Float64Array };
  /** Before this time (epoch seconds) a row of a coarse archive speaks for all of its time. */
  readonly fineFrom?: number;
}

/** What a share of unknown time rests on, seconds: the denominator is known + unknown; planned maintenance is left out of it. */
export interface TimeRest {
  readonly known: number;
  readonly unknown: number;
  readonly planned: number;
}

/** The cells below the values of a stored series, a slot each. */
export interface SeriesCells {
  /** Weighted number of points. */
  readonly counts: Float64Array;
  readonly sums: Float64Array;
  /** Share of the finest slots that hold a point, 0 to 1. */
  readonly filled: Float64Array;
  /** Series of states: how much of each slot is known. */
  readonly states?: StateTimes;
  /** Timers: all values of the slots `[start, end)`, as one. */
  readonly quantile?: (start: number, end: number, share: number) => number;
}

/** Seconds of each slot known and unknown, and up to when something was known, epoch seconds; before `fineFrom` they rest on coarse archives. */
export interface StateTimes {
  readonly known: Float64Array;
  readonly unknown: Float64Array;
  readonly lastAts: Float64Array;
  readonly fineFrom?: number;
}

/** What Graphite's functions ask of the picture of a series. */
export interface Drawing {
  readonly color?: string;
  /** 0 to 1. */
  readonly alpha?: number;
  readonly lineWidth?: number;
  /** Length of dashes, pixels. */
  readonly dashed?: number;
  readonly drawAsInfinite?: boolean;
  readonly secondYAxis?: boolean;
  /** Name of the stack that the series is part of. */
  readonly stacked?: string;
  /** The area below is not filled: the lower edge of a band. */
  readonly invisible?: boolean;
}

/** A computed series: same slots, new name and values; what lay below the values no longer holds. */
export function derive(series: Series, name: string, values: Float64Array, tags: Readonly<Record<string, string>> = {}): Series {
  return { ...bare(series), name, pathExpression: name, values, tags: { ...series.tags, ...tags } };
}

/**
 * A series whose values are no longer what a slot holds but a rate, a share, a logarithm: slots of it are averaged where those of counts are added up, unless
 * `consolidateBy` chose otherwise. Its slots say the same whatever their length, so a narrower picture shows them at the same height.
 */
export function ratesOf(series: Series): Series {
  const adds = series.method === 'sum' || series.method === 'count';
  return adds && series.methodChosen !== true ? { ...series, method: 'average' } : series;
}

/** The series without what lies below its values. */
export function bare(series: Series): Series {
  const { merged: _, cells: __, times: ___, ...rest } = series;
  return rest;
}

/** What slots `[start, end)` rest on. */
export function restOf({ known, unknown, planned }: SlotTimes, start: number, end: number): TimeRest {
  const rest = { known: 0, unknown: 0, planned: 0 };
  for (let slot = start; slot < end; slot++) {
    rest.known += known[slot] as number;
    rest.unknown += unknown[slot] as number;
    rest.planned += planned[slot] as number;
  }
  return rest;
}

/** The values of a slot merged by a method; NaN when none is known or fewer than the factor ask for. */
export function mergeValues(values: ArrayLike<number>, start: number, end: number, method: Method, xFilesFactor = 0): number {
  let count = 0;
  let sum = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let first = Number.NaN;
  let last = Number.NaN;
  for (let index = start; index < end; index++) {
    const value = values[index] as number;
    if (Number.isNaN(value)) continue;
    if (count++ === 0) first = value;
    last = value;
    sum += value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (count === 0 || count / (end - start) < xFilesFactor) return Number.NaN;
  // A product with an unknown factor is unknown.
  if (method === 'multiply' && count < end - start) return Number.NaN;
  switch (method) {
    case 'average':
      return sum / count;
    case 'sum':
      return sum;
    case 'min':
      return min;
    case 'max':
      return max;
    case 'first':
      return first;
    case 'last':
      return last;
    case 'last_or_zero':
      return Number.isNaN(values[end - 1]) ? 0 : (values[end - 1] as number);
    case 'count':
      return count;
    case 'avg_zero':
      return sum / (end - start);
    case 'range':
      return max - min;
    case 'absmax':
      return Math.abs(max) >= Math.abs(min) ? max : min;
    default:
      return mergeRare(Float64Array.from(sliceKnown(values, start, end)), method, sum / count);
  }
}

function mergeRare(known: Float64Array, method: Method, mean: number): number {
  const first = known[0] as number;
  switch (method) {
    case 'median': {
      known.sort();
      const middle = known.length >> 1;
      return known.length % 2 === 1 ? (known[middle] as number) : ((known[middle - 1] as number) + (known[middle] as number)) / 2;
    }
    case 'diff':
      return known.slice(1).reduce((left, value) => left - value, first);
    case 'multiply':
      return known.reduce((left, value) => left * value, 1);
    case 'stddev':
      return Math.sqrt(known.reduce((total, value) => total + (value - mean) ** 2, 0) / known.length);
    case 'absmin':
      return known.reduce((least, value) => (Math.abs(value) < Math.abs(least) ? value : least), first);
    default:
      return mean;
  }
}

function sliceKnown(values: ArrayLike<number>, start: number, end: number): number[] {
  const known: number[] = [];
  for (let index = start; index < end; index++) if (!Number.isNaN(values[index] as number)) known.push(values[index] as number);
  return known;
}

const methodWords: Readonly<Record<string, Method>> = {
  average: 'average',
  avg: 'average',
  sum: 'sum',
  total: 'sum',
  min: 'min',
  max: 'max',
  first: 'first',
  last: 'last',
  current: 'last',
  count: 'count',
  median: 'median',
  diff: 'diff',
  stddev: 'stddev',
  range: 'range',
  rangeOf: 'range',
  multiply: 'multiply',
  absmax: 'absmax',
  absmin: 'absmin',
  avg_zero: 'avg_zero',
  last_or_zero: 'last_or_zero',
};

/** The method of a word (`avg`, `sum`, `sumSeries`, ...), or undefined. */
export function methodOf(word: string): Method | undefined {
  return Object.hasOwn(methodWords, word) ? methodWords[word] : methodWords[word.replace(/Series$/, '')];
}
