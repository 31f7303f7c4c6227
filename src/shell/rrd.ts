/**
 * `weir rrd VERB ...`: RRDtool's verbs with RRDtool's own arguments, over `.rrd` files of every machine and XML dumps of them.
 * One file a verb; the table below loads only the one that is asked for.
 */

import { Usage } from '../base/faults.js';
import { machineClock } from '../base/wall-clock.js';
import type { Command, Invocation } from './command.js';
import type { RrdContext, RrdVerb } from './rrd-verb.js';

const verbs: Readonly<Record<string, () => Promise<RrdVerb>>> = {
  dump: async () => (await import('./rrd-dump.js')).dump,
  fetch: async () => (await import('./rrd-fetch.js')).fetch,
  info: async () => (await import('./rrd-info.js')).info,
  first: async () => (await import('./rrd-info.js')).first,
  last: async () => (await import('./rrd-info.js')).last,
  lastupdate: async () => (await import('./rrd-info.js')).lastUpdate,
  xport: async () => (await import('./rrd-xport.js')).xport,
  create: async () => (await import('./rrd-create.js')).create,
  update: async () => (await import('./rrd-update.js')).update,
};

export const rrd: Command = {
  name: 'rrd',
  summary: "RRDtool's verbs with RRDtool's arguments, over .rrd files and the store",
  usage: 'VERB ARGUMENTS...',
  description: `Takes RRDtool's own arguments and prints what rrdtool prints:

  dump FILE [FILE.xml] [-h dtd|xsd|none] the whole database as XML, for rrdtool restore
  fetch FILE CF [-r S] [-s T] [-e T]     the rows of a range
  info FILE                              every field of a file's head
  first FILE [--rraindex N]              the end of the oldest row, epoch seconds
  last FILE                              the time of the last update
  lastupdate FILE                        the last readings
  xport [-s T] [-e T] [--json] DEF:...   series and expressions over them as one table
  create FILE [-s STEP] DS:... RRA:...   makes a database in the store
  update FILE TIME:VALUE...              feeds readings to it

.rrd files of any machine are read (32 and 64 bit, either byte order, versions 0001 to 0005), and XML dumps of them.
--now T (RFC 3339 or epoch seconds) is the time that relative times count from; the environment's TZ says where a day begins.
A damaged file is refused with the offset of what is wrong.`,
  options: [],
  examples: [['weir rrd info ping.rrd', 'shows sources and archives']],
  raw: true,
  run: async (invocation) => {
    const { words, context } = await takeContext(invocation);
    const [name, ...rest] = words;
    const known = Object.keys(verbs).join(', ');
    if (name === undefined) throw new Usage(`rrd: expected a verb: ${known}`);
    const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (load === undefined) throw new Usage(`rrd: unknown verb '${name}' (expected one of: ${known})`);
    const verb = await load();
    if (rest.length === 1 && (rest[0] === '--help' || rest[0] === '-h')) {
      context.world.stdout.write(`Usage: weir rrd ${verb.name} ${verb.usage}\n\n${verb.summary}\n`);
      return 0;
    }
    return await verb.run(rest, context);
  },
};

/** Takes `--now T` and `--data DIR`, which are Weir's own, out of the words; they may stand anywhere before `--`. */
async function takeContext(invocation: Invocation): Promise<{ words: string[]; context: RrdContext }> {
  const words: string[] = [];
  const own = new Map<string, string>();
  const given = [...invocation.words];
  for (let index = 0; index < given.length; index++) {
    const word = given[index] ?? '';
    const found = /^--(now|data)(?:=(.*))?$/s.exec(word);
    if (word === '--') {
      words.push(...given.slice(index));
      break;
    }
    if (found === null) {
      words.push(word);
      continue;
    }
    const value = found[2] ?? given[++index];
    if (value === undefined) throw new Usage(`rrd: ${word} wants a value`);
    own.set(found[1] ?? '', value);
  }
  const { world } = invocation;
  // The calendar library is slow to load, and only this option needs it.
  const instant = own.has('now') ? (await import('../base/time.js')).instantOption('now', own.get('now')) : undefined;
  const now = instant?.seconds ?? Math.floor(world.now() / 1000);
  const nowMs = instant === undefined ? world.now : () => now * 1000;
  return { words, context: { world, now, nowMs, clock: machineClock, data: own.get('data') } };
}
