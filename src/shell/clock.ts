/** The clock that a command goes by: the system's, or the one that `--now` sets. */

import { Usage } from '../base/faults.js';
import type { Invocation } from './command.js';

/** The clock, or `--now`: epoch seconds or RFC 3339. */
export function clockOf(invocation: Invocation): () => number {
  const given = invocation.text('now');
  if (given === undefined) return invocation.world.now;
  const ms = /^\d+(\.\d+)?$/.test(given) ? Number(given) * 1000 : Date.parse(given);
  if (Number.isNaN(ms)) throw new Usage(`--now '${given}': expected epoch seconds or RFC 3339`);
  return () => ms;
}
