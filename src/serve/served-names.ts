/**
 * The names under which StatsD metrics are stored and served. A metric is stored once, by its kind (`counter:X`, `timer:X`, `gauge:X`, `set:X`: a colon cannot
 * stand in a StatsD name); what etsy's server would have sent to Graphite is derived from it when it is asked for. So a change of
 * `legacyNamespace` or of a prefix renames the past too, and nothing is stored twice.
 *
 *   counter  stats.X (a second), stats_counts.X         or  PREFIX.counters.X.rate, .count
 *   timer    stats.timers.X.{count,count_ps,sum,sum_squares,mean,upper,lower,std,median} and _90 ...      gauge  stats.gauges.X        set  stats.sets.X.count
 */

import type { Configuration } from './configuration.js';

export type StatsdKind = 'counter' | 'timer' | 'gauge' | 'set';

/** What is shown of a stored metric. */
export interface Figure {
  /** `sum`, `rate`, `last`, `distinct`, or a timer's figure such as `mean` or `upper`. */
  readonly figure: string;
  /** The share of a timer's values, in percent; negative: from the top. Undefined: all. */
  readonly percent?: number;
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

/** Every name that a metric is served under. Tags (`;a=b`) stay at the end of the name. */
export function servedNames(kind: StatsdKind, metric: string, settings: Configuration['statsd']): readonly ServedName[] {
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
      return [...all, ...shares];
    }
  }
}

// `99.9` -> `99_9`, `-20` -> `top20`.
function percentWord(percent: number): string {
  return String(percent).replace('.', '_').replace('-', 'top');
}

/** A timer's figure from its sorted values and weighted count, as etsy's server computes it; NaN when it shows none. */
export function timerFigure(sorted: Float64Array, weightedCount: number, figure: Figure, seconds: number): number {
  const total = sorted.length;
  if (total === 0) return figure.figure === 'count' || figure.figure === 'count_ps' ? 0 : Number.NaN;
  let part = sorted;
  if (figure.percent !== undefined) {
    const size = total > 1 ? Math.round((Math.abs(figure.percent) / 100) * total) : 1;
    if (size === 0) return Number.NaN;
    part = figure.percent > 0 ? sorted.subarray(0, size) : sorted.subarray(total - size);
    if (figure.figure === 'count') return size;
  }
  const sum = part.reduce((left, value) => left + value, 0);
  switch (figure.figure) {
    case 'count':
      return weightedCount;
    case 'count_ps':
      return weightedCount / seconds;
    case 'lower':
      return part[0] as number;
    case 'upper':
      return part[part.length - 1] as number;
    case 'sum':
      return sum;
    case 'sum_squares':
      return part.reduce((left, value) => left + value * value, 0);
    case 'mean':
      return sum / part.length;
    case 'median': {
      const middle = total >> 1;
      return total % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
    }
    case 'std':
      return Math.sqrt(part.reduce((left, value) => left + (value - sum / total) ** 2, 0) / total);
    default:
      return Number.NaN;
  }
}
