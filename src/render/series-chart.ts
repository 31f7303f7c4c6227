/**
 * Series over time as an SVG: lines, steps or areas, unknown slots as gaps, axes with units, times in the zone asked for, and a legend with last, least,
 * greatest, average and sum of every series. Series are merged to the width of the plot by their own methods, so a sum over the picture is the sum
 * of the data. The same data and options give the same bytes. Options are named as Graphite names its parameters.
 */

import { type Points, pointsOf } from '../query/consolidate.js';
import type { Series } from '../query/series.js';
import { legendOf } from './chart-legend.js';
import { drawSeries, type Plot } from './chart-lines.js';
import { chartColors, type Drawn, type SeriesChartOptions, shownNumber } from './chart-options.js';
import { cssColor } from './chart-parameters.js';
import { element, label, linearTicks, logTicks, picture, textWidth } from './svg.js';
import { timeTicks } from './time-axis.js';

/** The picture as SVG. */
export function seriesChart(series: readonly Series[], options: SeriesChartOptions): string {
  const { width, height, title = '', fontSize = 10, foreground = '#333333', background = '#ffffff' } = options;
  const shown = drawnOf(series, options);
  const legend = options.hideLegend === true ? [] : legendOf(shown, options);
  const rowHeight = fontSize * 1.6;
  const frame = options.hideAxes === true ? 6 : 0;
  const top = (title === '' ? 8 : fontSize * 1.5 + 16) + frame;
  const legendTop = height - legend.length * rowHeight - (legend.length > 0 ? 6 : 0);
  const bottom = Math.max(top + 20, legendTop - (options.hideAxes === true ? 6 : fontSize * 3.2));
  const axes = scales(shown, options, bottom - top);
  const unit = (value: number): string => shownNumber(value, options.unitSystem);
  const labelWidth = (ticks: readonly number[]): number => ticks.reduce((most, tick) => Math.max(most, textWidth(unit(tick), fontSize)), 0);
  const left = options.hideAxes === true ? 6 : labelWidth(axes.left.ticks) + 14 + (options.vtitle === undefined ? 0 : fontSize * 1.8);
  const right = width - (options.hideAxes === true || axes.right === undefined ? 12 : labelWidth(axes.right.ticks) + 14);
  const x = (time: number): number => left + ((time - options.from) / Math.max(1, options.until - options.from)) * (right - left);
  const plot: Plot = { left, right, top, bottom, x, y: along(axes.left, top, bottom), yRight: along(axes.right ?? axes.left, top, bottom) };
  const clip = element(
    'clipPath',
    { id: 'plot' },
    element('rect', { x: left, y: top - 1, width: Math.max(1, right - left), height: bottom - top + 2 }),
  );
  const parts = [
    element('defs', {}, clip),
    ...(title === ''
      ? []
      : [
          label((left + right) / 2, fontSize * 1.5 + 6, title, {
            size: fontSize * 1.4,
            anchor: 'middle',
            weight: 'bold',
            fill: foreground,
          }),
        ]),
    ...gridOf(plot, axes.left.ticks, options, foreground, fontSize, unit, sumsNote(shown)),
    ...(axes.right === undefined || options.hideAxes === true
      ? []
      : axes.right.ticks.map((tick) =>
          label(right + 6, plot.yRight(tick) + fontSize * 0.35, unit(tick), { size: fontSize, fill: foreground }),
        )),
    element(
      'g',
      { 'clip-path': 'url(#plot)' },
      shown.map((one) => drawSeries(one, plot, options)).filter((text) => text !== ''),
    ),
    ...legend.map((row, index) => row(left, legendTop + (index + 1) * rowHeight - fontSize * 0.4, right)),
  ];
  if (shown.every(({ tops }) => !tops.some(Number.isFinite)))
    parts.push(label((left + right) / 2, (top + bottom) / 2, 'No Data', { size: fontSize * 1.6, anchor: 'middle', fill: '#888888' }));
  return picture(width, height, title === '' ? 'series over time' : title, parts, background);
}

