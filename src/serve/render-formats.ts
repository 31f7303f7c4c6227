/**
 * The answers of `/render` as text: JSON (and JSON within a call, jsonp), CSV, Graphite's raw lines, and the shapes that Dygraph and Rickshaw
 * read. One row a format. Unknown values are null, infinite ones the numbers that Python's json reads back as such.
 */

import { Temporal } from 'temporal-polyfill';
import { pointsOf } from '../query/consolidate.js';
import type { TargetContext } from '../query/function.js';
import { formatFloat } from '../query/python-number.js';
import type { Series } from '../query/series.js';
import { chartParameters } from '../render/chart-parameters.js';
import { pngOf } from '../render/png.js';
import { seriesChart } from '../render/series-chart.js';
import { jsonSeries, numberText } from './json-points.js';
import { type Answer, padded } from './route.js';

export type RenderFormat = (series: readonly Series[], context: TargetContext, parameters: URLSearchParams) => Answer | Promise<Answer>;

/** Every format that is text, by its name. */
export const textFormats: Readonly<Record<string, RenderFormat>> = {
  json: (series, context, parameters) => padded(jsonSeries(series, context.maxDataPoints, isSet(parameters, 'noNullPoints')), parameters),
  csv: (series, context) => ({ type: 'text/csv', body: csv(series, context.timeZone) }),
  raw: (series) => ({ type: 'text/plain', body: series.map(rawLine).join('') }),
  dygraph: (series, _, parameters) => padded(dygraph(series), parameters),
  rickshaw: (series, context, parameters) => padded(rickshaw(series, context.maxDataPoints), parameters),
};

/** Pictures, by the name of their format. */
export const pictureFormats: Readonly<Record<string, RenderFormat>> = {
  svg: (series, context, parameters) => ({ type: 'image/svg+xml', body: chartOf(series, context, parameters), headers: sandbox }),
  png: async (series, context, parameters) => ({ type: 'image/png', body: await pngOf(chartOf(series, context, parameters)) }),
};

// A picture that is opened by itself runs nothing.
const sandbox = { 'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox" };

function chartOf(series: readonly Series[], { from, until, timeZone }: TargetContext, parameters: URLSearchParams): string {
  const asked = chartParameters(parameters);
  // Legends of many series are left out unless they are asked for, as Graphite has it.
  const hideLegend = asked.hideLegend ?? series.length > 10;
  return seriesChart(series, { ...asked, hideLegend, from, until, timeZone });
}

/** Whether a parameter says yes. */
export function isSet(parameters: URLSearchParams, name: string): boolean {
  return /^(1|true)$/i.test(parameters.get(name) ?? '');
}

/** The labels of the first and past the last slot of all series. */
function spanOf(series: readonly Series[]): { start: number; end: number } {
  return {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
}

// One row a time, a column a series; series of another step stand where their slots begin.
function dygraph(series: readonly Series[]): string {
  const labels = JSON.stringify(['Time', ...series.map((one) => one.name)]);
  const rows = new Map<number, string[]>();
  series.forEach((one, index) => {
    one.values.forEach((value, slot) => {
      const time = one.start + slot * one.stepSeconds;
      const row = rows.get(time) ?? new Array<string>(series.length).fill('null');
      row[index] = numberText(value);
      rows.set(time, row);
    });
  });
  const sorted = [...rows].sort(([left], [right]) => left - right).map(([time, row]) => `[${time * 1000}, ${row.join(', ')}]`);
  return series.length === 0 ? '{}' : `{"labels" : ${labels}, "data" : [${sorted.join(', ')}]}`;
}

function rickshaw(series: readonly Series[], maxDataPoints: number | undefined): string {
  const span = spanOf(series);
  const parts = series.map((one) => {
    const { times, values } = pointsOf(one, maxDataPoints, span);
    const points = Array.from(values, (value, index) => `{"x": ${times[index]}, "y": ${numberText(value)}}`);
    return `{"target": ${JSON.stringify(one.name)}, "datapoints": [${points.join(', ')}]}`;
  });
  return `[${parts.join(', ')}]`;
}

// Series mostly share their times: the text of each is made once.
function csv(series: readonly Series[], timeZone: string): string {
  const lines: string[] = [];
  const texts = new Map<number, string>();
  const textOf = (seconds: number): string => {
    const held = texts.get(seconds);
    if (held !== undefined) return held;
    const time = Temporal.Instant.fromEpochMilliseconds(seconds * 1000).toZonedDateTimeISO(timeZone);
    const text = time.toPlainDateTime().toString({ smallestUnit: 'second' }).replace('T', ' ');
    texts.set(seconds, text);
    return text;
  };
  for (const one of series) {
    const name = /[",\r\n]/.test(one.name) ? `"${one.name.replaceAll('"', '""')}"` : one.name;
    one.values.forEach((value, slot) => {
      lines.push(`${name},${textOf(one.start + slot * one.stepSeconds)},${Number.isNaN(value) ? '' : formatFloat(value)}\r\n`);
    });
  }
  return lines.join('');
}

function rawLine(series: Series): string {
  const values = Array.from(series.values, (value) => (Number.isNaN(value) ? 'None' : formatFloat(value)));
  return `${series.name},${series.start},${series.end},${series.stepSeconds}|${values.join(',')}\n`;
}
