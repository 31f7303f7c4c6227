/**
 * A thread of Node ends when nothing is left to do, but not before the compilations that run beside it have ended; and such a compilation may
 * wait for a garbage collection that only the ending thread could make. Both then wait for good: one run in a hundred of a busy machine
 * (nodejs/node#54918, in Node 20 to 26). After a full collection there is room, and no compilation asks for one.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

// What ends this early has hardly compiled anything, and the collection would be a good part of its time.
const worthSeconds = 0.15;

/** Collects garbage once, as the last thing that a program or a worker does; takes a few milliseconds. */
export function collectBeforeLeaving(): void {
  if (process.uptime() < worthSeconds) return;
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  // As it was: V8 takes no code cache that was made under other flags (bin/load.cjs).
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}
