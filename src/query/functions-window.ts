/**
 * Functions that look at slots before the range: moving windows, standard deviations, delays. A window is fetched before it is needed (its argument is
 * evaluated again from an earlier start), so the first value shown rests on as many slots as the last. A whole number counts slots of the
 * widest step, a text ("5min") is a time. Windows move in one pass: sums are carried, extremes and medians are held in order.
 */

import type { Call, TargetContext, TargetFunction } from './function.js';
import { derive, type Method, mergeValues, methodOf, ratesOf, type Series } from './series.js';
import { parseOffset } from './when.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const windowSize = {
  name: 'windowSize',
  type: 'intOrInterval',
  required: true,
  suggestions: [5, 7, 10, '1min', '5min', '10min', '30min', '1hour'],
} as const;
const factor = { name: 'xFilesFactor', type: 'float' } as const;

export const windowFunctions: readonly TargetFunction[] = [
  {
    names: ['movingWindow'],
    group: 'Calculate',
    description: 'A figure of the slots of a window that ends with each slot.',
    parameters: [seriesList, windowSize, { name: 'func', type: 'aggFunc', default: 'average' }, factor],
    run: (call) => movingWindow(call, call.text('func', 'average')),
  },
  ...(
    [
      ['movingAverage', 'average'],
      ['movingMedian', 'median'],
      ['movingSum', 'sum'],
      ['movingMin', 'min'],
      ['movingMax', 'max'],
    ] as const
  ).map(
    ([name, method]): TargetFunction => ({
      names: [name],
      group: 'Calculate',
      description: `The ${method} of the slots of a window that ends with each slot.`,
      parameters: [seriesList, windowSize, factor],
      run: (call) => movingWindow(call, method),
    }),
  ),
  {
    names: ['exponentialMovingAverage'],
    group: 'Calculate',
    description: 'A moving average that weighs newer slots more.',
    parameters: [seriesList, windowSize],
    run: exponentialMovingAverage,
  },
  {
    names: ['stdev'],
    group: 'Calculate',
    description: 'The standard deviation of the n slots up to each one.',
    parameters: [seriesList, { name: 'points', type: 'integer', required: true }, { name: 'windowTolerance', type: 'float', default: 0.1 }],
    run: (call) => {
      const points = call.number('points');
      if (!(points >= 1)) throw call.fault(`points ${points} (expected 1 or more)`);
      const tolerance = call.number('windowTolerance', 0.1);
      return call.series().map((series) => {
        const values = deviations(series.values, points, tolerance);
        return derive(ratesOf(series), `stdev(${series.name},${points})`, values, { stdev: String(points) });
      });
    },
  },
  {
    names: ['delay'],
    group: 'Transform',
    description: 'Moves the values by a number of slots, later ones fall out.',
    parameters: [seriesList, { name: 'steps', type: 'integer', required: true }],
    run: (call) => {
      const steps = call.number('steps');
      return call.series().map((series) => {
        const values = series.values.map((_, slot) => series.values[slot - steps] ?? Number.NaN);
        return derive(series, `delay(${series.name},${steps})`, values, { delay: String(steps) });
      });
    },
  },
];

interface Window {
  /** Seconds fetched before the range. */
  readonly seconds: number;
  /** Slots of a series in the window. */
  readonly pointsOf: (series: Series) => number;
  /** As it was written, in quotes where it is a time. */
  readonly shown: string;
  readonly tag: string;
}

function windowOf(call: Call): Window {
  const given = call.all('windowSize')[0];
  const text = String(given);
  if (typeof given === 'number' || /^\d+$/.test(text)) {
    const points = Number(given);
    if (!(points >= 1) || points > 10_000_000) throw call.fault(`a window of ${text} slots (expected 1 or more)`);
    const seconds = points * call.series().reduce((most, one) => Math.max(most, one.stepSeconds), 0);
    return { seconds, pointsOf: () => points, shown: String(points), tag: String(points) };
  }
  const seconds = Math.abs(parseOffset(text));
  if (seconds === 0) throw call.fault(`'${text}' is no window (expected a number of slots, or 5min, 1h, ...)`);
  return { seconds, pointsOf: (series) => Math.floor(seconds / series.stepSeconds), shown: `"${text}"`, tag: text };
}

/** How many slots of a series that was fetched from an earlier start lie before the range. */
export function slotsBefore({ context }: Call, { start, stepSeconds, values }: Series): number {
  return Math.min(values.length, Math.max(0, Math.floor((context.from - start) / stepSeconds) + 1));
}

/** The call's first argument from an earlier start, as far back as its archives reach. */
export function before(call: Call, seconds: number): Promise<readonly Series[]> {
  const context: TargetContext = { ...call.context, from: call.context.from - seconds, maxDataPoints: undefined };
  return call.again(0, context);
}

