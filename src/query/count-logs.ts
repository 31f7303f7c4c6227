/**
 * Counts the hits of log files in one pass with bounded memory: files, gzip files and standard input, each known by its content.
 * A line that cannot be read is counted by its cause and its neighbours are kept. What cannot be opened is told; the others are done.
 */

import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { clearHit, emptyHit } from '../base/hit.js';
import type { LineCause } from '../collect/access-log.js';
import { type LogReader, openLogReader } from '../collect/log-formats.js';
import { firstLinesOf, LineCutter } from '../collect/log-lines.js';
import { type CounterOptions, HitCounter } from '../fold/hit-counter.js';

export interface CountOptions extends CounterOptions {
  readonly format?: string | undefined;
  readonly columns?: string | undefined;
  /** Half-open range of times that count, in milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly nowMs: number;
}

/** A refused line. */
export interface RefusedLine {
  readonly file: string;
  readonly line: number;
  readonly cause: Exclude<LineCause, ''>;
}

/** What became of the lines. */
export interface LogCounts {
  readonly counter: HitCounter;
  lines: number;
  readonly rejected: Map<string, number>;
  /** The first refused lines. */
  readonly refused: RefusedLine[];
  /** A line for each input that could not be read to its end. */
  readonly failures: string[];
  bytesRead: number;
}

const refusedShown = 5;

/** Nothing counted yet. */
export function zeroLogCounts(options: CountOptions): LogCounts {
  return { counter: new HitCounter(options), lines: 0, rejected: new Map(), refused: [], failures: [], bytesRead: 0 };
}

/** Counts one input into `counts`. `progress` is called with the bytes read so far, now and then. */
export async function countLog(
  file: string,
  stream: Readable,
  options: CountOptions,
  counts: LogCounts,
  progress: () => void,
): Promise<void> {
  let reader: LogReader | undefined;
  let lineNumber = 0;
  const hit = emptyHit();
  const refuse = (cause: Exclude<LineCause, ''>): void => {
    if (cause === 'blank') return;
    counts.lines += 1;
    counts.rejected.set(cause, (counts.rejected.get(cause) ?? 0) + 1);
    if (counts.refused.length < refusedShown) counts.refused.push({ file, line: lineNumber, cause });
  };
  const take = (line: string): void => {
    lineNumber += 1;
    clearHit(hit);
    const cause = reader?.parse(line, hit) ?? 'fields';
    if (cause !== '') {
      refuse(cause);
      return;
    }
    counts.lines += 1;
    if (hit.timeMs >= options.fromMs && hit.timeMs < options.toMs) counts.counter.add(hit);
  };
  const tooLong = (): void => {
    lineNumber += 1;
    refuse('too-long');
  };
  const cutter = new LineCutter();
  const begin = (head: Buffer): void => {
    reader = openLogReader(firstLinesOf(head), options);
  };
  try {
    for await (const chunk of withHead(await plainBytes(stream), begin)) {
      cutter.push(chunk, take, tooLong);
      counts.bytesRead += chunk.length;
      progress();
    }
  } catch (error) {
    counts.failures.push(`${file}: ${failureText(error)}`);
  }
  cutter.end(take);
}

/** Opens a file as a stream of bytes. */
export function openLog(path: string): Readable {
  return createReadStream(path, { highWaterMark: 1 << 20 });
}

const headBytes = 64 * 1024;

// Gathers the first bytes, hands them to `begin`, and then yields everything.
async function* withHead(chunks: AsyncIterable<Buffer>, begin: (head: Buffer) => void): AsyncGenerator<Buffer> {
  const held: Buffer[] = [];
  let size = 0;
  let begun = false;
  const iterator = chunks[Symbol.asyncIterator]();
  let failure: unknown;
  for (;;) {
    let step: IteratorResult<Buffer>;
    try {
      step = await iterator.next();
    } catch (error) {
      failure = error;
      break;
    }
    if (step.done === true) break;
    if (begun) {
      yield step.value;
      continue;
    }
    held.push(step.value);
    size += step.value.length;
    if (size < headBytes) continue;
    begun = true;
    begin(Buffer.concat(held).subarray(0, headBytes));
    yield* held;
  }
  if (!begun) {
    begin(Buffer.concat(held));
    yield* held;
  }
  if (failure !== undefined) throw failure;
}

// Unpacks gzip, known by its first two bytes (RFC 1952); anything else as it is.
async function plainBytes(stream: Readable): Promise<AsyncIterable<Buffer>> {
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const held: Buffer[] = [];
  let size = 0;
  let ended = false;
  while (size < 2 && !ended) {
    const step = await iterator.next();
    if (step.done === true) ended = true;
    else {
      held.push(step.value);
      size += step.value.length;
    }
  }
  const head = Buffer.concat(held);
  const source = again(head, iterator, ended);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return source;
  const gunzip = createGunzip();
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
      gunzip.end();
    } catch (error) {
      gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  void feed();
  return gunzip;
}

async function* again(head: Buffer, iterator: AsyncIterator<Buffer>, ended: boolean): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  while (!ended) {
    const step = await iterator.next();
    if (step.done === true) return;
    yield step.value;
  }
}

function failureText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EISDIR') return 'is a folder (expected a file)';
  if (code === 'EACCES') return 'permission denied';
  if (code.startsWith('Z_')) return 'damaged gzip stream (what came before it was counted)';
  return error instanceof Error ? error.message : String(error);
}
