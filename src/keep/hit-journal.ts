/**
 * Counts of hits that last: quarter-hour slots on the disk, in a journal of the batches that made them. Memory holds where the parts of
 * each slot lie, never the keys. A batch is applied whole or not at all, and acknowledged when it is on the disk (law 6); one whose identity
 * is known counts once, for 30 days. Small state (the place in a tailed file) is written with the batch it belongs to.
 *
 *   hits.journal, lines:   S <slot start, ms> <sum> <JSON of the slot: keep/hit-record.ts>       a part of a slot
 *                          C <sum> <JSON: at, parts, id, ids, runs, notes, replaces, dropped, generation>    makes the parts before it count
 *   sum: 16 hex digits of the SHA-1 of the JSON.   `replaces`: the part holds all of its slot, and earlier parts are void.
 *   dropped: slots that start before this instant (ms) are void; they are past what is to be kept.
 *
 * What stands after the last C line is what a crash left, and is cut off. `settle` merges the parts of a slot that has passed into one, hands passed days
 * over to files of their own (hit-days.ts) when the journal has grown, and writes it anew when half of it is void, so that neither a start nor a
 * tidying takes longer with the years. One process writes; `writer.lock` names it. Others may read meanwhile.
 */

import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fdatasync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Corrupt, Refused } from '../base/faults.js';
import type { HitCounter, PeriodCounts } from '../fold/hit-counter.js';
import { mergeHitCounts, zeroHitCounts } from '../fold/hit-counts.js';
import type { KeySpec } from '../fold/hit-keys.js';
import { quarterMs } from '../fold/period.js';
import { lockFolder } from './folder-lock.js';
import { type HitBatch, hitCounterOfQuarters } from './hit-batch.js';
import { type DayFile, dayMs, type Part, removeDay, writeDay } from './hit-days.js';
import { commitLine, slotLine, syncFolder, writeAll } from './hit-lines.js';
import { dayOf, HitParts } from './hit-parts.js';
import { faultOf } from './lmdb-file.js';

export interface JournalOptions {
  readonly folder: string;
  readonly specs: readonly KeySpec[];
  /** Milliseconds of the epoch; called at each commit. */
  readonly now: () => number;
  readonly readOnly?: boolean;
  /** How long a slot is kept after it began; 0: for good. Asked at each `settle`. */
  readonly keepMs?: () => number;
  /** Bytes of the journal from which on it hands over days and is written anew (32 MiB). */
  readonly rewriteBytes?: number;
}

const identityMs = 30 * dayMs;
const partsMax = 256;
const sync = promisify(fdatasync);

