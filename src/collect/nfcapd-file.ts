/**
 * The outside of an nfcapd file: where its bytes come from, and what its header says of the blocks behind it. The first two bytes, a magic
 * number, tell the byte order of the machine that wrote it; all that follows is in that order.
 *
 *     layout 2 | 0 u16 magic a50c | 2 u16 version 2 | 4 u32 nfdump | 8 u64 created | 16 u8 compression | 17 u8 encryption | 18 u16 appendix blocks
 *              | 20 u32 creator | 24 u64 appendix offset | 32 u32 block size | 36 u32 blocks |                           40 bytes
 *     layout 1 | 0 u16 magic a50c | 2 u16 version 1 | 4 u32 flags (1 LZO, 8 BZ2, 16 LZ4) | 8 u32 blocks | 12 128 ident
 *              | 140 statistics (nfcapd-statistics.ts) |                                                                276 bytes
 */

import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Malformed } from '../base/faults.js';
import type { Input } from './format.js';
import { long } from './nfcapd-fields.js';

export const headerBytes = 40;
export const oldHeaderBytes = 276;
/** Bytes of a block's head. */
export const blockHeadBytes = 12;
/** Larger blocks than this are taken for damage (nfdump's own are 1 to 5 MiB). */
const blockBytesMax = 64 << 20;

/** What a header says of the blocks behind it. */
export interface Blocks {
  /** 0 none, 1 LZO, 2 BZ2, 3 LZ4, 4 ZSTD. */
  readonly compression: number;
  readonly isEncrypted: boolean;
  /** Most bytes that a block may unpack to. */
  readonly sizeMax: number;
  readonly firstBlock: number;
  readonly end: number;
  /** Blocks that the header counts; undefined where its writer did not finish. */
  readonly count: number | undefined;
  readonly isOld: boolean;
  readonly isLittle: boolean;
}

/** The head of a block: | 0 u32 records | 4 u32 size | 8 u16 type | 10 u16 flags |. */
export interface BlockHead {
  readonly at: number;
  readonly records: number;
  /** Bytes of its data, and how many of them the file has. */
  readonly size: number;
  readonly held: number;
  readonly type: number;
  readonly flags: number;
}

/** The head of the block at `at`; undefined where the bytes before `end` do not hold one. */
export function blockHeadAt(source: Source, at: number, end: number, isLittle: boolean): BlockHead | undefined {
  if (at + blockHeadBytes > end) return undefined;
  const head = source.bytes(at, blockHeadBytes);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const size = view.getUint32(4, isLittle);
  return {
    at,
    records: view.getUint32(0, isLittle),
    size,
    held: Math.min(size, end - at - blockHeadBytes),
    type: view.getUint16(8, isLittle),
    flags: view.getUint16(10, isLittle),
  };
}

/** How the data of a block are packed: a compression as in the header. */
export function codecOf(block: BlockHead, blocks: Blocks): number {
  return (block.flags & notCompressed) !== 0 ? 0 : blocks.compression;
}
const notCompressed = 1;

/** Reads the header; `view` holds the first bytes of a file of `size`. */
export function blocksOf(view: DataView, size: number, file: string): Blocks {
  const isLittle = view.byteLength > 0 && view.getUint8(0) === 0x0c;
  const version = view.byteLength >= 4 ? view.getUint16(2, isLittle) : 2;
  if (version === 1) return oldHeader(view, size, file, isLittle);
  if (version === 2) return header(view, size, file, isLittle);
  throw new Malformed(`nfcapd layout ${version} (expected 1 or 2, as nfdump 1.6 and 1.7 write them)`, { file, offset: 2 });
}