function drawnOf(series: readonly Series[], options: SeriesChartOptions): Drawn[] {
  const colors = options.colors ?? chartColors;
  const span = {
    start: series.reduce((least, one) => Math.min(least, one.start), Number.POSITIVE_INFINITY),
    end: series.reduce((most, one) => Math.max(most, one.end), Number.NEGATIVE_INFINITY),
  };
  const below: Points[] = [];
  let next = 0;
  let lower: Drawn | undefined;
  return series.map((one) => {
    const points = pointsOf(one, options.maxDataPoints ?? Math.max(50, options.width), span);
    const color = one.drawing?.color !== undefined ? cssColor(one.drawing.color) : (colors[next % colors.length] as string);
    if (one.drawing?.invisible !== true && one.drawing?.color === undefined) next++;
    const values = options.drawNullAsZero === true ? points.values.map((value) => (Number.isNaN(value) ? 0 : value)) : points.values;
    let drawn: Drawn = { series: one, points, color, base: undefined, tops: values };
    if (one.drawing?.stacked === 'areaBetween' && one.drawing.invisible !== true && lower !== undefined)
      drawn = { ...drawn, base: lower.tops };
    else if (options.areaMode === 'stacked' && one.drawing?.secondYAxis !== true) drawn = stackedOn(drawn, below);
    lower = one.drawing?.invisible === true ? drawn : undefined;
    return drawn;
  });
}

// What lies below is taken at each time, whatever the steps; unknown slots below count as nothing.
function stackedOn(drawn: Drawn, below: Points[]): Drawn {
  const { times } = drawn.points;
  const base = new Float64Array(times.length);
  for (const points of below) {
    const step = (points.times[1] ?? 0) - (points.times[0] ?? 0);
    let at = 0;
    times.forEach((time, index) => {
      while (at + 1 < points.times.length && (points.times[at + 1] as number) <= time) at++;
      const value = points.values[at] ?? Number.NaN;
      const isWithin = (points.times[at] ?? Number.POSITIVE_INFINITY) <= time && time < (points.times[at] as number) + Math.max(step, 1);
      if (isWithin && Number.isFinite(value)) base[index] = (base[index] as number) + value;
    });
  }
  below.push({ times, values: drawn.tops });
  return { ...drawn, base, tops: drawn.tops.map((value, index) => value + (base[index] as number)) };
}

// Where slots that add up were merged to fit, a point is the sum of more time than the data's step: the picture says of how much.
function sumsNote(drawn: readonly Drawn[]): string {
  const seconds = drawn.reduce((most, { series: { method, stepSeconds }, points: { times } }) => {
    const step = (times[2] ?? 0) - (times[1] ?? 0);
    return (method === 'sum' || method === 'count') && step > stepSeconds ? Math.max(most, step) : most;
  }, 0);
  const [size, word] = [86_400, 3600, 60, 1]
    .map((unit, index) => [unit, 'dhms'.charAt(index)] as const)
    .find(([unit]) => seconds % unit === 0) ?? [1, 's'];
  return seconds === 0 ? '' : `sums of ${seconds / size} ${word === 'm' ? 'min' : word}, `;
}

interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  readonly logarithmic: boolean;
}

function scales(drawn: readonly Drawn[], options: SeriesChartOptions, height: number): { left: Scale; right: Scale | undefined } {
  const rightSide = drawn.filter((one) => one.series.drawing?.secondYAxis === true);
  const left = scaleOf(
    drawn.filter((one) => one.series.drawing?.secondYAxis !== true),
    options,
    height,
    true,
  );
  return { left, right: rightSide.length === 0 ? undefined : scaleOf(rightSide, options, height, false) };
}

