/** The flows of a store's folder as a reader of files would stream them: blocks outside of the window are counted, and not read. */

import { Corrupt, Refused } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import { partColumns, type ReadOptions } from '../collect/format.js';
import { FlowBlockReader } from '../keep/flow-block.js';
import { openFlowStore } from '../keep/flow-store.js';
import type { FlowShare } from '../keep/lmdb-flows.js';

/** Bounds of what is asked for, epoch seconds: what lies outside need not be given. */
export interface FlowWindow {
  readonly firstFrom?: number | undefined;
  readonly firstTo?: number | undefined;
  readonly lastTo?: number | undefined;
}

/** Streams the flows of a folder, or of a share of its blocks; answers how many rows there are. Throws Refused where there are no flows, Corrupt. */
export async function* storedFlows(
  folder: string,
  reading: ReadOptions,
  window: FlowWindow,
  share?: FlowShare,
  mayBeEmpty = false,
): AsyncGenerator<FlowBatch, number> {
  const store = openFlowStore(folder);
  try {
    if (store.totals().blocks === 0 && !mayBeEmpty) throw new Refused('a store without flows (weir load brings them in)', { file: folder });
    const reader = new FlowBlockReader();
    const names = wantedNames(reading);
    let rows = 0;
    for await (const block of store.scan({ start: 0, end: 2 ** 32, ...window }, share)) {
      if (block.bytes.length > 0) {
        const batch = readBlock(reader, block.bytes, names, folder);
        for (let row = 0; row < batch.count; row++) batch.number[row] = reading.numberBefore + rows + row + 1;
        yield batch;
      }
      rows += block.rows;
    }
    return rows;
  } finally {
    await store.close();
  }
}

/** Reads a block, or says whose it is. Throws Corrupt. */
export function readBlock(reader: FlowBlockReader, bytes: Uint8Array, names: ReadonlySet<string> | undefined, file: string): FlowBatch {
  try {
    return reader.read(bytes, names);
  } catch (error) {
    throw error instanceof Corrupt ? new Corrupt(error.message, { file }, error) : error;
  }
}

/** Columns of the batch that are wanted, by name; undefined: all. */
export function wantedNames({ wanted }: Pick<ReadOptions, 'wanted'>): ReadonlySet<string> | undefined {
  return wanted === undefined ? undefined : new Set(['number', 'packets', 'bytes', ...wanted.flatMap((part) => partColumns[part])]);
}
