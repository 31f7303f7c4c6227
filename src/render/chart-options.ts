/**
 * What may be asked of a chart of series, named as Graphite names its parameters; the colours; a series with its points as it is drawn; numbers as
 * axes and legends show them.
 */

import type { Points } from '../query/consolidate.js';
import type { Series } from '../query/series.js';
import { axisNumber } from './svg.js';

export interface SeriesChartOptions {
  readonly width: number;
  readonly height: number;
  /** Range, epoch seconds. */
  readonly from: number;
  readonly until: number;
  readonly timeZone: string;
  readonly title?: string;
  readonly vtitle?: string;
  readonly yMin?: number;
  readonly yMax?: number;
  readonly areaMode?: 'none' | 'first' | 'all' | 'stacked';
  /** Opacity of areas, 0 to 1. */
  readonly areaAlpha?: number;
  readonly lineMode?: 'slope' | 'staircase' | 'connected';
  readonly lineWidth?: number;
  readonly logBase?: number;
  /** CSS colours, in turn. */
  readonly colors?: readonly string[];
  readonly background?: string;
  readonly foreground?: string;
  readonly fontSize?: number;
  readonly hideLegend?: boolean;
  readonly hideAxes?: boolean;
  readonly hideGrid?: boolean;
  readonly drawNullAsZero?: boolean;
  readonly unitSystem?: 'si' | 'binary' | 'none';
  readonly maxDataPoints?: number;
}

/** Okabe and Ito's colours first, told apart by people with every kind of sight. */
export const chartColors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f3c8d', '#8c564b', '#5f6b6d', '#b5a300'];

/** A series as it is drawn. */
export interface Drawn {
  readonly series: Series;
  readonly points: Points;
  readonly color: string;
  /** Where an area of the series begins, a slot: the series below it in the stack. */
  readonly base: Float64Array | undefined;
  readonly tops: Float64Array;
}

/** A number with its unit's prefix. */
export function shownNumber(value: number, system: SeriesChartOptions['unitSystem'] = 'si'): string {
  if (system === 'none') return String(Number(value.toPrecision(6)));
  if (system === 'si') return axisNumber(value);
  const found = (['Ki', 'Mi', 'Gi', 'Ti', 'Pi'] as const)
    .map((name, index) => ({ name, size: 1024 ** (index + 1) }))
    .findLast(({ size }) => Math.abs(value) >= size);
  return found === undefined ? axisNumber(value) : `${Number((value / found.size).toPrecision(4))} ${found.name}`;
}
