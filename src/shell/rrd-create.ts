/** `weir rrd create`: a database of the store, with rrdtool's own words. Its sources are series that a Graphite target finds. */

import { Usage } from '../base/faults.js';
import { isHeldFunction, parseDefinition, parseDuration } from '../collect/rrd-definition.js';
import type { RrdWriter } from '../serve/rrd-writer.js';
import { parseRrdWords, type RrdOption } from './rrd-options.js';
import { withRrdWriter } from './rrd-store.js';
import { rrdTime } from './rrd-time.js';
import type { RrdContext, RrdVerb } from './rrd-verb.js';

const options: readonly RrdOption[] = [
  { long: 'start', short: 'b', takesValue: true },
  { long: 'step', short: 's', takesValue: true },
  { long: 'no-overwrite', short: 'O', takesValue: false },
  { long: 'daemon', short: 'd', takesValue: true },
  { long: 'template', short: 't', takesValue: true },
  { long: 'source', short: 'r', takesValue: true },
];

export const create: RrdVerb = {
  name: 'create',
  usage: 'FILE [--start T] [--step S] DS:NAME:TYPE:HEARTBEAT:MIN:MAX... RRA:CF:XFF:STEPS:ROWS...',
  summary: 'Makes a database in the store of --data (./weir-data): each source becomes a series named by the path.',
  run: async (words, context) => await withRrdWriter(context, (writer) => createWith(writer, words, context)),
};

/** Makes a database; answers the exit code. */
export function createWith(writer: RrdWriter, words: readonly string[], context: RrdContext): number {
  const parsed = parseRrdWords('create', words, options);
  for (const name of ['template', 'source'])
    if (parsed.value(name) !== undefined) throw new Usage(`rrd create: --${name}: existing data comes in by weir load (leave it out)`);
  const [file, ...rest] = parsed.words;
  if (file === undefined) throw new Usage(`rrd create: expected a name: weir rrd create ${create.usage}`);
  const stepText = parsed.value('step') ?? '300';
  const step = parseDuration(stepText);
  if (step === undefined || step > 31_622_400)
    throw new Usage(`step size '${stepText}': value must be positive (expected seconds, or 5m, 1h)`);
  const start = rrdTime('start', parsed.value('start') ?? 'now-10s', context);
  if (start < 315_532_800) throw new Usage(`--start ${start}: the first entry should be after 1980`);
  const definition = parseDefinition(rest, step);
  for (const { cf } of definition.archives)
    if (!isHeldFunction(cf)) context.world.stderr.write(`weir: ${file}: RRA:${cf} is not kept (a forecast is made when it is asked for)\n`);
  if (!writer.create(file, definition, start * 1000)) {
    if (parsed.value('no-overwrite') !== undefined) throw new Usage(`creating '${file}': File exists`);
    context.world.stderr.write(`weir: ${file}: is there already with the same sources and archives; nothing was changed\n`);
  }
  return 0;
}
