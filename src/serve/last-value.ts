/**
 * The last value that a gauge had before a time, however long ago: windows further and further back are read, each on the step of the archive that reaches it,
 * so that a gauge that changed a minute ago costs little, and one that was set last year is still found.
 */

import type { MetricStore } from './metric-store.js';

const windowsSeconds = [3600, 86_400, 30 * 86_400];

/** The last value of a series with a slot that ends before or at `end`; NaN when there is none that is still kept. */
export async function lastValueBefore(store: MetricStore, name: string, end: number, now: number): Promise<number> {
  const keepSeconds = store.ladderOf(name).at(-1)?.keepSeconds ?? 0;
  const oldest = Math.max(0, now - keepSeconds);
  let until = end - 1;
  for (const window of [...windowsSeconds, Number.POSITIVE_INFINITY]) {
    const from = Math.max(oldest, end - window);
    if (from >= until) break;
    const { counts, lasts } = await store.read(name, from, until, now);
    const slot = counts.findLastIndex((count) => count > 0);
    if (slot >= 0) return lasts[slot] as number;
    until = from;
  }
  return Number.NaN;
}
