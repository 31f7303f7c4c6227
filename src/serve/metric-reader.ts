/**
 * From a path to series: names are found in the tree, slots read from the store, and the figure that a name asks for is made from the cells (law: merge
 * raw, derive last). Graphite's names show by their aggregation method; StatsD's served names by what they mean. A stored name goes before a derived one.
 *
 * Idle counters read 0 and idle gauges their last value from the first point on up to now, unless `deleteIdleStats`.
 */

import { mergeTimers } from '../fold/timer-values.js';
import { isCatchAll } from '../keep/ladder.js';
import { archiveReaching } from '../keep/store.js';
import type { Basis, Rejected } from '../query/answers.js';
import type { TargetContext } from '../query/function.js';
import type { NameTree } from '../query/name-tree.js';
import { type Method, methodOf, type Series, type SeriesCells } from '../query/series.js';
import { basisOf, type Sampled } from './answer-basis.js';
import type { Configuration } from './configuration.js';
import { parseHidden, receivedName, rejectedLadder } from './hidden-series.js';
import type { Intake } from './intake.js';
import { lastValueBefore } from './last-value.js';
import type { MetricStore, StoredSlots } from './metric-store.js';
import { percentileOf, ruleOf } from './rules.js';
import { binsOf, type Figure, parseStoredName, servedNames, timerFigure } from './served-names.js';
import { figureMethod, meanOf, methodValues, percentileValues, quantileOf } from './slot-figures.js';
import { TagIndex, tagsOf } from './tag-index.js';

interface Served {
  readonly stored: string;
  /** Undefined: a series of its own, shown by its method. */
  readonly figure: Figure | undefined;
  /** How it is shown, once somebody asked. */
  way?: Way;
}

export interface MetricReaderOptions {
  readonly store: MetricStore;
  readonly names: NameTree;
  readonly intake: () => Intake;
  readonly configuration: () => Configuration;
}

interface Way {
  readonly method: string;
  readonly xFilesFactor: number;
  /** A rule chose it for a figure that is usually shown otherwise. */
  readonly isChosen: boolean;
}

/** What is told while series are read. */
export interface Told {
  /** Where it is given, each series says what it rests on. */
  readonly bases?: Basis[];
  /** To be called when nobody looks at the series any more. */
  readonly releases?: (() => void)[];
}

/** A series that was read, and what it rests on, where that was asked for. */
export interface Read {
  readonly series: Series;
  readonly basis: Basis | undefined;
}

export type ReadContext = Pick<TargetContext, 'from' | 'until' | 'now' | 'alignSeconds' | 'onlyValues'>;
type ReadRange = readonly [from: number, until: number, now: number, alignSeconds: number | undefined];

const noValues = new Float64Array(0);
/** Methods that show the value of a slot with a single point. */
const singleMethods: ReadonlySet<string> = new Set(['average', 'avg', 'sum', 'min', 'max', 'last', 'absmax', 'absmin']);

export class MetricReader {
  readonly #options: MetricReaderOptions;
  readonly #served = new Map<string, Served>();
  // Stored names that no name shows: what came sampled, what was turned away.
  readonly #hidden = new Set<string>();
  /** Names with tags; they are found by tag, not by the tree. */
  readonly tags = new TagIndex();

  constructor(options: MetricReaderOptions) {
    this.#options = options;
  }

  /** A series is there from now on: its name, or the names that it is served under. */
  announce(stored: string): void {
    if (parseHidden(stored) !== undefined) {
      this.#hidden.add(stored);
      return;
    }
    const statsd = parseStoredName(stored);
    if (statsd === undefined) this.#serve(stored, { stored, figure: undefined });
    else {
      const configuration = this.#options.configuration();
      const bins = statsd.kind === 'timer' ? binsOf(statsd.name, configuration) : [];
      for (const { name, figure } of servedNames(statsd.kind, statsd.name, configuration.statsd, bins)) {
        if (this.#served.get(name)?.figure === undefined && this.#served.has(name)) continue;
        this.#serve(name, { stored, figure });
      }
    }
  }

  /** The names under which metrics are served changed: all are announced again. */
  reload(stored: Iterable<string>): void {
    this.#served.clear();
    this.#hidden.clear();
    this.tags.clear();
    this.#options.names.clear();
    for (const name of stored) this.announce(name);
  }

  #serve(name: string, served: Served): void {
    this.#served.set(name, served);
    if (name.includes(';')) this.tags.add(name);
    else this.#options.names.add(name);
  }

