/**
 * Weir's own functions, over the cells below the values of stored series: how much is unknown, how many points there were, their exact sum, the
 * distribution of a timer's values. They hold at every zoom: counts and sums add up, shares are averaged over the slots that they are of, percentiles
 * are those of all values and never averages of percentiles. A series that a function has computed has no cells left; asking it is an error that says so.
 */

import { percentUnknownOf } from './availability.js';
import type { Call, TargetFunction } from './function.js';
import { formatG } from './python-number.js';
import { derive, type Series, type SeriesCells } from './series.js';

const seriesList = { name: 'seriesList', type: 'seriesList', required: true } as const;
const sharesMax = 20;

export const cellFunctions: readonly TargetFunction[] = [
  {
    names: ['percentUnknown'],
    group: 'Special',
    description: "Weir's own: the share of the time (of events: of the finest slots) in which nothing is known, in percent.",
    parameters: [seriesList],
    needs: 'cells',
    run: (call) => stored(call, (_, series) => percentUnknownOf(series, call)),
  },
  {
    names: ['count'],
    group: 'Special',
    description: "Weir's own: how many points, weighted by their sampling, each slot holds.",
    parameters: [seriesList],
    needs: 'cells',
    run: (call) =>
      stored(call, ({ counts }, series) => ({ ...derive(series, `count(${series.name})`, counts.slice(), { count: '1' }), method: 'sum' })),
  },
  {
    names: ['exactSum'],
    group: 'Special',
    description: "Weir's own: the sum of all points of each slot, whatever the method of the series; the same number at every zoom.",
    parameters: [seriesList],
    needs: 'cells',
    run: (call) =>
      stored(call, ({ counts, sums }, series) => {
        const values = sums.map((sum, slot) => (counts[slot] === 0 ? Number.NaN : sum));
        return { ...derive(series, `exactSum(${series.name})`, values, { exactSum: '1' }), method: 'sum', xFilesFactor: 0 };
      }),
  },
  {
    names: ['distribution'],
    group: 'Special',
    description: "Weir's own: percentiles of all values of a timer, a line each; 50, 90, 95 and 99 where none are named.",
    parameters: [seriesList, { name: 'percentiles', type: 'float', multiple: true }],
    needs: 'cells',
    run: distribution,
  },
];

function stored(call: Call, reckon: (cells: SeriesCells, series: Series) => Series): readonly Series[] {
  return call.series().map((series) => {
    if (series.cells === undefined) throw call.fault(`'${series.name.slice(0, 100)}' is computed (expected a stored series)`);
    return reckon(series.cells, series);
  });
}

function distribution(call: Call): readonly Series[] {
  const given = call.all('percentiles').map(Number);
  const percentiles = given.length === 0 ? [50, 90, 95, 99] : given;
  if (percentiles.length > sharesMax || percentiles.some((one) => !(one > 0 && one <= 100)))
    throw call.fault(`at most ${sharesMax} percentiles above 0 and up to 100 are expected`);
  return call.series().flatMap((series) => {
    const quantile = series.cells?.quantile;
    if (quantile === undefined) throw call.fault(`'${series.name.slice(0, 100)}' is no timer (expected a figure of one)`);
    return percentiles.map((percentile) => {
      const values = series.values.map((_, slot) => quantile(slot, slot + 1, percentile / 100));
      const shown = formatG(percentile);
      const line = derive(series, `distribution(${series.name},${shown})`, values, { distribution: shown });
      return { ...line, merged: (start: number, end: number) => quantile(start, end, percentile / 100) };
    });
  });
}
