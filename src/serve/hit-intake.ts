/**
 * From log lines to durable counts. Listeners and tailed files add to one open batch that is committed each half second; a POST is a batch
 * of its own and is answered when it is durable. The place in a tailed file goes to the disk in the same batch as the lines before it, so
 * that a restart neither loses nor doubles a line. A batch that the store does not take is kept and tried again. Records of hits, where they are kept,
 * go to their store before the counts: they may come twice there, since the same line makes the same record.
 */

import { clearHit, emptyHit } from '../base/hit.js';
import type { LineCause } from '../collect/access-log.js';
import { type LogReader, type LogReaderOptions, openMixedReader } from '../collect/log-formats.js';
import { LineCutter } from '../collect/log-lines.js';
import type { HitCounter } from '../fold/hit-counter.js';
import { type KeyOptions, type KeySpec, parseKeySpecs } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { type HitBatch, hitCounterOfQuarters } from '../keep/hit-batch.js';
import type { HitJournal } from '../keep/hit-journal.js';
import { slotLine } from '../keep/hit-lines.js';
import type { RecordPut } from '../keep/store.js';
import type { Configuration } from './configuration.js';
import { hitRecord, marksOf } from './hit-records.js';
import { HitScan } from './hit-scan.js';
import type { Account, Ledger } from './ledger.js';
import type { RecordStore } from './services.js';

export interface HitIntakeOptions {
  readonly journal: HitJournal;
  readonly records: RecordStore;
  readonly ledger: Ledger;
  readonly configuration: () => Configuration;
  readonly now: () => number;
}

/** Hits that become durable together. */
export interface OpenHits {
  readonly counter: HitCounter;
  /** Lines of what the counter had no room for. */
  readonly spilled: [startMs: number, line: Buffer][];
  /** Those that are kept as records. */
  readonly records: RecordPut[];
  /** The mark of the next record, for lines that bring none. */
  readonly nextMark: () => string;
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
const hourMs = 3_600_000;

export class HitIntake {
  readonly #options: HitIntakeOptions;
  #open: OpenHits;
  #notes = new Map<string, string>();
  #failed: { readonly batch: HitBatch; readonly records: readonly RecordPut[] } | undefined;
  #streamed = 0;
  #calendar = new ZoneCalendar('UTC');
  #flushing: Promise<void> | undefined;
  #marks: ((at: number) => string) | undefined;
  readonly #hit = emptyHit();
  readonly #scan = new HitScan();
  readonly #stream = new HitScan();
  #bodies: { readonly made: string; readonly reader: LogReader } | undefined;
  /** Places of tailed files, asked for at each flush. */
  readonly places = new Map<string, () => string>();

  constructor(options: HitIntakeOptions) {
    this.#options = options;
    this.#open = this.batch();
  }

  /** What is durable. */
  get stored(): HitJournal {
    return this.#options.journal;
  }

  /** The state kept under a name. */
  note(name: string): string | undefined {
    return this.#options.journal.note(name);
  }

  /** Why the store took no batch the last time; undefined: it did. */
  failing: string | undefined;

  /** Whether more waits for the disk than memory should hold. */
  get overloaded(): boolean {
    return this.#options.journal.waiting >= 64;
  }