async function movingWindow(call: Call, word: string): Promise<readonly Series[]> {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported aggregation function: ${word}`);
  if (call.series().length === 0) return [];
  const window = windowOf(call);
  const name = `moving${word.slice(0, 1).toUpperCase()}${word.slice(1).toLowerCase()}`;
  const share = call.number('xFilesFactor', Number.NaN);
  return (await before(call, window.seconds)).map((series) => {
    const points = window.pointsOf(series);
    const lost = slotsBefore(call, series);
    const all = moved(series.values, points, method, Number.isNaN(share) ? series.xFilesFactor : share);
    const start = series.start + lost * series.stepSeconds;
    const values = all.subarray(lost);
    const shown = `${name}(${series.name},${window.shown})`;
    // An average of counts is a count; what a whole window holds is none of its last slot.
    const isCount = ['average', 'median', 'min', 'max', 'first', 'last'].includes(method);
    return { ...derive(isCount ? series : ratesOf(series), shown, values, { [name]: window.tag }), start };
  });
}

// The window of a slot holds it and the ones before.
function moved(values: Float64Array, points: number, method: Method, share: number): Float64Array {
  if (method === 'average' || method === 'sum') return movedSums(values, points, method === 'average', share);
  if (method === 'min' || method === 'max') return movedExtremes(values, points, method === 'min', share);
  const result = new Float64Array(values.length);
  for (let slot = 0; slot < values.length; slot++) {
    const known = values.subarray(Math.max(0, slot - points + 1), slot + 1).filter((value) => !Number.isNaN(value));
    result[slot] = known.length / points < share ? Number.NaN : mergeValues(known, 0, known.length, method);
  }
  return result;
}

// Sums are compensated (Neumaier), so that what leaves the window leaves nothing behind.
function movedSums(values: Float64Array, points: number, average: boolean, share: number): Float64Array {
  let sum = 0;
  let lost = 0;
  let known = 0;
  const add = (value: number): void => {
    const total = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
    sum = total;
  };
  return values.map((value, slot) => {
    if (!Number.isNaN(value)) {
      add(value);
      known++;
    }
    const gone = values[slot - points] ?? Number.NaN;
    if (!Number.isNaN(gone)) {
      add(-gone);
      known--;
    }
    if (known === 0) {
      sum = 0;
      lost = 0;
    }
    if (known === 0 || known / points < share) return Number.NaN;
    return average ? (sum + lost) / known : sum + lost;
  });
}

// Candidates stand in order: what is older and no better than a newer value can never be shown again.
function movedExtremes(values: Float64Array, points: number, least: boolean, share: number): Float64Array {
  const queue = new Int32Array(values.length);
  let head = 0;
  let tail = 0;
  let known = 0;
  return values.map((value, slot) => {
    if (!Number.isNaN(value)) {
      known++;
      while (tail > head) {
        const last = values[queue[tail - 1] as number] as number;
        if (least ? last < value : last > value) break;
        tail--;
      }
      queue[tail++] = slot;
    }
    if (!Number.isNaN(values[slot - points] ?? Number.NaN)) known--;
    while (head < tail && (queue[head] as number) <= slot - points) head++;
    if (known === 0 || known / points < share) return Number.NaN;
    return values[queue[head] as number] as number;
  });
}

async function exponentialMovingAverage(call: Call): Promise<readonly Series[]> {
  if (call.series().length === 0) return [];
  const window = windowOf(call);
  return (await before(call, window.seconds)).map((series) => {
    // The weight follows the slots of the window; a time stands for its seconds, as Graphite has it.
    const constant = 2 / ((window.shown.startsWith('"') ? window.seconds : window.pointsOf(series)) + 1);
    const points = Math.min(window.pointsOf(series), slotsBefore(call, series));
    let average = mergeValues(series.values, 0, Math.max(1, points), 'average');
    if (Number.isNaN(average)) average = 0;
    const values = new Float64Array(series.values.length - points + 1);
    values[0] = round6(average);
    for (let slot = points; slot < series.values.length; slot++) {
      const value = series.values[slot] as number;
      if (!Number.isNaN(value)) average = constant * value + (1 - constant) * average;
      values[slot - points + 1] = Number.isNaN(value) ? Number.NaN : round6(average);
    }
    const name = `exponentialMovingAverage(${series.name},${window.shown})`;
    const start = series.start + points * series.stepSeconds;
    return {
      ...derive(series, name, values, { exponentialMovingAverage: window.tag }),
      start,
      end: start + (values.length - 1) * series.stepSeconds,
    };
  });
}

const round6 = (value: number): number => Math.round(value * 1e6) / 1e6;

function deviations(values: Float64Array, points: number, tolerance: number): Float64Array {
  let known = 0;
  let sum = 0;
  let squares = 0;
  return values.map((value, slot) => {
    const gone = values[slot - points] ?? Number.NaN;
    if (!Number.isNaN(gone)) {
      known--;
      sum -= gone;
      squares -= gone * gone;
    }
    if (!Number.isNaN(value)) {
      known++;
      sum += value;
      squares += value * value;
    }
    if (known === 0 || known / points < tolerance) return Number.NaN;
    return Math.sqrt(Math.max(0, known * squares - sum * sum)) / known;
  });
}
