/**
 * How a request reads: planned first, then fetched in one pass, then computed. A plan is made by running the targets over outlines, series that have their steps
 * and ranges but no values: so it names every series, archive and range that the functions will ask for, however far back they look, before anything is read.
 * Limits hold on the plan. What a target asks for only once it has seen values (`useSeriesAbove`) is read when it asks.
 *
 * Law: a plan changes no answer. Targets run over outlines may fail where values would not, and that is no failure; a series is read once for each range.
 */

import { setImmediate } from 'node:timers/promises';
import { Refused } from '../base/faults.js';
import type { Basis } from '../query/answers.js';
import { evaluateTarget } from '../query/evaluate.js';
import type { TargetContext } from '../query/function.js';
import type { Series } from '../query/series.js';
import type { Configuration } from './configuration.js';
import type { MetricReader, Read, Told } from './metric-reader.js';

const seriesAtOnce = 50;

export interface FetchPlanOptions extends Told {
  readonly reader: MetricReader;
  readonly limits: () => Configuration['limits'];
  /** What the series that were fetched since the last call rest on is added here. */
  readonly bases?: Basis[];
}

type Range = Pick<TargetContext, 'from' | 'until' | 'now' | 'alignSeconds' | 'isDropped' | 'onlyValues'>;

/** The series of one range: those that are planned, then those that were read. */
interface RangeReads {
  readonly range: Range;
  needsCells: boolean;
  /** What is planned: outlines by name, undefined where there is nothing to read. */
  readonly names: Map<string, Read | undefined>;
  readonly reads: Map<string, Read | undefined>;
}

export class FetchPlan {
  readonly #options: FetchPlanOptions;
  readonly #ranges = new Map<string, RangeReads>();
  #seriesCount = 0;
  #pointCount = 0;
  #isDrawing = false;
  #readCount = 0;

  constructor(options: FetchPlanOptions) {
    this.#options = options;
  }

  /** Plans what targets fetch in a context whose `fetch` is that of the plan, and reads it. Throws Refused for a limit. */
  async prepare(targets: readonly string[], context: TargetContext): Promise<void> {
    this.#isDrawing = true;
    try {
      for (const target of targets) {
        const budget = { calls: context.budget.calls, stacks: new Map() };
        await evaluateTarget(target, { ...context, budget }).catch((error: unknown) => {
          if (error instanceof LimitRefused) throw error;
        });
      }
    } finally {
      this.#isDrawing = false;
    }
    for (const reads of this.#ranges.values()) for (const name of reads.names.keys()) await this.#read(name, reads);
  }

  /** Series of a path or glob. */
  fetch = async (path: string, context: TargetContext): Promise<readonly Series[]> => {
    const { reader, limits } = this.#options;
    return await this.#seriesOf(reader.namesOf(path, limits().requestSeries + 1), path, context);
  };

  /** Series whose tags match every expression. */
  fetchTagged = async (expressions: readonly string[], context: TargetContext, shown?: string): Promise<readonly Series[]> =>
    await this.#seriesOf(this.#options.reader.namesTagged(expressions), shown, context);

  async #seriesOf(names: readonly string[], path: string | undefined, context: TargetContext): Promise<readonly Series[]> {
    const reads = this.#rangeOf(context);
    if (context.onlyValues !== true) reads.needsCells = true;
    this.#take(
      names.filter((name) => !reads.names.has(name)),
      reads,
    );
    const found: Series[] = [];
    for (const name of names) {
      const read = this.#isDrawing ? reads.names.get(name) : await this.#read(name, reads);
      if (read === undefined) continue;
      if (read.basis !== undefined) this.#options.bases?.push(read.basis);
      found.push(path === undefined ? read.series : { ...read.series, pathExpression: path });
    }
    return found;
  }

  // Cells serve those who need values alone; values do not serve the others.
  #rangeOf({ from, until, now, alignSeconds, isDropped, onlyValues }: TargetContext): RangeReads {
    const key = `${from} ${until} ${alignSeconds}`;
    const held = this.#ranges.get(`cells ${key}`) ?? this.#ranges.get(key);
    if (held !== undefined && (this.#isDrawing || held.needsCells || onlyValues === true)) return held;
    const range = { from, until, now, ...(alignSeconds === undefined ? {} : { alignSeconds }), ...(isDropped && { isDropped }) };
    const reads: RangeReads = { range, needsCells: onlyValues !== true, names: new Map(), reads: new Map() };
    this.#ranges.set(held === undefined ? key : `cells ${key}`, reads);
    return reads;
  }

  // Series are part of the plan from now on: what they will take is within the limits.
  #take(names: readonly string[], reads: RangeReads): void {
    const { requestSeries, points } = this.#options.limits();
    this.#seriesCount += names.length;
    if (this.#seriesCount > requestSeries)
      throw new LimitRefused(`the request reads more than ${requestSeries} series (limits.requestSeries)`);
    for (const name of names) {
      const outline = this.#options.reader.outline(name, reads.range);
      reads.names.set(name, outline);
      if (outline !== undefined) this.#pointCount += (outline.series.end - outline.series.start) / outline.series.stepSeconds;
      if (this.#pointCount > points) throw new LimitRefused(`the request reads more than ${points} points (limits.points)`);
    }
  }

  async #read(name: string, reads: RangeReads): Promise<Read | undefined> {
    if (reads.reads.has(name)) return reads.reads.get(name);
    // Others are served between, and a request that nobody waits for ends.
    if (++this.#readCount % seriesAtOnce === 0) await setImmediate();
    if (reads.range.isDropped?.() === true) throw new Refused('the client has gone');
    const read = await this.#options.reader.read(name, { ...reads.range, onlyValues: !reads.needsCells }, this.#options);
    reads.reads.set(name, read);
    return read;
  }
}

// A limit that the plan itself meets: the request ends there, whatever the target makes of other failures.
class LimitRefused extends Refused {}
