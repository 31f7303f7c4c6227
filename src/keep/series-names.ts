/**
 * Names of series and their numbers. A number is given once and never again; names are written in the transaction that first uses them, and taken back
 * when it fails. Ladders and rules are looked up once a series.
 */

import { seriesKey, type Tables, text } from './lmdb-tables.js';
import { type Ladder, type SeriesTable, type StoreOptions, tallyLadder } from './store.js';

const tallyPrefix = '\u0001';

export class SeriesNames {
  readonly #tables: Tables;
  readonly #options: StoreOptions;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #ladders: (Ladder | undefined)[] = [];
  readonly #replaces: boolean[] = [];
  readonly #newest: (number | undefined)[] = [];
  // Each ladder that there is, once, by its text.
  readonly #kinds = new Map<string, Ladder>();
  #lastKind: { readonly given: Ladder; readonly kept: Ladder } | undefined;
  // Series of states among those up to a number.
  readonly #states = new Set<number>();
  #statesSought = 0;
  #translations = new WeakMap<SeriesTable, Int32Array>();

  constructor(tables: Tables, options: StoreOptions) {
    this.#tables = tables;
    this.#options = options;
    for (const { key, value } of tables.by.series.getRange({ start: seriesKey(0) })) {
      const id = key.readUInt32BE(0);
      const name = value.toString();
      this.#names[id] = name;
      this.#ids.set(name, id);
    }
    if (!tables.readOnly) for (let id = 0; id < this.#names.length; id++) this.ladderOf(id);
  }

  get count(): number {
    return this.#names.length;
  }

  nameOf(id: number): string {
    return this.#names[id] ?? '';
  }

  /** The number of a name, or -1. */
  find(name: string, tally = false): number {
    return this.#ids.get(tally ? tallyPrefix + name : name) ?? -1;
  }

  /** The number of a name, given if need be: `putNew` must follow. */
  idOf(name: string, tally = false): number {
    const stored = tally ? tallyPrefix + name : name;
    const known = this.#ids.get(stored);
    if (known !== undefined) return known;
    const id = this.#names.push(stored) - 1;
    this.#ids.set(stored, id);
    this.ladderOf(id);
    return id;
  }

  ladderOf(id: number): Ladder {
    let ladder = this.#ladders[id];
    if (ladder === undefined) {
      const name = this.nameOf(id);
      ladder = this.#kindOf(name.startsWith(tallyPrefix) ? tallyLadder : this.#options.ladderOf(name));
      this.#ladders[id] = ladder;
      this.#replaces[id] = this.#options.replaces?.(name) === true;
      if (!this.#tables.readOnly) for (const { stepSeconds } of ladder) this.#tables.step(stepSeconds);
    }
    return ladder;
  }

  #kindOf(given: Ladder): Ladder {
    if (this.#lastKind?.given === given) return this.#lastKind.kept;
    const text = given.map(({ stepSeconds, keepSeconds }) => `${stepSeconds}:${keepSeconds}`).join();
    const kept = this.#kinds.get(text) ?? given;
    this.#kinds.set(text, kept);
    this.#lastKind = { given, kept };
    return kept;
  }

  /** The ladders that series have. */
  ladders(): Iterable<Ladder> {
    return this.#kinds.values();
  }

  /** The series of states. */
  stateSeries(): Iterable<number> {
    for (; this.#statesSought < this.#names.length; this.#statesSought++) this.newestOf(this.#statesSought);
    return this.#states;
  }

  /** The rules changed: every series is looked up again. Never within a transaction. */
  reload(): void {
    this.#ladders.length = 0;
    this.#kinds.clear();
    this.#lastKind = undefined;
    this.#replaces.length = 0;
    for (let id = 0; id < this.#names.length; id++) this.ladderOf(id);
  }

  replaces(id: number): boolean {
    return this.#replaces[id] === true;
  }

  /** The newest reading of a state series, epoch seconds; undefined for other series. */
  newestOf(id: number): number | undefined {
    const known = this.#newest[id];
    if (known !== undefined || id in this.#newest) return known;
    const told = this.#options.newestOf?.(this.nameOf(id));
    this.#newest[id] = told;
    if (told !== undefined) this.#states.add(id);
    return told;
  }

  /** A state series has a reading of this time. */
  reaches(id: number, seconds: number): void {
    const before = this.#newest[id] ?? this.newestOf(id);
    if (before === undefined || before < seconds) this.#newest[id] = seconds;
    this.#states.add(id);
  }

  keepSeconds(id: number): number {
    const ladder = this.ladderOf(id);
    return ladder[ladder.length - 1]!.keepSeconds;
  }

  /** From a writer's numbers to the store's. */
  translation(table: SeriesTable | undefined): (index: number) => number {
    if (table === undefined) return () => this.idOf('');
    let known = this.#translations.get(table) ?? new Int32Array(1024).fill(-1);
    this.#translations.set(table, known);
    return (index) => {
      const found = known[index] ?? -1;
      if (found >= 0) return found;
      if (index >= known.length) {
        const wider = new Int32Array(Math.max(known.length * 2, index + 1)).fill(-1);
        wider.set(known);
        known = wider;
        this.#translations.set(table, known);
      }
      const id = this.idOf(table.nameOf(index));
      known[index] = id;
      return id;
    };
  }

  /** Writes the names from number `from` on. Within a transaction. */
  putNew(from: number): void {
    for (let id = from; id < this.#names.length; id++) this.#tables.by.series.putSync(seriesKey(id), text(this.nameOf(id)));
  }

  /** Takes back the numbers from `from` on: the transaction failed. */
  forget(from: number): void {
    if (from === this.#names.length) return;
    for (const name of this.#names.splice(from)) this.#ids.delete(name);
    this.#ladders.length = Math.min(this.#ladders.length, from);
    this.#replaces.length = Math.min(this.#replaces.length, from);
    this.#newest.length = Math.min(this.#newest.length, from);
    this.#statesSought = Math.min(this.#statesSought, from);
    for (const id of this.#states) if (id >= from) this.#states.delete(id);
    this.#translations = new WeakMap();
  }

  /** Names of series in order; tallies' metrics are not among them. */
  *names(prefix: string): IterableIterator<string> {
    const names = this.#names.filter((name) => !name.startsWith(tallyPrefix) && name.startsWith(prefix));
    yield* names.sort();
  }
}
