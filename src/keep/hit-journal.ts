/**
 * Counts of hits that last: quarter-hour slots in memory within a bound, and a journal of the batches that made them. A batch is a line
 * of the journal, whole or not at all: when its bytes are on the disk it is applied and acknowledged (law 6). A batch whose identity is
 * known counts once; identities are kept for 30 days. Small state (the place in a tailed file) is written with the batch it belongs to.
 *
 *   hits.journal, one record a line:   | 16 hex digits: SHA-1 of the JSON, cut | blank | JSON: at, id, notes, slots | LF |
 *
 * A torn last line is what a crash leaves, and is cut off when the journal is opened. When the journal is long, it is written anew as one
 * record a slot and renamed into place. One process writes; `lock` names it. A reader may open the journal while it is written.
 */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Corrupt, Refused } from '../base/faults.js';
import { HitCounter } from '../fold/hit-counter.js';
import { type HitCounts, mergeHitCounts, zeroHitCounts } from '../fold/hit-counts.js';
import { defaultKeyOptions, type KeySpec } from '../fold/hit-keys.js';
import { ZoneCalendar } from '../fold/period.js';
import { readSlots, type StoredSlot, storeSlots } from './hit-record.js';

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
  /** Bound of the keys held. */
  readonly memoryBytes: number;
  /** Milliseconds of the epoch; called at each commit. */
  readonly now: () => number;
  readonly readOnly?: boolean;
}

interface Stored {
  readonly at: number;
  readonly id?: string;
  readonly ids?: readonly (readonly [string, number])[];
  readonly notes?: Readonly<Record<string, string>>;
  readonly slots?: readonly StoredSlot[];
}

const identityMs = 30 * 86_400_000;
const rewriteBytes = 64 << 20;

