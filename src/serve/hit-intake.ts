/**
 * From log lines to durable counts. Listeners and tailed files add to one open batch that is committed each half second; a POST is a batch
 * of its own and is answered when it is durable. The place in a tailed file goes to the disk in the same batch as the lines before it, so
 * that a restart neither loses nor doubles a line. A batch that the store does not take is kept and tried again.
 */

import { clearHit, emptyHit } from '../base/hit.js';
import type { LineCause } from '../collect/access-log.js';
import { type LogReader, openMixedReader } from '../collect/log-formats.js';
import type { HitCounter } from '../fold/hit-counter.js';
import { type KeyOptions, type KeySpec, parseKeySpecs } from '../fold/hit-keys.js';
import { type HitBatch, type HitJournal, hitCounterOfQuarters } from '../keep/hit-journal.js';
import type { Configuration } from './configuration.js';
import type { Account, Ledger } from './ledger.js';

export interface HitIntakeOptions {
  readonly journal: HitJournal;
  readonly ledger: Ledger;
  readonly configuration: () => Configuration;
  readonly now: () => number;
}

/** The lists that a configuration keeps. */
export function keptLists(configuration: Configuration): KeySpec[] {
  return parseKeySpecs(configuration.logs.lists);
}

/** Bound of the keys that an answer holds, by a configuration. */
export function hitMemoryBytes(configuration: Configuration): number {
  return configuration.logs.memoryMiB * 2 ** 20;
}

const batchBytes = 64 << 20;
const dayMs = 86_400_000;

export class HitIntake {
  readonly #options: HitIntakeOptions;
  #open: HitCounter;
  #notes = new Map<string, string>();
  #failed: HitBatch | undefined;
  #flushing: Promise<void> | undefined;
  readonly #hit = emptyHit();
  /** Places of tailed files, asked for at each flush. */
  readonly places = new Map<string, () => string>();

  constructor(options: HitIntakeOptions) {
    this.#options = options;
    this.#open = this.counter();
  }

  /** What is durable. */
  get stored(): HitJournal {
    return this.#options.journal;
  }

  /** The state kept under a name. */
  note(name: string): string | undefined {
    return this.#options.journal.note(name);
  }

  /** Whether more waits for the disk than memory should hold. */
  get overloaded(): boolean {
    return this.#options.journal.waiting >= 64;
  }

  /** An empty batch. */
  counter(): HitCounter {
    const { configuration } = this.#options;
    return hitCounterOfQuarters(keptLists(configuration()), batchBytes, this.#keys());
  }

  /** A reader for streams in which kinds of lines mix. */
  reader(): LogReader {
    const { format, columns } = this.#options.configuration().logs;
    return openMixedReader({ format, columns, nowMs: this.#options.now() });
  }

  /** Counts a line in the open batch, or rejects it by its cause. */
  take(line: string, reader: LogReader, account: Account): void {
    account.lines += 1;
    const cause = this.count(line, reader, this.#open);
    if (cause === '') account.accepted += 1;
    else if (cause !== 'blank') {
      const bytes = Buffer.from(line.slice(0, 200), 'latin1');
      this.#options.ledger.reject(account, cause, bytes, 0, bytes.length);
    }
  }

  /** Counts a line in a batch; answers why it cannot. */
  count(line: string, reader: LogReader, counter: HitCounter): LineCause | 'future' {
    clearHit(this.#hit);
    const cause = reader.parse(line, this.#hit);
    if (cause !== '') return cause;
    if (this.#hit.timeMs > this.#options.now() + dayMs) return 'future';
    counter.add(this.#hit);
    return '';
  }

  /** Commits a batch of its own; false when its identity was counted before. */
  commit(counter: HitCounter, identity: string | undefined): Promise<boolean> {
    return this.#options.journal.commit({ counter, identity });
  }

  /** Makes everything counted so far durable. */
  async flush(): Promise<void> {
    if (this.#flushing !== undefined) await this.#flushing;
    this.#flushing = this.#commitOpen().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  /** Flushes, and now and then tidies the journal. */
  tick(): void {
    this.flush()
      .then(() => this.#options.journal.settle())
      .catch((error: unknown) => this.#options.ledger.notice('store', error instanceof Error ? error.message : String(error)));
  }

  async #commitOpen(): Promise<void> {
    const batch = this.#failed ?? this.#takeBatch();
    if (batch === undefined) return;
    this.#failed = batch;
    try {
      await this.#options.journal.commit(batch);
    } catch (error) {
      this.#options.ledger.notice('store', error instanceof Error ? error.message : String(error));
      throw error;
    }
    this.#failed = undefined;
    const next = this.#takeBatch();
    if (next === undefined) return;
    this.#failed = next;
    await this.#options.journal.commit(next);
    this.#failed = undefined;
  }

  #takeBatch(): HitBatch | undefined {
    const notes = new Map<string, string>();
    for (const [name, place] of this.places) {
      const value = place();
      if (this.#notes.get(name) !== value) notes.set(name, value);
    }
    if (this.#open.periods.size === 0 && notes.size === 0) return undefined;
    for (const [name, value] of notes) this.#notes.set(name, value);
    const counter = this.#open;
    this.#open = this.counter();
    return { counter, notes };
  }

  #keys(): KeyOptions {
    const { keywords, engines, withQuery } = this.#options.configuration().logs;
    return { keywordParameters: keywords.split(','), engines, withQuery };
  }
}
