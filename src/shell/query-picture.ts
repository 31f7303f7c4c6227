/**
 * The pictures of `weir query`: the chart of the series as SVG, and as PNG. Options are Graphite's own parameters, written as in a URL.
 */

import type { Series } from '../query/series.js';
import { chartParameters } from '../render/chart-parameters.js';
import { pngOf } from '../render/png.js';
import { seriesChart } from '../render/series-chart.js';
import type { Invocation } from './command.js';
import { writeWhole } from './write-whole.js';

export interface Range {
  readonly from: number;
  readonly until: number;
  readonly timeZone: string;
}

const size = { width: 960, height: 400 };

/** `--chart` with the size of a report's picture where it names none. */
export function chartWords(invocation: Invocation): URLSearchParams {
  const words = new URLSearchParams(invocation.text('chart') ?? '');
  for (const [name, value] of Object.entries(size)) if (!words.has(name)) words.set(name, String(value));
  return words;
}

/** The chart as SVG. Throws Malformed for an option that cannot be read. */
export function chartOfQuery(series: readonly Series[], range: Range, invocation: Invocation): string {
  return seriesChart(series, { ...chartParameters(chartWords(invocation)), ...range });
}

/** Writes the picture to the files of `--svg` and `--png`. */
export async function drawQuery(chart: string, invocation: Invocation): Promise<void> {
  const [svg, png] = [invocation.text('svg'), invocation.text('png')];
  if (svg !== undefined) writeWhole(svg, chart);
  if (png !== undefined) writeWhole(png, await pngOf(chart));
}
