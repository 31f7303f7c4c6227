/**
 * Loads a log file into stored counts: quarter-hour slots, the whole file as one batch under the hash of its content, so that a file that
 * is loaded again counts once.
 */

import { createHash } from 'node:crypto';
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { clearHit, emptyHit } from '../base/hit.js';
import { openLogReader } from '../collect/log-formats.js';
import { firstLinesOf } from '../collect/log-lines.js';
import { hitCounterOfQuarters } from '../keep/hit-batch.js';
import type { HitJournal } from '../keep/hit-journal.js';
import { countLog, isPacked } from './count-logs.js';
import { LogScan, type ScanOptions } from './log-scan.js';

/** What became of a file. */
export interface LoadedLog {
  readonly scan: LogScan;
  /** The file was loaded before. */
  readonly known: boolean;
  readonly failure: string | undefined;
}

/** Whether most of the first lines are those of an access log. Packed files are taken to be. */
export function looksLikeLog(head: Uint8Array, nowMs: number): boolean {
  if (isPacked(head)) return true;
  const lines = firstLinesOf(head);
  const reader = openLogReader(lines, { nowMs });
  const hit = emptyHit();
  let good = 0;
  let bad = 0;
  for (const line of lines) {
    clearHit(hit);
    const cause = reader.parse(line, hit);
    if (cause === '') good += 1;
    else if (cause !== 'blank') bad += 1;
  }
  return good > bad;
}

/** The first bytes of a file. Throws the system's error when there are none to be had. */
export function headOf(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const head = Buffer.alloc(65536);
    return head.subarray(0, readSync(descriptor, head, 0, head.length, 0));
  } finally {
    closeSync(descriptor);
  }
}

/** Counts a file into the journal. `options.specs` must be those of the journal. */
export async function loadLog(path: string, journal: HitJournal, options: Omit<ScanOptions, 'per' | 'calendar'>): Promise<LoadedLog> {
  const { calendar } = hitCounterOfQuarters(options.specs, options.memoryBytes).options;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const identity = `file:${hash.digest('hex')}`;
  const { add, finish } = journal.begin();
  // Counts stay exact: what memory cannot hold goes to the disk as parts of the same batch.
  const scan = new LogScan({ ...options, per: 'quarter', calendar, spill: add });
  if (journal.knows(identity)) return { scan, known: true, failure: undefined };
  const failure = await countLog(path, Readable.from([]), scan, () => undefined);
  scan.drain();
  scan.counter.spill(add);
  await finish(identity);
  return { scan, known: false, failure };
}
