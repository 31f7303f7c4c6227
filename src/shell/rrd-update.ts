/** `weir rrd update`: readings into the databases of the store, with rrdtool's own words. What came before an update that is refused is kept, as rrdtool keeps it. */

import { Malformed, Refused, Usage } from '../base/faults.js';
import { parseReading, plainTimeEnd, readingTimeMs, secondsOf } from '../collect/rrd-reading.js';
import { notNewer, type OpenRrd, type RrdWriter } from '../serve/rrd-writer.js';
import { parseRrdWords, type RrdOption } from './rrd-options.js';
import { withRrdWriter } from './rrd-store.js';
import { rrdTime } from './rrd-time.js';
import type { RrdContext, RrdVerb } from './rrd-verb.js';

const options: readonly RrdOption[] = [
  { long: 'template', short: 't', takesValue: true },
  { long: 'skip-past-updates', short: 's', takesValue: false },
  { long: 'daemon', short: 'd', takesValue: true },
];

export const update: RrdVerb = {
  name: 'update',
  usage: 'FILE [--template NAME:NAME...] [--skip-past-updates] TIME:VALUE[:VALUE...]...',
  summary: 'Feeds readings to a database of the store; TIME is N, epoch seconds, or at-style words before an @.',
  run: async (words, context) => await withRrdWriter(context, (writer) => updateWith(writer, words, context)),
};

/** Adds the readings of an update; answers the exit code. Throws for the first that is refused: those before it are in. */
export function updateWith(writer: RrdWriter, words: readonly string[], context: RrdContext): number {
  const plain = words.length > 1 && words.every((word) => !word.startsWith('-'));
  const parsed = plain ? { words, value: () => undefined } : parseRrdWords('update', words, options);
  const [file, ...updates] = parsed.words;
  if (file === undefined || updates.length === 0)
    throw new Usage(`rrd update: Not enough arguments (expected weir rrd update ${update.usage})`);
  const open = writer.find(file);
  const places = placesOf(open, parsed.value('template'));
  const skips = parsed.value('skip-past-updates') !== undefined;
  const isOne = open.rrd.series.length === 1 && places.order === undefined;
  const fault = (message: string, cause?: unknown): Malformed => new Malformed(message, { file }, cause);
  try {
    for (const text of updates) {
      const end = isOne ? plainTimeEnd(text) : -1;
      const plainMs = end < 0 ? 0 : secondsOf(text, end) * 1000;
      if (plainMs > open.rrd.atMs) {
        writer.updateOne(open, plainMs, text.slice(end + 1));
        continue;
      }
      const { time, isAt, readings } = parseReading(text, places.count);
      const timeMs = isAt ? rrdTime('update', time, context) * 1000 : (readingTimeMs(time) ?? context.nowMs());
      if (timeMs <= open.rrd.atMs && skips) continue;
      if (timeMs <= open.rrd.atMs) throw new NotNewer(notNewer(timeMs, open.rrd.atMs));
      writer.update(
        open,
        timeMs,
        places.order === undefined ? readings : places.order.map((at) => (at < 0 ? 'U' : (readings[at] as string))),
      );
    }
  } catch (error) {
    if (error instanceof NotNewer) throw new Malformed(`${error.message}: rejected as not-newer`, { file });
    if (error instanceof Malformed) throw fault(error.message, error);
    throw error;
  }
  return 0;
}

class NotNewer extends Refused {}

/** Where the reading of each source stands in an update; -1: none. */
interface Places {
  readonly count: number;
  /** Undefined: each in its place. */
  readonly order: readonly number[] | undefined;
}

function placesOf({ rrd, computes }: OpenRrd, template: string | undefined): Places {
  const { sources } = rrd.definition;
  if (template === undefined) {
    if (computes.length === 0) return { count: sources.length, order: undefined };
    let next = 0;
    return { count: sources.length - computes.length, order: sources.map(({ type }) => (type === 'COMPUTE' ? -1 : next++)) };
  }
  const names = template.split(':');
  for (const name of names) {
    const source = sources.find((one) => one.name === name);
    if (source === undefined) throw new Refused(`unknown DS name '${name}'`);
    if (source.type === 'COMPUTE') throw new Refused(`DS name '${name}' is computed (expected sources that are told)`);
  }
  return { count: names.length, order: sources.map(({ name }) => names.indexOf(name)) };
}
