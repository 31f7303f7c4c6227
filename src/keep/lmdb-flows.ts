/**
 * Blocks of flow records in the embedded store, under keys that hold their bounds, so that a window of time passes blocks over without touching them:
 *
 *   | arrived u32 | sequence u32 | rows u32 | first: least u32, most u32 | last: least u32, most u32 |      big-endian      value: flow-block.ts
 *
 * They stand in order of arrival, and within a second in the order of their commits: what is too old is a range at the beginning. How many are kept stands
 * in the table meta, under `flows`: | rows f64 | blocks f64 | bytes f64 |, changed with them.
 *
 * A scan looks at its last block first and reads keys a few hundred at a time, each time anew: a slow reader holds no old pages of the store.
 */

import { type Table, type Tables, text } from './lmdb-tables.js';
import { type FlowBlock, type FlowRange, isOutside } from './store.js';

const keyBytes = 28;
const keysAtOnce = 256;
const timeMax = 0xffffffff;
const expiredMax = 500;

/** How many flows are kept, in how many blocks, of how many bytes. */
export interface FlowTotals {
  readonly rows: number;
  readonly blocks: number;
  readonly bytes: number;
}

/** What is kept. */
export function flowTotals({ by: { meta } }: Tables): FlowTotals {
  const bytes = meta.getBinary(text('flows'));
  if (bytes === undefined) return { rows: 0, blocks: 0, bytes: 0 };
  return { rows: bytes.readDoubleLE(0), blocks: bytes.readDoubleLE(8), bytes: bytes.readDoubleLE(16) };
}

/** Puts blocks behind those of their second. Within a transaction. */
export function putFlows(tables: Tables, blocks: readonly FlowBlock[]): void {
  if (blocks.length === 0) return;
  const { flows } = tables.by;
  let [second, sequence] = [-1, 0];
  for (const block of blocks) {
    const arrived = Math.floor(block.arrived);
    if (arrived !== second) {
      second = arrived;
      sequence = 0;
      for (const key of flows.getKeys({ reverse: true, start: bound(arrived, timeMax), end: bound(arrived, 0), limit: 1 }))
        sequence = key.readUInt32BE(4);
    }
    flows.putSync(keyOf(block, arrived, ++sequence), Buffer.from(block.bytes));
  }
  add(tables, blocks, 1);
}

/** Removes blocks that arrived before a time, a bounded number; returns how many. Within a transaction. */
export function expireFlows(tables: Tables, before: number): number {
  const { flows } = tables.by;
  const keys = before <= 0 ? [] : [...flows.getKeys({ start: bound(0, 0), end: bound(before, 0), limit: expiredMax })];
  if (keys.length === 0) return 0;
  add(
    tables,
    keys.map((key) => blockOf(key, flows.getBinary(key) ?? new Uint8Array(0))),
    -1,
  );
  for (const key of keys) flows.removeSync(key);
  return keys.length;
}

/** Neighbouring blocks: those whose keys lie behind one and up to another, both in hexadecimal digits. */
export interface FlowShare {
  readonly after: string;
  readonly upTo: string;
}

/** Blocks that arrived in `[start, end)`; those outside of the window have no bytes. */
export async function* flowBlocks({ by: { flows } }: Tables, range: FlowRange, share?: FlowShare): AsyncGenerator<FlowBlock> {
  const [start, end] = [Math.max(0, range.start), Math.min(timeMax, range.end)];
  if (!(start < end)) return;
  const stop = bound(end, 0);
  const last = share === undefined ? lastBefore(flows, stop) : Buffer.from(share.upTo, 'hex');
  let after = share === undefined ? bound(start, 0) : Buffer.from(share.after, 'hex');
  while (last !== undefined) {
    const keys = [...flows.getKeys({ start: after, exclusiveStart: true, end: stop, limit: keysAtOnce })];
    for (const key of keys) {
      if (key.compare(last) > 0) return;
      const block = blockOf(key, noBytes);
      if (isOutside(block, range)) {
        yield block;
        continue;
      }
      // Without bytes it has expired meanwhile.
      const value = flows.getBinary(key);
      if (value !== undefined) yield { ...block, bytes: value };
    }
    if (keys.length < keysAtOnce) return;
    after = keys.at(-1) as Buffer;
  }
}

function lastBefore(flows: Table, stop: Buffer): Buffer | undefined {
  for (const key of flows.getKeys({ reverse: true, start: stop, exclusiveStart: true, end: bound(0, 0), limit: 1 }))
    return Buffer.from(key);
  return undefined;
}

/** Cuts all blocks into at most `count` neighbouring shares of about as many flows; none when there are no flows. */
export function cutFlows(tables: Tables, count: number): FlowShare[] {
  const shares: FlowShare[] = [];
  const each = flowTotals(tables).rows / count;
  let [rows, after, upTo] = [0, '00', ''];
  for (const key of tables.by.flows.getKeys({ start: bound(0, 0) })) {
    upTo = key.toString('hex');
    rows += blockOf(key, noBytes).rows;
    if (rows < each * (shares.length + 1) || shares.length === count - 1) continue;
    shares.push({ after, upTo });
    after = upTo;
  }
  return upTo === '' || upTo === after ? shares : [...shares, { after, upTo }];
}

const noBytes = new Uint8Array(0);

function keyOf({ rows, first, last }: FlowBlock, arrived: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(keyBytes);
  [arrived, sequence, rows, ...first, ...last].forEach((value, index) => {
    key.writeUInt32BE(value, 4 * index);
  });
  return key;
}

/** The block under a key, with these bytes. */
export function blockOf(key: Buffer, bytes: Uint8Array): FlowBlock {
  const at = (index: number): number => key.readUInt32BE(4 * index);
  return { arrived: at(0), rows: at(2), first: [at(3), at(4)], last: [at(5), at(6)], bytes };
}

// Below every key of an arrival and sequence, but above none of a lower one.
function bound(arrived: number, sequence: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.min(timeMax, Math.max(0, Math.floor(arrived))), 0);
  key.writeUInt32BE(sequence, 4);
  return key;
}

function add(tables: Tables, blocks: readonly FlowBlock[], sign: 1 | -1): void {
  const { rows, blocks: count, bytes } = flowTotals(tables);
  const sum = (of: (block: FlowBlock) => number): number => blocks.reduce((total, block) => total + sign * of(block), 0);
  const held = Buffer.allocUnsafe(24);
  held.writeDoubleLE(rows + sum((block) => block.rows), 0);
  held.writeDoubleLE(count + sign * blocks.length, 8);
  held.writeDoubleLE(bytes + sum((block) => block.bytes.length), 16);
  tables.by.meta.putSync(text('flows'), held);
}
