/**
 * Opens what a user names and gives its bytes, decompressed: plain files, gzip and zstd (known by their first bytes), standard input.
 *
 * A damaged or cut compressed stream gives what came before the damage and then throws Malformed, so that nothing good is lost.
 * Magic numbers: gzip 1f 8b (RFC 1952), zstd 28 b5 2f fd (RFC 8878; skippable frames 5x 2a 4d 18).
 */

import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { constants, createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { Malformed } from '../base/faults.js';
import type { Input } from './format.js';

/** Bytes kept at hand for the recognition of a format. */
const headBytes = 65536;
const chunkBytes = 1 << 20;
const gunzipPieceBytes = 1 << 14;
const finePieceBytes = 16;
/** Packed bytes that are held for a second look at damage; beyond them the file is read again. */
const heldBytesMax = 1 << 18;

/** Opens one input; `-` is `stdin`. System errors (no such file, ...) are thrown as they are. A plain file stays open only while its chunks are read. */
export async function openInput(file: string, stdin: Readable | undefined): Promise<Input> {
  const known = file === '-' ? undefined : headOf(file);
  const [head, chunks] = known === undefined ? await takeHead(file === '-' ? fromStream(stdin) : fromFile(file)) : [known, fromFile(file)];
  const wrap = isGzip(head) ? gunzip : isZstd(head) ? unzstd : undefined;
  if (wrap === undefined) return { file, head, chunks: () => chunks, ...(known === undefined ? {} : { plainPath: file }) };
  const [plainHead, plainChunks] = await takeHead(wrap(chunks, file));
  return { file, head: plainHead, chunks: () => plainChunks };
}

// The first bytes of a regular file; undefined for a pipe or a device, which can be read but once.
function headOf(path: string): Uint8Array | undefined {
  // Looked at before it is opened: a pipe that is opened and closed again has lost its writer. A size of 0 says nothing (/proc).
  const status = statSync(path);
  if (!status.isFile() || status.size === 0) return undefined;
  const descriptor = openSync(path, 'r');
  try {
    const head = new Uint8Array(Math.min(headBytes, status.size));
    let got = 0;
    for (let more = 1; got < head.length && more > 0; got += more) more = readSync(descriptor, head, got, head.length - got, got);
    return head.subarray(0, got);
  } finally {
    closeSync(descriptor);
  }
}

async function* fromFile(path: string): AsyncGenerator<Uint8Array> {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    for (;;) {
      const chunk = new Uint8Array(Math.min(chunkBytes, Math.max(size, headBytes)));
      const got = readSync(descriptor, chunk, 0, chunk.length, null);
      if (got === 0) return;
      yield chunk.subarray(0, got);
    }
  } finally {
    closeSync(descriptor);
  }
}

async function* fromStream(stream: Readable | undefined): AsyncGenerator<Uint8Array> {
  if (stream === undefined) return;
  for await (const chunk of stream) yield typeof chunk === 'string' ? Buffer.from(chunk) : (chunk as Uint8Array);
}

/** Reads up to `headBytes` and gives them beside a stream that starts with them. A fault of the stream comes when it is iterated. */
async function takeHead(source: AsyncGenerator<Uint8Array>): Promise<[Uint8Array, AsyncGenerator<Uint8Array>]> {
  const kept: Uint8Array[] = [];
  let size = 0;
  let fault: { error: unknown } | undefined;
  while (size < headBytes && fault === undefined) {
    try {
      const next = await source.next();
      if (next.done) break;
      kept.push(next.value);
      size += next.value.length;
    } catch (error) {
      if (kept.length === 0) throw error;
      fault = { error };
    }
  }
  const head = kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept);
  async function* rest(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      if (fault !== undefined) throw fault.error;
      yield* source;
    } finally {
      await source.return(undefined);
    }
  }
  return [head.subarray(0, headBytes), rest()];
}

function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