function header(view: DataView, size: number, file: string, isLittle: boolean): Blocks {
  if (size < headerBytes) throw new Malformed(`the file ends within its header of ${headerBytes} bytes`, { file, offset: size });
  const compression = view.getUint8(16);
  if (compression > 4) throw new Malformed(`compression ${compression} (expected 0 to 4)`, { file, offset: 16 });
  const sizeMax = Math.min(Math.max(view.getUint32(32, isLittle), 1 << 20) * 2, blockBytesMax);
  const appendix = long(view, 24, isLittle);
  const hasAppendix = view.getUint16(18, isLittle) > 0 && appendix >= headerBytes && appendix <= size;
  return {
    compression,
    isEncrypted: view.getUint8(17) !== 0,
    sizeMax,
    firstBlock: headerBytes,
    end: hasAppendix ? appendix : size,
    count: hasAppendix ? view.getUint32(36, isLittle) : undefined,
    isOld: false,
    isLittle,
  };
}

function oldHeader(view: DataView, size: number, file: string, isLittle: boolean): Blocks {
  if (size < oldHeaderBytes) throw new Malformed(`the file ends within its header of ${oldHeaderBytes} bytes`, { file, offset: size });
  const flags = view.getUint32(4, isLittle);
  const compression = (flags & 1) !== 0 ? 1 : (flags & 8) !== 0 ? 2 : (flags & 16) !== 0 ? 3 : 0;
  const count = view.getUint32(8, isLittle);
  return {
    compression,
    isEncrypted: false,
    sizeMax: 8 << 20,
    firstBlock: oldHeaderBytes,
    end: size,
    count: count === 0 && size > oldHeaderBytes ? undefined : count,
    isOld: true,
    isLittle,
  };
}

/** Bytes by their place: of a file, or of a stream, which is held in memory or, if it is long, in a file of its own. */
export interface Source {
  readonly size: number;
  /** Bytes [at, at + size), into `target` if there is one. */
  readonly bytes: (at: number, size: number, target?: Uint8Array) => Uint8Array;
  /** Why a stream ended before its time. */
  readonly fault?: { readonly error: unknown };
  readonly close: () => void;
}

/** Bytes of a stream that are held in memory. */
const heldBytesMax = 64 << 20;

/** Opens the bytes of an input. */
export async function openSource(input: Input): Promise<Source> {
  return input.plainPath === undefined ? streamSource(input) : fileSource(input.plainPath);
}

/** The bytes of a file. */
export function fileSource(path: string): Source {
  const descriptor = openSync(path, 'r');
  return descriptorSource(descriptor, fstatSync(descriptor).size, path);
}

function descriptorSource(descriptor: number, size: number, file: string): Source {
  const bytes = (at: number, count: number, target: Uint8Array = new Uint8Array(count)): Uint8Array => {
    let got = 0;
    while (got < count) {
      const more = readSync(descriptor, target, got, count - got, at + got);
      if (more === 0) throw new Malformed('the file became shorter while it was read', { file, offset: at + got });
      got += more;
    }
    return target.subarray(0, count);
  };
  return { size, bytes, close: () => closeSync(descriptor) };
}

async function streamSource(input: Input): Promise<Source> {
  const parts: Uint8Array[] = [];
  let size = 0;
  let spill: number | undefined;
  let fault: { error: unknown } | undefined;
  try {
    for await (const chunk of input.chunks()) {
      if (spill === undefined && size + chunk.length > heldBytesMax) {
        spill = openSpill();
        for (const part of parts.splice(0)) writeWhole(spill, part);
      }
      if (spill === undefined) parts.push(chunk);
      else writeWhole(spill, chunk);
      size += chunk.length;
    }
  } catch (error) {
    // A damaged stream: the blocks before the damage count.
    fault = { error };
  }
  const source = spill === undefined ? heldSource(Buffer.concat(parts)) : descriptorSource(spill, size, input.file);
  return fault === undefined ? source : { ...source, fault };
}

function heldSource(held: Uint8Array): Source {
  const bytes = (at: number, size: number, target?: Uint8Array): Uint8Array => {
    const part = held.subarray(at, at + size);
    target?.set(part);
    return target?.subarray(0, size) ?? part;
  };
  return { size: held.length, bytes, close: () => undefined };
}

// A file without a name, which is gone when it is closed.
function openSpill(): number {
  const folder = mkdtempSync(join(tmpdir(), 'weir-nfcapd-'));
  try {
    return openSync(join(folder, 'stream'), 'w+');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}