  /** Names of series that a path or glob finds; at most `countMax`. */
  namesOf(path: string, countMax: number): readonly string[] {
    if (this.#served.has(path)) return [path];
    return this.#options.names.find(path, countMax).flatMap((one) => (one.leaf ? [one.path] : []));
  }

  /** Names of series whose tags match every expression, in order. */
  namesTagged(expressions: readonly string[]): readonly string[] {
    return this.tags
      .find(expressions)
      .map(({ name }) => name)
      .sort();
  }

  /** A series as it will be read, without its values: the step of its archive, and its range. Undefined where `read` gives none. */
  outline(name: string, context: ReadContext): Read | undefined {
    const { stored, way } = this.#wayed(name);
    const range = this.#rangeOf(stored, context);
    if (range === undefined) return undefined;
    const { stepSeconds, start, end } = this.#options.store.slotsOf(stored, ...range);
    const method: Method = methodOf(way.method) ?? 'average';
    const tags = name.includes(';') ? tagsOf(name) : { name };
    return {
      series: { name, tags, pathExpression: name, start, end, stepSeconds, values: noValues, method, xFilesFactor: 0 },
      basis: undefined,
    };
  }

  // Undefined where the range lies before all archives, or ahead of the clock: no slot is shown that can hold nothing.
  #rangeOf(stored: string, { from, until, now, alignSeconds }: ReadContext): ReadRange | undefined {
    const { store } = this.#options;
    const oldest =
      Math.min(now, store.newestOf?.(stored) ?? now) - (store.ladderOf(stored).at(-1)?.keepSeconds ?? Number.POSITIVE_INFINITY);
    return from > now || until < oldest ? undefined : [Math.max(from, oldest), Math.min(until, now), now, alignSeconds];
  }

