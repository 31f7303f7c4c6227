/**
 * All selected flows in an order: they are held as columns until the input ends, then given out as batches again.
 * Largest first; `tstart` and `tend` earliest first; equal figures keep the order of the input. Memory is that of all rows held, about
 * 150 bytes a flow, and bounded: beyond the bound a filter or a window is asked for.
 */

import { Refused } from '../base/faults.js';
import { defaultBatchRows, FlowBatch } from '../base/flow-batch.js';
import { optionalNames } from '../base/flow-columns.js';
import type { GroupOrder } from './flow-groups.js';

/** Most rows that are sorted in memory. */
const rowsMax = 1 << 25;
/** The flows of `batches` by a figure. */
export async function* orderedFlows(batches: AsyncGenerator<FlowBatch>, by: GroupOrder): AsyncGenerator<FlowBatch> {
  const held: FlowBatch[] = [];
  let count = 0;
  for await (const batch of batches) {
    count += batch.count;
    if (count > rowsMax) throw new Refused(`--sort of more than ${rowsMax} flows (expected fewer: narrow the filter or the window)`);
    held.push(copied(batch));
  }
  const figures = new Float64Array(count);
  const places = new Float64Array(count);
  let at = 0;
  for (const [index, batch] of held.entries()) {
    for (let row = 0; row < batch.count; row++, at++) {
      figures[at] = flowFigure(batch, row, by);
      places[at] = index * 2 ** 32 + row;
    }
  }
  const sign = by === 'tstart' || by === 'tend' ? -1 : 1;
  const order = Uint32Array.from(figures.keys()).sort((left, right) => sign * (figures[right]! - figures[left]!) || left - right);
  yield* inOrder(held, places, order);
}

function* inOrder(held: readonly FlowBatch[], places: Float64Array, order: Uint32Array): Generator<FlowBatch> {
  const optional = optionalNames.filter((name) => held.some((batch) => batch.has(name)));
  const extra = new Set(held.flatMap((batch) => [...batch.extra.keys()]));
  const texts = new Set([...extra].filter((name) => held.some((batch) => Array.isArray(batch.extra.get(name)))));
  for (let start = 0; start < order.length; start += defaultBatchRows) {
    const rows = order.subarray(start, start + defaultBatchRows);
    const made = new FlowBatch(rows.length, optional);
    for (const name of extra)
      made.extra.set(name, texts.has(name) ? Array<string>(rows.length).fill('') : new Float64Array(rows.length).fill(Number.NaN));
    for (const [to, from] of rows.entries()) {
      const place = places[from]!;
      const index = Math.floor(place / 2 ** 32);
      copyRow(held[index] as FlowBatch, place - index * 2 ** 32, made, to);
    }
    made.count = rows.length;
    yield made;
  }
}

/** A flow's figure as nfdump orders by it: whole rates over its milliseconds. */
export function flowFigure(batch: FlowBatch, row: number, by: GroupOrder): number {
  if (by === 'flows') return 1;
  const [packets, bytes] = [batch.packets[row]!, batch.bytes[row]!];
  if (by === 'packets') return packets;
  if (by === 'bytes') return bytes;
  if (by === 'bpp') return packets > 0 ? Math.floor(bytes / packets) : 0;
  const firstMs = batch.firstSeconds[row]! * 1000 + Math.floor(batch.firstNanos[row]! / 1e6);
  if (by === 'tstart') return firstMs;
  const lastMs = batch.lastSeconds[row]! * 1000 + Math.floor(batch.lastNanos[row]! / 1e6);
  if (by === 'tend') return lastMs;
  const durationMs = Math.max(0, lastMs - firstMs);
  if (by === 'duration') return durationMs;
  return durationMs > 0 ? Math.floor((by === 'bps' ? 8 * bytes : packets) / (durationMs / 1000)) : 0;
}

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

function copied(batch: FlowBatch): FlowBatch {
  const made = new FlowBatch(
    batch.count,
    optionalNames.filter((name) => batch.has(name)),
  );
  for (const [name, value] of Object.entries(batch)) {
    if (!ArrayBuffer.isView(value)) continue;
    const column = value as Column;
    const width = column.length / batch.capacity;
    (made[name as 'packets'] as Column).set(column.subarray(0, batch.count * width));
  }
  for (const [name, column] of batch.extra) made.extra.set(name, column.slice(0, batch.count) as string[]);
  made.count = batch.count;
  made.file = batch.file;
  return made;
}

function copyRow(from: FlowBatch, row: number, to: FlowBatch, at: number): void {
  for (const [name, value] of Object.entries(from)) {
    if (!ArrayBuffer.isView(value)) continue;
    const column = value as Column;
    const target = to[name as 'packets'] as Column;
    const width = column.length / from.capacity;
    if (width === 1) target[at] = column[row]!;
    else target.set(column.subarray(row * width, (row + 1) * width), at * width);
  }
  for (const [name, column] of from.extra) {
    const target = to.extra.get(name) as string[];
    target[at] = column[row] as string;
  }
}
