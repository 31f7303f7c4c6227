/**
 * The legend of a chart: a row a series, with its last, least, greatest, average and sum where there is room, and how many more there are where there is not.
 */

import { mergeValues } from '../query/series.js';
import { type Drawn, type SeriesChartOptions, shownNumber } from './chart-options.js';
import { element, label, textWidth } from './svg.js';

/** Draws a row between two edges, its foot at `y`. */
export type LegendRow = (left: number, y: number, right: number) => string;
const figures = [
  ['last', 'last'],
  ['min', 'min'],
  ['max', 'max'],
  ['avg', 'average'],
  ['sum', 'sum'],
] as const;
const figureWidth = 62;

/** The rows: a head and a row a series where there is room for figures, else names alone. */
export function legendOf(drawn: readonly Drawn[], options: SeriesChartOptions): LegendRow[] {
  const { width, height, fontSize = 10, foreground = '#333333' } = options;
  const rows = drawn.filter((one) => one.series.drawing?.invisible !== true);
  const room = Math.max(1, Math.floor((height * 0.45) / (fontSize * 1.6)));
  const withFigures = width >= 480;
  const shown = rows.slice(0, rows.length > room - 1 ? Math.max(1, room - 2) : rows.length);
  const made: LegendRow[] = [];
  if (withFigures && shown.length > 0) {
    made.push((_, y, right) =>
      figures
        .map(([name], index) =>
          label(right - (figures.length - 1 - index) * figureWidth, y, name, { size: fontSize, anchor: 'end', fill: '#888888' }),
        )
        .join(''),
    );
  }
  for (const { series, color } of shown) {
    made.push((left, y, right) => {
      const nameRight = withFigures ? right - figures.length * figureWidth + 8 : right;
      const parts = [
        element('rect', { x: left, y: y - fontSize * 0.8, width: fontSize * 0.9, height: fontSize * 0.9, fill: color }),
        label(left + fontSize * 1.4, y, fitted(series.name, nameRight - left - fontSize * 1.4, fontSize), {
          size: fontSize,
          fill: foreground,
        }),
      ];
      if (withFigures) {
        figures.forEach(([, method], index) => {
          const value = mergeValues(series.values, 0, series.values.length, method);
          const text = Number.isNaN(value) ? '-' : shownNumber(value, options.unitSystem);
          parts.push(
            label(right - (figures.length - 1 - index) * figureWidth, y, text, { size: fontSize, anchor: 'end', fill: foreground }),
          );
        });
      }
      return parts.join('');
    });
  }
  if (shown.length < rows.length)
    made.push((left, y) => label(left, y, `and ${rows.length - shown.length} more`, { size: fontSize, fill: '#888888' }));
  return made;
}

function fitted(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  let kept = text.length;
  while (kept > 1 && textWidth(`${text.slice(0, kept)}…`, size) > width) kept--;
  return `${text.slice(0, kept)}…`;
}
