/**
 * The names under which StatsD metrics are stored and served. A metric is stored once, by its kind (`counter:X`, `timer:X`, `gauge:X`, `set:X`: a colon cannot
 * stand in a StatsD name); what etsy's server would have sent to Graphite is derived from it when it is asked for. So a change of
 * `legacyNamespace` or of a prefix renames the past too, and nothing is stored twice.
 *
 *   counter  stats.X (a second), stats_counts.X         or  PREFIX.counters.X.rate, .count
 *   timer    stats.timers.X.{count,count_ps,sum,sum_squares,mean,upper,lower,std,median} and _90 ...      gauge  stats.gauges.X        set  stats.sets.X.count
 */

import type { TimerValues } from '../fold/timer-values.js';
import type { Configuration } from './configuration.js';
import { parseHidden } from './hidden-series.js';
import { type BinBounds, patternOf } from './rules.js';

export type StatsdKind = 'counter' | 'timer' | 'gauge' | 'set';

/** What is shown of a stored metric. */
export interface Figure {
  /** `sum`, `rate`, `last`, `distinct`, or a timer's figure such as `mean` or `upper`. */
  readonly figure: string;
  /** The share of a timer's values, in percent; negative: from the top. Undefined: all. */
  readonly percent?: number;
  /** The values of a bin, `[from, below)`. */
  readonly bin?: { readonly from: number; readonly below: number };
}

/** A name that is served and what it shows. */
export interface ServedName {
  readonly name: string;
  readonly figure: Figure;
}

const timerFigures = ['count', 'count_ps', 'lower', 'mean', 'median', 'std', 'sum', 'sum_squares', 'upper'] as const;
const upperShares = ['count', 'mean', 'upper', 'sum', 'sum_squares'] as const;
const lowerShares = ['count', 'mean', 'lower', 'sum', 'sum_squares'] as const;

/** The name under which a metric is stored. */
export function storedName(kind: StatsdKind, name: string): string {
  return `${kind}:${name}`;
}

/** Kind and name of a stored name, or undefined when it is no StatsD metric. */
export function parseStoredName(stored: string): { kind: StatsdKind; name: string } | undefined {
  const found = /^(counter|timer|gauge|set):(.+)$/s.exec(stored);
  return found === null ? undefined : { kind: found[1] as StatsdKind, name: found[2] as string };
}

/** Whether a name is of the forms that only Weir gives: of a StatsD metric, or of a hidden series. */
export function isStoredForm(name: string): boolean {
  return parseStoredName(name) !== undefined || parseHidden(name) !== undefined;
}

/** Every name that a metric is served under. Tags (`;a=b`) stay at the end of the name; `bins` are those of a timer. */
export function servedNames(
  kind: StatsdKind,
  metric: string,
  settings: Configuration['statsd'],
  bins: BinBounds = [],
): readonly ServedName[] {
  const cut = metric.indexOf(';');
  const name = cut < 0 ? metric : metric.slice(0, cut);
  const tags = cut < 0 ? '' : metric.slice(cut);
  const { legacyNamespace: legacy, globalPrefix } = settings;
  const path = (...nodes: string[]): string => nodes.filter((node) => node !== '').join('.') + tags;
  const root = (prefix: string, usual: string): string[] => (legacy ? ['stats', usual] : [globalPrefix, prefix]);
  switch (kind) {
    case 'counter':
      if (legacy) {
        return [
          { name: path('stats', name), figure: { figure: 'rate' } },
          { name: path('stats_counts', name), figure: { figure: 'sum' } },
        ];
      }
      return [
        { name: path(globalPrefix, settings.prefixCounter, name, 'rate'), figure: { figure: 'rate' } },
        { name: path(globalPrefix, settings.prefixCounter, name, 'count'), figure: { figure: 'sum' } },
      ];
    case 'gauge':
      return [{ name: path(...root(settings.prefixGauge, 'gauges'), name), figure: { figure: 'last' } }];
    case 'set':
      return [{ name: path(...root(settings.prefixSet, 'sets'), name, 'count'), figure: { figure: 'distinct' } }];
    case 'timer': {
      const base = root(settings.prefixTimer, 'timers');
      const all = timerFigures.map((figure) => ({ name: path(...base, name, figure), figure: { figure } }));
      const shares = settings.percentThreshold.flatMap((percent) =>
        (percent < 0 ? lowerShares : upperShares).map((figure) => ({
          name: path(...base, name, `${figure}_${percentWord(percent)}`),
          figure: { figure, percent },
        })),
      );
      const binned = bins.map((bound, index) => {
        const from = (bins[index - 1] as number | undefined) ?? Number.NEGATIVE_INFINITY;
        const bin = { from, below: bound === 'inf' ? Number.POSITIVE_INFINITY : bound };
        return { name: path(...base, name, `histogram.bin_${String(bound).replace('.', '_')}`), figure: { figure: 'bin', bin } };
      });
      return [...all, ...shares, ...binned];
    }
  }
}

