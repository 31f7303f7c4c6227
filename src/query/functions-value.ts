/**
 * Functions that reckon each value by itself or from its neighbours: powers, logarithms, rounding, filling between known slots, changes, counts of
 * hits. Unknown slots stay unknown, and so does what has no real result (the logarithm of 0). Source: graphite-web's functions.py (behaviour).
 */

import type { Call, TargetFunction } from './function.js';
import { onOneStep } from './functions-combine.js';
import { totalSoFar } from './functions-transform.js';
import { formatFloat, formatG } from './python-number.js';
import { derive, mergeValues, ratesOf, type Series } from './series.js';
import { parseOffset } from './when.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const finite = (value: number): number => (Number.isFinite(value) ? value : Number.NaN);

type Plain = readonly [name: string, tag: string, description: string, reckon: (value: number) => number];
const plain: readonly Plain[] = [
  ['exp', 'e', 'e to the power of each value.', (value) => finite(Math.exp(value))],
  ['squareRoot', '1', 'The square root of each value.', Math.sqrt],
  ['sigmoid', 'sigmoid', '1 / (1 + e^-value).', (value) => finite(1 / (1 + Math.exp(-value)))],
  ['logit', 'logit', 'log(value / (1 - value)).', (value) => finite(Math.log(value / (1 - value)))],
];

