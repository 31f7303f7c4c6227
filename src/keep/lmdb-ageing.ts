/**
 * What is over, found without looking at what is not. Keys begin with their time, so what an archive no longer reaches is a range at the beginning of its table; how
 * far that range has been gone through is remembered for each length of keeping, so that a key is looked at once for each of them and not at every turn. A piece is
 * bounded by the keys that it moves and by those that it looks at.
 *
 * Law: what is put behind such a place (`touched`), and other rules, take the place back. Places are in memory alone: a new process begins at the beginning.
 */

import { chunkSlots } from './chunk.js';
import { partKinds } from './journal.js';
import { ageChunk, agePart, type SeriesFacts } from './lmdb-fold.js';
import { chunkKey, partChunkSeconds, partKey, type Table, type Tables } from './lmdb-tables.js';
import type { Ladder } from './store.js';

const looksMax = 200_000;

/** A range of keys whose time is over for whatever is kept no longer than some seconds. */
interface Piece {
  readonly name: string;
  readonly step: number;
  /** Where the chunk of time stands in a key, and how long it is. */
  readonly chunkAt: number;
  readonly seconds: number;
  readonly table: Table;
  readonly start: Buffer;
  readonly end: Buffer;
  readonly isDue: (key: Buffer) => boolean;
  readonly move: (key: Buffer) => void;
}

export class Ageing {
  readonly #tables: Tables;
  readonly #facts: SeriesFacts;
  // Where each range has been gone through to, and the time that this is.
  readonly #places = new Map<string, { readonly step: number; readonly key: Buffer; readonly time: number }>();
  #looks = 0;

  constructor(tables: Tables, facts: SeriesFacts) {
    this.#tables = tables;
    this.#facts = facts;
  }

  /** Other ladders: everything is looked at again. */
  reset(): void {
    this.#places.clear();
  }

  /** A cell was put where an archive may have been gone through already. */
  touched(stepSeconds: number, slot: number): void {
    for (const [name, { step, time }] of this.#places) if (step === stepSeconds && slot < time) this.#places.delete(name);
  }

  /** Moves or drops chunks and parts that their archive no longer reaches, at most `limit`; returns how many went. Within a transaction. */
  age(ladders: Iterable<Ladder>, now: number, limit: number): number {
    this.#looks = 0;
    let gone = 0;
    const all = [...ladders];
    const steps = [...new Set([...this.#tables.steps(), ...all.flatMap((ladder) => ladder.map((one) => one.stepSeconds))])];
    for (const step of steps.sort((one, two) => one - two)) {
      for (const keep of new Set(all.map((ladder) => keepOf(ladder, step)))) {
        const pieces = [this.#chunks(step, keep, now), ...this.#parts(step, keep, now)];
        for (const piece of pieces) {
          if (piece !== undefined) gone += this.#go(piece, limit - gone);
          if (gone >= limit || this.#looks >= looksMax) return gone;
        }
      }
    }
    return gone;
  }

  #go({ name, step, chunkAt, seconds, table, start, end, isDue, move }: Piece, limit: number): number {
    const place = this.#places.get(name)?.key ?? start;
    if (place.compare(end) >= 0) return 0;
    const due: Buffer[] = [];
    let last: Buffer | undefined;
    for (const key of table.getKeys({ start: place, end })) {
      if (due.length >= limit || ++this.#looks > looksMax) {
        last = Buffer.from(key);
        break;
      }
      if (isDue(key)) due.push(Buffer.from(key));
    }
    const key = last ?? end;
    this.#places.set(name, { step, key, time: key.readUInt32BE(chunkAt) * seconds });
    for (const key of due) move(key);
    return due.length;
  }

  #chunks(step: number, keep: number, now: number): Piece | undefined {
    const table = this.#tables.step(step);
    const seconds = step * chunkSlots(step);
    const end = Math.floor((now - keep) / seconds);
    if (table === undefined || end <= 0) return undefined;
    const isDue = (key: Buffer): boolean =>
      (key.readUInt32BE(0) + 1) * seconds <= now - keepOf(this.#facts.ladderOf(key.readUInt32BE(4)), step);
    const move = (key: Buffer): void => ageChunk(this.#tables, this.#facts, step, key);
    return { name: `chunks ${step} ${keep}`, step, chunkAt: 0, seconds, table, start: chunkKey(0, 0), end: chunkKey(end, 0), isDue, move };
  }

  // Parts go by whole chunks of their time.
  #parts(step: number, keep: number, now: number): Piece[] {
    const seconds = partChunkSeconds(step);
    const end = Math.floor((now - keep) / seconds) * seconds;
    if (end <= 0) return [];
    return partKinds.flatMap((kind, number) => {
      if (kind === 'state' || kind === 'measure') return [];
      const isDue = (key: Buffer): boolean =>
        (key.readUInt32BE(5) + 1) * seconds <= now - keepOf(this.#facts.ladderOf(key.readUInt32BE(9)), step);
      const move = (key: Buffer): void => agePart(this.#tables, this.#facts, key);
      const [start, stop] = [partKey(number, step, 0, 0), partKey(number, step, 0, end)];
      stop.writeUInt32BE(0, 13);
      return [{ name: `${kind} ${step} ${keep}`, step, chunkAt: 5, seconds, table: this.#tables.by.parts, start, end: stop, isDue, move }];
    });
  }
}

// How long a ladder keeps what is on a step.
function keepOf(ladder: Ladder, step: number): number {
  return (ladder.find((one) => one.stepSeconds >= step) ?? ladder[ladder.length - 1]!).keepSeconds;
}
