/** `weir rrd xport`: a table of series and expressions over them, as XML or JSON. */

import { Usage } from '../base/faults.js';
import { parseRrdScript } from '../query/rrd-script.js';
import { RrdFetcher } from '../query/rrd-series.js';
import { xport as calculate } from '../query/xport.js';
import { xportText } from '../render/rrd-xport.js';
import { rangeOf, writeAll } from './rrd-fetch.js';
import { openDatabase } from './rrd-open.js';
import { daemonOption, parseRrdWords } from './rrd-options.js';
import type { RrdVerb } from './rrd-verb.js';

export const xport: RrdVerb = {
  name: 'xport',
  usage: '[-s T] [-e T] [-m|--maxrows N] [--step S] [--json] [-t|--showtime] [--enumds] DEF:... CDEF:... VDEF:... XPORT:vname[:legend]',
  summary: 'Prints series of .rrd files and expressions over them as one table, XML or JSON.',
  run: async (words, context) => {
    const parsed = parseRrdWords('xport', words, [
      { long: 'start', short: 's', takesValue: true },
      { long: 'end', short: 'e', takesValue: true },
      { long: 'maxrows', short: 'm', takesValue: true },
      { long: 'step', takesValue: true },
      { long: 'json', takesValue: false },
      { long: 'showtime', short: 't', takesValue: false },
      { long: 'enumds', takesValue: false },
      daemonOption,
    ]);
    const range = rangeOf(parsed.value('start'), parsed.value('end'), context);
    const maxRows = wholeNumber('maxrows', parsed.value('maxrows') ?? '400');
    if (maxRows < 10) throw new Usage('maxrows below 10 rows');
    const step = wholeNumber('step', parsed.value('step') ?? '0');
    const { now, clock, world } = context;
    const statements = parseRrdScript(parsed.words, now, clock);
    const fetcher = new RrdFetcher((file) => openDatabase(file, context));
    try {
      const firstWeekday = parsed.words.some((word) => word.includes('NEWWEEK')) ? firstDayOfWeek(world.env) : 0;
      const table = await calculate(statements, { ...range, maxRows, step }, fetcher, { now, clock, firstWeekday });
      const has = (option: string): boolean => parsed.value(option) !== undefined;
      await writeAll(world, xportText(table, { json: has('json'), showTime: has('showtime'), enumerate: has('enumds') }));
    } finally {
      fetcher.close();
    }
    return 0;
  },
};

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Usage(`rrd xport: --${name} '${text}' (expected a whole number)`);
  return Number(text);
}

/** Where a week begins, by the environment's locale as C has it: Sunday, 0, unless the locale's country says otherwise. */
function firstDayOfWeek(env: Readonly<Record<string, string | undefined>>): number {
  const tag = (env.LC_ALL || env.LC_TIME || env.LANG || 'C').replace(/[.@].*$/, '').replace('_', '-');
  if (tag === 'C' || tag === 'POSIX') return 0;
  try {
    const locale: Intl.Locale & { weekInfo?: { firstDay: number } } = new Intl.Locale(tag);
    return (locale.weekInfo?.firstDay ?? 7) % 7;
  } catch {
    return 0;
  }
}