export const valueFunctions: readonly TargetFunction[] = [
  ...plain.map(
    ([name, tag, description, reckon]): TargetFunction => ({
      names: [name],
      group: 'Transform',
      description,
      parameters: [seriesList],
      run: (call) =>
        call.series().map((series) => derive(ratesOf(series), `${name}(${series.name})`, series.values.map(reckon), { [name]: tag })),
    }),
  ),
  {
    names: ['identity'],
    group: 'Calculate',
    description: 'The time as a value, named by the text given.',
    parameters: [{ name: 'name', type: 'string', required: true }],
    run: (call) => {
      const { from, until } = call.context;
      const count = Math.min(Math.ceil((until - from) / 60), 1_000_000);
      const name = call.text('name');
      const values = Float64Array.from({ length: count }, (_, slot) => from + slot * 60);
      const span = { start: from, end: from + count * 60, stepSeconds: 60, method: 'average', xFilesFactor: 0 } as const;
      return [{ ...span, name, pathExpression: `identity("${name}")`, tags: { name }, values }];
    },
  },
  {
    names: ['pow'],
    group: 'Transform',
    description: 'Each value to the power of a factor.',
    parameters: [seriesList, { name: 'factor', type: 'float', required: true }],
    run: (call) => {
      const factor = call.number('factor');
      return call.series().map((series) => {
        const values = series.values.map((value) => finite(value ** factor));
        return derive(ratesOf(series), `pow(${series.name},${formatG(factor)})`, values, { pow: formatFloat(factor) });
      });
    },
  },
  {
    names: ['logarithm', 'log'],
    group: 'Transform',
    description: 'The logarithm of each value.',
    parameters: [seriesList, { name: 'base', type: 'float', default: 10 }],
    run: (call) => {
      const base = call.number('base', 10);
      if (!(base > 0) || base === 1) throw call.fault(`base ${base} (expected one above 0 that is not 1)`);
      const reckon = (value: number): number =>
        !(value > 0) ? Number.NaN : base === 10 ? Math.log10(value) : base === 2 ? Math.log2(value) : Math.log(value) / Math.log(base);
      const shown = formatG(base);
      return call
        .series()
        .map((series) => derive(ratesOf(series), `log(${series.name}, ${shown})`, series.values.map(reckon), { log: shown }));
    },
  },
  {
    names: ['roundFunction', 'round'],
    group: 'Transform',
    description: 'Rounds to a number of digits.',
    parameters: [seriesList, { name: 'precision', type: 'integer', default: 0 }],
    run: round,
  },
  {
    names: ['offsetToZero'],
    group: 'Transform',
    description: 'Moves each series so that its least value is 0.',
    parameters: [seriesList],
    run: (call) =>
      call.series().map((series) => {
        const least = mergeValues(series.values, 0, series.values.length, 'min');
        return derive(
          series,
          `offsetToZero(${series.name})`,
          series.values.map((value) => value - least),
          { offsetToZero: Number.isNaN(least) ? 'None' : formatFloat(least) },
        );
      }),
  },
  {
    names: ['minMax'],
    group: 'Transform',
    description: 'Scales each series to the range of 0 to 1.',
    parameters: [seriesList],
    run: minMax,
  },
  {
    names: ['changed'],
    group: 'Special',
    description: '1 where the value changed, else 0.',
    parameters: [seriesList],
    run: (call) =>
      call.series().map((series) => {
        let before = Number.NaN;
        const values = series.values.map((value) => {
          if (Number.isNaN(value)) return 0;
          const changed = !Number.isNaN(before) && value !== before;
          before = value;
          return changed ? 1 : 0;
        });
        return derive(series, `changed(${series.name})`, values, {});
      }),
  },
  {
    names: ['interpolate'],
    group: 'Transform',
    description: 'Draws a line through unknown slots, up to a number of them.',
    parameters: [seriesList, { name: 'limit', type: 'intOrInf', default: 'inf' }],
    run: (call) => {
      const limit = call.number('limit', Number.POSITIVE_INFINITY);
      return call.series().map((series) => derive(series, `interpolate(${series.name})`, interpolated(series.values, limit)));
    },
  },
  {
    names: ['compressPeriodicGaps'],
    group: 'Transform',
    description: 'Leaves out the slots between values that come at a longer, even step.',
    parameters: [seriesList],
    run: (call) => call.series().map(compressGaps),
  },
  {
    names: ['hitcount'],
    group: 'Transform',
    description: 'Counts what values a second came to in longer slots.',
    parameters: [
      seriesList,
      { name: 'intervalString', type: 'interval', required: true },
      { name: 'alignToInterval', type: 'boolean', default: false },
    ],
    run: hitcount,
  },
  {
    names: ['integralByInterval'],
    group: 'Transform',
    description: 'The sum so far, from 0 again at each interval of the clock.',
    parameters: [seriesList, { name: 'intervalUnit', type: 'interval', required: true }],
    run: integralByInterval,
  },
  {
    names: ['powSeries'],
    group: 'Combine',
    description: 'The first series to the power of the others, slot by slot.',
    parameters: [{ name: 'seriesLists', type: 'seriesList', required: true, multiple: true }],
    run: (call) => {
      const [first, ...others] = onOneStep(call.series('seriesLists'));
      if (first === undefined) return [];
      const values = first.values.map((value, slot) => others.reduce((power, one) => powerOf(power, one.values[slot] as number), value));
      const name = `powSeries(${[...new Set([first, ...others].map((one) => one.name))].join(',')})`;
      return [{ ...ratesOf(derive(first, name, values)), tags: { name } }];
    },
  },
];

// Unknown to the power of 0 is unknown.
function powerOf(base: number, exponent: number): number {
  return Number.isNaN(base) ? base : finite(base ** exponent);
}

// Python's rounding: halves go to the even neighbour.
function round(call: Call): readonly Series[] {
  const given = call.has('precision');
  const precision = call.number('precision', 0);
  const factor = 10 ** precision;
  const reckon = (value: number): number => {
    const scaled = value * factor;
    const floor = Math.floor(scaled);
    const rounded = scaled - floor === 0.5 ? (floor % 2 === 0 ? floor : floor + 1) : Math.round(scaled);
    return rounded / factor;
  };
  return call.series().map((series) => {
    const name = given ? `round(${series.name},${precision})` : `round(${series.name})`;
    return derive(series, name, series.values.map(reckon), { round: String(precision) });
  });
}

function minMax(call: Call): readonly Series[] {
  return call.series().map((series) => {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (const value of series.values) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const values = series.values.map((value) => (Number.isNaN(value) ? value : high === low ? 0 : (value - low) / (high - low)));
    return derive(ratesOf(series), `minMax(${series.name})`, values);
  });
}

