/**
 * Counts the hits of log files in one pass with bounded memory: files, gzip files and standard input, each known by its content.
 * A line that cannot be read is counted by its cause and its neighbours are kept. What cannot be opened is told; the others are done.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Fault } from '../base/faults.js';
import { openInput } from '../collect/bytes-input.js';
import type { LogScan } from './log-scan.js';

/** Told now and then while an input is read: the bytes that it took from its file. */
export type Progress = (bytes: number) => void;

/** Counts one input; answers what kept it from being read to its end, if anything did. */
export async function countLog(file: string, stdin: Readable, scan: LogScan, progress: Progress): Promise<string | undefined> {
  try {
    if (file !== '-' && (await countPlainFile(file, scan, progress))) return undefined;
    await countStream(file, stdin, scan, progress);
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
    if (isPacked(head)) return false;
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

async function countStream(file: string, stdin: Readable, scan: LogScan, progress: Progress): Promise<void> {
  const input = await openInput(file, stdin);
  scan.begin(file, input.head);
  for await (const chunk of input.chunks()) {
    scan.push(chunk);
    progress(chunk.length);
  }
  scan.end();
}

const headBytes = 64 * 1024;

/** Whether these are the first bytes of a gzip or zstd stream. */
export function isPacked(head: Uint8Array): boolean {
  return (head[0] === 0x1f && head[1] === 0x8b) || (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd);
}

function failureText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') return 'no such file or folder';
  if (code === 'EISDIR') return 'is a folder (expected a file)';
  if (code === 'EACCES') return 'permission denied';
  if (error instanceof Fault) return error.message;
  return error instanceof Error ? error.message : String(error);
}
