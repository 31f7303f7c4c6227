/**
 * Functions over time itself: shifted and stacked ranges, slices, the line through the points. Shifted ranges are fetched as such and
 * then labelled as the range asked for. Source: graphite-web's functions.py (behaviour).
 */

import type { Call, TargetFunction } from './function.js';
import { derive, type Series } from './series.js';
import { parseOffset, parseWhen } from './when.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const shiftsMax = 1000;
const shifts = ['1h', '6h', '12h', '1d', '2d', '7d', '14d', '30d'];

export const timeFunctions: readonly TargetFunction[] = [
  {
    names: ['timeShift'],
    group: 'Transform',
    description: 'The same series, a time ago.',
    parameters: [
      seriesList,
      { name: 'timeShift', type: 'interval', required: true, suggestions: shifts },
      { name: 'resetEnd', type: 'boolean', default: true },
      { name: 'alignDST', type: 'boolean', default: false },
    ],
    run: timeShift,
  },
  {
    names: ['timeStack'],
    group: 'Transform',
    description: 'The same series, several times ago.',
    parameters: [
      seriesList,
      { name: 'timeShiftUnit', type: 'interval', default: '1d', suggestions: shifts },
      { name: 'timeShiftStart', type: 'integer', default: 0 },
      { name: 'timeShiftEnd', type: 'integer', default: 7 },
    ],
    run: timeStack,
  },
  {
    names: ['timeSlice'],
    group: 'Transform',
    description: 'Values outside a time become unknown.',
    parameters: [seriesList, { name: 'startSliceAt', type: 'date', required: true }, { name: 'endSliceAt', type: 'date', default: 'now' }],
    run: timeSlice,
  },
  {
    names: ['linearRegression'],
    group: 'Calculate',
    description: 'The line that fits the values of the range, or those of another, best.',
    parameters: [seriesList, { name: 'startSourceAt', type: 'date' }, { name: 'endSourceAt', type: 'date' }],
    run: linearRegression,
  },
];

// Without a sign a shift goes back, as with one.
function shiftOf(call: Call, text: string): number {
  const signed = /^\s*[-+]/.test(text) ? text : `-${text}`;
  const seconds = parseOffset(signed);
  if (seconds === 0 && !/\d/.test(text)) throw call.fault(`'${text}' is no shift (expected 1h, 1d, ...)`);
  return seconds;
}

async function timeShift(call: Call): Promise<readonly Series[]> {
  const text = call.text('timeShift');
  const shown = /^\s*[-+]/.test(text) ? text : `-${text}`;
  const seconds = shiftOf(call, text);
  const { context } = call;
  const resetEnd = !call.has('resetEnd') || call.flag('resetEnd');
  const own = call.series();
  if (own.length === 0) return [];
  const shift = call.flag('alignDST') ? seconds + summerTime(context.from, seconds, context.timeZone) : seconds;
  const span = ownSpan(own);
  const shifted = await call.again(0, { ...context, from: context.from + shift, until: context.until + shift });
  return shifted.map((series) => {
    const moved = { ...series, start: span.start, end: span.start + series.values.length * series.stepSeconds };
    const cut = resetEnd ? upTo(moved, span.end) : moved;
    return {
      ...derive(cut, `timeShift(${series.name}, "${shown}")`, cut.values, { timeShift: shown }),
      pathExpression: series.pathExpression,
    };
  });
}

function ownSpan(own: readonly Series[]): { start: number; end: number } {
  return { start: Math.min(...own.map((one) => one.start)), end: Math.max(...own.map((one) => one.end)) };
}

function upTo(series: Series, end: number): Series {
  if (series.end <= end) return series;
  const count = Math.max(0, Math.ceil((end - series.start) / series.stepSeconds));
  return { ...series, end: series.start + count * series.stepSeconds, values: series.values.subarray(0, count) };
}

// Seconds by which the zone's distance to UTC differs between a time and the shifted one.
function summerTime(at: number, shift: number, timeZone: string): number {
  const offset = (seconds: number): number => {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' }).formatToParts(seconds * 1000);
    const found = /([-+])(\d\d):(\d\d)/.exec(parts.find((part) => part.type === 'timeZoneName')?.value ?? '');
    return found === null ? 0 : (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 3600 + Number(found[3]) * 60);
  };
  return offset(at) - offset(at + shift);
}

async function timeStack(call: Call): Promise<readonly Series[]> {
  const text = call.text('timeShiftUnit', '1d');
  const unit = /^\s*[-+]/.test(text) ? text : `-${text}`;
  const seconds = shiftOf(call, text);
  const first = call.number('timeShiftStart', 0);
  const last = call.number('timeShiftEnd', 7);
  if (last - first > shiftsMax) throw call.fault(`${last - first} shifts (at most ${shiftsMax})`);
  const { context } = call;
  const [own] = call.series();
  if (own === undefined) return [];
  const found: Series[] = [];
  for (let index = first; index < last; index++) {
    const shift = seconds * index;
    for (const series of await call.again(0, { ...context, from: context.from + shift, until: context.until + shift })) {
      const tags = { timeShiftUnit: unit, timeShift: String(index) };
      const moved = { ...series, start: own.start, end: own.start + series.values.length * series.stepSeconds };
      found.push(derive(moved, `timeShift(${series.name}, ${unit}, ${index})`, series.values, tags));
    }
  }
  return found;
}

function timeSlice(call: Call): readonly Series[] {
  const { now, timeZone } = call.context;
  const from = parseWhen(call.text('startSliceAt'), now, timeZone);
  const until = parseWhen(call.text('endSliceAt', 'now'), now, timeZone);
  return call.series().map((series) => {
    const values = series.values.map((value, slot) => {
      const time = series.start + slot * series.stepSeconds;
      return time < from || time > until ? Number.NaN : value;
    });
    const tags = { timeSliceStart: String(from), timeSliceEnd: String(until) };
    return { ...derive(series, `timeSlice(${series.name}, ${from}, ${until})`, values, tags), pathExpression: series.pathExpression };
  });
}

async function linearRegression(call: Call): Promise<readonly Series[]> {
  const { context } = call;
  const when = (name: string, otherwise: number): number =>
    call.text(name) === '' ? otherwise : parseWhen(call.text(name), context.now, context.timeZone);
  const [from, until] = [when('startSourceAt', context.from), when('endSourceAt', context.until)];
  const other = from !== context.from || until !== context.until;
  const sources = other ? await call.again(0, { ...context, from, until }) : call.series();
  return call.series().flatMap((series, index) => {
    const line = lineThrough(sources[index] ?? series);
    if (line === undefined) return [];
    const tags = { linearRegressions: `${from}, ${until}` };
    const values = series.values.map((_, slot) => line.offset + (series.start + slot * series.stepSeconds) * line.slope);
    return [derive(series, `linearRegression(${series.name}, ${from}, ${until})`, values, tags)];
  });
}

// Least squares, reckoned from the first slot so that large times lose nothing.
function lineThrough(series: Series): { slope: number; offset: number } | undefined {
  let count = 0;
  let times = 0;
  let values = 0;
  let squares = 0;
  let products = 0;
  series.values.forEach((value, slot) => {
    if (Number.isNaN(value)) return;
    const time = slot * series.stepSeconds;
    count++;
    times += time;
    values += value;
    squares += time * time;
    products += time * value;
  });
  const divisor = count * squares - times * times;
  if (divisor === 0) return undefined;
  const slope = (count * products - times * values) / divisor;
  return { slope, offset: (values - slope * times) / count - slope * series.start };
}
