/**
 * From points to cells: finds the series of a name, the slot of a time, and adds. Graphite's and StatsD's sessions speak to this alone. Each second
 * what has been added is flushed to the store in one batch; a query shows what is flushed. While a flush is behind, TCP reading pauses.
 *
 * Law: a count goes to its cell as it arrives, whatever the flush does; a flush that fails is kept and tried again, and nothing is added twice. While the
 * store takes nothing (a full disk), what arrives goes on merging in the open slots, up to a bound; then TCP waits and datagrams are rejected by cause.
 */

import { ByteTable } from '../base/byte-table.js';
import type { Configuration } from './configuration.js';
import { parseHidden, receivedName, rejectedName } from './hidden-series.js';
import { lastValueBefore } from './last-value.js';
import type { Account, Ledger } from './ledger.js';
import type { MetricBatch, MetricStore } from './metric-store.js';
import { OpenSlots } from './open-slots.js';
import { OpenValues } from './open-values.js';
import { parseStoredName } from './served-names.js';

const dayS = 86_400;
const pendingMax = 1_000_000;
// What is to be done with a series' points beyond adding them up.
const replacing = 1;
const keepingValues = 2;
/** Listeners whose rejects are kept beside the metrics. */
const metricListeners: ReadonlySet<string> = new Set(['statsd', 'statsd-tcp', 'graphite', 'graphite-udp', 'pickle', 'rrdcached']);

