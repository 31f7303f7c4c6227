/**
 * Where the counts of each slot lie: parts in the journal of hits, and files of passed days. The read side of `hit-journal.ts`, which draws the layout:
 * it finds the parts again after a stop, and beside a writer. Memory holds places, never keys.
 */

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Corrupt, Refused } from '../base/faults.js';
import type { PeriodCounts } from '../fold/hit-counter.js';
import { type DayFile, dayFilesOf, dayMs, type Part, readDayPart } from './hit-days.js';
import { type CommitLine, linesOf, readSlotLine, sumOf } from './hit-lines.js';
import { Identities } from './identities.js';

/** The start of the day that holds an instant. */
export function dayOf(start: number): number {
  return Math.floor(start / dayMs) * dayMs;
}

export class HitParts {
  readonly path: string;
  descriptor = -1;
  readonly slots = new Map<number, Part[]>();
  days = new Map<number, DayFile>();
  identities = new Identities();
  readonly notes = new Map<string, string>();
  /** Names this journal among those that had its name. */
  generation = '';
  /** Slots that start before it are void. */
  dropped = Number.NEGATIVE_INFINITY;
  /** Bytes up to the last C line, and how many of them are parts that count. */
  bytes = 0;
  liveBytes = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Opens for reading beside a writer. */
  openBeside(): void {
    // A day that is handed over between the two readings would be read twice.
    for (let attempt = 0; attempt < 20; attempt++) {
      this.descriptor = openSync(this.path, 'r');
      this.replay();
      if (statSync(this.path, { throwIfNoEntry: false })?.ino === fstatSync(this.descriptor).ino) return;
      closeSync(this.descriptor);
    }
    throw new Refused('the counts change too fast to be read', { file: this.path });
  }

  /** Finds the parts of every slot; reads only where they are. Parts that a day's file holds are void. */
  replay(): void {
    this.slots.clear();
    this.identities = new Identities();
    [this.generation, this.bytes, this.liveBytes] = ['', 0, 0];
    let pending: [number, Part][] = [];
    for (const { text, at, size } of linesOf(this.descriptor)) {
      if (text.startsWith('S ')) {
        pending.push([Number(text.slice(2, text.indexOf(' ', 2))), { at, size }]);
        continue;
      }
      const json = text.slice(19);
      // After a crash the last line may be of any bytes.
      if (!text.startsWith('C ') || sumOf(json) !== text.slice(2, 18)) break;
      const commit = JSON.parse(json) as CommitLine;
      if (commit.parts > pending.length) throw new Corrupt('a batch of the journal lacks parts', { file: this.path, offset: at });
      this.#take(commit, pending.slice(pending.length - commit.parts));
      pending = [];
      this.bytes = at + size;
    }
    this.days = dayFilesOf(dirname(this.path));
    for (const [start, parts] of [...this.slots]) {
      const day = this.days.get(dayOf(start));
      if (day === undefined || day.journal !== this.generation) continue;
      this.drop(start);
      for (const part of parts) if (part.at >= day.upTo) this.add(start, part);
    }
  }

  #take(commit: CommitLine, parts: readonly (readonly [number, Part])[]): void {
    if (commit.replaces === true) for (const [start] of parts) this.drop(start);
    for (const [start, part] of parts) this.add(start, part);
    if (commit.generation !== undefined) this.generation = commit.generation;
    if (commit.dropped !== undefined) this.dropBefore(commit.dropped);
    if (commit.id !== undefined) this.identities.add(commit.id, commit.at);
    this.identities.read(commit);
    for (const [name, value] of Object.entries(commit.notes ?? {})) this.notes.set(name, value);
  }

  add(start: number, part: Part): void {
    const parts = this.slots.get(start);
    if (parts === undefined) this.slots.set(start, [part]);
    else parts.push(part);
    this.liveBytes += part.size;
  }

  /** Makes the journal's parts of a slot void. */
  drop(start: number): void {
    for (const { size } of this.slots.get(start) ?? []) this.liveBytes -= size;
    this.slots.delete(start);
  }

  dropBefore(instant: number): void {
    this.dropped = Math.max(this.dropped, instant);
    for (const start of [...this.slots.keys()]) if (start < instant) this.drop(start);
  }

  /** Starts of the slots in [fromMs, toMs) that hold anything, in order. */
  startsIn(fromMs: number, toMs: number): number[] {
    const low = Math.max(fromMs, this.dropped);
    const wanted = (start: number): boolean => start >= low && start < toMs;
    const starts = new Set([...this.slots.keys()].filter(wanted));
    for (const day of this.days.values()) {
      if (day.startMs + dayMs <= low || day.startMs >= toMs) continue;
      for (const start of day.slots.keys()) if (wanted(start)) starts.add(start);
    }
    return [...starts].sort((one, two) => one - two);
  }

  /** The counts of a slot, in parts. Throws Corrupt for what is not as it was written, Refused when a writer has tidied meanwhile. */
  *of(start: number): Generator<PeriodCounts> {
    const day = this.days.get(dayOf(start));
    const held = day?.slots.get(start);
    if (day !== undefined && held !== undefined) {
      const bytes = readDayPart(day, held);
      if (bytes === undefined) throw new Refused('the counts were tidied while they were read (ask again)', { file: day.path });
      yield readSlotLine(bytes, day.path, held.at);
    }
    yield* this.ofJournal(start);
  }

  /** The parts of a slot that the journal holds. */
  *ofJournal(start: number): Generator<PeriodCounts> {
    for (const part of this.slots.get(start) ?? []) yield readSlotLine(this.read(part), this.path, part.at);
  }

  /** The line of a part of the journal. */
  read({ at, size }: Part): Buffer {
    const bytes = Buffer.alloc(size);
    for (let got = 0; got < size; ) {
      const more = readSync(this.descriptor, bytes, got, size - got, at + got);
      if (more === 0) throw new Corrupt('the journal ends within a part', { file: this.path, offset: at });
      got += more;
    }
    return bytes;
  }
}
