/**
 * The metric store of a data folder, as commands open it: configuration, its storage rules, the embedded store, and answers over it. Commands that only
 * read take no lock, so that they work beside a daemon.
 */

import { existsSync } from 'node:fs';
import type { LmdbStore } from '../keep/lmdb.js';
import { type Configuration, defaultConfiguration, readConfigurationFile } from '../serve/configuration.js';
import type { LoadedSeries } from '../serve/loaded-series.js';
import type { MetricStore } from '../serve/metric-store.js';
import { openMetrics as openFolder } from '../serve/open-metrics.js';
import type { StoredRrd } from '../serve/stored-rrd.js';
import type { Invocation } from './command.js';

export { clockOf } from './clock.js';

export interface OpenMetrics {
  readonly store: LmdbStore;
  readonly metrics: MetricStore;
  /** Series that came from files, by name. */
  readonly loaded: Map<string, LoadedSeries>;
  /** RRDtool databases of the store, by name. */
  readonly rrds: Map<string, StoredRrd>;
}

/** Opens the metrics of `--data`. */
export async function openMetrics(
  invocation: Invocation,
  configuration: Configuration,
  now: () => number,
  readOnly: boolean,
): Promise<OpenMetrics> {
  const metrics = await openFolder({ folder: dataFolder(invocation), configuration: () => configuration, now, readOnly });
  return { store: metrics.store, metrics, loaded: metrics.loaded, rrds: metrics.rrds };
}

export function dataFolder(invocation: Invocation): string {
  return invocation.text('data') ?? 'weir-data';
}

/** The path of `weir.toml`: `--config`, else the one of the working folder if it is there. */
export function configurationPath(invocation: Invocation): string | undefined {
  return invocation.text('config') ?? (existsSync('weir.toml') ? 'weir.toml' : undefined);
}

export function configurationOf(invocation: Invocation): Configuration {
  const path = configurationPath(invocation);
  return path === undefined ? defaultConfiguration : readConfigurationFile(path);
}
