/**
 * Opens the embedded store of a folder as the daemon's metrics: archives and methods by the rules of storage, timers and sets by their codecs, names read
 * once. Rules are read again on SIGHUP; what is stored stays on the archives that it is on.
 */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defaultAggregation, ladderFor, readAggregation, readSchemas, showingFor } from '../keep/ladder.js';
import { type LmdbStore, openLmdbStore } from '../keep/lmdb.js';
import type { Configuration } from './configuration.js';
import type { MetricStore } from './metric-store.js';
import { replacesByRule } from './rules.js';
import { ladderOfStored, metricCodecs, type StorageRules, storedMetrics } from './stored-metrics.js';

export interface OpenMetricsOptions {
  readonly folder: string;
  readonly configuration: () => Configuration;
  readonly now: () => number;
  /** Takes no lock, so that it works beside a daemon. */
  readonly readOnly?: boolean;
}

export interface OpenMetrics extends MetricStore {
  /** Reads the rules of storage again. Throws when they cannot be read: all stays as it was. */
  readonly reload: (configuration: Configuration) => void;
  readonly store: LmdbStore;
}

/** Opens, or makes, the metrics of a folder. Throws Refused when another process writes to it. */
export async function openMetrics({ folder, configuration, now, readOnly = false }: OpenMetricsOptions): Promise<OpenMetrics> {
  let rules = readRules(configuration());
  const store = await openLmdbStore({
    folder,
    readOnly,
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
    store,
    reload: (next) => {
      rules = readRules(next);
    },
  };
}

// carbon's own files, where the configuration names them; else the default ladder, and nothing is hidden.
function readRules({ graphite: { schemas, aggregation } }: Configuration): StorageRules {
  const ladders = schemas === undefined ? [] : readSchemas(readFileSync(schemas, 'utf8'), schemas);
  const showings = aggregation === undefined ? defaultAggregation : readAggregation(readFileSync(aggregation, 'utf8'), aggregation);
  return { ladderOf: (name) => ladderFor(ladders, name), methodOf: (name) => showingFor(showings, name) };
}
