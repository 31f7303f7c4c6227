/**
 * The tables of the embedded store, and their keys: binary, big-endian, time first, so that a flush and a fold write neighbouring pages and old time is
 * a range at the beginning. Each step has a table of its own: its newest chunks are at its end, where LMDB fills pages whole.
 *
 *   journal       | sequence u48 |                                                value: journal.ts
 *   step-N        | chunk u32 | series u32 |                                      value: chunk.ts; chunk = start / (step x slots)
 *   parts         | kind u8 | step u32 | chunk u32 | series u32 | slot u32 |      value: the kind's bytes
 *   series        | series u32 |                                                  value: its name, utf-8
 *   identities    | 0 | sha-256, 32 bytes |  value: seconds f64          | 1 | seconds u32 | sha-256 |  (to expire them)
 *   records       | table 0 partition 0 first row |                               value: record-block.ts, up to 32 rows
 *   flows         | arrived u32 | sequence u32 | rows u32 | bounds, 4 u32 |       value: flow-block.ts (lmdb-flows.ts says more)
 *   notes         | name |                                                        value: its bytes
 *   meta          | layout |, | fold |, | flows |                                 the layout's version; what of the journal is folded; flows kept
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { Corrupt, Refused } from '../base/faults.js';
import { checkLmdbFile, mendLmdbFile } from './lmdb-file.js';

export type Table = Database<Buffer, Buffer>;

const copyEntries = 20_000;
const layoutVersion = '4';
const closeTurnsMax = 2000;
const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
const lending = {
  keyEncoding: 'binary',
  encoder: {
    encode: (value: Buffer): Buffer => value,
    decode: (value: Uint8Array): Buffer =>
      value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  },
} as const;
const names = ['journal', 'series', 'parts', 'identities', 'records', 'flows', 'notes', 'meta'] as const;

export type TableName = (typeof names)[number];

/** The environment of a folder and its tables. */
export class Tables {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly by: Readonly<Record<TableName, Table>>;
  /** The records, each value lent: it lies in a buffer that the next look into any table writes over. Whoever reads it at once is spared a copy. */
  readonly lentRecords: Table;
  readonly #steps = new Map<number, Table | undefined>();
  #stepList: readonly number[] | undefined;
  readonly readOnly: boolean;
  readonly path: string;
  /** Scans that are under way over several turns of the event loop: they read from the map. */
  scans = 0;

