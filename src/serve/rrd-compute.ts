/** COMPUTE sources: their expressions, made ready once, over the primary points of the sources before them. Source: the manual page rrdcreate(1), "COMPUTE". */

import { Malformed, Usage } from '../base/faults.js';
import { machineClock } from '../base/wall-clock.js';
import type { DatabaseDefinition, SourceDefinition } from '../collect/rrd-definition.js';
import { parseRpn } from '../query/rpn.js';
import { type RpnRow, RpnStack } from '../query/rpn-stack.js';

export interface ComputeSource {
  /** The source's own number. */
  readonly index: number;
  /** Its value from those of the sources before it, of a step that ends at a time, epoch seconds. Throws Malformed. */
  readonly value: (values: Float64Array, end: number) => number;
}

/** Operators that look at other rows: there are none where a point is made. */
const lookAround = /^(PREV|TREND|TRENDNAN|PREDICT|PREDICTSIGMA|PREDICTPERC|COUNT|TIME|LTIME|NEWDAY|NEWWEEK|NEWMONTH|NEWYEAR)(\(|$)/;

/** The computed sources of a database. Throws Usage for an expression that cannot be. */
export function computeSources({ step, sources }: DatabaseDefinition): readonly ComputeSource[] {
  return sources.flatMap((source, index) => (source.compute === undefined ? [] : [computeOf(source, index, sources, step)]));
}

function computeOf(source: SourceDefinition, index: number, sources: readonly SourceDefinition[], step: number): ComputeSource {
  const text = source.compute as string;
  const fault = (message: string): Usage =>
    new Usage(`DS:${source.name}:COMPUTE:${text.slice(0, 100)}: failed to parse computed data source: ${message}`);
  const wrong = text.split(',').find((word) => lookAround.test(word));
  if (wrong !== undefined) throw fault(`${wrong} is not supported in COMPUTE`);
  const placeOf = (name: string): number => sources.findIndex((one, at) => at < index && one.name === name);
  try {
    const program = parseRpn(text, (name) => placeOf(name) >= 0);
    const places = program.steps.map((one) => (one.kind === 'variable' ? placeOf(one.name) : -1));
    const stack = new RpnStack();
    const row: RpnRow = {
      ...{ stack, row: 0, time: 0, step, output: new Float64Array(1), now: 0, clock: machineClock, firstWeekday: 0 },
      variable: () => undefined,
    };
    const value = (values: Float64Array, end: number): number => {
      stack.depth = 0;
      row.time = end;
      for (const [at, one] of program.steps.entries()) {
        if (one.kind === 'operator') one.operator(row);
        else stack.push(one.kind === 'number' ? one.value : (values[places[at] as number] ?? Number.NaN));
      }
      if (stack.depth !== 1) throw new Malformed('RPN final stack size != 1');
      return stack.pop();
    };
    value(new Float64Array(sources.length), step);
    return { index, value };
  } catch (error) {
    if (error instanceof Malformed) throw fault(error.message);
    throw error;
  }
}
