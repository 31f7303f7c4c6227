/**
 * Counts of hits that last: quarter-hour slots on the disk, in a journal of the batches that made them. Memory holds where the parts of
 * each slot lie, never the keys. A batch is applied whole or not at all, and acknowledged when it is on the disk (law 6); one whose identity
 * is known counts once, for 30 days. Small state (the place in a tailed file) is written with the batch it belongs to.
 *
 *   hits.journal, lines:   S <slot start, ms> <sum> <JSON of the slot: keep/hit-record.ts>       a part of a slot
 *                          C <sum> <JSON: at, parts, id, ids, notes, replaces, dropped>          makes the parts before it count
 *   sum: 16 hex digits of the SHA-1 of the JSON.   `replaces`: the part holds all of its slot, and earlier parts are void.
 *   dropped: slots that start before this instant (ms) are void; they are past what is to be kept.
 *
 * What stands after the last C line is what a crash left, and is cut off. Parts of a slot that has passed are merged into one (`settle`),
 * and the journal is written anew when half of it is void. One process writes; `writer.lock` names it. Others may read meanwhile.
 */

import { closeSync, existsSync, fdatasync, ftruncateSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Corrupt, Refused } from '../base/faults.js';
import { HitCounter, type PeriodCounts } from '../fold/hit-counter.js';
import { mergeHitCounts, zeroHitCounts } from '../fold/hit-counts.js';
import { defaultKeyOptions, type KeySpec } from '../fold/hit-keys.js';
import { quarterMs, ZoneCalendar } from '../fold/period.js';
import { lockFolder } from './folder-lock.js';
import { type CommitLine, commitLine, linesOf, slotLine, sumOf, writeAll } from './hit-lines.js';
import { readSlot, type StoredSlot } from './hit-record.js';

export interface HitBatch {
  /** A batch of the same identity counts once. */
  readonly identity?: string | undefined;
  /** Counted in quarter-hour slots. */
  readonly counter?: HitCounter | undefined;
  readonly notes?: ReadonlyMap<string, string> | undefined;
}

export interface JournalOptions {
  readonly folder: string;
  readonly specs: readonly KeySpec[];
  /** Milliseconds of the epoch; called at each commit. */
  readonly now: () => number;
  readonly readOnly?: boolean;
  /** How long a slot is kept after it began; 0: for good. Asked at each `settle`. */
  readonly keepMs?: () => number;
}

interface Part {
  readonly at: number;
  readonly size: number;
}

const identityMs = 30 * 86_400_000;
const rewriteBytes = 32 << 20;
const partsMax = 256;
const sync = promisify(fdatasync);