export class HitJournal {
  readonly #options: JournalOptions;
  readonly #path: string;
  /** What is durable. */
  readonly counter: HitCounter;
  readonly #identities = new Map<string, number>();
  readonly #notes = new Map<string, string>();
  #handle: FileHandle | undefined;
  #queue: { batch: HitBatch; resolve: (counted: boolean) => void; reject: (error: unknown) => void }[] = [];
  #writing: Promise<void> | undefined;
  #bytes = 0;
  #rewriteAt = rewriteBytes;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#path = join(options.folder, 'hits.journal');
    this.counter = hitCounterOfQuarters(options.specs, options.memoryBytes);
  }

  /** Opens the journal and reads what it holds. Throws Refused when another process writes it. */
  async open(): Promise<this> {
    const { folder, readOnly } = this.#options;
    if (readOnly !== true) {
      mkdirSync(folder, { recursive: true });
      takeLock(join(folder, 'hits.lock'));
    }
    const wholeBytes = existsSync(this.#path) ? this.#replay() : 0;
    this.#bytes = wholeBytes;
    this.#rewriteAt = Math.max(rewriteBytes, 4 * wholeBytes);
    if (readOnly === true) return this;
    if (existsSync(this.#path)) truncateSync(this.#path, wholeBytes);
    this.#handle = await open(this.#path, 'a');
    return this;
  }

  /** The state kept under a name. */
  note(name: string): string | undefined {
    return this.#notes.get(name);
  }

  /** Batches that wait for the disk. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Makes a batch durable, then counts it; false when its identity had been counted before. */
  commit(batch: HitBatch): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ batch, resolve, reject });
      this.#writing ??= this.#writeQueue();
    });
  }

  /** Waits for what is queued and closes. */
  async close(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.#handle === undefined) return;
    await this.#handle.close();
    this.#handle = undefined;
    rmSync(join(this.#options.folder, 'hits.lock'), { force: true });
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
      const at = this.#options.now();
      try {
        const bytes = Buffer.from(taken.map(({ batch }) => recordOf(batch, at)).join(''));
        await this.#append(bytes);
        for (const { batch } of taken) this.#apply(batch, at);
        for (const entry of group) entry.resolve(taken.includes(entry));
        if (this.#bytes > this.#rewriteAt) await this.#rewrite(at);
      } catch (error) {
        for (const entry of group) entry.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #append(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    if (this.#handle === undefined) throw new Refused('the store of hits is closed');
    try {
      await this.#handle.appendFile(bytes);
      await this.#handle.datasync();
    } catch (error) {
      // What was written of it must not stand before the next batch.
      await this.#handle.truncate(this.#bytes).catch(() => undefined);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  #apply({ identity, counter, notes }: HitBatch, at: number): void {
    if (counter !== undefined) this.counter.merge(counter);
    if (identity !== undefined) this.#identities.set(identity, at);
    for (const [name, value] of notes ?? []) this.#notes.set(name, value);
  }

  async #rewrite(at: number): Promise<void> {
    for (const [identity, since] of this.#identities) if (since < at - identityMs) this.#identities.delete(identity);
    const fresh = `${this.#path}.new`;
    const handle = await open(fresh, 'w');
    let bytes = 0;
    const put = async (stored: Stored): Promise<void> => {
      const line = lineOf(stored);
      await handle.appendFile(line);
      bytes += Buffer.byteLength(line);
    };
    await put({ at, ids: [...this.#identities], notes: Object.fromEntries(this.#notes) });
    for (const entry of this.counter.periods.values()) await put({ at, slots: storeSlots([entry]) });
    await handle.datasync();
    renameSync(fresh, this.#path);
    await this.#handle?.close();
    this.#handle = handle;
    this.#bytes = bytes;
    this.#rewriteAt = Math.max(rewriteBytes, 4 * bytes);
  }

  // Reads all whole records; answers their size together.
  #replay(): number {
    let at = 0;
    for (const { text, end } of linesOf(this.#path)) {
      const json = text.slice(17);
      if (sumOf(json) !== text.slice(0, 16)) {
        // A torn tail has nothing after it; a bad record in the middle is a damaged file.
        if (end !== undefined) throw new Corrupt('a record of the journal does not match its checksum', { file: this.#path, offset: at });
        break;
      }
      if (end === undefined) break;
      this.#read(JSON.parse(json) as Stored);
      at = end;
    }
    return at;
  }

  #read({ at, id, ids, notes, slots }: Stored): void {
    if (id !== undefined) this.#identities.set(id, at);
    for (const [identity, since] of ids ?? []) this.#identities.set(identity, since);
    for (const [name, value] of Object.entries(notes ?? {})) this.#notes.set(name, value);
    for (const { period, counts } of readSlots(slots ?? [])) this.#merge(period.startMs, counts);
    this.counter.keepBound();
  }

  #merge(startMs: number, counts: HitCounts): void {
    mergeHitCounts(this.counter.countsAt(startMs), { ...zeroHitCounts(this.#options.specs), ...counts });
  }
}

/** A counter of quarter-hour slots, as batches are made of. */
export function hitCounterOfQuarters(specs: readonly KeySpec[], memoryBytes: number, keys = defaultKeyOptions): HitCounter {
  return new HitCounter({ specs, keys, per: 'quarter', calendar: new ZoneCalendar('UTC'), memoryBytes });
}

function recordOf({ identity, counter, notes }: HitBatch, at: number): string {
  return lineOf({
    at,
    ...(identity === undefined ? {} : { id: identity }),
    ...(notes === undefined || notes.size === 0 ? {} : { notes: Object.fromEntries(notes) }),
    ...(counter === undefined ? {} : { slots: storeSlots(counter.periods.values()) }),
  });
}

function lineOf(stored: Stored): string {
  const json = JSON.stringify(stored);
  return `${sumOf(json)} ${json}\n`;
}

function sumOf(json: string): string {
  return createHash('sha1').update(json).digest('hex').slice(0, 16);
}

// Lines of a file with the offset after each; a last line without its end has none.
function* linesOf(path: string): Generator<{ text: string; end: number | undefined }> {
  const descriptor = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(1 << 20);
    let held: Buffer[] = [];
    let passed = 0;
    for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk)) {
      let start = 0;
      for (let end = chunk.subarray(0, size).indexOf(10); end >= 0; end = chunk.subarray(0, size).indexOf(10, start)) {
        held.push(chunk.subarray(start, end));
        yield { text: Buffer.concat(held).toString('utf8'), end: passed + end + 1 };
        held = [];
        start = end + 1;
      }
      held.push(Buffer.from(chunk.subarray(start, size)));
      passed += size;
    }
    const rest = Buffer.concat(held).toString('utf8');
    if (rest !== '') yield { text: rest, end: undefined };
  } finally {
    closeSync(descriptor);
  }
}

// Made for this process alone; one left by a process that is gone is taken over.
function takeLock(path: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const owner = Number(readFileSync(path, 'utf8'));
      if (owner > 0 && owner !== process.pid && isAlive(owner)) {
        throw new Refused(`the counts of hits are written by process ${owner} (send to it, or stop it first)`, { file: path });
      }
      rmSync(path, { force: true });
    }
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