export class HitJournal {
  readonly #options: JournalOptions;
  readonly #held: HitParts;
  #unlock: () => void = () => undefined;
  #queue: { batch: HitBatch; resolve: (counted: boolean) => void; reject: (error: unknown) => void }[] = [];
  #draining = false;
  #settling = false;
  // What writes, one after the other.
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#held = new HitParts(join(options.folder, 'hits.journal'));
  }

  /** Opens the journal. Throws Refused when another process writes it. */
  open(): this {
    const { folder, readOnly, now } = this.#options;
    const held = this.#held;
    if (readOnly === true) {
      held.openBeside();
      return this;
    }
    mkdirSync(folder, { recursive: true });
    this.#unlock = lockFolder(folder);
    const isNew = !existsSync(held.path);
    held.descriptor = openSync(held.path, isNew ? 'w+' : 'r+');
    held.replay();
    ftruncateSync(held.descriptor, held.bytes);
    if (held.generation === '') {
      const generation = randomUUID();
      const line = commitLine({ at: now(), parts: 0, generation });
      writeAll(held.descriptor, line, held.bytes);
      fdatasyncSync(held.descriptor);
      held.bytes += line.length;
      held.generation = generation;
    }
    if (isNew) syncFolder(folder);
    return this;
  }

  /** The lists that are kept. */
  get specs(): readonly KeySpec[] {
    return this.#options.specs;
  }

  /** The state kept under a name. */
  note(name: string): string | undefined {
    return this.#held.notes.get(name);
  }

  /** Batches that wait for the disk. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** What a copy needs: the journal up to its last whole batch, and the files of passed days. */
  get extent(): { readonly bytes: number; readonly descriptor: number; readonly days: readonly DayFile[] } {
    const { bytes, descriptor, days } = this.#held;
    return { bytes, descriptor, days: [...days.values()] };
  }

  /** Slots that start in [fromMs, toMs), in order of time, in parts: a slot may come in several. */
  *slots(fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY): Generator<PeriodCounts> {
    for (const start of this.#held.startsIn(fromMs, toMs)) yield* this.#held.of(start);
  }

  /** Makes a batch durable; false when its identity had been counted before. */
  commit(batch: HitBatch): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      if (this.#draining) return;
      this.#draining = true;
      void this.#alone(() => this.#writeQueue());
    });
  }

  /** Whether a batch of this identity was counted. */
  knows(identity: string): boolean {
    return this.#held.identities.has(identity);
  }

  /** Writes parts of a batch that is too large for memory; they count when `finish` has resolved. Nothing else may be committed meanwhile. */
  begin(): { add: (periods: Iterable<PeriodCounts>) => void; finish: (identity: string) => Promise<void> } {
    const held = this.#held;
    const parts: [number, Part][] = [];
    let at = held.bytes;
    const add = (periods: Iterable<PeriodCounts>): void => {
      for (const period of periods) {
        const bytes = slotLine(period);
        writeAll(held.descriptor, bytes, at);
        parts.push([period.period.startMs, { at, size: bytes.length }]);
        at += bytes.length;
      }
    };
    const finish = async (identity: string): Promise<void> => {
      const now = this.#options.now();
      const bytes = commitLine({ at: now, parts: parts.length, id: identity });
      writeAll(held.descriptor, bytes, at);
      await sync(held.descriptor);
      held.bytes = at + bytes.length;
      held.identities.add(identity, now);
      for (const [start, part] of parts) held.add(start, part);
    };
    return { add, finish };
  }

  /** Tidies a piece: drops what is past its keep, merges the parts of a slot, hands over a day, writes the journal anew. False: nothing to do. */
  async settle(): Promise<boolean> {
    if (this.#settling || this.#held.descriptor < 0) return false;
    this.#settling = true;
    try {
      return await this.#alone(() => this.#settleOne(this.#options.rewriteBytes ?? 32 << 20));
    } finally {
      this.#settling = false;
    }
  }

  /** Tidies all there is, however little. */
  async compact(): Promise<void> {
    while (await this.#alone(() => this.#settleOne(0)));
    await this.#alone(() => this.#rewrite());
  }

  /** Waits for what is queued and closes. */
  async close(): Promise<void> {
    await this.#alone(async () => undefined);
    if (this.#held.descriptor < 0) return;
    closeSync(this.#held.descriptor);
    this.#held.descriptor = -1;
    this.#unlock();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#turn.then(work, work);
    this.#turn = run.catch(() => undefined);
    return run;
  }

  async #settleOne(fromBytes: number): Promise<boolean> {
    const held = this.#held;
    const now = this.#options.now();
    const keepMs = this.#options.keepMs?.() ?? 0;
    const dropBefore = Math.floor((now - keepMs) / quarterMs) * quarterMs;
    if (keepMs > 0 && dropBefore > held.dropped && this.#holdsBefore(dropBefore)) {
      await this.#drop(dropBefore);
      return true;
    }
    const passed = fromBytes === 0 ? Number.POSITIVE_INFINITY : now - 2 * quarterMs;
    for (const [start, parts] of held.slots) {
      if (parts.length < 2 || (start >= passed && parts.length < partsMax)) continue;
      await this.#write([{ counter: this.#merged(start, held.ofJournal(start)) }], true);
      return true;
    }
    if (held.bytes < fromBytes) return false;
    const day = this.#dayToHandOver(now, fromBytes === 0);
    if (day !== undefined) {
      await this.#handOver(day);
      return true;
    }
    if (fromBytes === 0 || held.liveBytes * 2 > held.bytes) return false;
    await this.#rewrite();
    return true;
  }

  // Everything that waits goes to the disk in one write.
  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue;
      this.#queue = [];
      const fresh = new Set<string>();
      const taken = group.filter(({ batch: { identity } }) => {
        if (identity === undefined) return true;
        if (fresh.has(identity) || this.#held.identities.has(identity)) return false;
        fresh.add(identity);
        return true;
      });
      try {
        await this.#write(taken.map(({ batch }) => batch));
        for (const entry of group) entry.resolve(taken.includes(entry));
      } catch (error) {
        for (const entry of group) entry.reject(faultOf(error, this.#options.folder));
      }
    }
    this.#draining = false;
  }

  async #write(batches: readonly HitBatch[], replaces = false): Promise<void> {
    if (batches.length === 0) return;
    const held = this.#held;
    if (held.descriptor < 0) throw new Refused('the store of hits is closed');
    const now = this.#options.now();
    const parts: [number, Part][] = [];
    const pieces: Buffer[] = [];
    let at = held.bytes;
    const put = (bytes: Buffer): void => {
      pieces.push(bytes);
      at += bytes.length;
    };
    for (const { identity, counter, spilled = [], notes } of batches) {
      const counted = [...(counter?.periods.values() ?? [])].map((period) => [period.period.startMs, slotLine(period)] as const);
      const lines = [...spilled, ...counted];
      for (const [start, line] of lines) {
        parts.push([start, { at, size: line.length }]);
        put(line);
      }
      put(
        commitLine({
          at: now,
          parts: lines.length,
          ...(identity === undefined ? {} : { id: identity }),
          ...(notes === undefined || notes.size === 0 ? {} : { notes: Object.fromEntries(notes) }),
          ...(replaces ? { replaces } : {}),
        }),
      );
    }
    writeAll(held.descriptor, Buffer.concat(pieces), held.bytes);
    await sync(held.descriptor);
    // Until here the batch does not count, and the next one is written over it.
    held.bytes = at;
    for (const { identity, notes } of batches) {
      if (identity !== undefined) held.identities.add(identity, now);
      for (const [name, value] of notes ?? []) held.notes.set(name, value);
    }
    if (replaces) for (const [start] of parts) held.drop(start);
    for (const [start, part] of parts) held.add(start, part);
  }

  #holdsBefore(instant: number): boolean {
    for (const start of this.#held.slots.keys()) if (start < instant) return true;
    for (const { startMs } of this.#held.days.values()) if (startMs + dayMs <= instant) return true;
    return false;
  }

  async #drop(before: number): Promise<void> {
    const held = this.#held;
    const bytes = commitLine({ at: this.#options.now(), parts: 0, dropped: before });
    writeAll(held.descriptor, bytes, held.bytes);
    await sync(held.descriptor);
    held.bytes += bytes.length;
    held.dropBefore(before);
    for (const [start, day] of held.days) {
      if (start + dayMs > before) continue;
      removeDay(day);
      held.days.delete(start);
    }
  }

  // A day that has passed and is worth it: what the journal has of it is no trifle beside its file, which is made anew whole.
  #dayToHandOver(now: number, however: boolean): number | undefined {
    const bytes = new Map<number, number>();
    for (const [start, parts] of this.#held.slots) {
      const day = dayOf(start);
      if (day + dayMs + 4 * quarterMs < now)
        bytes.set(
          day,
          parts.reduce((sum, part) => sum + part.size, bytes.get(day) ?? 0),
        );
    }
    for (const [day, size] of bytes) if (however || size * 4 > (this.#held.days.get(day)?.bytes ?? 0)) return day;
    return undefined;
  }

  // All slots of a day, those of its file too, into its file.
  async #handOver(day: number): Promise<void> {
    const held = this.#held;
    const starts = held.startsIn(day, day + dayMs);
    const wholeLine = (start: number): Buffer => this.#wholeLine(start);
    async function* lines(): AsyncGenerator<readonly [number, Buffer]> {
      for (const start of starts) {
        yield [start, wholeLine(start)];
        // Others have their turn between slots.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const about = { at: this.#options.now(), journal: held.generation, upTo: held.bytes };
    held.days.set(day, await writeDay(this.#options.folder, day, lines(), about));
    for (const start of starts) held.drop(start);
  }

  // A slot in one line: the bytes that there are, where the journal has it in one part.
  #wholeLine(start: number): Buffer {
    const held = this.#held;
    const [part, ...others] = held.slots.get(start) ?? [];
    if (part !== undefined && others.length === 0 && held.days.get(dayOf(start))?.slots.has(start) !== true) return held.read(part);
    return this.#lineOf(start, held.of(start));
  }

  #lineOf(start: number, pieces: Iterable<PeriodCounts>): Buffer {
    const [period] = this.#merged(start, pieces).periods.values();
    return period === undefined ? fail() : slotLine(period);
  }

  #merged(start: number, pieces: Iterable<PeriodCounts>): HitCounter {
    const counter = hitCounterOfQuarters(this.#options.specs, Number.POSITIVE_INFINITY);
    const whole = counter.countsAt(start);
    for (const { counts } of pieces) {
      // Lists that this run does not keep stay as they are.
      for (const [name] of counts.tallies)
        if (!whole.tallies.has(name)) whole.tallies.set(name, zeroHitCounts([{ name, fields: [] }]).tallies.get(name) ?? fail());
      mergeHitCounts(whole, counts);
    }
    return counter;
  }

  async #rewrite(): Promise<void> {
    const held = this.#held;
    const now = this.#options.now();
    held.identities.dropBefore(now - identityMs);
    const fresh = openSync(`${held.path}.new`, 'w+');
    const slots = new Map<number, Part>();
    let at = 0;
    const put = (bytes: Buffer): void => {
      writeAll(fresh, bytes, at);
      at += bytes.length;
    };
    for (const [start, [part, ...others]] of held.slots) {
      const line = part !== undefined && others.length === 0 ? held.read(part) : this.#lineOf(start, held.ofJournal(start));
      slots.set(start, { at, size: line.length });
      put(line);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const generation = randomUUID();
    const dropped = Number.isFinite(held.dropped) ? { dropped: held.dropped } : {};
    const notes = Object.fromEntries(held.notes);
    put(commitLine({ at: now, parts: slots.size, generation, ...held.identities.written(), notes, ...dropped }));
    await sync(fresh);
    renameSync(`${held.path}.new`, held.path);
    syncFolder(this.#options.folder);
    closeSync(held.descriptor);
    Object.assign(held, { descriptor: fresh, generation, bytes: at, liveBytes: at });
    held.slots.clear();
    for (const [start, part] of slots) held.slots.set(start, [part]);
  }
}

function fail(): never {
  throw new Corrupt('a list without a tally');
}
