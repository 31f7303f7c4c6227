/** The curve of a latency over n: medians as dots, 99th percentiles as thin bars above them, the fitted line with its steps. */

import { axisNumber, element, label, linearTicks, picture } from './svg.js';

export interface LatencyCurve {
  readonly name: string;
  readonly sizes: readonly { readonly n: number; readonly medianMs: number; readonly p99Ms: number }[];
  readonly intercept: number;
  readonly slope: number;
  readonly steps: readonly { readonly n: number; readonly size: number; readonly confidence: number }[];
}

const [width, height] = [960, 480];
const plot = { left: 72, right: width - 24, top: 64, bottom: height - 56 };
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];

/** The picture as SVG. */
export function latencyChart(curves: readonly LatencyCurve[]): string {
  const points = curves.flatMap(({ sizes }) => sizes);
  const xTicks = linearTicks(0, Math.max(1, ...points.map(({ n }) => n)), 8);
  // Medians are what the picture is of: bars that would dwarf them are cut off at the top.
  const longestMs = Math.max(0.001, ...points.map(({ p99Ms }) => p99Ms));
  const yTicks = linearTicks(0, Math.min(longestMs, 1.6 * Math.max(0.001, ...points.map(({ medianMs }) => medianMs))), 6);
  const x = (n: number): number => plot.left + (n / (xTicks.at(-1) ?? 1)) * (plot.right - plot.left);
  const top = yTicks.at(-1) ?? 1;
  const y = (ms: number): number => plot.bottom - (Math.min(top, Math.max(0, ms)) / top) * (plot.bottom - plot.top);
  const parts = [label(plot.left, 28, 'Time to take n records', { size: 17, weight: 'bold', fill: '#111111' })];
  for (const tick of yTicks) {
    parts.push(element('line', { x1: plot.left, x2: plot.right, y1: y(tick), y2: y(tick), stroke: tick === 0 ? '#555555' : '#dddddd' }));
    parts.push(label(plot.left - 8, y(tick) + 4, `${axisNumber(tick)} ms`, { anchor: 'end' }));
  }
  for (const tick of xTicks) parts.push(label(x(tick), plot.bottom + 18, axisNumber(tick), { anchor: 'middle' }));
  parts.push(
    label(
      (plot.left + plot.right) / 2,
      height - 14,
      `n; dots are medians, bars reach to the 99th percentile${longestMs > top ? ` (the longest, cut off here, to ${axisNumber(longestMs)} ms)` : ''}`,
      { anchor: 'middle', fill: '#666666' },
    ),
  );
  curves.forEach((curve, index) => {
    const colour = colours[index % colours.length] ?? '#333333';
    parts.push(
      element('rect', { x: plot.left + index * 220, y: 40, width: 12, height: 12, fill: colour }),
      label(plot.left + index * 220 + 17, 50, curve.name),
    );
    for (const { n, medianMs, p99Ms } of curve.sizes) {
      parts.push(element('line', { x1: x(n), x2: x(n), y1: y(medianMs), y2: y(p99Ms), stroke: colour, 'stroke-opacity': '0.35' }));
      parts.push(element('circle', { cx: x(n), cy: y(medianMs), r: 3, fill: colour }));
    }
    parts.push(...fitted(curve, x, y, colour));
  });
  return picture(width, height, 'Time to take n records', parts);
}

function fitted(curve: LatencyCurve, x: (n: number) => number, y: (ms: number) => number, colour: string): string[] {
  const last = curve.sizes.at(-1)?.n ?? 1;
  const steps = [...curve.steps].sort((one, two) => one.n - two.n);
  const borders = [0, ...steps.map(({ n }) => n), last];
  let raised = curve.intercept;
  return borders.slice(1).flatMap((to, index) => {
    const from = borders[index] ?? 0;
    const step = steps[index - 1];
    if (step !== undefined) raised += step.size;
    const line = element('line', {
      x1: x(from),
      y1: y(raised + curve.slope * from),
      x2: x(to),
      y2: y(raised + curve.slope * to),
      stroke: colour,
      'stroke-width': 1.5,
    });
    if (step === undefined) return [line];
    const edge = element('line', { x1: x(from), x2: x(from), y1: plot.top, y2: plot.bottom, stroke: colour, 'stroke-dasharray': '4 4' });
    const text = `${step.size > 0 ? '+' : ''}${step.size.toFixed(3)} ms at ${step.n}`;
    const isRight = x(from) > plot.right - 160;
    return [line, edge, label(x(from) + (isRight ? -6 : 6), plot.top + 14, text, { fill: colour, anchor: isRight ? 'end' : 'start' })];
  });
}
