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
  graph: async () => (await import('./rrd-graph.js')).graph,
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
  graph FILE DEF:... VDEF:... PRINT:...  figures as PRINT writes them (no picture yet)
  info FILE                              every field of a file's head
  first FILE [--rraindex N]              the end of the oldest row, epoch seconds
  last FILE                              the time of the last update
  lastupdate FILE                        the last readings
  xport [-s T] [-e T] [--json] DEF:...   series and expressions over them as one table
  create FILE [-s STEP] DS:... RRA:...   makes a database in the store
  update FILE TIME:VALUE...              feeds readings to it
  -                                      takes commands from standard input, a line each, as rrdtool - does

.rrd files of any machine are read (32 and 64 bit, either byte order, versions 0001 to 0005), and XML dumps of them.
A name that is no file is that of a database in the store (--data DIR, ./weir-data): create and update make and feed one, weir load
brings one in, and the other verbs read it. Each of its sources is a series that weir query and Grafana find.
--now T (RFC 3339 or epoch seconds) is the time that relative times count from; the environment's TZ says where a day begins.
A damaged file is refused with the offset of what is wrong.`,
  options: [],
  examples: [
    ['weir rrd info ping.rrd', 'shows sources and archives'],
    [
      'weir rrd create ping.rrd --step 60 DS:rtt:GAUGE:120:0:U RRA:AVERAGE:0.5:1m:7d RRA:AVERAGE:0.5:1h:5y',
      'makes a database in the store',
    ],
    ['weir rrd update ping.rrd N:17.9', 'feeds it; U says that nothing is known'],
  ],
  raw: true,
  run: async (invocation) => {
    const { words, context } = await takeContext(invocation);
    const [name, ...rest] = words;
    const known = Object.keys(verbs).join(', ');
    if (name === undefined) throw new Usage(`rrd: expected a verb: ${known}, or - for commands on standard input`);
    if (name === '-') {
      const { runPipe } = await import('./rrd-pipe.js');
      return await runPipe(context, async (verb, verbWords, verbContext) => (await verbOf(verb)).run(verbWords, verbContext));
    }
    const verb = await verbOf(name);
    if (rest.length === 1 && (rest[0] === '--help' || rest[0] === '-h')) {
      context.world.stdout.write(`Usage: weir rrd ${verb.name} ${verb.usage}\n\n${verb.summary}\n`);
      return 0;
    }
    return await verb.run(rest, context);
  },
};

async function verbOf(name: string): Promise<RrdVerb> {
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (load === undefined) throw new Usage(`rrd: unknown verb '${name}' (expected one of: ${Object.keys(verbs).join(', ')})`);
  return await load();
}

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
