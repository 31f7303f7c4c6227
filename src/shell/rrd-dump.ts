/** `weir rrd dump FILE [FILE.xml]`: the whole database as XML, which `rrdtool restore` takes, from any machine's file. */

import { Usage } from '../base/faults.js';
import { openOutput } from '../base/output-file.js';
import { zoneNamer } from '../base/zone-names.js';
import { type RrdDumpHeader, rrdDumpText } from '../render/rrd-dump.js';
import { writeAll } from './rrd-fetch.js';
import { openDatabase } from './rrd-open.js';
import { daemonOption, parseRrdWords } from './rrd-options.js';
import type { RrdVerb } from './rrd-verb.js';

export const dump: RrdVerb = {
  name: 'dump',
  usage: 'FILE [FILE.xml] [-h|--header dtd|xsd|none] [-n|--no-header]',
  summary: 'Prints the whole database as XML, to standard output or into a file.',
  run: async (words, context) => {
    const { world, clock } = context;
    const parsed = parseRrdWords('dump', words, [
      { long: 'header', short: 'h', takesValue: true },
      { long: 'no-header', short: 'n', takesValue: false },
      daemonOption,
    ]);
    const [file, target, ...more] = parsed.words;
    if (file === undefined || more.length > 0) throw new Usage(`rrd dump: expected a file: weir rrd dump ${dump.usage}`);
    const header = headerOf(parsed.value('no-header') === undefined ? (parsed.value('header') ?? 'dtd') : 'none');
    const database = await openDatabase(file, context);
    try {
      const pieces = rrdDumpText(database, header, { clock, name: zoneNamer(world.env.TZ ?? '', clock) });
      if (target === undefined) await writeAll(world, pieces);
      else writeFile(target, pieces);
    } finally {
      database.close();
    }
    return 0;
  },
};

function headerOf(text: string): RrdDumpHeader {
  if (text === 'dtd' || text === 'xsd' || text === 'none') return text;
  throw new Usage(`rrd dump: --header '${text}' (expected dtd, xsd or none)`);
}

function writeFile(path: string, pieces: Iterable<string | Uint8Array>): void {
  const output = openOutput(path);
  try {
    for (const piece of pieces) output.write(typeof piece === 'string' ? Buffer.from(piece) : piece);
    output.finish();
  } catch (error) {
    output.discard();
    throw error;
  }
}