export interface IntakeOptions {
  readonly store: MetricStore;
  readonly ledger: Ledger;
  readonly configuration: () => Configuration;
  readonly now: () => number;
  /** Called for each series that is new to this run. */
  readonly series: (name: string) => void;
  /** Told in a sentence when the store stops taking batches, and when it takes them again. */
  readonly tell?: ((text: string) => void) | undefined;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #byName = new Map<string, number>();
  readonly #names: string[] = [];
  #steps = new Float64Array(1024);
  #keeps = new Float64Array(1024);
  readonly #rawNames = Array.from({ length: 5 }, () => new ByteTable());
  #totals = new Float64Array(1024);
  #firstSlots = new Float64Array(1024);
  #newest = new Float64Array(1024);
  #ways = new Uint8Array(1024);
  #slots = new OpenSlots();
  readonly #table = { nameOf: (series: number): string => this.nameOf(series) };
  readonly #values = new OpenValues();
  #hiddenCount = 0;
  // Of series with sampled points, the hidden one that counts them.
  readonly #received = new Map<number, number>();
  // How many rejects of a listener and cause are kept already.
  readonly #rejectsKept = new Map<string, number>();
  /** Values of gauges as they stand, for deltas and for slots without news. */
  readonly gauges = new Map<number, number>();
  /** Batches that the store has not taken yet, oldest first. */
  readonly #waiting: MetricBatch[] = [];
  #flushing: Promise<void> | undefined;
  // Resolves when the store takes batches again.
  #recovery: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  nowSeconds: number;
  /** Points that repeat series and time of another, as far as memory reaches back; the last such series. */
  repeated = 0;
  #repeatedSeries = -1;
  #repeatedBefore = 0;
  flushes = 0;
  flushFailures = 0;
  cellsFlushed = 0;
  lastFlushMs = 0;
  /** Why the store took no batch the last time; undefined when it did. */
  failing: string | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.nowSeconds = Math.floor(options.now() / 1000);
    for (const name of options.store.names()) this.#firstSlots[this.seriesOf(name)] = Number.NEGATIVE_INFINITY;
  }

  /** Gives gauges back the value that they had when the last run ended, so that `+5` adds to it. */
  async restoreGauges(): Promise<void> {
    for (const [name, series] of this.#byName) {
      if (parseStoredName(name)?.kind !== 'gauge') continue;
      const value = await lastValueBefore(this.#options.store, name, this.nowSeconds + 1, this.nowSeconds);
      if (!Number.isNaN(value)) this.gauges.set(series, value);
    }
  }

  /** Stored names, in the order in which they came. */
  names(): Iterable<string> {
    return this.#names;
  }

  /** Series that came from outside; the limit is on them. */
  get seriesCount(): number {
    return this.#names.length - this.#hiddenCount;
  }

  nameOf(series: number): string {
    return this.#names[series] ?? '';
  }

  /** The number of a series by its stored name, made if need be; -1 when the limit of series is reached. */
  seriesOf(name: string): number {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    // Of hidden ones there are no more than of those that they tell of, and than causes.
    if (parseHidden(name) !== undefined) this.#hiddenCount++;
    else if (this.seriesCount >= this.#options.configuration().limits.series) return -1;
    const series = this.#names.push(name) - 1;
    this.#byName.set(name, series);
    if (series >= this.#steps.length) {
      this.#steps = doubled(this.#steps);
      this.#keeps = doubled(this.#keeps);
      this.#totals = doubled(this.#totals);
      this.#firstSlots = doubled(this.#firstSlots);
      this.#newest = doubled(this.#newest);
      const ways = new Uint8Array(this.#ways.length * 2);
      ways.set(this.#ways);
      this.#ways = ways;
    }
    this.#firstSlots[series] = Number.POSITIVE_INFINITY;
    this.#setLadder(series, name);
    this.#options.series(name);
    return series;
  }

  /** The schemas changed: slots opened from now on are those of the new ladders. */
  reloadLadders(): void {
    this.#names.forEach((name, series) => {
      this.#setLadder(series, name);
    });
    for (const table of this.#rawNames) table.clear();
  }

  /** The series of a name as it came off a socket, or -1: `remember` has not been told. `space` keeps Graphite's names and each StatsD kind apart. */
  find(space: number, bytes: Uint8Array, start: number, end: number): number {
    return (this.#rawNames[space] as ByteTable).find(bytes, start, end);
  }

  /** As `find`, with the hash of the name. */
  findHashed(space: number, bytes: Uint8Array, start: number, end: number, hash: number): number {
    return (this.#rawNames[space] as ByteTable).findHashed(bytes, start, end, hash);
  }

  /** The series of a stored name, kept for `find` under the bytes it came as; -1 when the limit of series is reached. */
  remember(space: number, bytes: Uint8Array, start: number, end: number, name: string): number {
    const series = this.seriesOf(name);
    if (series >= 0) (this.#rawNames[space] as ByteTable).add(bytes, start, end, series);
    return series;
  }

  /** The stored series of a name, or -1. */
  known(name: string): number {
    return this.#byName.get(name) ?? -1;
  }

  /** Events counted under a series in this run. */
  totalOf(series: number): number {
    return this.#totals[series] as number;
  }

  /** Start of the first slot that holds a point; minus infinity when it was stored before this run. */
  firstSlotOf(series: number): number {
    return this.#firstSlots[series] as number;
  }

  /** Time of the newest point of this run, epoch seconds. */
  newestOf(series: number): number {
    return this.#newest[series] as number;
  }

  /** Start of the slot of a time on the finest step of a series. */
  slotOf(series: number, seconds: number): number {
    return seconds - (seconds % (this.#steps[series] as number));
  }

  /** Adds a point; returns the cause when it cannot be kept. `seconds` -1 is now. */
  add(series: number, seconds: number, value: number, weight = 1, sum = value): 'too-old' | 'future' | undefined {
    const at = seconds < 0 ? this.nowSeconds : seconds;
    const cause = this.#outside(series, at);
    if (cause !== undefined) return cause;
    const step = this.#steps[series] as number;
    const slot = Math.floor(at / step) * step;
    if (this.#ways[series] !== 0) this.#addInItsWay(series, slot, at, value, weight, sum);
    else if (this.#slots.add(series, slot, at, value, weight, sum) && seconds >= 0) {
      this.repeated++;
      this.#repeatedSeries = series;
    }
    if (weight !== 1 && ((this.#ways[series] as number) & replacing) === 0) this.#receive(series, slot, at, weight);
    this.#totals[series] = (this.#totals[series] as number) + sum;
    if (slot < (this.#firstSlots[series] as number)) this.#firstSlots[series] = slot;
    if (at > (this.#newest[series] as number)) this.#newest[series] = at;
    return undefined;
  }

  // A sampled point is one that came, and the events that it stands for.
  #receive(series: number, slot: number, at: number, weight: number): void {
    let hidden = this.#received.get(series);
    if (hidden === undefined) {
      hidden = this.seriesOf(receivedName(this.nameOf(series)));
      this.#received.set(series, hidden);
    }
    this.#slots.add(hidden, slot, at, weight, 1, weight);
  }

  // What listeners of metrics turned away since the last flush goes to hidden series.
  #keepRejects(): void {
    for (const { name: listener, rejected } of this.#options.ledger.accounts.values()) {
      if (!metricListeners.has(listener)) continue;
      for (const [cause, count] of rejected) {
        const name = rejectedName(listener, cause);
        const fresh = count - (this.#rejectsKept.get(name) ?? 0);
        if (fresh <= 0) continue;
        this.#rejectsKept.set(name, count);
        const series = this.seriesOf(name);
        this.#slots.add(series, this.slotOf(series, this.nowSeconds), this.nowSeconds, 1, fresh, fresh);
      }
    }
  }

  addTimer(series: number, seconds: number, value: number, weight: number): 'too-old' | 'future' | undefined {
    const at = seconds < 0 ? this.nowSeconds : seconds;
    const cause = this.#outside(series, at);
    if (cause !== undefined) return cause;
    this.#values.addValue(series, this.slotOf(series, at), value, weight);
    return undefined;
  }

  #addInItsWay(series: number, slot: number, at: number, value: number, weight: number, sum: number): void {
    const way = this.#ways[series] as number;
    if ((way & replacing) !== 0) {
      if (this.#slots.replace(series, slot, at, value)) return;
      this.#slots.addApart(series, slot, at, value);
    } else this.#slots.add(series, slot, at, value, weight, sum);
    if ((way & keepingValues) !== 0) this.#values.addValue(series, slot, value, weight);
  }

  addMember(series: number, seconds: number, member: string): 'too-old' | 'future' | 'set-limit' | undefined {
    const at = seconds < 0 ? this.nowSeconds : seconds;
    const cause = this.#outside(series, at);
    if (cause !== undefined) return cause;
    return this.#values.addMember(series, this.slotOf(series, at), member) ? undefined : 'set-limit';
  }

  /** A promise to wait for when more is pending than memory should hold; undefined when there is room. */
  pressure(): Promise<void> | undefined {
    if (!this.#full && this.#waiting.length < 8) return undefined;
    if (this.failing === undefined) return this.flush().catch(() => {});
    this.#recovery ??= recovery();
    return this.#recovery.promise;
  }

  get #full(): boolean {
    return this.#slots.pending + this.#values.pending >= pendingMax;
  }

  /** Whether datagrams must be turned away, since there is nobody to pause. */
  get overloaded(): boolean {
    return this.#waiting.length >= 64 || (this.failing !== undefined && this.#full);
  }

  /** Hands everything added so far to the store; resolves when it is durable. */
  async flush(): Promise<void> {
    const behind = this.failing !== undefined && this.#waiting.length > 0;
    if (!behind) this.#takeBatch();
    await this.#commitInTurn();
    if (!behind) return;
    this.#takeBatch();
    await this.#commitInTurn();
  }

  async #commitInTurn(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    if (this.#waiting.length === 0) return;
    this.#flushing = this.#commitWaiting().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  #takeBatch(): void {
    this.#keepRejects();
    if (this.#slots.pending === 0 && this.#values.pending === 0) return;
    const cells = this.#slots.drain();
    const repeats = { count: this.repeated - this.#repeatedBefore, name: this.nameOf(this.#repeatedSeries) };
    this.#repeatedBefore = this.repeated;
    this.#waiting.push({ table: this.#table, cells, ...this.#values.drain(), repeats });
  }

  async #commitWaiting(): Promise<void> {
    for (let batch = this.#waiting[0]; batch !== undefined; batch = this.#waiting[0]) {
      const before = this.#options.now();
      try {
        const { repeated } = await this.#options.store.commit(batch);
        this.repeated += repeated;
        this.#repeatedBefore += repeated;
      } catch (error) {
        this.flushFailures++;
        const before = this.failing;
        this.failing = error instanceof Error ? error.message : String(error);
        if (before === undefined)
          this.#options.tell?.(`the store takes no batches: ${this.failing}; reads go on, and what arrives waits in memory`);
        if (before !== this.failing) this.#options.ledger.notice('store', this.failing);
        throw error;
      }
      if (this.failing !== undefined) this.#recovered();
      this.#waiting.shift();
      this.flushes++;
      this.cellsFlushed += batch.cells.count + batch.timers.length + batch.sets.length;
      this.#slots.recycle(batch.cells);
      this.lastFlushMs = this.#options.now() - before;
    }
  }

  #recovered(): void {
    this.failing = undefined;
    this.#recovery?.resolve();
    this.#recovery = undefined;
    this.#options.ledger.notice('store', 'takes batches again');
    this.#options.tell?.('the store takes batches again');
  }

  #outside(series: number, at: number): 'too-old' | 'future' | undefined {
    if (at > this.nowSeconds + dayS) return 'future';
    return at <= this.nowSeconds - (this.#keeps[series] as number) ? 'too-old' : undefined;
  }

  #setLadder(series: number, name: string): void {
    const ladder = this.#options.store.ladderOf(name);
    this.#steps[series] = ladder[0]?.stepSeconds ?? 60;
    this.#keeps[series] = ladder.at(-1)?.keepSeconds ?? 0;
    const { store } = this.#options;
    this.#ways[series] = (store.replaces(name) ? replacing : 0) | (store.keepsValues(name) ? keepingValues : 0);
  }
}

function recovery(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function doubled(old: Float64Array): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(old.length * 2);
  wider.set(old);
  return wider;
}

/** Counts what `add` could not keep. */
export function countOutside(account: Account, cause: string | undefined): void {
  if (cause === undefined) account.accepted++;
  else account.reject(cause);
}
