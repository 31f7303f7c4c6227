/**
 * What the counting kernel counted, moved into the bounded tallies of a HitCounter: keys become texts, figures are added to those of their period.
 */

import type { HitCounter } from './hit-counter.js';
import { binOf, type LineCounter } from './line-counter.js';
import type { Period } from './period.js';
import { addTally } from './tally.js';

/** Moves all that the kernel counted, and empties it; `periods` in its numbering. */
export function drainInto(counter: HitCounter, kernel: LineCounter, periods: readonly Period[]): void {
  kernel.drain((group, key, count) => addCount(counter, kernel, periods, group, key, count));
  periods.forEach((period, number) => {
    const { counts } = counter.of(period);
    const [requests = 0, bytes = 0, ...classes] = kernel.figures(number);
    counts.requests += requests;
    counts.bytes += bytes;
    for (let digit = 0; digit < 10; digit++) counts.statusClasses[digit] = (counts.statusClasses[digit] ?? 0) + (classes[digit] ?? 0);
  });
  kernel.clear(periods.length);
  kernel.setPeriod(-1, 0, 0);
  counter.keepBound();
}

/** Adds a key of a group of the kernel to the counts of its period. */
export function addCount(
  counter: HitCounter,
  kernel: LineCounter,
  periods: readonly Period[],
  group: number,
  key: string,
  count: number,
): void {
  const { period, spec } = kernel.listOf(group);
  const entry = periods[period];
  if (entry === undefined) return;
  const { tallies, served } = counter.of(entry).counts;
  const tally = spec === undefined ? undefined : tallies.get(spec.name);
  if (tally !== undefined) addTally(tally, key, count);
  else if (spec === undefined) served.set(binOf(key), (served.get(binOf(key)) ?? 0) + count);
}