/** The bins of a timer: those of the first rule that names it (by its own name or by the one it is served under), else of `statsd.histogram`. */
export function binsOf(metric: string, { statsd, rules }: Pick<Configuration, 'statsd' | 'rules'>): BinBounds {
  const served = `${statsd.legacyNamespace ? 'stats.timers' : `${statsd.globalPrefix}.${statsd.prefixTimer}`}.${metric}`;
  for (const { pattern, histogram } of rules) {
    if (!Array.isArray(histogram)) continue;
    const compiled = patternOf(pattern);
    if (compiled.matcher(metric).find() || compiled.matcher(served).find()) return histogram as BinBounds;
  }
  return statsd.histogram.find((one) => metric.includes(one.metric))?.bins ?? [];
}

// `99.9` -> `99_9`, `-20` -> `top20`.
function percentWord(percent: number): string {
  return String(percent).replace('.', '_').replace('-', 'top');
}

/** A timer's figure from its values, as etsy's server computes it; NaN when it shows none. */
export function timerFigure(timer: TimerValues, figure: Figure, seconds: number): number {
  const { total, sum, values, counts } = timer;
  if (total === 0) return figure.figure === 'count' || figure.figure === 'count_ps' ? 0 : Number.NaN;
  if (figure.bin !== undefined) {
    const { from, below } = figure.bin;
    return values.reduce((events, value, index) => (value >= from && value < below ? events + (counts[index] as number) : events), 0);
  }
  if (figure.percent !== undefined) return shareFigure(timer, figure.figure, figure.percent);
  switch (figure.figure) {
    case 'count':
      return timer.weight;
    case 'count_ps':
      return timer.weight / seconds;
    case 'lower':
      return timer.min;
    case 'upper':
      return timer.max;
    case 'sum':
      return sum;
    case 'sum_squares':
      return timer.squares;
    case 'mean':
      return sum / total;
    case 'median':
      return (valueAt(timer, (total - 1) >> 1) + valueAt(timer, total >> 1)) / 2;
    case 'std':
      return Math.sqrt(values.reduce((left, value, index) => left + (value - sum / total) ** 2 * (counts[index] as number), 0) / total);
    default:
      return Number.NaN;
  }
}

// The figure of the lowest (percent above 0) or highest share of the values.
function shareFigure(timer: TimerValues, figure: string, percent: number): number {
  const { total, values, counts } = timer;
  const size = total > 1 ? Math.round((Math.abs(percent) / 100) * total) : 1;
  if (size === 0) return Number.NaN;
  if (figure === 'count') return size;
  if (figure === 'upper') return valueAt(timer, percent > 0 ? size - 1 : total - 1);
  if (figure === 'lower') return valueAt(timer, percent > 0 ? 0 : total - size);
  const [from, to] = percent > 0 ? [0, size] : [total - size, total];
  let sum = 0;
  let squares = 0;
  let rank = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as number;
    const count = counts[index] as number;
    const taken = Math.max(0, Math.min(to, rank + count) - Math.max(from, rank));
    sum += value * taken;
    squares += value * value * taken;
    rank += count;
  }
  return figure === 'sum' ? sum : figure === 'sum_squares' ? squares : sum / size;
}

// The value of a rank, from 0. The least and the greatest are exact even where the rest is in bins.
function valueAt({ values, counts, total, min, max }: TimerValues, rank: number): number {
  if (rank <= 0) return min;
  if (rank >= total - 1) return max;
  let before = 0;
  for (let index = 0; index < values.length; index++) {
    before += counts[index] as number;
    if (before > rank) return values[index] as number;
  }
  return max;
}
