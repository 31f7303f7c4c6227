/**
 * Follows a log file as it grows, through rotation (another file takes the name: the old one is read to its end first) and truncation
 * (the file became shorter than what was read: it begins anew). The place is that of the last whole line: file number, offset, and the
 * hash of the file's first bytes, so that a restart goes on where the counts stand, also in a file that was renamed meanwhile.
 */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { lineSizeMax } from '../collect/log-formats.js';

export interface TailPlace {
  readonly inode: number;
  /** Bytes taken: up to the end of the last whole line. */
  readonly offset: number;
  /** SHA-1 of the first `headSize` bytes. */
  readonly head: string;
  readonly headSize: number;
}

export interface TailOptions {
  readonly path: string;
  /** Called with the first bytes of a file before its lines. */
  readonly begin: (head: Buffer, inode: number) => void;
  /** Called with whole lines; false: they are to come one by one. The bytes are not kept. */
  readonly lines?: (bytes: Buffer) => boolean;
  /** Called with a line and where it begins in its file. */
  readonly line: (text: string, at: number) => void;
  readonly tooLong: () => void;
}

const headMax = 256;
const chunkBytes = 1 << 20;

export class Tail {
  readonly #options: TailOptions;
  #descriptor: number | undefined;
  #inode = 0;
  // Files of this run that were read to their end, and the one that has the name.
  #done = new Set<number>();
  #offset = 0;
  #head = Buffer.alloc(0);
  #skipping = false;
  readonly #chunk = Buffer.alloc(chunkBytes);
  #resume: TailPlace | undefined;

  /** `place`: where an earlier run stood. */
  constructor(options: TailOptions, place?: TailPlace) {
    this.#options = options;
    this.#resume = place;
  }