function interpolated(values: Float64Array, limit: number): Float64Array {
  const filled = values.slice();
  let last = -1;
  for (let slot = 0; slot < values.length; slot++) {
    const value = values[slot] as number;
    if (Number.isNaN(value)) continue;
    const unknown = slot - last - 1;
    if (last >= 0 && unknown > 0 && unknown <= limit) {
      const before = values[last] as number;
      for (let at = last + 1; at < slot; at++) filled[at] = before + ((at - last) * (value - before)) / (slot - last);
    }
    last = slot;
  }
  return filled;
}

function compressGaps(series: Series): Series {
  const known: number[] = [];
  for (let slot = 0; slot < series.values.length && known.length < 3; slot++) if (!Number.isNaN(series.values[slot])) known.push(slot);
  const [first, second, third] = known;
  const name = `compressPeriodicGaps(${series.name})`;
  if (first === undefined || second === undefined || third === undefined || third - second !== second - first || second - first === 1)
    return derive(series, name, series.values.slice());
  const every = second - first;
  const values = series.values.filter((_, slot) => slot >= first && (slot - first) % every === 0);
  const start = series.start + first * series.stepSeconds;
  const stepSeconds = series.stepSeconds * every;
  return { ...derive(series, name, values), start, stepSeconds, end: start + values.length * stepSeconds };
}

async function hitcount(call: Call): Promise<readonly Series[]> {
  const text = call.text('intervalString');
  const interval = Math.abs(parseOffset(text));
  if (interval === 0) throw call.fault(`'${text}' is no interval (expected 5min, 1h, 1day, ...)`);
  const aligned = call.flag('alignToInterval');
  let all = call.series();
  if (aligned) {
    const unit = interval >= 86_400 ? 86_400 : interval >= 3600 ? 3600 : interval >= 60 ? 60 : 1;
    const from = call.context.from - (call.context.from % unit);
    if (from !== call.context.from) all = await call.again(0, { ...call.context, from });
  }
  return all.map((series) => {
    const step = series.stepSeconds;
    const span = (series.end - series.start) / interval;
    const count = Math.max(0, aligned ? Math.floor(span) + 1 : Math.ceil(span));
    // Slots end with the range; aligned ones begin with it.
    const start = aligned ? series.start : series.end - count * interval;
    const values = new Float64Array(Math.min(count, 10_000_000)).fill(Number.NaN);
    const add = (slot: number, hits: number): void => {
      if (slot >= 0 && slot < values.length) values[slot] = (Number.isNaN(values[slot]) ? 0 : (values[slot] as number)) + hits;
    };
    series.values.forEach((value, index) => {
      if (Number.isNaN(value)) return;
      const begins = series.start + index * step - start;
      const ends = begins + step;
      for (let slot = Math.floor(begins / interval); slot * interval < ends; slot++) {
        add(slot, value * (Math.min(ends, (slot + 1) * interval) - Math.max(begins, slot * interval)));
      }
    });
    const name = `hitcount(${series.name}, "${text}"${aligned ? ', true' : ''})`;
    return { ...derive(series, name, values, { hitcount: text }), start, end: start + count * interval, stepSeconds: interval };
  });
}

function integralByInterval(call: Call): readonly Series[] {
  const text = call.text('intervalUnit');
  const interval = Math.abs(parseOffset(text));
  if (interval === 0) throw call.fault(`'${text}' is no interval (expected 5min, 1h, 1day, ...)`);
  return call.series().map((series) => {
    let sum = 0;
    let current = Math.floor((series.start - call.context.from) / interval);
    const values = series.values.map((value, slot) => {
      const now = Math.floor((series.start + slot * series.stepSeconds - call.context.from) / interval);
      if (now !== current) {
        current = now;
        sum = 0;
      }
      if (!Number.isNaN(value)) sum += value;
      return sum;
    });
    return totalSoFar(series, `integralByInterval(${series.name},'${text}')`, values, { integralByInterval: text });
  });
}
