/**
 * Functions that change the values of each series by itself: scaling, differences, sums over time, filling, merging into longer slots.
 * Names, tags and the treatment of unknown slots are Graphite's. Source: graphite-web's functions.py (behaviour).
 */

import { Temporal } from 'temporal-polyfill';
import type { Call, TargetFunction } from './function.js';
import { formatFloat, formatG } from './python-number.js';
import { derive, mergeValues, methodOf, ratesOf, type Series } from './series.js';
import { parseOffset } from './when.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const limits = [
  { name: 'maxValue', type: 'float' },
  { name: 'minValue', type: 'float' },
] as const;

export const transformFunctions: readonly TargetFunction[] = [
  {
    names: ['scale'],
    group: 'Transform',
    description: 'Multiplies by a factor.',
    parameters: [seriesList, { name: 'factor', type: 'float', required: true }],
    run: (call) => {
      const factor = call.number('factor');
      return each(
        call,
        (series) => `scale(${series.name},${formatG(factor)})`,
        (value) => value * factor,
        { scale: formatFloat(factor) },
      );
    },
  },
  ...(
    [
      ['offset', 'factor'],
      ['add', 'constant'],
    ] as const
  ).map(
    ([word, parameter]): TargetFunction => ({
      names: [word],
      group: 'Transform',
      description: 'Adds a number.',
      parameters: [seriesList, { name: parameter, type: 'float', required: true }],
      run: (call) => {
        const added = call.number(parameter);
        return each(
          call,
          (series) => `${word}(${series.name},${formatG(added)})`,
          (value) => value + added,
          { [word]: formatFloat(added) },
        );
      },
    }),
  ),
  {
    names: ['absolute'],
    group: 'Transform',
    description: 'The values without their sign.',
    parameters: [seriesList],
    run: (call) => each(call, (series) => `absolute(${series.name})`, Math.abs, { absolute: '1' }),
  },
  {
    names: ['invert'],
    group: 'Transform',
    description: 'One divided by each value.',
    parameters: [seriesList],
    run: (call) =>
      each(
        call,
        (series) => `invert(${series.name})`,
        (value) => (value === 0 ? Number.NaN : 1 / value),
        { invert: '1' },
      ).map(ratesOf),
  },
  {
    names: ['scaleToSeconds'],
    group: 'Transform',
    description: 'Turns a figure a slot into one a number of seconds.',
    parameters: [seriesList, { name: 'seconds', type: 'float', required: true }],
    run: (call) => {
      const seconds = call.number('seconds');
      return call.series().map((series) => {
        const values = series.values.map((value) => round6((value * seconds) / series.stepSeconds));
        return derive(ratesOf(series), `scaleToSeconds(${series.name},${formatG(seconds)})`, values, {
          scaleToSeconds: formatFloat(seconds),
        });
      });
    },
  },
  {
    names: ['integral'],
    group: 'Transform',
    description: 'The sum of all values so far.',
    parameters: [seriesList],
    run: (call) => call.series().map((series) => totalSoFar(series, `integral(${series.name})`, running(series.values), { integral: '1' })),
  },
  {
    names: ['derivative'],
    group: 'Transform',
    description: 'The difference to the slot before.',
    parameters: [seriesList],
    run: (call) =>
      call.series().map((series) => derive(series, `derivative(${series.name})`, differences(series.values), { derivative: '1' })),
  },
  {
    names: ['nonNegativeDerivative'],
    group: 'Transform',
    description: 'The difference to the slot before, unknown where a counter went back.',
    parameters: [seriesList, ...limits],
    run: (call) =>
      call
        .series()
        .map((series) => derive(series, `nonNegativeDerivative(${series.name})`, growth(call, series, 1), { nonNegativeDerivative: '1' })),
  },
  {
    names: ['perSecond'],
    group: 'Transform',
    description: 'The growth of a counter a second.',
    parameters: [seriesList, ...limits],
    run: (call) =>
      call
        .series()
        .map((series) =>
          derive(ratesOf(series), `perSecond(${series.name})`, growth(call, series, series.stepSeconds), { perSecond: '1' }),
        ),
  },
  {
    names: ['keepLastValue'],
    group: 'Transform',
    description: 'Fills unknown slots with the value before, up to a number of slots.',
    parameters: [seriesList, { name: 'limit', type: 'intOrInf', default: 'inf' }],
    run: (call) =>
      call
        .series()
        .map((series) =>
          derive(series, `keepLastValue(${series.name})`, keepLast(series.values, call.number('limit', Number.POSITIVE_INFINITY))),
        ),
  },
  {
    names: ['transformNull'],
    group: 'Transform',
    description: 'Shows a number where nothing is known.',
    parameters: [seriesList, { name: 'default', type: 'float', default: 0 }, { name: 'referenceSeries', type: 'seriesList' }],
    run: transformNull,
  },
  {
    names: ['isNonNull'],
    group: 'Transform',
    description: '1 where a value is known, else 0.',
    parameters: [seriesList],
    run: (call) =>
      call.series().map((series) =>
        derive(
          ratesOf(series),
          `isNonNull(${series.name})`,
          series.values.map((value) => (Number.isNaN(value) ? 0 : 1)),
          { isNonNull: '1' },
        ),
      ),
  },
  {
    names: ['summarize'],
    group: 'Transform',
    description: 'Merges slots into longer ones.',
    parameters: [
      seriesList,
      { name: 'intervalString', type: 'interval', required: true },
      { name: 'func', type: 'aggFunc', default: 'sum' },
      { name: 'alignToFrom', type: 'boolean', default: false },
    ],
    run: summarize,
  },
  {
    names: ['smartSummarize'],
    group: 'Transform',
    description: 'Merges slots into longer ones that begin with the range, or with a unit of the calendar.',
    parameters: [
      seriesList,
      { name: 'intervalString', type: 'interval', required: true },
      { name: 'func', type: 'aggFunc', default: 'sum' },
      { name: 'alignTo', type: 'string', suggestions: ['seconds', 'minutes', 'hours', 'days', 'weeks', 'months', 'years'] },
    ],
    run: smartSummarize,
  },
];

