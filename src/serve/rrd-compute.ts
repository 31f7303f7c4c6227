/** COMPUTE sources: their expressions, made ready once. Source: the manual page rrdcreate(1), "COMPUTE". */

import { Usage } from '../base/faults.js';
import type { DatabaseDefinition } from '../collect/rrd-definition.js';

export interface ComputeSource {
  /** The source's own number. */
  readonly index: number;
  /** Its value from those of the sources before it, of a step that ends at a time, epoch seconds. */
  readonly value: (values: Float64Array, end: number) => number;
}

/** The computed sources of a database. Throws Usage for an expression that cannot be. */
export function computeSources({ sources }: DatabaseDefinition): readonly ComputeSource[] {
  return sources.flatMap((source, index) => {
    if (source.compute === undefined) return [];
    throw new Usage(`DS:${source.name}:COMPUTE (number ${index}): computed sources are not made yet`);
  });
}