  /** Where the lines given so far end; undefined before the first file. */
  get place(): TailPlace | undefined {
    if (this.#descriptor === undefined && this.#inode === 0) return this.#resume;
    return { inode: this.#inode, offset: this.#offset, head: digest(this.#head), headSize: this.#head.length };
  }

  /** Gives the lines that were written since; at most `bytesMax` of them. Answers the bytes taken; 0: nothing new. */
  poll(bytesMax: number): number {
    this.#openNext();
    let taken = 0;
    while (this.#descriptor !== undefined && taken < bytesMax) {
      const size = this.#read();
      taken += size;
      if (size > 0) continue;
      const next = this.#nextFile();
      if (next === undefined) break;
      // What was written between that reading and the rotation.
      const late = this.#read();
      taken += late;
      if (late > 0) continue;
      this.#close();
      this.#open(next, 0);
    }
    return taken;
  }

  /** Gives what stands after the last newline as a line: the file is complete. */
  finish(): void {
    if (this.#descriptor === undefined) return;
    const rest = Buffer.alloc(lineSizeMax + 1);
    const size = readSync(this.#descriptor, rest, 0, rest.length, this.#offset);
    if (size === 0) return;
    if (size > lineSizeMax) this.#options.tooLong();
    else if (!this.#skipping) this.#options.line(rest.toString('latin1', 0, size).replace(/\r$/, ''), this.#offset);
    this.#offset += size;
    this.#keepHead(this.#descriptor);
  }

  /** Lets the file go. */
  stop(): void {
    this.#close();
  }

  #close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  // The file after this one, when the name belongs to another by now: one that was rotated away meanwhile, the oldest first, or that of the name.
  #nextFile(): string | undefined {
    const { path } = this.#options;
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined || status.ino === this.#inode || this.#descriptor === undefined) return undefined;
    const { mtimeMs } = fstatSync(this.#descriptor);
    this.#done.add(this.#inode).add(status.ino);
    const between = this.#rotated().flatMap((name) => {
      const entry = statSync(name, { throwIfNoEntry: false });
      const isNewer = entry?.isFile() === true && !this.#done.has(entry.ino) && entry.mtimeMs >= mtimeMs && entry.mtimeMs <= status.mtimeMs;
      return isNewer ? [{ name, mtimeMs: entry.mtimeMs }] : [];
    });
    return between.sort((one, two) => one.mtimeMs - two.mtimeMs)[0]?.name ?? path;
  }

  // Files that bear the name with a number or a date after it, as logrotate and the servers rename them.
  #rotated(): string[] {
    const folder = dirname(this.#options.path);
    const name = basename(this.#options.path);
    try {
      return readdirSync(folder)
        .filter((entry) => entry.startsWith(name) && /^[.-]\d[\d.T_-]*$/.test(entry.slice(name.length)))
        .map((entry) => join(folder, entry));
    } catch {
      return [];
    }
  }

  #openNext(): void {
    if (this.#descriptor !== undefined) return;
    const resume = this.#resume;
    if (resume !== undefined) {
      const path = this.#find(resume);
      if (path !== undefined) {
        this.#resume = undefined;
        this.#open(path, resume.offset);
        return;
      }
    }
    if (statSync(this.#options.path, { throwIfNoEntry: false })?.isFile() !== true) return;
    this.#resume = undefined;
    this.#open(this.#options.path, 0);
  }

  // The file of an earlier place: under its name, or renamed in the same folder.
  #find(place: TailPlace): string | undefined {
    const folder = dirname(this.#options.path);
    const name = basename(this.#options.path);
    let names: string[] = [];
    try {
      names = readdirSync(folder).filter((entry) => entry !== name && entry.startsWith(name));
    } catch {
      return undefined;
    }
    return [name, ...names].map((entry) => join(folder, entry)).find((path) => matches(path, place));
  }

  #open(path: string, offset: number): void {
    const descriptor = openSync(path, 'r');
    this.#descriptor = descriptor;
    this.#inode = fstatSync(descriptor).ino;
    this.#done.delete(this.#inode);
    this.#offset = offset;
    this.#skipping = false;
    this.#head = Buffer.alloc(0);
    this.#begin(descriptor);
  }

  #begin(descriptor: number): void {
    const head = Buffer.alloc(65536);
    this.#options.begin(head.subarray(0, readSync(descriptor, head, 0, head.length, 0)), this.#inode);
    this.#keepHead(descriptor);
  }

  // The head is what tells a file from another of the same number; it grows until it is full.
  #keepHead(descriptor: number): void {
    if (this.#head.length >= headMax || this.#head.length >= this.#offset) return;
    const head = Buffer.alloc(Math.min(headMax, this.#offset));
    this.#head = head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  }

  #read(): number {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return 0;
    if (fstatSync(descriptor).size < this.#offset) {
      this.#offset = 0;
      this.#head = Buffer.alloc(0);
      this.#skipping = false;
      this.#begin(descriptor);
    }
    const size = readSync(descriptor, this.#chunk, 0, chunkBytes, this.#offset);
    const end = this.#chunk.subarray(0, size).lastIndexOf(10);
    if (end < 0) return size < chunkBytes ? 0 : this.#longLine(descriptor, size);
    let start = 0;
    if (this.#offset === 0) this.#begin(descriptor);
    if (!this.#skipping && this.#options.lines?.(this.#chunk.subarray(0, end + 1)) === true) return this.#taken(descriptor, end + 1);
    for (let stop = this.#chunk.indexOf(10); stop >= 0 && stop <= end; stop = this.#chunk.indexOf(10, start)) {
      if (this.#skipping) this.#skipping = false;
      else {
        const last = stop > start && this.#chunk[stop - 1] === 13 ? stop - 1 : stop;
        this.#options.line(this.#chunk.toString('latin1', start, last), this.#offset + start);
      }
      start = stop + 1;
    }
    return this.#taken(descriptor, end + 1);
  }

  #taken(descriptor: number, size: number): number {
    this.#offset += size;
    this.#keepHead(descriptor);
    return size;
  }

  // A line longer than a chunk: read whole if it is within the bound, else passed over.
  #longLine(descriptor: number, size: number): number {
    if (this.#skipping) {
      this.#offset += size;
      return size;
    }
    const whole = Buffer.alloc(lineSizeMax + 1);
    const got = readSync(descriptor, whole, 0, whole.length, this.#offset);
    const end = whole.subarray(0, got).indexOf(10);
    if (end < 0 && got <= lineSizeMax) return 0;
    if (end < 0) {
      this.#skipping = true;
      this.#options.tooLong();
      this.#offset += got;
      return got;
    }
    this.#options.line(whole.toString('latin1', 0, end), this.#offset);
    this.#offset += end + 1;
    return end + 1;
  }
}

function matches(path: string, place: TailPlace): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status?.isFile() !== true || status.ino !== place.inode || status.size < place.offset) return false;
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(place.headSize);
    return digest(head.subarray(0, readSync(descriptor, head, 0, head.length, 0))) === place.head;
  } finally {
    closeSync(descriptor);
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** Reads a place as it was written; undefined when it is none. */
export function parsePlace(text: string | undefined): TailPlace | undefined {
  if (text === undefined) return undefined;
  const value = JSON.parse(text) as Partial<TailPlace>;
  if (typeof value.inode !== 'number' || typeof value.offset !== 'number' || typeof value.head !== 'string') return undefined;
  return { inode: value.inode, offset: value.offset, head: value.head, headSize: value.headSize ?? 0 };
}
