/**
 * Opens the embedded store of a folder as the daemon's metrics: archives and methods by the rules of storage, timers and sets by their codecs, names read
 * once. Rules are read again on SIGHUP; what is stored stays on the archives that it is on.
 */

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { defaultAggregation, ladderFor, readAggregation, readSchemas, showingFor } from '../keep/ladder.js';
import { type LmdbStore, openLmdbStore } from '../keep/lmdb.js';
import type { Ladder } from '../keep/store.js';
import type { Configuration } from './configuration.js';
import { parseHidden } from './hidden-series.js';
import { type LoadedSeries, loadedPrefix, readLoaded } from './loaded-series.js';
import type { MetricStore } from './metric-store.js';
import { percentileOf, replacesByRule, ruleOf } from './rules.js';
import { parseStoredName } from './served-names.js';
import { ladderOfStored, metricCodecs, type StorageRules, storedMetrics } from './stored-metrics.js';
import { readRrds, rrdPrefix, type StoredRrd, seriesOfRrd } from './stored-rrd.js';

export interface OpenMetricsOptions {
  readonly folder: string;
  readonly configuration: () => Configuration;
  readonly now: () => number;
  /** Takes no lock, so that it works beside a daemon. */
  readonly readOnly?: boolean;
}

export interface OpenMetrics extends MetricStore {
  /** Reads the rules of storage again. Throws when they cannot be read: all stays as it was. What it returns takes them, once the configuration is in force. */
  readonly prepare: (configuration: Configuration) => () => void;
  readonly store: LmdbStore;
  /** Series that came from files, by name; what a load adds counts from then on. */
  readonly loaded: Map<string, LoadedSeries>;
  /** RRDtool databases of the store, by name. */
  readonly rrds: Map<string, StoredRrd>;
}

const laddersMax = 200_000;

/** Opens, or makes, the metrics of a folder. Throws Refused when another process writes to it. */
export async function openMetrics({ folder, configuration, now, readOnly = false }: OpenMetricsOptions): Promise<OpenMetrics> {
  let loaded: Map<string, LoadedSeries> = new Map();
  let rrds: Map<string, StoredRrd> = new Map();
  let rules = withLoaded(readRules(configuration()), () => loaded);
  // Each name is looked for in the rules once, not by everyone who asks.
  const ladders = new Map<string, Ladder>();
  const ladderOf = (name: string): Ladder => {
    const known = loaded.get(name)?.ladder ?? ladders.get(name);
    if (known !== undefined) return known;
    const ladder = ladderOfStored(name, rules, configuration().statsd);
    if (ladders.size >= laddersMax) ladders.clear();
    ladders.set(name, ladder);
    return ladder;
  };
  // A gauge is what it was set to last, also within a second.
  const replaces = (name: string): boolean =>
    parseStoredName(name)?.kind === 'gauge' || (parseHidden(name) === undefined && replacesByRule(name, configuration().rules));
  const store = await openLmdbStore({
    folder,
    readOnly,
    withNotes: (rows) => {
      const notes = [...rows].filter(({ name }) => name.startsWith(loadedPrefix) || name.startsWith(rrdPrefix));
      loaded = readLoaded(notes);
      rrds = readRrds(notes);
      for (const rrd of rrds.values()) for (const [name, series] of seriesOfRrd(rrd)) loaded.set(name, series);
    },
    newestOf: (name) => (loaded.get(name)?.state === undefined ? undefined : loaded.get(name)?.upTo),
    ladderOf,
    replaces,
    codecs: metricCodecs,
    flowKeepSeconds: () => (configuration().flows.keepDays === 0 ? undefined : configuration().flows.keepDays * 86_400),
    recordKeepSeconds: (table) => keepSecondsOf(configuration(), table),
  });
  const keepsValues = (name: string): boolean => {
    if (parseHidden(name) !== undefined) return false;
    const { rules: given } = configuration();
    const said = ruleOf(name, given, (rule) => typeof rule.histogram === 'boolean')?.histogram;
    if (said !== undefined) return said === true;
    const method = ruleOf(name, given, (rule) => rule.method !== undefined)?.method;
    return method === undefined
      ? rules.hasPercentiles && percentileOf(rules.methodOf(name).method) !== undefined
      : percentileOf(method) !== undefined;
  };
  // Files without points are series all the same.
  const names = new Set(loaded.keys());
  for await (const { name } of store.scan('series', {})) names.add(name);
  const metrics = storedMetrics({
    store,
    rules: () => rules,
    ladderOf,
    replaces,
    keepsValues,
    stateOf: (name) => loaded.get(name),
    now,
    sizeBytes: () => statSync(join(folder, 'store.mdb'), { throwIfNoEntry: false })?.size ?? 0,
    names: [...names],
  });
  return {
    ...metrics,
    store,
    loaded,
    rrds,
    prepare: (next) => {
      const read = withLoaded(readRules(next), () => loaded);
      return () => {
        rules = read;
        ladders.clear();
        store.reload();
      };
    },
  };
}

function keepSecondsOf({ records }: Configuration, table: string): number | undefined {
  const days = records.keep.get(table) ?? records.keepDays;
  return days === 0 ? undefined : days * 86_400;
}

// What came with a file goes before the rules for new series.
function withLoaded(rules: StorageRules, loaded: () => ReadonlyMap<string, LoadedSeries>): StorageRules {
  return {
    hasPercentiles: rules.hasPercentiles,
    ladderOf: (name) => loaded().get(name)?.ladder ?? rules.ladderOf(name),
    methodOf: (name) => {
      const held = loaded().get(name);
      return held === undefined ? rules.methodOf(name) : { method: held.method, xFilesFactor: held.xFilesFactor };
    },
    coarseOf: (name) => loaded().get(name)?.coarse ?? [],
  };
}

// carbon's own files, where the configuration names them; else the default ladder, and nothing is hidden.
function readRules({ graphite: { schemas, aggregation } }: Configuration): StorageRules {
  const ladders = schemas === undefined ? [] : readSchemas(readFileSync(schemas, 'utf8'), schemas);
  const showings = aggregation === undefined ? defaultAggregation : readAggregation(readFileSync(aggregation, 'utf8'), aggregation);
  const hasPercentiles = showings.some(({ method }) => percentileOf(method) !== undefined);
  return {
    hasPercentiles,
    ladderOf: (name) => ladderFor(ladders, name),
    // Weir's own rules for names bind no StatsD metric: its names mean what they mean.
    methodOf: (name) => (aggregation === undefined ? { ...showingFor(showings, name), isSpecific: false } : showingFor(showings, name)),
    coarseOf: () => [],
  };
}
