/**
 * Counts hits into calendar periods within one bound of memory for all of them. When the keys held exceed the bound, the largest tallies
 * are cut to one common size that halves what is held, so that a short list of statuses stays exact beside a long one of URLs.
 */

import type { Hit } from '../base/hit.js';
import { addHit, type HitCounts, mergeHitCounts, zeroHitCounts } from './hit-counts.js';
import type { KeyOptions, KeySpec } from './hit-keys.js';
import type { Per, Period, ZoneCalendar } from './period.js';
import { cutTally, type Tally } from './tally.js';

export interface CounterOptions {
  readonly specs: readonly KeySpec[];
  readonly keys: KeyOptions;
  readonly per: Per;
  readonly calendar: ZoneCalendar;
  /** Bound of all keys together. */
  readonly memoryBytes: number;
  /** Takes all that is counted when the bound is met, instead of cutting it: the counts stay exact. */
  readonly spill?: ((periods: Iterable<PeriodCounts>) => void) | undefined;
}

/** A period with its counts. */
export interface PeriodCounts {
  readonly period: Period;
  readonly counts: HitCounts;
}

export class HitCounter {
  readonly options: CounterOptions;
  /** By start of the period. */
  readonly periods = new Map<number, PeriodCounts>();
  #current: PeriodCounts | undefined;
  #untilCheck = 1024;

  constructor(options: CounterOptions) {
    this.options = options;
  }

  /** Counts a hit in the period that holds its time. */
  add(hit: Hit): void {
    addHit(this.countsAt(hit.timeMs), hit, this.options.specs, this.options.keys);
    this.#untilCheck -= 1;
    if (this.#untilCheck <= 0) this.keepBound();
  }

  /** The counts of the period that holds an instant, made if need be. */
  countsAt(timeMs: number): HitCounts {
    let found = this.#current;
    if (found === undefined || timeMs < found.period.startMs || timeMs >= found.period.endMs) {
      found = this.of(this.options.calendar.periodAt(this.options.per, timeMs));
      this.#current = found;
    }
    return found.counts;
  }

  /** The entry of a period, made if need be. */
  of(period: Period): PeriodCounts {
    let found = this.periods.get(period.startMs);
    if (found === undefined) {
      found = { period, counts: zeroHitCounts(this.options.specs, Number.POSITIVE_INFINITY) };
      this.periods.set(period.startMs, found);
    }
    return found;
  }

  /** Adds all that another counter of the same periods holds. */
  merge(part: HitCounter): void {
    for (const { period, counts } of part.periods.values()) mergeHitCounts(this.of(period).counts, counts);
    this.keepBound();
  }

  /** Hands over all that is counted and begins anew. */
  spill(take: (periods: Iterable<PeriodCounts>) => void): void {
    take(this.periods.values());
    this.periods.clear();
    this.#current = undefined;
  }

  /** Cuts the largest tallies if all together exceed the bound. */
  keepBound(): void {
    this.#untilCheck = 1024;
    const tallies: Tally[] = [];
    let used = 0;
    for (const { counts } of this.periods.values()) {
      for (const tally of counts.tallies.values()) {
        tallies.push(tally);
        used += tally.usedBytes;
      }
    }
    if (used <= this.options.memoryBytes) return;
    if (this.options.spill !== undefined) {
      this.spill(this.options.spill);
      return;
    }
    const level = levelFor(
      tallies.map((tally) => tally.usedBytes),
      this.options.memoryBytes / 2,
    );
    for (const tally of tallies) if (tally.usedBytes > level) cutTally(tally, level);
  }
}

// The size L for which the sum of min(size, L) is the target.
function levelFor(sizes: number[], target: number): number {
  sizes.sort((one, two) => one - two);
  let left = target;
  for (let index = 0; index < sizes.length; index++) {
    const share = left / (sizes.length - index);
    const size = sizes[index] ?? 0;
    if (size > share) return share;
    left -= size;
  }
  return Number.POSITIVE_INFINITY;
}
