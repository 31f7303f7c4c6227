/** `weir rrd info, first, last, lastupdate FILE`: what a database says of itself, as rrdtool prints it. */

import { Refused, Usage } from '../base/faults.js';
import type { RrdDatabase } from '../collect/rrd-database.js';
import { rrdInfoText, rrdLastUpdateText } from '../render/rrd-info.js';
import { openDatabase } from './rrd-open.js';
import { daemonOption, parseRrdWords, type RrdOption, type RrdWords } from './rrd-options.js';
import type { RrdVerb } from './rrd-verb.js';

const noFlush: RrdOption = { long: 'noflush', short: 'F', takesValue: false };

export const info = verb('info', 'FILE', 'Prints every field of the head of a database.', [noFlush], rrdInfoText);

export const last = verb(
  'last',
  'FILE',
  'Prints the time of the last update, epoch seconds.',
  [],
  (database) => `${database.lastUpdate}\n`,
);

export const lastUpdate = verb('lastupdate', 'FILE', 'Prints the last reading of each source and when it came.', [], rrdLastUpdateText);

export const first = verb(
  'first',
  'FILE [--rraindex N]',
  'Prints the end of the oldest row of an archive (the first, or the one of that number), epoch seconds.',
  [{ long: 'rraindex', takesValue: true }],
  (database, options) => {
    const index = options.value('rraindex') ?? '0';
    if (!/^\d{1,9}$/.test(index)) throw new Usage(`rrd first: --rraindex '${index}' (expected a number from 0)`);
    const archive = database.archives[Number(index)];
    if (archive === undefined)
      throw new Refused(`archive ${index} is not there (${database.archives.length} are)`, { file: database.file });
    return `${archive.firstEnd}\n`;
  },
);

function verb(
  name: string,
  usage: string,
  summary: string,
  options: readonly RrdOption[],
  text: (database: RrdDatabase, options: RrdWords) => string,
): RrdVerb {
  return {
    name,
    usage,
    summary,
    run: async (words, context) => {
      const { world } = context;
      const parsed = parseRrdWords(name, words, [...options, daemonOption]);
      const [file, ...more] = parsed.words;
      if (file === undefined || more.length > 0) throw new Usage(`rrd ${name}: expected one file: weir rrd ${name} ${usage}`);
      const database = await openDatabase(file, context);
      try {
        world.stdout.write(text(database, parsed));
      } finally {
        database.close();
      }
      return 0;
    },
  };
}
