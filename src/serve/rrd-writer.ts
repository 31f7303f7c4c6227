/**
 * The writer of RRDtool databases in the store: `create` and `update` with what RRDtool's words say, many updates a commit. A reading speaks of the time since
 * the one before it; its rate is cut exactly at the slots of the archives. COMPUTE sources are reckoned from the others' primary
 * points, at the end of each step, as rrdtool does it.
 *
 * Laws: a reading that is not newer than the last is rejected as `not-newer`; one that cannot be read changes nothing; cells and the writer's place are
 * one commit.
 */

import { Malformed, Refused } from '../base/faults.js';
import type { DatabaseDefinition } from '../collect/rrd-definition.js';
import { rateOf } from '../fold/source.js';
import { addState, type States, stateFields } from '../fold/state.js';
import { StateBatch } from '../keep/state-batch.js';
import type { Store } from '../keep/store.js';
import type { LoadedSeries } from './loaded-series.js';
import { type ComputeSource, computeSources } from './rrd-compute.js';
import { isSameDefinition, newRrd, rrdName, rrdNote, type StoredRrd, seriesOfRrd } from './stored-rrd.js';

/** rrdtool keeps so many letters of a last reading. */
const lastLettersMax = 29;

/** A database that is written to. */
export interface OpenRrd {
  readonly rrd: StoredRrd;
  /** Numbers of the sources' series in the writer's table. */
  readonly numbers: readonly number[];
  readonly computes: readonly ComputeSource[];
  readonly rates: Float64Array;
  /** The day of the newest reading when ages were last looked at. */
  agedDay: number;
}

export interface RrdWriterOptions {
  readonly store: Store;
  readonly rrds: Map<string, StoredRrd>;
  readonly loaded: Map<string, LoadedSeries>;
  /** Names of all series of the store. */
  readonly names: () => Iterable<string>;
}

export class RrdWriter {
  readonly #store: Store;
  readonly #stored: Map<string, StoredRrd>;
  readonly #loaded: Map<string, LoadedSeries>;
  readonly #known: () => Iterable<string>;
  #taken: Set<string> | undefined;
  readonly #names: string[] = [];
  readonly #table = { nameOf: (index: number): string => this.#names[index] as string };
  readonly #batch = new StateBatch();
  readonly #open = new Map<string, OpenRrd>();
  readonly #touched = new Set<OpenRrd>();
  #isAgeDue = false;

  constructor({ store, rrds, loaded, names }: RrdWriterOptions) {
    this.#known = names;
    this.#store = store;
    this.#stored = rrds;
    this.#loaded = loaded;
  }

  /** Makes a database; answers false when it is there already and says the same. Throws Refused when it is there and says otherwise. */
  create(file: string, definition: DatabaseDefinition, startMs: number): boolean {
    const held = this.#stored.get(rrdName(file));
    if (held !== undefined) {
      if (isSameDefinition(held.definition, definition)) return false;
      throw new Refused(
        `creating '${file}': the store has '${held.name}' with other sources or archives (expected another name; what is stored is kept)`,
      );
    }
    const rrd = newRrd(file, definition, startMs);
    this.add(rrd);
    return true;
  }

  /** What the store has of a name. */
  held(name: string): StoredRrd | undefined {
    return this.#stored.get(name);
  }

