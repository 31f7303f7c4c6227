/** `weir rrd fetch FILE CF`: the rows of a range, as rrdtool chooses and prints them. */

import { once } from 'node:events';
import { Fault, Malformed, Usage } from '../base/faults.js';
import { type RrdFunction, rrdFunctions } from '../collect/rrd-database.js';
import { fetchRrd } from '../query/rrd-fetch.js';
import { dayBeforeEnd, parseRrdTime, type RrdTime, resolveRrdRange } from '../query/when-rrd.js';
import { rrdFetchText } from '../render/rrd-fetch.js';
import type { World } from './command.js';
import { openDatabase } from './rrd-open.js';
import { daemonOption, parseRrdWords } from './rrd-options.js';
import type { RrdContext, RrdVerb } from './rrd-verb.js';

export const fetch: RrdVerb = {
  name: 'fetch',
  usage: 'FILE CF [-r|--resolution SECONDS] [-s|--start T] [-e|--end T] [-a|--align-start]',
  summary: 'Prints the rows of a range from the archive that answers it best; CF is AVERAGE, MIN, MAX, LAST or one of the forecast.',
  run: async (words, context) => {
    const parsed = parseRrdWords('fetch', words, [
      { long: 'resolution', short: 'r', takesValue: true },
      { long: 'start', short: 's', takesValue: true },
      { long: 'end', short: 'e', takesValue: true },
      { long: 'align-start', short: 'a', takesValue: false },
      daemonOption,
    ]);
    const [file, function_, ...more] = parsed.words;
    if (file === undefined || function_ === undefined || more.length > 0)
      throw new Usage(`rrd fetch: expected a file and a consolidation function: weir rrd fetch ${fetch.usage}`);
    const cf = rrdFunctions.find((name) => name === function_);
    if (cf === undefined) throw new Usage(`unknown consolidation function '${function_}' (expected one of ${rrdFunctions.join(', ')})`);
    const resolution = secondsOf('resolution', parsed.value('resolution') ?? '1');
    let { start, end } = rangeOf(parsed.value('start'), parsed.value('end'), context);
    if (parsed.value('align-start') !== undefined) {
      const shift = start % resolution;
      start -= shift;
      end -= shift;
    }
    const database = await openDatabase(file, context);
    try {
      await writeAll(context.world, rrdFetchText(fetchRrd(database, cf satisfies RrdFunction, start, end, resolution)));
    } finally {
      database.close();
    }
    return 0;
  },
};

/** The range that -s and -e mean; a day up to now unless they are given. */
export function rangeOf(startText: string | undefined, endText: string | undefined, context: RrdContext): { start: number; end: number } {
  const start = timeOf('start', startText, dayBeforeEnd, context);
  const end = timeOf('end', endText, { from: 'instant', seconds: context.now }, context);
  const range = resolveRrdRange(start, end, context.clock);
  if (range.start < 315_360_000) throw new Malformed('the first entry to fetch should be after 1980');
  if (range.end < range.start) throw new Malformed(`start (${range.start}) should be less than end (${range.end})`);
  return range;
}

function timeOf(which: string, text: string | undefined, otherwise: RrdTime, context: RrdContext): RrdTime {
  if (text === undefined) return otherwise;
  try {
    return parseRrdTime(text, context.now, context.clock);
  } catch (error) {
    throw error instanceof Fault ? new Malformed(`${which} time: ${error.message}`) : error;
  }
}

const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
  ['w', 604_800],
  ['M', 2_678_400],
  ['y', 31_622_400],
]);

/** A duration as rrdtool takes it: seconds, or a number with s, m, h, d, w, M (31 days) or y (366 days). */
export function secondsOf(name: string, text: string): number {
  const found = /^(\d{1,10})([smhdwMy]?)$/.exec(text);
  const seconds = found === null ? 0 : Number(found[1]) * (unitSeconds.get(found[2] ?? '') ?? 0);
  if (!(seconds >= 1)) throw new Usage(`--${name} '${text}' (expected seconds from 1 on, or a number with s, m, h, d, w, M or y)`);
  return seconds;
}

/** Writes pieces, waiting where the reader is slow. */
export async function writeAll(world: World, pieces: Iterable<string | Uint8Array>): Promise<void> {
  for (const piece of pieces) if (!world.stdout.write(piece)) await once(world.stdout, 'drain');
}