/** Sums so far: of several slots the last one tells, so the last point of every picture is the whole sum. */
export function totalSoFar(series: Series, name: string, values: Float64Array, tags: Readonly<Record<string, string>>): Series {
  const total = derive(series, name, values, tags);
  return total.methodChosen === true ? total : { ...total, method: 'last' };
}

function each(
  call: Call,
  name: (series: Series) => string,
  value: (value: number) => number,
  tags: Readonly<Record<string, string>>,
): readonly Series[] {
  return call.series().map((series) => derive(series, name(series), series.values.map(value), tags));
}

const round6 = (value: number): number => Math.round(value * 1e6) / 1e6;

function running(values: Float64Array): Float64Array {
  let sum = 0;
  return values.map((value) => {
    if (Number.isNaN(value)) return value;
    sum += value;
    return sum;
  });
}

function differences(values: Float64Array): Float64Array {
  let before = Number.NaN;
  return values.map((value) => {
    const difference = value - before;
    before = value;
    return difference;
  });
}

// As Graphite's _nextVal: a counter that went back is unknown unless a limit says where it wrapped.
function growth(call: Call, series: Series, seconds: number): Float64Array {
  const max = call.number('maxValue');
  const min = call.number('minValue');
  let before = Number.NaN;
  return series.values.map((value) => {
    if (Number.isNaN(value) || (!Number.isNaN(max) && value > max) || (!Number.isNaN(min) && value < min)) {
      before = Number.NaN;
      return Number.NaN;
    }
    const last = before;
    before = value;
    if (Number.isNaN(last)) return Number.NaN;
    let delta = value - last;
    if (delta < 0) {
      if (!Number.isNaN(max)) delta = max + 1 - last + value - (Number.isNaN(min) ? 0 : min);
      else if (!Number.isNaN(min)) delta = value - min;
      else return Number.NaN;
    }
    return seconds === 1 ? delta : round6(delta / seconds);
  });
}

function keepLast(values: Float64Array, limit: number): Float64Array {
  const kept = values.slice();
  let unknown = 0;
  for (let index = 0; index <= kept.length; index++) {
    if (index < kept.length && Number.isNaN(kept[index] as number)) unknown++;
    else {
      const first = index - unknown;
      if (unknown > 0 && first > 0 && unknown <= limit) kept.fill(kept[first - 1] as number, first, index);
      unknown = 0;
    }
  }
  return kept;
}

function transformNull(call: Call): readonly Series[] {
  const value = call.number('default', 0);
  const given = call.series('referenceSeries');
  const references = given.length > 0 ? given : undefined;
  const text = formatG(value);
  const suffix = references === undefined ? text : `${text},referenceSeries`;
  const shown = call.has('default') ? formatFloat(value) : text;
  return call.series().map((series) => {
    const values = series.values.map((known, slot) => {
      if (!Number.isNaN(known)) return known;
      return references === undefined || references.some((one) => !Number.isNaN(one.values[slot] ?? Number.NaN)) ? value : Number.NaN;
    });
    const tags = { transformNull: shown, ...(references === undefined ? {} : { referenceSeries: '1' }) };
    return derive(series, `transformNull(${series.name},${suffix})`, values, tags);
  });
}

