/**
 * Fewer points for a narrower picture (`maxDataPoints`). Series whose method adds up, by itself or by `consolidateBy`, lose nothing: their bands cover every
 * slot, so the sum over the picture is the same at every width (Graphite leaves out the first part of a band: a fault that is not copied). Averages
 * of stored events are sums divided by counts and percentiles those of all values, never averages of averages. The others are cut as Graphite
 * cuts them: bands aligned to the clock, the first part of a band left out.
 *
 * Source: graphite-web's render views (behaviour).
 */

import { mergeValues, type Series } from './series.js';

/** Points to show: labels in epoch seconds and values. */
export interface Points {
  readonly times: readonly number[];
  readonly values: Float64Array;
}

/** The points of a series in at most `countMax` bands; all of them without one. `span` is the range of all series of the answer. */
export function pointsOf(series: Series, countMax: number | undefined, span: { start: number; end: number }): Points {
  // No further than its span: the line of a moment is one point.
  const count = Math.min(series.values.length, Math.floor((series.end - series.start) / series.stepSeconds) + 1);
  if (countMax === undefined || count <= 1) return bands(series, 0, 1, series.start, count);
  if (countMax === 1) return bands(series, 0, count, series.start, 1);
  const wanted = (span.end - span.start) / series.stepSeconds;
  if (countMax >= wanted && countMax >= count) return bands(series, 0, 1, series.start, count);
  // Shares of time are of all of it: their bands cover every slot too.
  const additive = series.method === 'sum' || series.method === 'count' || series.times !== undefined;
  if (additive) return wholeBands(series, countMax);
  const perBand = Math.ceil(wanted / countMax);
  const bandSeconds = perBand * series.stepSeconds;
  const nudge = bandSeconds + (series.start % series.stepSeconds) - (series.start % bandSeconds);
  const lost = Math.max(0, Math.trunc(nudge / series.stepSeconds) - 1);
  return bands(series, lost, perBand, series.start + nudge, Math.ceil((count - lost) / perBand));
}

// Bands aligned to the clock; a first band that is cut stands at the first slot. One more slot a band where that would give one band too many.
function wholeBands(series: Series, countMax: number): Points {
  const count = series.values.length;
  for (let perBand = Math.ceil(count / countMax); ; perBand++) {
    const bandSeconds = perBand * series.stepSeconds;
    const first = perBand - Math.floor((series.start % bandSeconds) / series.stepSeconds);
    const bandCount = 1 + Math.max(0, Math.ceil((count - first) / perBand));
    if (bandCount > countMax) continue;
    const times: number[] = [];
    const values = new Float64Array(bandCount);
    for (let band = 0; band < bandCount; band++) {
      const from = band === 0 ? 0 : first + (band - 1) * perBand;
      values[band] = mergeBand(series, from, Math.min(count, first + band * perBand));
      times.push(series.start + from * series.stepSeconds);
    }
    return { times, values };
  }
}

// Series of one answer mostly share their labels: the last ones are kept.
let held: { readonly start: number; readonly step: number; readonly times: readonly number[] } = { start: 0, step: 1, times: [] };

function labelsFrom(start: number, step: number, count: number): readonly number[] {
  if (held.start === start && held.step === step && held.times.length === count) return held.times;
  const times = new Array<number>(count);
  for (let slot = 0; slot < count; slot++) times[slot] = start + slot * step;
  held = { start, step, times };
  return times;
}

function bands(series: Series, from: number, perBand: number, start: number, bandCount: number): Points {
  if (from === 0 && perBand === 1 && bandCount === series.values.length) {
    return { times: labelsFrom(start, series.stepSeconds, bandCount), values: series.values };
  }
  const values = new Float64Array(Math.max(0, bandCount));
  const times: number[] = [];
  for (let band = 0; band < values.length; band++) {
    const at = from + band * perBand;
    values[band] =
      perBand === 1 ? (series.values[at] as number) : mergeBand(series, at, Math.min(series.values.length, at + perBand), perBand);
    times.push(start + band * perBand * series.stepSeconds);
  }
  return { times, values };
}

// The factor asks for its share of a whole band, also where the last one is cut.
function mergeBand(series: Series, from: number, to: number, slots = to - from): number {
  const share = (series.xFilesFactor * slots) / (to - from);
  if (series.merged === undefined || series.methodChosen === true) return mergeValues(series.values, from, to, series.method, share);
  const isKnown = share === 0 || !Number.isNaN(mergeValues(series.values, from, to, 'count', share));
  return isKnown ? series.merged(from, to) : Number.NaN;
}
