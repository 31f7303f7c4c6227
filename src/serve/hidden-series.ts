/**
 * Series that no name shows: what answers need to say what they rest on, kept as cells like all else, so that it is durable, merges, and is told for any range.
 *
 *   received:STORED          points of a series that came sampled (StatsD's `@0.1`, a weight): a point a value, the value being the events that it stands for
 *   rejected:LISTENER.CAUSE  what a listener of metrics turned away, at the time when it came; what was turned away has no series of its own
 */

import type { Ladder } from '../keep/store.js';

/** What a hidden series counts. */
export type Hidden =
  | { readonly kind: 'received'; readonly stored: string }
  | { readonly kind: 'rejected'; readonly listener: string; readonly cause: string };

/** Rejects are told to the minute for a month, to the hour for five years. */
export const rejectedLadder: Ladder = [
  { stepSeconds: 60, keepSeconds: 31 * 86_400 },
  { stepSeconds: 3600, keepSeconds: 1826 * 86_400 },
];

export function receivedName(stored: string): string {
  return `received:${stored}`;
}

export function rejectedName(listener: string, cause: string): string {
  return `rejected:${listener}.${cause}`;
}

/** What a stored name counts, where it is hidden. */
export function parseHidden(stored: string): Hidden | undefined {
  if (stored.startsWith('received:')) return { kind: 'received', stored: stored.slice(9) };
  if (!stored.startsWith('rejected:')) return undefined;
  const cut = stored.indexOf('.');
  return cut < 0 ? undefined : { kind: 'rejected', listener: stored.slice(9, cut), cause: stored.slice(cut + 1) };
}
