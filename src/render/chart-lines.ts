/**
 * A series in a plot: a line, steps, an area or upright lines; unknown slots are gaps, a value between two of them a dot. Areas stand on 0, on the series
 * below in a stack, or on the lower edge of a band.
 */

import type { Drawn, SeriesChartOptions } from './chart-options.js';
import { coordinate, element, escapeXml } from './svg.js';

/** Where the plot lies in the picture, and where times and values lie in it. */
export interface Plot {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: (time: number) => number;
  readonly y: (value: number) => number;
  readonly yRight: (value: number) => number;
}

/** The series as an element; the empty text when there is nothing to draw. */
export function drawSeries(drawn: Drawn, plot: Plot, options: SeriesChartOptions): string {
  const { series, points, color, base, tops } = drawn;
  const { drawing } = series;
  if (drawing?.invisible === true) return '';
  const y = drawing?.secondYAxis === true ? plot.yRight : plot.y;
  if (drawing?.drawAsInfinite === true) {
    const bars = points.times
      .filter((_, index) => (tops[index] as number) > 0)
      .map((time) => `M${coordinate(plot.x(time))} ${coordinate(plot.top)}V${coordinate(plot.bottom)}`);
    return bars.length === 0 ? '' : element('path', { d: bars.join(''), stroke: color, 'stroke-width': 1.5, fill: 'none' });
  }
  const area = base !== undefined || (drawing?.stacked !== undefined && drawing.stacked !== 'areaBetween') || areaWanted(drawn, options);
  const runs = runsOf(points.times, tops, options.lineMode === 'connected');
  const staircase = options.lineMode === 'staircase';
  const parts: string[] = [];
  if (area) {
    const zero = Math.min(plot.bottom, Math.max(plot.top, y(0)));
    const d = runs
      .map(
        (run) => `${pathOf(run, points.times, tops, plot, y, staircase)}${underside(run, points.times, base, plot, y, zero, staircase)}Z`,
      )
      .join('');
    const opacity = options.areaAlpha ?? drawing?.alpha ?? (base === undefined ? 0.35 : 0.75);
    if (d !== '') parts.push(element('path', { d, fill: color, 'fill-opacity': opacity, stroke: 'none' }));
  }
  const width = drawing?.lineWidth ?? options.lineWidth ?? 1.5;
  const line = runs.map((run) => pathOf(run, points.times, tops, plot, y, staircase)).join('');
  if (line !== '' && width > 0) {
    const dashes = drawing?.dashed === undefined ? undefined : `${drawing.dashed} ${drawing.dashed}`;
    const stroke = {
      d: line,
      fill: 'none',
      stroke: color,
      'stroke-width': width,
      'stroke-linejoin': 'round',
      'stroke-opacity': drawing?.alpha,
      'stroke-dasharray': dashes,
    };
    parts.push(element('path', stroke));
  }
  // A value between unknown ones has no line: a dot shows it.
  for (const run of runs) {
    if (run.length > 1 || staircase) continue;
    const at = run[0] as number;
    parts.push(
      element('circle', { cx: plot.x(points.times[at] as number), cy: y(tops[at] as number), r: Math.max(1, width * 0.8), fill: color }),
    );
  }
  return element('g', {}, [element('title', {}, escapeXml(series.name)), ...parts]);
}

function areaWanted({ series }: Drawn, { areaMode = 'none' }: SeriesChartOptions): boolean {
  return areaMode === 'all' || (areaMode === 'first' && series.drawing?.secondYAxis !== true);
}

// Slots in a row that are known; with `connected` all known ones are one row.
function runsOf(times: readonly number[], values: Float64Array, connected: boolean): number[][] {
  const runs: number[][] = [];
  let open = false;
  for (let index = 0; index < times.length; index++) {
    if (!Number.isFinite(values[index])) {
      if (!connected) open = false;
      continue;
    }
    if (open) runs.at(-1)?.push(index);
    else runs.push([index]);
    open = true;
  }
  return runs;
}

function pathOf(
  run: readonly number[],
  times: readonly number[],
  values: Float64Array,
  plot: Plot,
  y: (value: number) => number,
  staircase: boolean,
): string {
  let d = '';
  run.forEach((index, place) => {
    const [x, height] = [coordinate(plot.x(times[index] as number)), coordinate(y(values[index] as number))];
    d += place === 0 ? `M${x} ${height}` : staircase ? `H${x}V${height}` : `L${x} ${height}`;
  });
  const last = run.at(-1) as number;
  const step = (times[1] ?? 0) - (times[0] ?? 0);
  return staircase ? `${d}H${coordinate(plot.x((times[last] as number) + step))}` : d;
}

function underside(
  run: readonly number[],
  times: readonly number[],
  base: Float64Array | undefined,
  plot: Plot,
  y: (value: number) => number,
  zero: number,
  staircase: boolean,
): string {
  const floor = (index: number): string => coordinate(base === undefined ? zero : y(base[index] as number));
  let d = '';
  for (const index of run.toReversed()) {
    const x = coordinate(plot.x(times[index] as number));
    d += staircase ? `V${floor(index)}H${x}` : `L${x} ${floor(index)}`;
  }
  return d;
}
