/**
 * The lines of the journal of hits. The layout is drawn in `hit-journal.ts`: this file makes
 * lines, finds them again, and knows their checksum.
 */

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { Corrupt } from '../base/faults.js';
import type { PeriodCounts } from '../fold/hit-counter.js';
import { readSlot, type StoredSlot, storeSlot } from './hit-record.js';
import type { WrittenIdentities } from './identities.js';

/** What a C line says. */
export interface CommitLine extends Partial<WrittenIdentities> {
  readonly at: number;
  readonly parts: number;
  readonly id?: string;
  /** Names this file among those that had its name; said once, by the first such line of a file. */
  readonly generation?: string;
  readonly notes?: Readonly<Record<string, string>>;
  readonly replaces?: boolean;
  readonly dropped?: number;
}

export function slotLine(period: PeriodCounts): Buffer {
  const json = JSON.stringify(storeSlot(period));
  return Buffer.from(`S ${period.period.startMs} ${sumOf(json)} ${json}\n`);
}

/** Reads the line of a slot. Throws Corrupt when it is not as it was written. */
export function readSlotLine(bytes: Buffer, file: string, offset: number): PeriodCounts {
  const text = bytes.toString('utf8', 0, bytes.length - 1);
  const mark = text.indexOf(' ', 2);
  const json = text.slice(mark + 18);
  if (sumOf(json) !== text.slice(mark + 1, mark + 17)) throw new Corrupt('a part does not match its checksum', { file, offset });
  return readSlot(JSON.parse(json) as StoredSlot);
}

export function commitLine(commit: CommitLine): Buffer {
  const json = JSON.stringify(commit);
  return Buffer.from(`C ${sumOf(json)} ${json}\n`);
}

export function sumOf(json: string): string {
  return createHash('sha1').update(json).digest('hex').slice(0, 16);
}

export function writeAll(descriptor: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, at + done);
}

/** Makes the names of a folder last: a file that was made or renamed is found under its name after a loss of power. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

// Complete lines with their offsets. Of a slot's line only the beginning is kept.
export function* linesOf(descriptor: number): Generator<{ text: string; at: number; size: number }> {
  const chunk = Buffer.alloc(1 << 20);
  let held: Buffer[] = [];
  let lineAt = 0;
  let at = 0;
  for (let got = readSync(descriptor, chunk, 0, chunk.length, at); got > 0; got = readSync(descriptor, chunk, 0, chunk.length, at)) {
    const bytes = chunk.subarray(0, got);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      const slot = (held[0] ?? bytes.subarray(start))[0] === 0x53;
      const text = slot
        ? Buffer.concat([...held.slice(0, 2), bytes.subarray(start, end)]).toString('latin1', 0, 64)
        : Buffer.concat([...held, bytes.subarray(start, end)]).toString('utf8');
      yield { text, at: lineAt, size: at + end + 1 - lineAt };
      held = [];
      start = end + 1;
      lineAt = at + start;
    }
    if (start < got && (held.length < 2 || held[0]?.[0] !== 0x53)) held.push(Buffer.from(bytes.subarray(start)));
    at += got;
  }
}
