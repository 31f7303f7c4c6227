/** What the journal of hits is given: counts in quarter-hour slots, with an identity and small state. */

import { HitCounter, type PeriodCounts } from '../fold/hit-counter.js';
import { defaultKeyOptions, type KeySpec } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';

export interface HitBatch {
  /** A batch of the same identity counts once. */
  readonly identity?: string | undefined;
  /** Counted in quarter-hour slots. */
  readonly counter?: HitCounter | undefined;
  /** Parts of the batch that its counter had no room for, as lines (`slotLine`). */
  readonly spilled?: readonly (readonly [startMs: number, line: Buffer])[] | undefined;
  readonly notes?: ReadonlyMap<string, string> | undefined;
}

/** A counter of quarter-hour slots, as batches are made of; `spill` takes what is counted when the bound is met, so that counts stay exact. */
export function hitCounterOfQuarters(
  specs: readonly KeySpec[],
  memoryBytes: number,
  keys = defaultKeyOptions,
  spill?: (periods: Iterable<PeriodCounts>) => void,
): HitCounter {
  return new HitCounter({ specs, keys, per: 'quarter', calendar: new ZoneCalendar('UTC'), memoryBytes, spill });
}