export class HitJournal {
  readonly #options: JournalOptions;
  readonly #path: string;
  readonly #slots = new Map<number, Part[]>();
  readonly #identities = new Map<string, number>();
  readonly #notes = new Map<string, string>();
  #descriptor = -1;
  #unlock: () => void = () => undefined;
  #queue: { batch: HitBatch; resolve: (counted: boolean) => void; reject: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  /** Bytes up to the last C line, and how many of them are parts that count. */
  #bytes = 0;
  #liveBytes = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#path = join(options.folder, 'hits.journal');
  }

  /** Opens the journal. Throws Refused when another process writes it. */
  open(): this {
    const { folder, readOnly } = this.#options;
    if (readOnly === true) {
      this.#descriptor = openSync(this.#path, 'r');
    } else {
      mkdirSync(folder, { recursive: true });
      this.#unlock = lockFolder(folder);
      this.#descriptor = openSync(this.#path, existsSync(this.#path) ? 'r+' : 'w+');
    }
    this.#replay();
    if (readOnly !== true) ftruncateSync(this.#descriptor, this.#bytes);
    return this;
  }

  /** The lists that are kept. */
  get specs(): readonly KeySpec[] {
    return this.#options.specs;
  }

  /** The state kept under a name. */
  note(name: string): string | undefined {
    return this.#notes.get(name);
  }

  /** Batches that wait for the disk. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Slots that start in [fromMs, toMs), in order of time, in parts: a slot may come in several. */
  *slots(fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY): Generator<PeriodCounts> {
    const starts = [...this.#slots.keys()].filter((start) => start >= fromMs && start < toMs).sort((one, two) => one - two);
    for (const start of starts) for (const part of this.#slots.get(start) ?? []) yield this.#readPart(part);
  }

  /** Makes a batch durable; false when its identity had been counted before. */
  commit(batch: HitBatch): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      this.#writing ??= this.#writeQueue();
    });
  }

  /** Whether a batch of this identity was counted. */
  knows(identity: string): boolean {
    return this.#identities.has(identity);
  }

  /** Writes parts of a batch that is too large for memory; they count when `finish` has resolved. Nothing else may be committed meanwhile. */
  begin(): { add: (periods: Iterable<PeriodCounts>) => void; finish: (identity: string) => Promise<void> } {
    const parts: [number, Part][] = [];
    let at = this.#bytes;
    const add = (periods: Iterable<PeriodCounts>): void => {
      for (const period of periods) {
        const bytes = slotLine(period);
        writeAll(this.#descriptor, bytes, at);
        parts.push([period.period.startMs, { at, size: bytes.length }]);
        at += bytes.length;
      }
    };
    const finish = async (identity: string): Promise<void> => {
      const now = this.#options.now();
      const bytes = commitLine({ at: now, parts: parts.length, id: identity });
      writeAll(this.#descriptor, bytes, at);
      await sync(this.#descriptor);
      this.#bytes = at + bytes.length;
      this.#identities.set(identity, now);
      for (const [start, part] of parts) this.#addPart(start, part);
    };
    return { add, finish };
  }

  /** Drops what is past its keep, merges the parts of one slot that has passed, or that has very many; writes the journal anew when half of it is void. False: nothing to do. */
  async settle(): Promise<boolean> {
    if (this.#writing !== undefined) return false;
    const keepMs = this.#options.keepMs?.() ?? 0;
    const dropBefore = Math.floor((this.#options.now() - keepMs) / quarterMs) * quarterMs;
    if (keepMs > 0 && [...this.#slots.keys()].some((start) => start < dropBefore)) {
      this.#writing = this.#drop(dropBefore);
      await this.#writing.finally(() => {
        this.#writing = undefined;
      });
      return true;
    }
    const passed = this.#options.now() - 2 * quarterMs;
    for (const [start, parts] of this.#slots) {
      if (parts.length < 2 || (start >= passed && parts.length < partsMax)) continue;
      this.#writing = this.#mergeSlot(start, parts);
      await this.#writing.finally(() => {
        this.#writing = undefined;
      });
      return true;
    }
    if (this.#bytes < rewriteBytes || this.#liveBytes * 2 > this.#bytes) return false;
    this.#writing = this.#rewrite();
    await this.#writing.finally(() => {
      this.#writing = undefined;
    });
    return true;
  }

  /** Waits for what is queued and closes. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing.catch(() => undefined);
    if (this.#queue.length > 0) await this.#writeQueue();
    if (this.#descriptor < 0) return;
    closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#unlock();
  }

  // Everything that waits goes to the disk in one write.
  async #writeQueue(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue;
      this.#queue = [];
      const fresh = new Set<string>();
      const taken = group.filter(({ batch: { identity } }) => {
        if (identity === undefined) return true;
        if (fresh.has(identity) || this.#identities.has(identity)) return false;
        fresh.add(identity);
        return true;
      });
      try {
        await this.#write(taken.map(({ batch }) => batch));
        for (const entry of group) entry.resolve(taken.includes(entry));
      } catch (error) {
        for (const entry of group) entry.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(batches: readonly HitBatch[], replaces = false): Promise<void> {
    if (batches.length === 0) return;
    if (this.#descriptor < 0) throw new Refused('the store of hits is closed');
    const now = this.#options.now();
    const parts: [number, Part][] = [];
    const pieces: Buffer[] = [];
    let at = this.#bytes;
    const put = (bytes: Buffer): void => {
      pieces.push(bytes);
      at += bytes.length;
    };
    for (const { identity, counter, notes } of batches) {
      const periods = [...(counter?.periods.values() ?? [])];
      for (const period of periods) {
        const bytes = slotLine(period);
        parts.push([period.period.startMs, { at, size: bytes.length }]);
        put(bytes);
      }
      put(
        commitLine({
          at: now,
          parts: periods.length,
          ...(identity === undefined ? {} : { id: identity }),
          ...(notes === undefined || notes.size === 0 ? {} : { notes: Object.fromEntries(notes) }),
          ...(replaces ? { replaces } : {}),
        }),
      );
    }
    writeAll(this.#descriptor, Buffer.concat(pieces), this.#bytes);
    await sync(this.#descriptor);
    // Until here the batch does not count, and the next one is written over it.
    this.#bytes = at;
    for (const { identity, notes } of batches) {
      if (identity !== undefined) this.#identities.set(identity, now);
      for (const [name, value] of notes ?? []) this.#notes.set(name, value);
    }
    if (replaces) for (const [start] of parts) this.#dropParts(start);
    for (const [start, part] of parts) this.#addPart(start, part);
  }

  async #drop(before: number): Promise<void> {
    const bytes = commitLine({ at: this.#options.now(), parts: 0, dropped: before });
    writeAll(this.#descriptor, bytes, this.#bytes);
    await sync(this.#descriptor);
    this.#bytes += bytes.length;
    this.#dropBefore(before);
  }

  async #mergeSlot(start: number, parts: readonly Part[]): Promise<void> {
    await this.#write([{ counter: this.#merged(start, parts) }], true);
  }

  #merged(start: number, parts: readonly Part[]): HitCounter {
    const counter = hitCounterOfQuarters(this.#options.specs, Number.POSITIVE_INFINITY);
    const whole = counter.countsAt(start);
    for (const part of parts) {
      const { counts } = this.#readPart(part);
      // Lists that this run does not keep stay as they are.
      for (const [name] of counts.tallies)
        if (!whole.tallies.has(name)) whole.tallies.set(name, zeroHitCounts([{ name, fields: [] }]).tallies.get(name) ?? fail());
      mergeHitCounts(whole, counts);
    }
    return counter;
  }

  async #rewrite(): Promise<void> {
    const now = this.#options.now();
    for (const [identity, since] of this.#identities) if (since < now - identityMs) this.#identities.delete(identity);
    const fresh = openSync(`${this.#path}.new`, 'w+');
    const slots = new Map<number, Part[]>();
    let at = 0;
    const put = (bytes: Buffer): void => {
      writeAll(fresh, bytes, at);
      at += bytes.length;
    };
    for (const [start, parts] of this.#slots) {
      const [period] = this.#merged(start, parts).periods.values();
      if (period === undefined) continue;
      const bytes = slotLine(period);
      slots.set(start, [{ at, size: bytes.length }]);
      put(bytes);
    }
    put(commitLine({ at: now, parts: slots.size, ids: [...this.#identities], notes: Object.fromEntries(this.#notes) }));
    await sync(fresh);
    renameSync(`${this.#path}.new`, this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = fresh;
    this.#slots.clear();
    for (const [start, parts] of slots) this.#slots.set(start, parts);
    this.#bytes = at;
    this.#liveBytes = at;
  }

  // Finds the parts of every slot; reads only where they are.
  #replay(): void {
    let pending: [number, Part][] = [];
    for (const { text, at, size } of linesOf(this.#descriptor)) {
      if (text.startsWith('S ')) {
        pending.push([Number(text.slice(2, text.indexOf(' ', 2))), { at, size }]);
        continue;
      }
      const json = text.slice(19);
      // After a crash the last line may be of any bytes.
      if (!text.startsWith('C ') || sumOf(json) !== text.slice(2, 18)) return;
      const commit = JSON.parse(json) as CommitLine;
      if (commit.parts > pending.length) throw new Corrupt('a batch of the journal lacks parts', { file: this.#path, offset: at });
      pending = pending.slice(pending.length - commit.parts);
      if (commit.replaces === true) for (const [start] of pending) this.#dropParts(start);
      for (const [start, part] of pending) this.#addPart(start, part);
      if (commit.dropped !== undefined) this.#dropBefore(commit.dropped);
      if (commit.id !== undefined) this.#identities.set(commit.id, commit.at);
      for (const [identity, since] of commit.ids ?? []) this.#identities.set(identity, since);
      for (const [name, value] of Object.entries(commit.notes ?? {})) this.#notes.set(name, value);
      pending = [];
      this.#bytes = at + size;
    }
  }

  #addPart(start: number, part: Part): void {
    const parts = this.#slots.get(start);
    if (parts === undefined) this.#slots.set(start, [part]);
    else parts.push(part);
    this.#liveBytes += part.size;
  }

  #dropBefore(instant: number): void {
    for (const start of [...this.#slots.keys()]) if (start < instant) this.#dropParts(start);
  }

  #dropParts(start: number): void {
    for (const { size } of this.#slots.get(start) ?? []) this.#liveBytes -= size;
    this.#slots.delete(start);
  }

  #readPart({ at, size }: Part): PeriodCounts {
    const bytes = Buffer.alloc(size);
    for (let got = 0; got < size; ) {
      const more = readSync(this.#descriptor, bytes, got, size - got, at + got);
      if (more === 0) throw new Corrupt('the journal ends within a part', { file: this.#path, offset: at });
      got += more;
    }
    const text = bytes.toString('utf8', 0, size - 1);
    const mark = text.indexOf(' ', 2);
    const json = text.slice(mark + 18);
    if (sumOf(json) !== text.slice(mark + 1, mark + 17))
      throw new Corrupt('a part does not match its checksum', { file: this.#path, offset: at });
    return readSlot(JSON.parse(json) as StoredSlot);
  }
}

/** A counter of quarter-hour slots, as batches are made of. */
export function hitCounterOfQuarters(specs: readonly KeySpec[], memoryBytes: number, keys = defaultKeyOptions): HitCounter {
  return new HitCounter({ specs, keys, per: 'quarter', calendar: new ZoneCalendar('UTC'), memoryBytes });
}

function fail(): never {
  throw new Corrupt('a list without a tally');
}
