/**
 * Figures of a flow that no column holds, as nfdump compares them: whole numbers, rates over the milliseconds that the flow lasted (0 for a
 * flow of no length). A flow that ends before it begins has no rate and counts as longer than any, as in nfdump.
 */

import type { FlowBatch } from '../base/flow-batch.js';
import type { FigureName } from './filter-words.js';

const times = ['firstSeconds', 'firstNanos', 'lastSeconds', 'lastNanos'];
/** Columns that a figure is made of. */
export const figureColumns: Readonly<Record<FigureName, readonly string[]>> = {
  duration: times,
  bps: times,
  pps: times,
  bpp: [],
  icmpType: ['dport'],
  icmpCode: ['dport'],
  flowsOf: ['flowCount'],
  record: ['number'],
};

/** Writes the figure of each row to `out`. */
export function fillFigure(figure: FigureName, batch: FlowBatch, out: Float64Array): void {
  const { packets, bytes, dport, count } = batch;
  const counts = batch.flowCount;
  // A record counts one flow unless it says how many it was made of.
  if (figure === 'flowsOf') for (let row = 0; row < count; row++) out[row] = counts?.[row] || 1;
  else if (figure === 'icmpType') for (let row = 0; row < count; row++) out[row] = dport[row]! >> 8;
  else if (figure === 'icmpCode') for (let row = 0; row < count; row++) out[row] = dport[row]! & 255;
  else if (figure === 'bpp')
    for (let row = 0; row < count; row++) out[row] = packets[row]! > 0 ? Math.floor(bytes[row]! / packets[row]!) : 0;
  else {
    fillDurations(batch, out);
    if (figure === 'bps') for (let row = 0; row < count; row++) out[row] = rate(8000 * bytes[row]!, out[row]!);
    else if (figure === 'pps') for (let row = 0; row < count; row++) out[row] = rate(1000 * packets[row]!, out[row]!);
  }
}

function rate(amount: number, durationMs: number): number {
  return durationMs > 0 ? Math.floor(amount / durationMs) : 0;
}

// Milliseconds; those of a flow that ends before it begins are beyond any number.
function fillDurations({ firstSeconds, firstNanos, lastSeconds, lastNanos, count }: FlowBatch, out: Float64Array): void {
  for (let row = 0; row < count; row++) {
    const firstMs = firstSeconds[row]! * 1000 + Math.floor(firstNanos[row]! / 1e6);
    const lastMs = lastSeconds[row]! * 1000 + Math.floor(lastNanos[row]! / 1e6);
    out[row] = lastMs < firstMs ? Number.POSITIVE_INFINITY : lastMs - firstMs;
  }
}
