/** A single time in RRDtool's words, as an argument of a verb. */

import { Malformed, Usage } from '../base/faults.js';
import { parseRrdTime } from '../query/when-rrd.js';
import type { RrdContext } from './rrd-verb.js';

/** Epoch seconds. Throws Usage. */
export function rrdTime(name: string, text: string, { now, clock }: RrdContext): number {
  try {
    const time = parseRrdTime(text, now, clock);
    if (time.from === 'instant') return time.seconds;
    throw new Malformed(`specifying time relative to the 'start' or 'end' makes no sense here: ${text}`);
  } catch (error) {
    if (error instanceof Malformed) throw new Usage(`${name} time: ${error.message}`);
    throw error;
  }
}
