/**
 * Holt-Winters: a forecast from level, trend and season, and the bands of its usual error. The season is learnt from a week before the range, which is
 * fetched with it. Source: J. D. Brutlag, "Aberrant Behavior Detection in Time Series for Network Monitoring" (LISA 2000); constants as Graphite's.
 */

import type { Call, Parameter, TargetFunction } from './function.js';
import { before, slotsBefore } from './functions-window.js';
import { derive, type Series } from './series.js';
import { parseOffset } from './when.js';

const level = 0.1;
const trend = 0.0035;
const season = 0.1;
const seasonMax = 10_000_000;

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const learning: readonly Parameter[] = [
  { name: 'bootstrapInterval', type: 'interval', default: '7d', suggestions: ['7d', '30d'] },
  { name: 'seasonality', type: 'interval', default: '1d', suggestions: ['1d', '7d'] },
];
const withDelta: readonly Parameter[] = [seriesList, { name: 'delta', type: 'float', default: 3 }, ...learning];

export const forecastFunctions: readonly TargetFunction[] = [
  {
    names: ['holtWintersForecast'],
    group: 'Calculate',
    description: 'What Holt-Winters expects each value to be.',
    parameters: [seriesList, ...learning],
    run: async (call) => (await forecasts(call)).map(({ forecast }) => forecast),
  },
  {
    names: ['holtWintersConfidenceBands'],
    group: 'Calculate',
    description: 'The lower and upper edge of what Holt-Winters expects.',
    parameters: withDelta,
    run: async (call) => (await forecasts(call)).flatMap((one) => bandsOf(one, call.number('delta', 3))),
  },
  {
    names: ['holtWintersConfidenceArea'],
    group: 'Calculate',
    description: 'The area between the edges of what Holt-Winters expects.',
    parameters: withDelta,
    run: async (call) => {
      const edges = (await forecasts(call)).flatMap((one) => bandsOf(one, call.number('delta', 3)));
      return edges.map((edge, index) => {
        const name = `holtWintersConfidenceArea(${edge.pathExpression})`;
        const drawing = { stacked: 'areaBetween', invisible: index % 2 === 0 };
        return { ...edge, name, pathExpression: name, drawing, tags: { ...edge.tags, holtWintersConfidenceArea: '1' } };
      });
    },
  },
  {
    names: ['holtWintersAberration'],
    group: 'Calculate',
    description: 'By how much values lie outside of what Holt-Winters expects.',
    parameters: withDelta,
    run: aberrations,
  },
];

interface Forecast {
  readonly series: Series;
  readonly forecast: Series;
  readonly deviation: Float64Array;
}

async function forecasts(call: Call): Promise<readonly Forecast[]> {
  const seconds = Math.abs(parseOffset(call.text('bootstrapInterval', '7d')));
  const seasonSeconds = Math.abs(parseOffset(call.text('seasonality', '1d')));
  if (seasonSeconds === 0) throw call.fault('the season is empty (expected 1d, 1w, ...)');
  return (await before(call, seconds)).map((series) => {
    const slots = Math.max(1, Math.floor(seasonSeconds / series.stepSeconds));
    if (slots > seasonMax) throw call.fault(`a season of ${slots} slots (at most ${seasonMax})`);
    const { expected, deviations } = analyse(series.values, slots);
    const lost = slotsBefore(call, series);
    const tags = { holtWintersForecast: '1', holtWintersDeviation: '1' };
    const name = `holtWintersForecast(${series.name})`;
    const forecast = { ...derive(series, name, expected.subarray(lost), tags), start: series.start + lost * series.stepSeconds };
    return { series, forecast, deviation: deviations.subarray(lost) };
  });
}

function analyse(values: Float64Array, slots: number): { expected: Float64Array; deviations: Float64Array } {
  const expected = new Float64Array(values.length);
  const deviations = new Float64Array(values.length);
  const seasonals = new Float64Array(values.length);
  let intercept = Number.NaN;
  let slope = 0;
  let next = Number.NaN;
  values.forEach((actual, slot) => {
    if (Number.isNaN(actual)) {
      expected[slot] = next;
      next = Number.NaN;
      intercept = Number.NaN;
      slope = 0;
      return;
    }
    const prediction = slot === 0 ? actual : next;
    const lastIntercept = Number.isNaN(intercept) ? actual : intercept;
    const lastSeasonal = seasonals[slot - slots] ?? 0;
    intercept = level * (actual - lastSeasonal) + (1 - level) * (lastIntercept + slope);
    slope = trend * (intercept - lastIntercept) + (1 - trend) * slope;
    seasonals[slot] = season * (actual - intercept) + (1 - season) * lastSeasonal;
    next = intercept + slope + (seasonals[slot + 1 - slots] ?? 0);
    expected[slot] = prediction;
    const error = Math.abs(actual - (Number.isNaN(prediction) ? 0 : prediction));
    deviations[slot] = season * error + (1 - season) * (deviations[slot - slots] ?? 0);
  });
  return { expected, deviations };
}

function bandsOf({ series, forecast, deviation }: Forecast, delta: number): [lower: Series, upper: Series] {
  const tags = { ...forecast.tags, holtWintersConfidenceUpper: '1', holtWintersConfidenceLower: '1' };
  const edge = (word: string, sign: number): Series => {
    const values = forecast.values.map((value, slot) => value + sign * delta * (deviation[slot] as number));
    return { ...forecast, name: `holtWintersConfidence${word}(${series.name})`, pathExpression: series.pathExpression, values, tags };
  };
  return [edge('Lower', -1), edge('Upper', 1)];
}

// The values are those that the bands were learnt from: an earlier start may bring a coarser archive.
async function aberrations(call: Call): Promise<readonly Series[]> {
  return (await forecasts(call)).map((one) => {
    const { series, forecast } = one;
    const [lower, upper] = bandsOf(one, call.number('delta', 3));
    const values = series.values.subarray(series.values.length - forecast.values.length).map((value, slot) => {
      const [low, high] = [lower.values[slot] as number, upper.values[slot] as number];
      return value > high ? value - high : value < low ? value - low : 0;
    });
    const name = `holtWintersAberration(${series.name})`;
    return { ...derive(series, name, values, { holtWintersAberration: '1' }), start: forecast.start };
  });
}