  /** Takes a database in: from a file, with its states by `put`. Throws Refused where a series has the name of one of another kind. */
  add(rrd: StoredRrd): OpenRrd {
    const computes = computeSources(rrd.definition);
    if (!this.#stored.has(rrd.name)) this.#claim(rrd);
    this.#stored.set(rrd.name, rrd);
    for (const [name, series] of seriesOfRrd(rrd)) this.#loaded.set(name, series);
    const numbers = rrd.series.map((name) => this.#names.push(name) - 1);
    const open = { rrd, numbers, computes, rates: new Float64Array(numbers.length), agedDay: Math.floor(rrd.atMs / 86_400_000) };
    this.#open.set(rrd.name, open);
    this.#touched.add(open);
    return open;
  }

  // Events, or another database's source (`a.rrd` with a source b, and `a/b.rrd`), may have the name of a series already.
  #claim(rrd: StoredRrd): void {
    this.#taken ??= new Set(this.#known());
    for (const name of rrd.series) {
      if (this.#taken.has(name)) throw new Refused(`the store has a series '${name}' already (expected another name)`, { file: rrd.file });
    }
    for (const name of rrd.series) this.#taken.add(name);
  }

  /** The database of a path. Throws Refused when there is none. */
  find(file: string): OpenRrd {
    const name = rrdName(file);
    const open = this.#open.get(name);
    if (open !== undefined) return open;
    const rrd = this.#stored.get(name);
    if (rrd === undefined)
      throw new Refused(`opening '${file}': the store has no database '${name}' (expected weir rrd create or weir load first)`);
    return this.add(rrd);
  }

  /** Adds the readings of a time, one a source that is not computed. Throws Malformed, and nothing has changed. */
  update(open: OpenRrd, timeMs: number, readings: readonly string[]): void {
    const { rrd, rates, numbers, computes } = open;
    const { sources } = rrd.definition;
    const intervalMs = timeMs - rrd.atMs;
    if (!(intervalMs > 0)) throw new Malformed(notNewer(timeMs, rrd.atMs));
    for (let at = 0; at < sources.length; at++) {
      const source = sources[at]!;
      rates[at] = source.type === 'COMPUTE' ? Number.NaN : rateOf(source, rrd.lasts[at]!, readings[at]!, intervalMs);
    }
    const newest = timeMs / 1000;
    for (let at = 0; at < sources.length; at++)
      if (sources[at]!.type !== 'COMPUTE') this.#batch.add(numbers[at]!, rrd.ladder, newest, rrd.atMs, timeMs, rates[at]!);
    passTime(open, timeMs, (at, fromMs, toMs, value) => this.#batch.add(numbers[at]!, rrd.ladder, newest, fromMs, toMs, value), computes);
    rrd.atMs = timeMs;
    rrd.lasts = readings.some((reading) => reading.length > lastLettersMax)
      ? readings.map((one) => one.slice(0, lastLettersMax))
      : readings;
    this.#touched.add(open);
  }

  /** The same for a database of one source, which is told: one reading, without a list of them. */
  updateOne(open: OpenRrd, timeMs: number, reading: string): void {
    const { rrd, rates, numbers, computes } = open;
    const intervalMs = timeMs - rrd.atMs;
    if (!(intervalMs > 0)) throw new Malformed(notNewer(timeMs, rrd.atMs));
    const rate = rateOf(rrd.definition.sources[0]!, rrd.lasts[0]!, reading, intervalMs);
    rates[0] = rate;
    this.#batch.add(numbers[0]!, rrd.ladder, timeMs / 1000, rrd.atMs, timeMs, rate);
    passTime(open, timeMs, emitsNothing, computes);
    rrd.atMs = timeMs;
    rrd.lasts = [reading.length > lastLettersMax ? reading.slice(0, lastLettersMax) : reading];
    this.#touched.add(open);
  }

  /** Adds a cell of a source that was read from a file. */
  put(open: OpenRrd, source: number, slot: number, cells: States, from: number): void {
    this.#batch.put(open.numbers[source]!, slot, cells, from);
    this.#touched.add(open);
  }

  /** Cells that wait for a commit. */
  get pending(): number {
    return this.#batch.count;
  }

  /** Hands over everything since the last commit; resolves when it is durable. */
  async commit(nowSeconds: number): Promise<void> {
    if (this.#touched.size === 0) return;
    const touched = [...this.#touched];
    await this.#store.commit({
      nowSeconds,
      cells: { table: this.#table, states: this.#batch.columns() },
      notes: touched.map(({ rrd }) => rrdNote(rrd)),
    });
    this.#batch.clear();
    this.#touched.clear();
    for (const open of touched) {
      const day = Math.floor(open.rrd.atMs / 86_400_000);
      this.#isAgeDue ||= day !== open.agedDay;
      open.agedDay = day;
    }
  }

  /** Rolls up what archives no longer reach, where a series has come to another day since the last time. */
  async age(nowSeconds: number): Promise<void> {
    if (!this.#isAgeDue) return;
    this.#isAgeDue = false;
    while ((await this.#store.expire(nowSeconds)) > 0);
  }
}

const emitsNothing = (): void => {};

/** rrdtool's words for a reading that is not newer than the last. */
export function notNewer(timeMs: number, lastMs: number): string {
  return `illegal attempt to update using time ${Math.floor(timeMs / 1000)} when last update time is ${Math.floor(lastMs / 1000)} (minimum one second step)`;
}

// Moves the primary points in the making to `timeMs`; for each step that ends, computed sources get their value.
function passTime(
  { rrd, rates }: OpenRrd,
  timeMs: number,
  emit: (source: number, fromMs: number, toMs: number, value: number) => void,
  computes: readonly ComputeSource[],
): void {
  const stepMs = rrd.definition.step * 1000;
  const { pending } = rrd;
  const endMs = timeMs - (timeMs % stepMs);
  let atMs = rrd.atMs;
  if (endMs > atMs && computes.length === 0) {
    pending.knownMs.fill(0);
    pending.unknownMs.fill(0);
    atMs = endMs;
  }
  if (endMs > atMs) {
    const firstEnd = atMs - (atMs % stepMs) + stepMs;
    for (let source = 0; source < rates.length; source++) addState(pending, source, atMs, firstEnd, rates[source]!);
    if (computes.length > 0) computeStep(computes, pending, stepMs, firstEnd - stepMs, firstEnd, emit);
    for (const field of stateFields) pending[field].fill(0);
    if (endMs > firstEnd && computes.length > 0) {
      for (let source = 0; source < rates.length; source++) addState(pending, source, 0, stepMs, rates[source]!);
      computeStep(computes, pending, stepMs, firstEnd, endMs, emit);
      for (const field of stateFields) pending[field].fill(0);
    }
    atMs = endMs;
  }
  if (timeMs > atMs) for (let source = 0; source < rates.length; source++) addState(pending, source, atMs, timeMs, rates[source]!);
}

// The value of each computed source for a step, from the averages of the others; of a point, half may be unknown.
function computeStep(
  computes: readonly ComputeSource[],
  pending: States,
  stepMs: number,
  fromMs: number,
  toMs: number,
  emit: (source: number, fromMs: number, toMs: number, value: number) => void,
): void {
  const values = pending.knownMs.map((known, at) =>
    pending.unknownMs[at]! > stepMs / 2 || known === 0 ? Number.NaN : pending.integrals[at]! / known,
  );
  for (const { index, value } of computes) {
    values[index] = value(values, toMs / 1000);
    emit(index, fromMs, toMs, values[index]!);
  }
}