function scaleOf(drawn: readonly Drawn[], options: SeriesChartOptions, height: number, isLeft: boolean): Scale {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const { tops, series } of drawn) {
    if (series.drawing?.drawAsInfinite === true) continue;
    for (const value of tops) {
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) [low, high] = [0, 1];
  const fixed = { low: isLeft ? options.yMin : undefined, high: isLeft ? options.yMax : undefined };
  const count = Math.max(2, Math.round(height / 45));
  if (options.logBase !== undefined && high > 0 && isLeft) {
    const ticks = logTicks(fixed.low !== undefined && fixed.low > 0 ? fixed.low : low > 0 ? low : high / 1000, fixed.high ?? high);
    return { low: ticks[0] as number, high: ticks.at(-1) as number, ticks, logarithmic: true };
  }
  // Areas stand on 0, and so do lines whose values come near it.
  if ((options.areaMode ?? 'none') !== 'none' || (low > 0 && low < high * 0.6)) low = Math.min(0, low);
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1];
  const [from, to] = [fixed.low ?? low, fixed.high ?? high];
  // Round in the units that are shown.
  const unit =
    options.unitSystem === 'binary'
      ? 1024 ** Math.max(0, Math.floor(Math.log(Math.max(Math.abs(from), Math.abs(to), 1)) / Math.log(1024)))
      : 1;
  const ticks = linearTicks(Math.min(from, to) / unit, Math.max(from, to) / unit, count).map((tick) => tick * unit);
  const scale = { low: fixed.low ?? (ticks[0] as number), high: fixed.high ?? (ticks.at(-1) as number) };
  return { ...scale, ticks: ticks.filter((tick) => tick >= scale.low - 1e-12 && tick <= scale.high + 1e-12), logarithmic: false };
}

function along(scale: Scale, top: number, bottom: number): (value: number) => number {
  const { low, high, logarithmic } = scale;
  const size = high - low || 1;
  return (value) => {
    const share = logarithmic ? Math.log(Math.max(value, low / 10) / low) / Math.log(high / low) : (value - low) / size;
    return bottom - Math.max(-2, Math.min(3, share)) * (bottom - top);
  };
}

function gridOf(
  plot: Plot,
  ticks: readonly number[],
  options: SeriesChartOptions,
  foreground: string,
  fontSize: number,
  unit: (value: number) => string,
  note: string,
): string[] {
  const { left, right, top, bottom } = plot;
  const parts: string[] = [];
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string, opacity: number): void => {
    parts.push(element('line', { x1, y1, x2, y2, stroke, 'stroke-opacity': opacity }));
  };
  const times = timeTicks(options.from, options.until, options.timeZone, (right - left) / Math.max(50, fontSize * 7));
  for (const tick of ticks) {
    const y = plot.y(tick);
    if (options.hideGrid !== true) line(left, y, right, y, foreground, 0.15);
    if (options.hideAxes !== true)
      parts.push(label(left - 6, y + fontSize * 0.35, unit(tick), { size: fontSize, anchor: 'end', fill: foreground }));
  }
  const corner = `${note}${options.timeZone}`;
  const cornerLeft = right - textWidth(corner, fontSize * 0.9) - 4;
  for (const tick of times) {
    const x = plot.x(tick.at);
    if (options.hideGrid !== true) line(x, top, x, bottom, foreground, tick.day === '' ? 0.1 : 0.25);
    if (options.hideAxes === true) continue;
    line(x, bottom, x, bottom + 3, foreground, 0.6);
    const room = textWidth(tick.text, fontSize) / 2;
    if (x + room > right + 10 || x - room < 0) continue;
    parts.push(label(x, bottom + fontSize * 1.4, tick.text, { size: fontSize, anchor: 'middle', fill: foreground }));
    // A day stays within the picture and off the corner.
    const dayRoom = textWidth(tick.day, fontSize) / 2;
    const dayX = Math.max(x, dayRoom + 2);
    if (tick.day !== '' && dayX + dayRoom < cornerLeft)
      parts.push(label(dayX, bottom + fontSize * 2.6, tick.day, { size: fontSize, anchor: 'middle', fill: foreground }));
  }
  if (options.hideAxes === true) return parts;
  line(left, bottom, right, bottom, foreground, 0.7);
  line(left, top, left, bottom, foreground, 0.7);
  parts.push(label(right, bottom + fontSize * 2.6, corner, { size: fontSize * 0.9, anchor: 'end', fill: '#888888' }));
  if (options.vtitle !== undefined) {
    const x = fontSize * 1.4;
    parts.push(label(x, (top + bottom) / 2, options.vtitle, { size: fontSize, anchor: 'middle', fill: foreground, rotate: -90 }));
  }
  return parts;
}