  #wayed(name: string): Served & { readonly way: Way } {
    const served = this.#served.get(name) as Served;
    served.way ??= this.#wayOf(name, served.stored, served.figure);
    return served as Served & { readonly way: Way };
  }

  /** A series by its name; undefined where its archives and the range do not meet. */
  async read(name: string, context: ReadContext, { bases, releases }: Told): Promise<Read | undefined> {
    const { store } = this.#options;
    const { stored, figure, way } = this.#wayed(name);
    const range = this.#rangeOf(stored, context);
    if (range === undefined) return undefined;
    const method: Method = methodOf(way.method) ?? 'average';
    const percentile = figure === undefined ? percentileOf(way.method) : undefined;
    const valuesOnly = context.onlyValues === true && bases === undefined && figure === undefined && singleMethods.has(way.method);
    let slots = await store.read(stored, ...range, valuesOnly);
    // Of a slot with one point in one finest slot every such method shows that point, unless too little of the slot is known.
    const shareOfOne = (store.ladderOf(stored)[0]?.stepSeconds ?? slots.stepSeconds) / slots.stepSeconds;
    if (slots.single !== undefined && shareOfOne < way.xFilesFactor) slots = await store.read(stored, ...range);
    const values =
      slots.single ??
      (figure !== undefined && !way.isChosen
        ? this.#figureValues(slots, figure)
        : percentile === undefined
          ? methodValues(slots, method, way.xFilesFactor)
          : percentileValues(slots, percentile, way.xFilesFactor));
    if (figure !== undefined) await this.#fillIdle(values, stored, slots, context);
    const { now } = context;
    const told = { name, now, method: way.method, xFilesFactor: way.xFilesFactor, ladder: store.ladderOf(stored) };
    const basis =
      bases === undefined
        ? undefined
        : basisOf(slots, { ...told, sampled: await this.#sampledOf(stored, slots, range), shown: values, isFigure: figure !== undefined });
    const tags = name.includes(';') ? tagsOf(name) : { name };
    const series = {
      ...{ name, tags, pathExpression: name, stepSeconds: slots.stepSeconds, values, method },
      ...{ start: slots.start, end: slots.start + values.length * slots.stepSeconds },
      // The series' own factor has been applied to its slots; what a function asks for beyond is its own affair, as Graphite has it.
      xFilesFactor: 0,
    };
    if (context.onlyValues === true) {
      // Values that are the store's own are shown until the answer is written.
      if (slots.single === undefined) slots.release?.();
      else if (slots.release !== undefined) releases?.push(slots.release);
      return { series, basis };
    }
    const merged =
      figure === undefined || parseStoredName(stored)?.kind === 'timer'
        ? mergedFigure(slots, values, method, figure, percentile)
        : undefined;
    return { series: { ...series, ...(merged === undefined ? {} : { merged }), cells: cellsOf(slots, figure !== undefined) }, basis };
  }

  /** Points and lines that listeners of metrics turned away in the time of a range, by listener and cause. */
  async rejectedWithin({ from, until, now }: Pick<TargetContext, 'from' | 'until' | 'now'>): Promise<Rejected> {
    const { store } = this.#options;
    const since = await store.rejectsSince?.();
    const byListener: Record<string, Record<string, number>> = {};
    for (const stored of [...this.#hidden].sort()) {
      const hidden = parseHidden(stored);
      if (hidden?.kind !== 'rejected' || from >= now) continue;
      // The whole slots that the range meets.
      const { stepSeconds } = archiveReaching(rejectedLadder, from, now);
      const { counts, release } = await store.read(stored, from - stepSeconds, Math.min(until, now), now);
      const count = counts.reduce((sum, one) => sum + one, 0);
      release?.();
      if (count > 0) byListener[hidden.listener] = { ...byListener[hidden.listener], [hidden.cause]: count };
    }
    return { byListener, ...(since !== undefined && since <= from ? {} : { since: since ?? null }) };
  }

  // Of points that came sampled: how many came, and the events that they stand for.
  async #sampledOf(stored: string, slots: StoredSlots, range: ReadRange): Promise<Sampled | undefined> {
    if (parseStoredName(stored)?.kind === 'timer') {
      const points = (slots.values ?? []).reduce((sum, part) => sum + (part?.total ?? 0), 0);
      const events = (slots.values ?? []).reduce((sum, part) => sum + (part?.weight ?? 0), 0);
      return points === events ? undefined : { points, events };
    }
    const name = receivedName(stored);
    if (!this.#hidden.has(name)) return undefined;
    const read = await this.#options.store.read(name, ...range);
    const sampled = { points: read.counts.reduce((sum, one) => sum + one, 0), events: read.sums.reduce((sum, one) => sum + one, 0) };
    read.release?.();
    return sampled;
  }

  // A rule of the configuration goes before storage-aggregation.conf; StatsD's names mean what they mean.
  #wayOf(name: string, stored: string, figure: Figure | undefined): Way {
    const { rules, statsd } = this.#options.configuration();
    const way = this.#options.store.methodOf(name);
    if (figure === undefined) {
      const rule = ruleOf(name, rules, (one) => one.method !== undefined);
      return { method: rule?.method ?? way.method, xFilesFactor: way.xFilesFactor, isChosen: false };
    }
    const usual = { method: figureMethod(figure), xFilesFactor: 0, isChosen: false };
    // A counter's count is shown another way where a rule means it, which one for every name does not. Idle slots are known to be 0.
    if (figure.figure !== 'sum' || parseStoredName(stored)?.kind !== 'counter') return usual;
    const rule = ruleOf(name, rules, (one) => one.method !== undefined && !isCatchAll(one.pattern));
    if (rule?.method !== undefined) return { ...usual, method: rule.method, isChosen: true };
    if (way.isSpecific !== true) return usual;
    return { method: way.method, xFilesFactor: statsd.deleteIdleStats ? way.xFilesFactor : 0, isChosen: true };
  }

  #figureValues(slots: StoredSlots, figure: Figure): Float64Array {
    const { counts, sums, lasts, stepSeconds } = slots;
    return counts.map((count, slot) => {
      if (count === 0) return Number.NaN;
      if (figure.figure === 'rate') return (sums[slot] as number) / stepSeconds;
      if (figure.figure === 'sum' && slots.values?.[slot] === undefined) return sums[slot] as number;
      if (figure.figure === 'last') return lasts[slot] as number;
      if (figure.figure === 'distinct') return slots.distinct?.[slot] ?? Number.NaN;
      const timer = slots.values?.[slot];
      return timer === undefined ? Number.NaN : timerFigure(timer, figure, stepSeconds);
    });
  }

  async #fillIdle(values: Float64Array, stored: string, slots: StoredSlots, context: Pick<TargetContext, 'now'>): Promise<void> {
    const statsd = parseStoredName(stored);
    if (this.#options.configuration().statsd.deleteIdleStats || (statsd?.kind !== 'counter' && statsd?.kind !== 'gauge')) return;
    const intake = this.#options.intake();
    const series = intake.known(stored);
    const first = series < 0 ? Number.NEGATIVE_INFINITY : intake.firstSlotOf(series);
    let held = statsd.kind === 'counter' ? 0 : await this.#gaugeBefore(stored, series, slots.start, context);
    for (let slot = 0; slot < values.length; slot++) {
      const label = slots.start + slot * slots.stepSeconds;
      if (label > context.now) break;
      if (!Number.isNaN(values[slot])) {
        if (statsd.kind === 'gauge') held = values[slot] as number;
      } else if (slots.counts[slot] === 0 && label + slots.stepSeconds > first) values[slot] = held;
    }
  }

  // The value that a gauge had when the range began: as it stands, when nothing came since, else the last one stored before.
  async #gaugeBefore(stored: string, series: number, start: number, context: Pick<TargetContext, 'now'>): Promise<number> {
    const { store } = this.#options;
    const intake = this.#options.intake();
    if (series >= 0 && intake.newestOf(series) > 0 && intake.newestOf(series) < start) return intake.gauges.get(series) ?? Number.NaN;
    return await lastValueBefore(store, stored, start, context.now);
  }
}

