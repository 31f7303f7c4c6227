/** `weir rrd graph`: the figures that PRINT statements name, as rrdtool's graph prints them. Pictures are not drawn. */

import { Usage } from '../base/faults.js';
import { zoneNamer } from '../base/zone-names.js';
import { parseRrdScript } from '../query/rrd-script.js';
import { RrdFetcher } from '../query/rrd-series.js';
import { calculateScript, printedFigure } from '../query/xport.js';
import { RrdPrinter } from '../render/rrd-print.js';
import { rangeOf } from './rrd-fetch.js';
import { openDatabase } from './rrd-open.js';
import { daemonOption, parseRrdWords, type RrdOption } from './rrd-options.js';
import type { RrdVerb } from './rrd-verb.js';

const withValue = (long: string, short?: string): RrdOption => ({ long, takesValue: true, ...(short === undefined ? {} : { short }) });

/** What bears on figures; options of a picture's looks are taken and do nothing. */
const options: readonly RrdOption[] = [
  ...[
    withValue('start', 's'),
    withValue('end', 'e'),
    withValue('width', 'w'),
    withValue('height', 'h'),
    withValue('step', 'S'),
    withValue('base', 'b'),
  ],
  ...[
    withValue('title', 't'),
    withValue('vertical-label', 'v'),
    withValue('imgformat', 'a'),
    withValue('upper-limit', 'u'),
    withValue('lower-limit', 'l'),
  ],
  ...['lazy', 'rigid', 'only-graph', 'slope-mode', 'no-legend', 'pango-markup'].map((long) => ({ long, takesValue: false })),
  daemonOption,
];

export const graph: RrdVerb = {
  name: 'graph',
  usage: 'FILE [-s T] [-e T] [-w N] [-S|--step S] [-b|--base N] DEF:... CDEF:... VDEF:... PRINT:vname:FORMAT[:strftime]',
  summary: 'Prints the figures that PRINT statements name, as rrdtool graph prints them. Pictures are not drawn: FILE is not written.',
  run: async (words, context) => {
    const parsed = parseRrdWords('graph', words, options);
    const [file, ...script] = parsed.words;
    if (file === undefined || script.length === 0)
      throw new Usage(`rrd graph: expected a file and statements: weir rrd graph ${graph.usage}`);
    const range = rangeOf(parsed.value('start'), parsed.value('end'), context);
    const number = (name: string, otherwise: string): number => {
      const text = parsed.value(name) ?? otherwise;
      if (!/^\d{1,9}$/.test(text)) throw new Usage(`rrd graph: --${name} '${text}' (expected a whole number)`);
      return Number(text);
    };
    const maxRows = number('width', '400');
    if (maxRows < 10) throw new Usage('width below 10 pixels');
    const base = number('base', '1000');
    if (base !== 1000 && base !== 1024) throw new Usage('the only sensible value for base apart from 1000 is 1024');
    const { now, clock, world } = context;
    const statements = parseRrdScript(script, now, clock);
    const prints = statements.flatMap((statement) => (statement.kind === 'print' ? [statement] : []));
    if (prints.length === 0) throw new Usage('rrd graph: expected a PRINT statement: pictures are not drawn yet');
    const fetcher = new RrdFetcher((name) => openDatabase(name, context));
    try {
      const results = await calculateScript(statements, { ...range, maxRows, step: number('step', '0') }, fetcher, {
        now,
        clock,
        firstWeekday: 0,
      });
      const printer = new RrdPrinter(base, clock, zoneNamer(world.env.TZ ?? '', clock));
      // rrdtool says the size of its picture first.
      world.stdout.write(`0x0\n${prints.map((print) => `${printer.print(print, printedFigure(print, results))}\n`).join('')}`);
    } finally {
      fetcher.close();
    }
    return 0;
  },
};