function summarize(call: Call): readonly Series[] {
  const interval = call.text('intervalString');
  const step = intervalOf(call, interval);
  const word = call.text('func', 'sum');
  const aligned = call.flag('alignToFrom');
  return call.series().map((series) => {
    const start = aligned ? series.start : series.start - (series.start % step);
    const end = aligned ? series.end : series.end - (series.end % step) + step;
    const name = `summarize(${series.name}, "${interval}", "${word}"${aligned ? ', true' : ''})`;
    return regroup(call, series, name, start, end, step, word, { summarize: interval, summarizeFunction: word });
  });
}

// Slots of `step` from `start`; one that begins after the last known slot of the series is left out, as Graphite does.
function regroup(
  call: Call,
  series: Series,
  name: string,
  start: number,
  end: number,
  step: number,
  word: string,
  tags: Readonly<Record<string, string>>,
): Series {
  const method = methodOf(word);
  if (method === undefined) throw call.fault(`unsupported aggregation function: ${word}`);
  const count = Math.min(Math.ceil((end - start) / step), 10_000_000);
  const values = new Float64Array(count).fill(Number.NaN);
  for (let slot = 0; slot < count; slot++) {
    const from = Math.max(0, Math.ceil((start + slot * step - series.start) / series.stepSeconds));
    const to = Math.min(series.values.length, Math.ceil((start + (slot + 1) * step - series.start) / series.stepSeconds));
    // What lies beyond the range counts as unknown: the factor asks for its share of the whole slot.
    if (to > from)
      values[slot] = mergeValues(series.values, from, to, method, (series.xFilesFactor * step) / series.stepSeconds / (to - from));
  }
  const isCount = method === 'sum' || method === 'count' || method === 'diff';
  return { ...derive(isCount ? series : ratesOf(series), name, values, tags), start, end: start + count * step, stepSeconds: step };
}

function intervalOf(call: Call, text: string): number {
  const seconds = Math.abs(parseOffset(text));
  if (seconds === 0) throw call.fault(`'${text}' is no interval (expected 5min, 1h, 1day, ...)`);
  return seconds;
}

const units = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second'] as const;

async function smartSummarize(call: Call): Promise<readonly Series[]> {
  const interval = call.text('intervalString');
  const step = intervalOf(call, interval);
  const word = call.text('func', 'sum');
  // True and false are an older way to say nothing.
  const alignTo = call
    .text('alignTo')
    .replace(/^(true|false)$/i, '')
    .replace(/s\d*$/, '')
    .replace(/\d+$/, '');
  let { context } = call;
  if (alignTo !== '') {
    const unit = units.find((one) => one === alignTo || one === alignTo.replace(/s$/, ''));
    if (unit === undefined) throw call.fault(`'${call.text('alignTo')}' is no unit to align to (expected ${units.join(', ')})`);
    context = { ...context, from: floorTo(context.from, unit, call.text('alignTo'), context.timeZone) };
  }
  const series = alignTo === '' ? call.series() : await call.again(0, context);
  return series.map((one) => {
    const name = `smartSummarize(${one.name}, "${interval}", "${word}")`;
    return regroup(call, one, name, one.start, one.end, step, word, { smartSummarize: interval, smartSummarizeFunction: word });
  });
}

function floorTo(seconds: number, unit: (typeof units)[number], word: string, timeZone: string): number {
  const at = Temporal.Instant.fromEpochMilliseconds(seconds * 1000).toZonedDateTimeISO(timeZone);
  const midnight = at.startOfDay();
  const isoWeekday = Number(/^weeks?(\d)$/.exec(word)?.[1] ?? 1);
  const floored =
    unit === 'year'
      ? midnight.with({ month: 1, day: 1 })
      : unit === 'month'
        ? midnight.with({ day: 1 })
        : unit === 'week'
          ? midnight.subtract({ days: (at.dayOfWeek - isoWeekday + 7) % 7 })
          : unit === 'day'
            ? midnight
            : at.round({ smallestUnit: unit, roundingMode: 'floor' });
  return Math.floor(floored.epochMilliseconds / 1000);
}