function isZstd(head: Uint8Array): boolean {
  const skippable = head[0] !== undefined && (head[0] & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return skippable || (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd);
}

async function* gunzip(source: AsyncGenerator<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ chunkSize: 1 << 17, flush: constants.Z_SYNC_FLUSH });
  const ready: Uint8Array[] = [];
  let bytesOut = 0;
  let failure: unknown;
  // Where the piece begins that failed, and what came in so far while it is little.
  let pieceAt = 0;
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  stream.on('data', (chunk: Uint8Array) => {
    bytesOut += chunk.length;
    ready.push(chunk);
  });
  // A stream that fails does not call back who wrote to it: what is behind the end of the last member can be such a failure.
  let wake = (): void => undefined;
  stream.on('error', (error) => {
    failure ??= error;
    wake();
  });
  try {
    for await (const chunk of source) {
      heldBytes += chunk.length;
      if (heldBytes <= heldBytesMax) held.push(chunk);
      // Small pieces, each flushed: what a piece unpacks to is at hand before a damaged one fails.
      for (let at = 0; at < chunk.length && failure === undefined; at += gunzipPieceBytes) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          stream.write(chunk.subarray(at, at + gunzipPieceBytes), () => resolve());
        });
        if (failure === undefined) pieceAt += Math.min(gunzipPieceBytes, chunk.length - at);
        yield* ready.splice(0);
      }
      if (failure !== undefined) break;
    }
    if (failure === undefined) await new Promise<void>((resolve) => stream.once('close', resolve).end());
    yield* ready.splice(0);
  } finally {
    stream.destroy();
  }
  if (failure === undefined) return;
  const again = heldBytes <= heldBytesMax ? held : headOrNone(file) === undefined ? [] : fromFile(file);
  for await (const chunk of unpackedBefore(again, pieceAt, bytesOut)) {
    bytesOut += chunk.length;
    yield chunk;
  }
  throw damaged('gzip', file, bytesOut, failure);
}

// A piece that fails gives nothing of what came before its damage: the stream once more, that piece a few bytes at a time.
async function* unpackedBefore(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  pieceAt: number,
  bytesKnown: number,
): AsyncGenerator<Uint8Array> {
  const stream = createGunzip({ flush: constants.Z_SYNC_FLUSH });
  const ready: Uint8Array[] = [];
  let [known, isDone, at] = [bytesKnown, false, 0];
  let wake = (): void => undefined;
  stream.on('data', (chunk: Uint8Array) => {
    if (chunk.length > known) ready.push(chunk.subarray(known));
    known = Math.max(0, known - chunk.length);
  });
  stream.on('error', () => {
    isDone = true;
    wake();
  });
  try {
    for await (const chunk of source) {
      for (let from = 0; from < chunk.length && !isDone; ) {
        const size = at < pieceAt ? Math.min(gunzipPieceBytes, pieceAt - at, chunk.length - from) : finePieceBytes;
        await new Promise<void>((resolve) => {
          wake = resolve;
          stream.write(chunk.subarray(from, from + size), () => resolve());
        });
        yield* ready.splice(0);
        from += size;
        at += Math.min(size, chunk.length - from + size);
      }
      if (isDone) return;
    }
  } finally {
    stream.destroy();
  }
}

// Of what is gone, or cannot be opened again, there is no second reading.
function headOrNone(file: string): Uint8Array | undefined {
  try {
    return headOf(file);
  } catch {
    return undefined;
  }
}

async function* unzstd(source: AsyncGenerator<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = [];
  let ended = false;
  let bytesOut = 0;
  const stream = new Decompress((chunk, last) => {
    if (chunk.length > 0) ready.push(chunk);
    ended = last === true;
  });
  const push = (chunk: Uint8Array, last: boolean): unknown => {
    try {
      stream.push(chunk, last);
      return undefined;
    } catch (error) {
      return error ?? new Error('damaged');
    }
  };
  let failure: unknown;
  for await (const chunk of source) {
    // Pieces bound what one push can unpack at once.
    for (let at = 0; at < chunk.length && failure === undefined; at += 1 << 16) {
      failure = push(chunk.subarray(at, at + (1 << 16)), false);
      for (const part of ready.splice(0)) {
        bytesOut += part.length;
        yield part;
      }
    }
    if (failure !== undefined) break;
  }
  if (failure === undefined) failure = push(new Uint8Array(0), true);
  for (const part of ready.splice(0)) {
    bytesOut += part.length;
    yield part;
  }
  if (failure !== undefined || !ended) throw damaged('zstd', file, bytesOut, failure);
}

function damaged(kind: string, file: string, bytesOut: number, cause: unknown): Malformed {
  const reason = cause instanceof Error ? cause.message : 'unexpected end';
  return new Malformed(
    `the ${kind} stream is damaged after ${bytesOut} unpacked bytes: ${reason} (what came before is used)`,
    { file },
    cause,
  );
}
