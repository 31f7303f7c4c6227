/**
 * Counts many logs on several cores: plain files of text formats are cut into ranges of whole lines, one contiguous share of all input
 * for each core; each share is counted by itself and the shares are merged in the order of the input, so that a run repeats.
 * The first share is counted in this thread, the others by workers (`count-logs.worker.ts`).
 */

import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { openLogReader } from '../collect/log-formats.js';
import { firstLinesOf } from '../collect/log-lines.js';
import { kernelCan } from '../fold/line-plan.js';
import { ZoneCalendar } from '../fold/period.js';
import { countLog, countPlainFile, isPacked } from './count-logs.js';
import { LogScan, readerOptions, type ScanOptions, type ScanResult } from './log-scan.js';

/** A part of an input: bytes [from, to) of a file, or the whole of it. */
export interface Share {
  readonly file: string;
  readonly range?: readonly [from: number, to: number];
}

/** What a worker is given. */
export interface ShareOrder {
  readonly shares: readonly Share[];
  readonly options: Omit<ScanOptions, 'calendar'> & { readonly zone: string };
}

/** What a worker gives back. */
export interface ShareResult {
  readonly result: ScanResult;
  readonly failures: readonly string[];
}

export interface CountManyOptions {
  readonly cores: number;
  readonly stdin: Readable;
  /** Told the bytes read since the last call. */
  readonly progress: (bytes: number) => void;
}

// Below this a second core costs more than it gives.
const worthBytes = 128 << 20;

/** Counts all inputs; answers the scan and a line for each input that could not be read to its end. */
export async function countMany(
  files: readonly string[],
  options: ScanOptions,
  { cores, stdin, progress }: CountManyOptions,
): Promise<{ scan: LogScan; failures: string[] }> {
  const total = files.reduce((sum, file) => sum + sizeOf(file), 0);
  const jobs = files.includes('-') ? 1 : Math.max(1, Math.min(cores, Math.floor(total / worthBytes) + 1));
  const own = { ...options, memoryBytes: options.memoryBytes / jobs };
  const scan = new LogScan(jobs === 1 ? options : own);
  const [first = [], ...others] = jobs === 1 ? [files.map((file) => ({ file }))] : divide(files, options, jobs, total);
  const waiting = others.map((shares) => startWorker({ shares, options: portable(own) }, progress));
  const failures = await countShares(first, scan, stdin, progress);
  for (const { result, failures: lost } of await Promise.all(waiting)) {
    scan.absorb(result);
    failures.push(...lost);
  }
  return { scan, failures };
}

/** Counts shares one after the other. */
export async function countShares(
  shares: readonly Share[],
  scan: LogScan,
  stdin: Readable,
  progress: (bytes: number) => void,
): Promise<string[]> {
  const failures: string[] = [];
  for (const { file, range } of shares) {
    if (range === undefined) {
      const failure = await countLog(file, stdin, scan, progress);
      if (failure !== undefined) failures.push(failure);
    } else {
      await countPlainFile(file, scan, progress, range[0], range[1]);
    }
  }
  return failures;
}

/** The options of a worker, which cannot be given a calendar. */
export function optionsOf(order: ShareOrder): ScanOptions {
  return { ...order.options, calendar: new ZoneCalendar(order.options.zone) };
}

function portable({ calendar, ...options }: ScanOptions): ShareOrder['options'] {
  return { ...options, zone: calendar.zone };
}

function startWorker(order: ShareOrder, progress: (bytes: number) => void): Promise<ShareResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('count-logs.worker.js', import.meta.url), { workerData: order });
    worker.on('message', (message: ShareResult | number) => {
      if (typeof message === 'number') progress(message);
      else resolve(message);
    });
    worker.once('error', reject);
  });
}

// Contiguous shares of about equal size, in the order of the input.
function divide(files: readonly string[], options: ScanOptions, jobs: number, total: number): Share[][] {
  const groups: Share[][] = Array.from({ length: jobs }, () => []);
  const shareBytes = Math.ceil(total / jobs);
  let before = 0;
  for (const file of files) {
    const size = sizeOf(file);
    const group = (at: number): Share[] => groups[Math.min(jobs - 1, Math.floor(at / shareBytes))] ?? [];
    if (size < 2 << 20 || !canCut(file, options)) {
      group(before + size / 2).push({ file });
    } else {
      let from = 0;
      while (from < size) {
        const index = Math.min(jobs - 1, Math.floor((before + from) / shareBytes));
        const to = index === jobs - 1 ? size : Math.min(size, lineStartAfter(file, (index + 1) * shareBytes - before));
        groups[index]?.push({ file, range: [from, Math.max(to, from + 1)] });
        from = Math.max(to, from + 1);
      }
    }
    before += size;
  }
  return groups;
}

function sizeOf(file: string): number {
  try {
    const status = statSync(file);
    return status.isFile() ? status.size : 0;
  } catch {
    return 0;
  }
}

// Plain text in a format whose lines stand alone.
function canCut(file: string, options: ScanOptions): boolean {
  const head = readAt(file, 0, 65536);
  if (isPacked(head)) return false;
  const { plan, linesHang } = openLogReader(firstLinesOf(head), readerOptions(options));
  return plan !== undefined && linesHang !== true && kernelCan(plan, options.specs, options.keys);
}

// The start of the first line at or after an offset.
function lineStartAfter(file: string, offset: number): number {
  for (let at = Math.max(0, offset - 1); ; at += 65536) {
    const bytes = readAt(file, at, 65536);
    const newline = bytes.indexOf(10);
    if (newline >= 0) return at + newline + 1;
    if (bytes.length === 0) return at;
  }
}

function readAt(file: string, at: number, size: number): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return Buffer.alloc(0);
  }
  try {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, size, at));
  } finally {
    closeSync(descriptor);
  }
}
