/**
 * What listeners and routes are handed: the parts of the daemon, passed by hand. Nothing here is global; the configuration is asked for each
 * time, since SIGHUP replaces it.
 */

import type { Store } from '../keep/store.js';
import type { NameTree } from '../query/name-tree.js';
import type { AzureKeys } from './azure-keys.js';
import type { AzurePolicies } from './azure-policies.js';
import type { AzureWriter } from './azure-writer.js';
import type { Configuration } from './configuration.js';
import type { HitIntake } from './hit-intake.js';
import type { Intake } from './intake.js';
import type { Ledger } from './ledger.js';
import type { OpenListener } from './listener.js';
import type { MetricReader } from './metric-reader.js';
import type { MetricStore } from './metric-store.js';
import type { RecordTables } from './record-tables.js';
import type { Tokens } from './tokens.js';

/** The store's flow records, and who answers questions about them. */
export interface StoredFlows {
  readonly folder: string;
  /** The program of a process that answers (flow-routes.ts says what it is told, and says). */
  readonly program: string;
  readonly totals: () => { readonly rows: number; readonly blocks: number; readonly bytes: number };
}

/** What routes of records ask of the store. */
export type RecordStore = Pick<Store, 'commit' | 'scan' | 'expire'>;

export interface Services {
  readonly configuration: () => Configuration;
  readonly tokens: () => Tokens;
  /** Milliseconds of the Unix epoch. */
  readonly now: () => number;
  readonly ledger: Ledger;
  readonly intake: Intake;
  readonly hits: HitIntake;
  readonly reader: MetricReader;
  readonly metrics: MetricStore;
  readonly records: RecordStore;
  readonly flows: StoredFlows;
  readonly tables: RecordTables;
  readonly azureKeys: () => AzureKeys;
  readonly azurePolicies: AzurePolicies;
  readonly azureWriter: AzureWriter;
  readonly names: NameTree;
  readonly listeners: () => readonly OpenListener[];
  readonly startedMs: number;
  readonly version: string;
}
