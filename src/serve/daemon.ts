/**
 * The daemon's life: inert until `start`, which opens every listener asked for, and gone after `stop`, which takes what the kernel still holds, flushes
 * and closes. One clock a second flushes and brings `now` forward; SIGHUP's `reload` replaces configuration, tokens and ladders without a pause.
 */

import type { HitJournal } from '../keep/hit-journal.js';
import { NameTree } from '../query/name-tree.js';
import { AzureKeys } from './azure-keys.js';
import { AzurePolicies } from './azure-policies.js';
import { AzureWriter } from './azure-writer.js';
import type { Configuration } from './configuration.js';
import { HitIntake } from './hit-intake.js';
import { openHttp } from './http.js';
import { Intake } from './intake.js';
import { Ledger } from './ledger.js';
import type { OpenListener } from './listener.js';
import { httpPort, listeners } from './listeners.js';
import { MetricReader } from './metric-reader.js';
import type { MetricStore } from './metric-store.js';
import { RecordTables } from './record-tables.js';
import { routes } from './routes.js';
import type { RecordStore, Services, StoredFlows } from './services.js';
import { Tails } from './tails.js';
import { openTcp } from './tcp.js';
import { Tokens } from './tokens.js';
import { openUdp } from './udp.js';

export interface DaemonOptions {
  readonly configuration: Configuration;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly metrics: MetricStore;
  readonly records: RecordStore;
  readonly flows: StoredFlows;
  readonly hits: HitJournal;
  /** Ports by the names of listeners; `all` is every one that is not named. */
  readonly ports: ReadonlyMap<string, number>;
  /** Names of the listeners to open; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly now: () => number;
  readonly version: string;
  /** Says a sentence to whoever runs the daemon. */
  readonly tell?: ((text: string) => void) | undefined;
}

const flushMs = 500;
const expireMs = 10_000;

export class Daemon {
  readonly #options: DaemonOptions;
  #configuration: Configuration;
  #tokens: Tokens;
  #azureKeys: AzureKeys;
  readonly #open: OpenListener[] = [];
  #timer: NodeJS.Timeout | undefined;
  #expiredMs = 0;
  #isExpiring = false;
  readonly #tails: Tails;
  readonly services: Services;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
    this.#tokens = new Tokens(options.configuration.tokens, options.environment);
    this.#azureKeys = new AzureKeys(options.configuration.azure, options.environment);
    const names = new NameTree();
    const configuration = (): Configuration => this.#configuration;
    const ledger = new Ledger(options.now);
    const store = options.metrics;
    const reader = new MetricReader({ store, names, intake: () => intake, configuration });
    const intake: Intake = new Intake({
      store,
      ledger,
      configuration,
      now: options.now,
      series: (name) => reader.announce(name),
      tell: options.tell,
    });
    const hits = new HitIntake({ journal: options.hits, records: options.records, ledger, configuration, now: options.now });
    this.#tails = new Tails({ hits, ledger, configuration });
    const tables = new RecordTables(options.records, options.now);
    this.services = {
      configuration,
      tokens: () => this.#tokens,
      now: options.now,
      ledger,
      intake,
      hits,
      reader,
      metrics: store,
      records: options.records,
      flows: options.flows,
      tables,
      azureKeys: () => this.#azureKeys,
      azurePolicies: new AzurePolicies(options.records, options.now),
      azureWriter: new AzureWriter(options.records, tables, options.now),
      names,
      listeners: () => this.#open,
      startedMs: options.now(),
      version: options.version,
    };
  }

  /** Opens the listeners; returns the `ready` line without its line end. When one cannot be opened, none stays open. */
  async start(): Promise<string> {
    const { host } = this.#configuration.listen;
    const wanted = (name: string): boolean => this.#options.only === undefined || this.#options.only.includes(name);
    const portOf = (name: string, usual: number): number => this.#options.ports.get(name) ?? this.#options.ports.get('all') ?? usual;
    await this.services.intake.restoreGauges();
    try {
      if (wanted('http')) this.#open.push(await openHttp(routes, this.services, host, portOf('http', httpPort)));
      for (const row of listeners) {
        if (!wanted(row.name)) continue;
        const open = row.transport === 'udp' ? openUdp : openTcp;
        this.#open.push(await open(row, this.services, host, portOf(row.name, row.port)));
      }
    } catch (error) {
      await Promise.all(this.#open.map((one) => one.stop()));
      throw error;
    }
    this.#tails.start();
    this.#timer = setInterval(() => this.#tick(), flushMs);
    return `ready ${this.#open.map((one) => `${one.name}=${one.host.includes(':') ? `[${one.host}]` : one.host}:${one.port}`).join(' ')}`;
  }

  #tick(): void {
    this.services.intake.nowSeconds = Math.floor(this.#options.now() / 1000);
    this.services.intake.flush().catch(() => {});
    this.services.hits.tick();
    this.#expire();
  }

  // Lets go of what is over, a bounded piece at a time; while there is more, at every tick.
  #expire(): void {
    const now = this.#options.now();
    if (this.#isExpiring || now - this.#expiredMs < expireMs) return;
    this.#isExpiring = true;
    this.#options.records
      .expire(Math.floor(now / 1000))
      .then((gone) => {
        if (gone === 0) this.#expiredMs = now;
      })
      .catch((error: unknown) => {
        this.#expiredMs = now;
        this.services.ledger.notice('store', error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        this.#isExpiring = false;
      });
  }

  /**
   * Another configuration: names, limits, dialect, tokens and ladders; listeners stay open. Throws when a token file cannot be read: all stays as it was. What it
   * returns takes it.
   */
  prepare(configuration: Configuration): () => void {
    const tokens = new Tokens(configuration.tokens, this.#options.environment);
    const azureKeys = new AzureKeys(configuration.azure, this.#options.environment);
    return () => {
      this.#configuration = configuration;
      this.#azureKeys = azureKeys;
      this.#tokens = tokens;
      this.services.intake.reloadLadders();
      this.services.reader.reload(this.services.intake.names());
    };
  }

  /** Takes what is still to be read, flushes, closes. Throws when the last flush fails. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open.map((one) => one.stop()));
    this.#tails.stop();
    await this.services.hits.flush();
    await this.services.intake.flush();
    await this.#options.hits.close();
    await this.#options.metrics.close();
  }
}
