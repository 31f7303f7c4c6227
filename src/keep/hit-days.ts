/**
 * Days of counts that have passed: one file a day of UTC, whose slots are whole. The journal of hits hands a day over when it has grown large, so that it
 * stays short itself, however many years there are; a day that late hits came for is made again from its file and the journal's parts.
 *
 *   day-2026-11-26.hits, lines:   S <slot start, ms> <sum> <JSON of the slot>          as in the journal, in order of time
 *                                 C <sum> <JSON: at, parts, journal, upTo, slots: [[start, offset, size], ...]>
 *
 * A file is written beside its name, and its renaming is what counts: parts of its day in the journal of that generation before `upTo` are void from then on.
 */

import { closeSync, existsSync, fstatSync, fsyncSync, openSync, readdirSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Corrupt } from '../base/faults.js';
import { sumOf, syncFolder, writeAll } from './hit-lines.js';

export const dayMs = 86_400_000;

/** A slot's place in a file. */
export interface Part {
  readonly at: number;
  readonly size: number;
}

interface DayEnd {
  readonly at: number;
  readonly parts: number;
  readonly journal: string;
  readonly upTo: number;
  readonly slots: readonly (readonly [start: number, at: number, size: number])[];
}

/** A day's file, as it was found. */
export interface DayFile {
  readonly startMs: number;
  readonly path: string;
  readonly inode: number;
  readonly bytes: number;
  /** Generation of the journal that was handed over, and up to where. */
  readonly journal: string;
  readonly upTo: number;
  readonly slots: ReadonlyMap<number, Part>;
}

/** The day's files of a folder. Throws Corrupt for one that does not end as it was written. */
export function dayFilesOf(folder: string): Map<number, DayFile> {
  const days = new Map<number, DayFile>();
  for (const name of readdirSync(folder).sort()) {
    const date = /^day-(\d{4}-\d\d-\d\d)\.hits$/.exec(name)?.[1];
    if (date === undefined) continue;
    const startMs = Date.parse(`${date}T00:00:00Z`);
    days.set(startMs, readDay(startMs, join(folder, name)));
  }
  return days;
}

/** Writes a day's file whole, from lines of slots in order of time. */
export async function writeDay(
  folder: string,
  startMs: number,
  lines: AsyncIterable<readonly [start: number, line: Buffer]>,
  about: { readonly at: number; readonly journal: string; readonly upTo: number },
): Promise<DayFile> {
  const path = join(folder, `day-${new Date(startMs).toISOString().slice(0, 10)}.hits`);
  const descriptor = openSync(`${path}.part`, 'w');
  try {
    const slots: [number, number, number][] = [];
    let at = 0;
    for await (const [start, line] of lines) {
      writeAll(descriptor, line, at);
      slots.push([start, at, line.length]);
      at += line.length;
    }
    const end: DayEnd = { ...about, parts: slots.length, slots };
    const json = JSON.stringify(end);
    writeAll(descriptor, Buffer.from(`C ${sumOf(json)} ${json}\n`), at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.part`, path);
  syncFolder(folder);
  return readDay(startMs, path);
}

/** Reads the bytes of a slot; undefined when another file has taken the name meanwhile. */
export function readDayPart(day: DayFile, { at, size }: Part): Buffer | undefined {
  if (!existsSync(day.path)) return undefined;
  const descriptor = openSync(day.path, 'r');
  try {
    if (fstatSync(descriptor).ino !== day.inode) return undefined;
    const bytes = Buffer.alloc(size);
    return readSync(descriptor, bytes, 0, size, at) === size ? bytes : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Lets go of a day. */
export function removeDay(day: DayFile): void {
  rmSync(day.path, { force: true });
}

const endMax = 1 << 16;

function readDay(startMs: number, path: string): DayFile {
  const descriptor = openSync(path, 'r');
  try {
    const { ino, size } = fstatSync(descriptor);
    const tail = Buffer.alloc(Math.min(size, endMax));
    readSync(descriptor, tail, 0, tail.length, size - tail.length);
    const text = tail.toString('utf8', tail.lastIndexOf('\nC ') + 1).trimEnd();
    const json = text.slice(19);
    if (!text.startsWith('C ') || sumOf(json) !== text.slice(2, 18))
      throw new Corrupt('a day of counts does not end as it was written', { file: path, offset: size });
    const end = JSON.parse(json) as DayEnd;
    const slots = new Map(end.slots.map(([start, at, length]) => [start, { at, size: length }]));
    return { startMs, path, inode: ino, bytes: size, journal: end.journal, upTo: end.upTo, slots };
  } finally {
    closeSync(descriptor);
  }
}
