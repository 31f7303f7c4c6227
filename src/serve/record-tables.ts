/**
 * Which tables of records there are. A table is a note `table/NAME` in the store; it is made by the table protocol, or with the first record that comes by another way. The protocol's names
 * do not tell capitals from small letters, so they are looked up that way. A table that is deleted is out of sight at once; its records go a bounded batch at a time, and what a stop leaves over goes at the next start.
 */

import { Refused } from '../base/faults.js';
import type { RecordPut } from '../keep/store.js';
import type { RecordStore } from './services.js';

const prefix = 'table/';
const goneRowsMax = 5000;
const tablesMax = 100_000;
const live = Buffer.from('live');
const doomed = Buffer.from('deleted');

export class RecordTables {
  readonly #records: RecordStore;
  readonly #now: () => number;
  readonly #names = new Set<string>();
  readonly #byLower = new Map<string, string>();
  readonly #doomed = new Set<string>();
  #read: Promise<void> | undefined;

  constructor(records: RecordStore, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  /** The name of a table as it was made; undefined when there is none. */
  async find(name: string): Promise<string | undefined> {
    await this.#ready();
    const known = this.#byLower.get(name.toLowerCase());
    if (known !== undefined || this.isDoomed(name)) return known;
    // Hits are kept as records without asking here.
    for await (const { rows } of this.#records.scan('record', { table: name, limit: 1 })) if (rows.length > 0) this.#add(name);
    return this.#byLower.get(name.toLowerCase());
  }

  /** Whether a table of the name is still being deleted. */
  isDoomed(name: string): boolean {
    return this.#doomed.has(name.toLowerCase());
  }

  /** All names, in order of their small letters. */
  async names(): Promise<readonly string[]> {
    await this.#ready();
    return [...this.#byLower].sort(([one], [two]) => (one < two ? -1 : 1)).map(([, name]) => name);
  }

  /** Whether a table of this very name is there now; once `find` has answered. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Makes a table; false when there is one. */
  async create(name: string): Promise<boolean> {
    if ((await this.find(name)) !== undefined || this.#byLower.has(name.toLowerCase())) return false;
    if (this.#names.size >= tablesMax) throw new Refused(`there are ${tablesMax} tables (expected fewer)`);
    this.#add(name);
    try {
      await this.#records.commit({ nowSeconds: this.#seconds, notes: [{ name: prefix + name, value: live }] });
    } catch (error) {
      this.#remove(name);
      throw error;
    }
    return true;
  }

  /** Deletes a table: it is gone for all who ask when this resolves. Its records go now if they are few, else little by little. */
  async delete(name: string): Promise<void> {
    this.#remove(name);
    this.#doomed.add(name.toLowerCase());
    try {
      await this.#records.commit({ nowSeconds: this.#seconds, notes: [{ name: prefix + name, value: doomed }] });
    } catch (error) {
      this.#doomed.delete(name.toLowerCase());
      this.#add(name);
      throw error;
    }
    if (!(await this.#clear(name))) void this.#clearAll(name);
  }

  /** Notes of the tables among some records that are new, to be committed with them; call `remember` when they are durable. Throws Refused for a table that is being deleted, and for too many. */
  async notesOf(records: readonly RecordPut[]): Promise<readonly { readonly name: string; readonly value: Uint8Array }[]> {
    await this.#ready();
    const fresh = new Set<string>();
    let last = '';
    for (const { table } of records) {
      if (table === last) continue;
      last = table;
      if (!this.#names.has(table)) fresh.add(table);
    }
    for (const name of this.#doomed.size > 0 ? fresh : [])
      if (this.isDoomed(name)) throw new Refused(`table ${name} is being deleted (expected to be tried later)`);
    if (this.#names.size + fresh.size > tablesMax) throw new Refused(`there would be more than ${tablesMax} tables (expected fewer)`);
    return [...fresh].map((name) => ({ name: prefix + name, value: live }));
  }

  remember(notes: readonly { readonly name: string }[]): void {
    for (const { name } of notes) this.#add(name.slice(prefix.length));
  }

  get #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  #add(name: string): void {
    this.#names.add(name);
    const lower = name.toLowerCase();
    if (!this.#byLower.has(lower)) this.#byLower.set(lower, name);
  }

  #remove(name: string): void {
    this.#names.delete(name);
    this.#byLower.delete(name.toLowerCase());
  }

  #ready(): Promise<void> {
    this.#read ??= this.#load();
    return this.#read;
  }

  async #load(): Promise<void> {
    const left: string[] = [];
    for await (const { name, value } of this.#records.scan('note', { prefix })) {
      const table = name.slice(prefix.length);
      if (Buffer.from(value).equals(doomed)) left.push(table);
      else this.#add(table);
    }
    for (const table of left) {
      this.#doomed.add(table.toLowerCase());
      void this.#clearAll(table);
    }
  }

  async #clearAll(name: string): Promise<void> {
    try {
      while (!(await this.#clear(name))) await new Promise((resolve) => setImmediate(resolve));
    } catch {
      // A full disk, or a stop: the note stays, and the next start goes on.
    }
  }

  // Deletes some records; with the last of them the note goes, and the answer is true.
  async #clear(table: string): Promise<boolean> {
    const records: RecordPut[] = [];
    for await (const { partition, rows } of this.#records.scan('record', { table, limit: goneRowsMax }))
      for (const { row } of rows) records.push({ table, partition, row, value: undefined });
    const isLast = records.length < goneRowsMax;
    const notes = isLast ? [{ name: prefix + table, value: undefined }] : [];
    await this.#records.commit({ nowSeconds: this.#seconds, records, notes });
    if (isLast) this.#doomed.delete(table.toLowerCase());
    return isLast;
  }
}
