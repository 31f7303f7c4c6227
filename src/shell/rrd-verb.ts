/** What a verb of `weir rrd` is: its words are RRDtool's own, taken apart by `rrd-options.ts`. One file a verb, listed in `rrd.ts`. */

import type { WallClock } from '../base/wall-clock.js';
import type { World } from './command.js';

/** What all verbs share, taken from the words before the verb sees them. */
export interface RrdContext {
  readonly world: World;
  /** Epoch seconds: the clock, or `--now T`. */
  readonly now: number;
  /** The zone of the environment's TZ, else the machine's. */
  readonly clock: WallClock;
  /** The same as a clock that goes on, epoch milliseconds. */
  readonly nowMs: () => number;
  /** The store's folder (`--data DIR`), where one was named. */
  readonly data: string | undefined;
}

export interface RrdVerb {
  readonly name: string;
  /** What follows the verb. */
  readonly usage: string;
  readonly summary: string;
  /** Returns the exit code. */
  readonly run: (words: readonly string[], context: RrdContext) => Promise<number>;
}