// How slots of a stored series merge into one figure, where that is more than its values tell.
function mergedFigure(
  slots: StoredSlots,
  shown: Float64Array,
  method: Method,
  figure: Figure | undefined,
  percentile: number | undefined,
): ((start: number, end: number) => number) | undefined {
  // Only what is needed is held: a request may read many series.
  const { counts, sums } = slots;
  const { values, stepSeconds } = slots;
  if (percentile !== undefined) return values === undefined ? undefined : (start, end) => quantileOf(values, start, end, percentile);
  if (figure === undefined) return method === 'average' ? (start, end) => meanOf(counts, sums, shown, start, end) : undefined;
  if (values === undefined) return undefined;
  return (start, end) => {
    const parts = values.slice(start, end).filter((part) => part !== undefined);
    return parts.length === 0 ? Number.NaN : timerFigure(mergeTimers(parts), figure, (end - start) * stepSeconds);
  };
}

function cellsOf(slots: StoredSlots, isTimer: boolean): SeriesCells {
  const { counts, sums, filled, values, states } = slots;
  if (states !== undefined) return { counts, sums, filled, states };
  if (values === undefined) return { counts, sums, filled };
  const quantile = (start: number, end: number, share: number): number => quantileOf(values, start, end, share * 100);
  return { counts, filled, quantile, sums: isTimer ? Float64Array.from(values, (part) => part?.sum ?? 0) : sums };
}