  /** An empty batch; `identity` names one that may be sent again. */
  batch(identity?: string): OpenHits {
    const { configuration, now } = this.#options;
    const spilled: [number, Buffer][] = [];
    const counter = hitCounterOfQuarters(keptLists(configuration()), batchBytes, this.#keys(), (periods) => {
      for (const period of periods) spilled.push([period.period.startMs, slotLine(period)]);
    });
    this.#marks ??= marksOf(`${now()} ${process.pid}`);
    const stream = this.#marks;
    if (identity === undefined) return { counter, spilled, records: [], nextMark: () => stream(this.#streamed++) };
    const marks = marksOf(identity);
    let at = 0;
    return { counter, spilled, records: [], nextMark: () => marks(at++) };
  }

  /** A reader for streams in which kinds of lines mix. */
  reader(): LogReader {
    return openMixedReader(this.readerOptions());
  }

  /** How the configuration has logs read. */
  readerOptions(): LogReaderOptions {
    const { format, columns, tz } = this.#options.configuration().logs;
    if (this.#calendar.zone !== tz) this.#calendar = new ZoneCalendar(tz);
    return { format, columns, nowMs: this.#options.now(), localOffsetMs: this.#calendar.localOffsetMs };
  }

  /** Counts a line in the open batch, or rejects it by its cause. `mark`: of its record, where the line could come again. */
  take(line: string, reader: LogReader, account: Account, mark?: () => string): void {
    account.lines += 1;
    const cause = this.count(line, reader, this.#open, mark);
    if (cause === '') account.accepted += 1;
    else if (cause !== 'blank') {
      const bytes = Buffer.from(line.slice(0, 200), 'latin1');
      this.#options.ledger.reject(account, cause, bytes, 0, bytes.length);
    }
  }

  /** Counts a line in a batch; answers why it cannot. */
  count(line: string, reader: LogReader, batch: OpenHits, mark: () => string = batch.nextMark): LineCause | 'future' {
    clearHit(this.#hit);
    const cause = reader.parse(line, this.#hit);
    if (cause !== '') return cause;
    if (this.#hit.timeMs > this.#options.now() + dayMs) return 'future';
    batch.counter.add(this.#hit);
    if (this.#options.configuration().logs.records) batch.records.push(hitRecord(this.#hit, mark()));
    return '';
  }

  /** Counts whole lines of a followed file in the open batch; false: line by line only, and none was counted. */
  takeLines(bytes: Buffer, reader: LogReader, account: Account): boolean {
    if (this.#options.configuration().logs.records) return false;
    const counted = this.#stream.count(bytes, {
      reader,
      localOffsetMs: this.readerOptions().localOffsetMs,
      counter: this.#open.counter,
      untilMs: this.#options.now() + dayMs,
      take: (line) => this.take(line, reader, account),
      tooLong: () => account.reject('too-long'),
    });
    if (counted === undefined) return false;
    account.lines += this.#stream.passed;
    account.accepted += counted;
    return true;
  }

  /**
   * Counts the lines of a body in a batch; answers how many. `refuse` is told the cause of each that cannot be read.
   */
  countBody(body: Buffer, batch: OpenHits, refuse: (cause: string) => void): number {
    const reader = this.#readerOfBodies();
    let accepted = 0;
    const take = (line: string): void => {
      const cause = this.count(line, reader, batch);
      if (cause === '') accepted += 1;
      else if (cause !== 'blank') refuse(cause);
    };
    const tooLong = (): void => refuse('too-long');
    const { localOffsetMs } = this.readerOptions();
    const untilMs = this.#options.now() + dayMs;
    // Records are made of hits, which the kernel does not make.
    const counted = this.#options.configuration().logs.records
      ? undefined
      : this.#scan.count(body, { reader, localOffsetMs, counter: batch.counter, untilMs, take, tooLong });
    if (counted !== undefined) return accepted + counted;
    const cutter = new LineCutter();
    cutter.push(body, take, tooLong);
    cutter.end(take);
    return accepted;
  }

  // One for many bodies, unless its lines hang together: the time it was made at only finds the year of times without one.
  #readerOfBodies(): LogReader {
    const { format, columns, tz } = this.#options.configuration().logs;
    const made = JSON.stringify([format, columns, tz, Math.floor(this.#options.now() / hourMs)]);
    if (this.#bodies?.made !== made || this.#bodies.reader.linesHang === true) this.#bodies = { made, reader: this.reader() };
    return this.#bodies.reader;
  }

  /** Commits a batch of its own; false when its identity was counted before. */
  async commit({ counter, spilled, records }: OpenHits, identity: string | undefined): Promise<boolean> {
    if (identity === undefined || !this.#options.journal.knows(identity)) await this.#putRecords(records);
    return await this.#told(this.#options.journal.commit({ counter, spilled, identity }));
  }

  async #told<T>(work: Promise<T>): Promise<T> {
    try {
      const done = await work;
      this.failing = undefined;
      return done;
    } catch (error) {
      this.failing = error instanceof Error ? error.message : String(error);
      throw error;
    }
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
    try {
      // What failed before, and then what has come since.
      while (await this.#commitNext(this.#failed !== undefined));
    } catch (error) {
      this.#options.ledger.notice('store', error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  // Commits one batch; answers whether another is to be made.
  async #commitNext(again: boolean): Promise<boolean> {
    this.#failed ??= this.#takeBatch();
    if (this.#failed === undefined) {
      // Whether there is room again is known by trying.
      if (this.failing !== undefined) await this.#told(this.#options.journal.commit({}));
      return false;
    }
    await this.#putRecords(this.#failed.records);
    await this.#told(this.#options.journal.commit(this.#failed.batch));
    this.#failed = undefined;
    return again;
  }

  async #putRecords(records: readonly RecordPut[]): Promise<void> {
    if (records.length > 0) await this.#told(this.#options.records.commit({ nowSeconds: this.#options.now() / 1000, records }));
  }

  #takeBatch(): { batch: HitBatch; records: readonly RecordPut[] } | undefined {
    const notes = new Map<string, string>();
    for (const [name, place] of this.places) {
      const value = place();
      if (this.#notes.get(name) !== value) notes.set(name, value);
    }
    const { counter, spilled, records } = this.#open;
    if (counter.periods.size + spilled.length === 0 && notes.size === 0) return undefined;
    for (const [name, value] of notes) this.#notes.set(name, value);
    this.#open = this.batch();
    return { batch: { counter, spilled, notes }, records };
  }

  #keys(): KeyOptions {
    const { keywords, engines, withQuery } = this.#options.configuration().logs;
    return { keywordParameters: keywords.split(','), engines, withQuery };
  }
}
