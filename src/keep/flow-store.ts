/**
 * The flow records of a store's folder, for whoever only reads them: nothing of its metrics is looked at, no lock is taken, and another process may write
 * meanwhile. What is read is what was durable when the reading began.
 */

import { faultOf } from './lmdb-file.js';
import { cutFlows, type FlowShare, type FlowTotals, flowBlocks, flowTotals } from './lmdb-flows.js';
import { Tables } from './lmdb-tables.js';
import type { FlowBlock, FlowRange } from './store.js';

export interface FlowStore {
  /** Blocks as the store's `scan` gives them; of a share of them, if one is named. Throws Corrupt. */
  readonly scan: (range: FlowRange, share?: FlowShare) => AsyncGenerator<FlowBlock>;
  readonly totals: () => FlowTotals;
  /** Cuts what there is into so many neighbouring shares of about as many flows. */
  readonly cut: (count: number) => readonly FlowShare[];
  readonly close: () => Promise<void>;
}

/** Opens the flows of a store's folder for reading. Throws Refused where there is none, Corrupt where it is damaged. */
export function openFlowStore(folder: string): FlowStore {
  const guarded = <T>(act: () => T): T => {
    try {
      return act();
    } catch (error) {
      throw faultOf(error, folder);
    }
  };
  const tables = guarded(() => new Tables(folder, true));
  return {
    scan: async function* (range, share) {
      try {
        yield* flowBlocks(tables, range, share);
      } catch (error) {
        throw faultOf(error, folder);
      }
    },
    totals: () => guarded(() => flowTotals(tables)),
    cut: (count) => guarded(() => cutFlows(tables, count)),
    close: async () => {
      await tables.root.close();
    },
  };
}
