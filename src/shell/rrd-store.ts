/** RRDtool's databases of the store, for the verbs of `weir rrd`: the folder of `--data`, with the rules of `weir.toml` if it lies in the working folder. */

import { existsSync, readFileSync } from 'node:fs';
import { defaultConfiguration, readConfiguration } from '../serve/configuration.js';
import { type OpenMetrics, openMetrics } from '../serve/open-metrics.js';
import { RrdWriter } from '../serve/rrd-writer.js';
import type { RrdContext } from './rrd-verb.js';

/** Opens the store. Throws Refused when another process writes to it. */
export async function openRrdStore(context: RrdContext, readOnly: boolean): Promise<OpenMetrics> {
  const file = 'weir.toml';
  const configuration = existsSync(file) ? readConfiguration(readFileSync(file, 'utf8'), file) : defaultConfiguration;
  return await openMetrics({
    folder: context.data ?? 'weir-data',
    configuration: () => configuration,
    now: () => context.now * 1000,
    readOnly,
  });
}

/** Does something with a writer; what it did is durable when this resolves, what came before an error too. */
export async function withRrdWriter<T>(context: RrdContext, body: (writer: RrdWriter) => Promise<T> | T): Promise<T> {
  const metrics = await openRrdStore(context, false);
  try {
    const writer = new RrdWriter(metrics);
    try {
      return await body(writer);
    } finally {
      await writer.commit(context.now);
      await writer.age(context.now);
    }
  } finally {
    await metrics.close();
  }
}
