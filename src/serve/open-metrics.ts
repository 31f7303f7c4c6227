/**
 * Opens the embedded store of a folder as the daemon's metrics: archives and methods by the rules of storage, timers and sets by their codecs, names read
 * once. Rules are read again on SIGHUP; what is stored stays on the archives that it is on.
 */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '../keep/lmdb.js';
import { defaultLadder } from '../keep/store.js';
import type { Configuration } from './configuration.js';
import type { MetricStore } from './metric-store.js';
import { replacesByRule } from './rules.js';
import { ladderOfStored, metricCodecs, type StorageRules, storedMetrics } from './stored-metrics.js';

export interface OpenMetricsOptions {
  readonly folder: string;
  readonly configuration: () => Configuration;
  readonly now: () => number;
}

export interface OpenMetrics extends MetricStore {
  /** Reads the rules of storage again. Throws when they cannot be read: all stays as it was. */
  readonly reload: (configuration: Configuration) => void;
}

/** Opens, or makes, the metrics of a folder. Throws Refused when another process writes to it. */
export async function openMetrics({ folder, configuration, now }: OpenMetricsOptions): Promise<OpenMetrics> {
  let rules = readRules(configuration());
  const store = await openLmdbStore({
    folder,
    ladderOf: (name) => ladderOfStored(name, rules, configuration().statsd),
    replaces: (name) => replacesByRule(name, configuration().rules),
    codecs: metricCodecs,
  });
  const names: string[] = [];
  for await (const { name } of store.scan('series', {})) names.push(name);
  const metrics = storedMetrics({
    store,
    rules: () => rules,
    configuration,
    replaces: (name) => replacesByRule(name, configuration().rules),
    now,
    sizeBytes: () => statSync(join(folder, 'store.mdb'), { throwIfNoEntry: false })?.size ?? 0,
    names,
  });
  return {
    ...metrics,
    reload: (next) => {
      rules = readRules(next);
    },
  };
}

// Names that speak of sums, least and greatest are shown so, all others as averages; nothing is hidden (factor 0).
function readRules(_configuration: Configuration): StorageRules {
  const methodOf = (name: string): string =>
    /\.(min|lower)$/.test(name)
      ? 'min'
      : /\.(max|upper(_\d+)?)$/.test(name)
        ? 'max'
        : /\.(count|sum)$|^stats_counts\./.test(name)
          ? 'sum'
          : 'average';
  return { ladderOf: () => defaultLadder, methodOf: (name) => ({ method: methodOf(name), xFilesFactor: 0 }) };
}