  constructor(folder: string, readOnly: boolean, path = join(folder, 'store.mdb')) {
    this.readOnly = readOnly;
    this.path = path;
    if (readOnly && !existsSync(this.path)) {
      throw new Refused('there is no store here (expected a folder made by weir store init, weir load or weir serve)', { file: folder });
    }
    if (readOnly) mendLmdbFile(folder, this.path);
    else if (existsSync(this.path)) checkLmdbFile(this.path, false);
    this.root = open<Buffer, Buffer>({
      path: this.path,
      noSubdir: true,
      ...binary,
      maxDbs: 200,
      maxReaders: 1024,
      overlappingSync: false,
      readOnly,
      noMemInit: true,
    });
    this.lentRecords = this.root.openDB<Buffer, Buffer>('records', lending);
    this.by = Object.fromEntries(names.map((name) => [name, this.#table(name)])) as Record<TableName, Table>;
    const layout = this.by.meta.get(text('layout'))?.toString();
    if (layout === undefined && !readOnly) this.by.meta.putSync(text('layout'), text(layoutVersion));
    else if (layout !== layoutVersion) throw new Corrupt(`the store has layout ${layout} (expected ${layoutVersion})`, { file: this.path });
    for (const key of [...this.root.getKeys()]) {
      const step = /^step-(\d+)$/.exec(key.toString().replace(/\0$/, ''));
      if (step !== null) this.#steps.set(Number(step[1]), this.#table(`step-${step[1]}`));
    }
  }

  /** Steps that have a table, finest first. */
  steps(): readonly number[] {
    this.#stepList ??= [...this.#steps].flatMap(([step, table]) => (table === undefined ? [] : [step])).sort((one, two) => one - two);
    return this.#stepList;
  }

  /** The table of a step, made if need be (never within a transaction: `ensureSteps` comes before). */
  step(stepSeconds: number): Table | undefined {
    if (!this.#steps.has(stepSeconds)) {
      if (this.readOnly) return undefined;
      if (this.#steps.size >= 150) throw new Refused('the store has 150 different steps (expected fewer)');
      this.#steps.set(stepSeconds, this.#table(`step-${stepSeconds}`));
      this.#stepList = undefined;
    }
    return this.#steps.get(stepSeconds);
  }

  /** Closes the environment when no scan is under way any more. One that is left lying for good keeps it open until the process ends: what it reads must not go from under it. */
  async close(): Promise<void> {
    for (let turn = 0; this.scans > 0 && turn < closeTurnsMax; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    if (this.scans === 0) await this.root.close();
  }

  /** Writes every table to a new file, in order of keys: an entry behind the last one fills its page. */
  async copyTo(path: string): Promise<void> {
    const copy = new Tables(path, false, path);
    try {
      for (const [name, table] of this.#all()) copyTable(table, copy.#table(name), copy.root);
    } finally {
      await copy.root.close();
    }
  }

  *#all(): IterableIterator<[string, Table]> {
    for (const name of names) yield [name, this.by[name]];
    for (const [step, table] of this.#steps) if (table !== undefined) yield [`step-${step}`, table];
  }

  #table(name: string): Table {
    return this.root.openDB<Buffer, Buffer>({ name, ...binary });
  }
}

export function text(value: string): Buffer {
  return Buffer.from(value, 'utf8');
}

export function chunkKey(chunk: number, series: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(chunk, 0);
  key.writeUInt32BE(series, 4);
  return key;
}

export function journalKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(sequence, 0, 6);
  return key;
}

export function seriesKey(series: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(series, 0);
  return key;
}

/** Seconds of a chunk of parts on a step. */
export function partChunkSeconds(stepSeconds: number): number {
  return Math.max(3600, stepSeconds * 60);
}

export function partKey(kind: number, stepSeconds: number, series: number, slot: number): Buffer {
  const key = Buffer.allocUnsafe(17);
  key.writeUInt8(kind, 0);
  key.writeUInt32BE(stepSeconds, 1);
  key.writeUInt32BE(Math.floor(slot / partChunkSeconds(stepSeconds)), 5);
  key.writeUInt32BE(series, 9);
  key.writeUInt32BE(slot, 13);
  return key;
}

export function identityKey(identity: string): Buffer {
  return Buffer.concat([Buffer.of(0), createHash('sha256').update(identity).digest()]);
}

export function identityTimeKey(seconds: number, key: Buffer): Buffer {
  const time = Buffer.allocUnsafe(5);
  time.writeUInt8(1, 0);
  time.writeUInt32BE(Math.floor(seconds), 1);
  return Buffer.concat([time, key.subarray(1)]);
}

/** Remembers the identity of a batch and when it came. Within a transaction. */
export function putIdentity({ by: { identities } }: Tables, key: Buffer, now: number): void {
  const time = Buffer.allocUnsafe(8);
  time.writeDoubleLE(now, 0);
  const before = identities.getBinary(key)?.readDoubleLE(0);
  if (before !== undefined) identities.removeSync(identityTimeKey(before, key));
  identities.putSync(key, time);
  identities.putSync(identityTimeKey(now, key), Buffer.of(1));
}

/** Forgets identities that came before a time, at most `limit`; returns how many. Within a transaction. */
export function forgetIdentities({ by: { identities } }: Tables, before: number, limit: number): number {
  const times = before <= 0 ? [] : [...identities.getKeys({ start: Buffer.of(1), end: identityTimeKey(before, Buffer.alloc(33)), limit })];
  for (const key of times) {
    identities.removeSync(key);
    identities.removeSync(Buffer.concat([Buffer.of(0), key.subarray(5)]));
  }
  return times.length;
}

/** Parts of a key by zero bytes; throws Refused for a part that holds one, or a key too long. */
export function recordKey(...parts: readonly string[]): Buffer {
  if (parts.some((part) => part.includes('\0'))) throw new Refused('a table, partition or row holds a zero character (expected none)');
  const key = text(parts.join('\0'));
  if (key.length > 1900) throw new Refused(`a record's key has ${key.length} bytes (expected at most 1,900)`);
  return key;
}

function copyTable(from: Table, to: Table, root: Tables['root']): void {
  let after: Buffer | undefined;
  for (let more = true; more; ) {
    more = root.transactionSync(() => {
      let count = 0;
      for (const { key, value } of from.getRange(after === undefined ? {} : { start: after, exclusiveStart: true, limit: copyEntries })) {
        to.putSync(key, value);
        after = Buffer.from(key);
        if (++count === copyEntries) break;
      }
      return count === copyEntries;
    });
  }
}
