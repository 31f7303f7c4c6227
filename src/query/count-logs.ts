/**
 * Counts the hits of log files in one pass with bounded memory: files, gzip files and standard input, each known by its content.
 * A line that cannot be read is counted by its cause and its neighbours are kept. What cannot be opened is told; the others are done.
 */

import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { LogScan } from './log-scan.js';

/** Told now and then while an input is read: the bytes that it took from its file. */
export type Progress = (bytes: number) => void;

/** Counts one input; answers what kept it from being read to its end, if anything did. */
export async function countLog(file: string, stdin: Readable, scan: LogScan, progress: Progress): Promise<string | undefined> {
  try {
    if (file !== '-' && (await countPlainFile(file, scan, progress))) return undefined;
    await countStream(file, file === '-' ? stdin : createReadStream(file, { highWaterMark: 1 << 20 }), scan, progress);
    return undefined;
  } catch (error) {
    scan.end();
    return `${file === '-' ? 'standard input' : file}: ${failureText(error)}`;
  }
}

const readBytes = 1 << 20;

/** Counts a plain file, or the part [from, to) of it (whole lines); false when it is packed or no file, and nothing was counted. */
export async function countPlainFile(
  file: string,
  scan: LogScan,
  progress: Progress,
  from = 0,
  to = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  const descriptor = openSync(file, 'r');
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) {
      if (status.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
      return false;
    }
    const head = Buffer.alloc(headBytes);
    const headSize = readSync(descriptor, head, 0, headBytes, 0);
    if (head[0] === 0x1f && head[1] === 0x8b) return false;
    scan.begin(file, head.subarray(0, headSize));
    // What is appended while it is read belongs to the next run: the size at the start is the end.
    const end = Math.min(to, status.size);
    const buffer = scan.direct ? undefined : Buffer.alloc(readBytes);
    let pauseAt = from + (64 << 20);
    for (let at = from; at < end; ) {
      const room = buffer ?? scan.room();
      const size = readSync(descriptor, room, 0, Math.min(readBytes, room.length, end - at), at);
      if (size === 0) break;
      if (buffer === undefined) scan.filled(size);
      else scan.push(buffer.subarray(0, size));
      at += size;
      progress(size);
      if (at < pauseAt) continue;
      pauseAt = at + (64 << 20);
      await new Promise((resolve) => setImmediate(resolve));
    }
    scan.end();
    return true;
  } finally {
    closeSync(descriptor);
  }
}

async function countStream(file: string, stream: Readable, scan: LogScan, progress: Progress): Promise<void> {
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      progress((chunk as Buffer).length);
      yield chunk as Buffer;
    }
  };
  const chunks = withHead(await plainBytes(counted()), (head) => scan.begin(file, head));
  for await (const chunk of chunks) scan.push(chunk);
  scan.end();
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
async function plainBytes(stream: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = stream[Symbol.asyncIterator]();
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
