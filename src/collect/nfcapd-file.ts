/**
 * The outside of an nfcapd file: where its bytes come from, what its header says of the blocks behind it, and its own statistics. The first two
 * bytes, a magic number, tell the byte order of the machine that wrote it; all that follows is in that order.
 *
 *     layout 2 | 0 u16 magic a50c | 2 u16 version 2 | 4 u32 nfdump | 8 u64 created | 16 u8 compression | 17 u8 encryption | 18 u16 appendix blocks
 *              | 20 u32 creator | 24 u64 appendix offset | 32 u32 block size | 36 u32 blocks |                           40 bytes
 *     layout 1 | 0 u16 magic a50c | 2 u16 version 1 | 4 u32 flags (1 LZO, 8 BZ2, 16 LZ4) | 8 u32 blocks | 12 128 ident
 *              | 140 15 u64 statistics | 260 u32 first | 264 u32 last | 268 u16 first ms | 270 u16 last ms | 272 u32 -  | 276 bytes
 *     statistics  flows, bytes, packets; then flows, bytes and packets each of TCP, UDP, ICMP, others. Layout 2 has them in its appendix, a block
 *              of records: | u16 type 8002 | u16 size 148 | 15 u64 | u64 first ms | u64 last ms | u64 - |
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Malformed } from '../base/faults.js';
import type { FileStatistics, Input } from './format.js';
import { long } from './nfcapd-fields.js';

export const headerBytes = 40;
export const oldHeaderBytes = 276;
/** Larger blocks than this are taken for damage (nfdump's own are 1 to 5 MiB). */
const blockBytesMax = 64 << 20;
const oldStatisticsAt = 140;
const statisticsType = 0x8002;

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

/** The statistics in a header of layout 1. */
export function oldStatistics(view: DataView, isLittle: boolean): FileStatistics {
  const word = (at: number): number => view.getUint32(at, isLittle);
  const short = (at: number): number => view.getUint16(at, isLittle);
  return statisticsOf(view, oldStatisticsAt, isLittle, word(260) * 1000 + short(268), word(264) * 1000 + short(270));
}

/** The statistics among the records of an appendix (layout 2). */
export function appendixStatistics(data: Uint8Array, isLittle: boolean): FileStatistics | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = 0; at + 4 <= data.length; ) {
    const size = view.getUint16(at + 2, isLittle);
    if (size < 4 || at + size > data.length) return undefined;
    if (view.getUint16(at, isLittle) === statisticsType && size >= 4 + 17 * 8)
      return statisticsOf(view, at + 4, isLittle, long(view, at + 124, isLittle), long(view, at + 132, isLittle));
    at += size;
  }
  return undefined;
}

function statisticsOf(view: DataView, at: number, isLittle: boolean, firstMs: number, lastMs: number): FileStatistics {
  const four = (index: number): readonly bigint[] => [0, 1, 2, 3].map((next) => view.getBigUint64(at + (index + next) * 8, isLittle));
  return {
    flows: view.getBigUint64(at, isLittle),
    bytes: view.getBigUint64(at + 8, isLittle),
    packets: view.getBigUint64(at + 16, isLittle),
    flowsByClass: four(3),
    bytesByClass: four(7),
    packetsByClass: four(11),
    firstMs,
    lastMs,
  };
}

/** Bytes by their place: of a file, read as they are asked for, or of a stream, which is held whole. */
export interface Source {
  readonly size: number;
  /** Bytes [at, at + size), into `target` if there is one. */
  readonly bytes: (at: number, size: number, target?: Uint8Array) => Uint8Array;
  readonly close: () => void;
}

/** Opens the bytes of an input. */
export async function openSource(input: Input): Promise<Source> {
  if (input.plainPath === undefined) return heldSource(input);
  const descriptor = openSync(input.plainPath, 'r');
  const bytes = (at: number, size: number, target: Uint8Array = new Uint8Array(size)): Uint8Array => {
    let got = 0;
    while (got < size) {
      const more = readSync(descriptor, target, got, size - got, at + got);
      if (more === 0) throw new Malformed('the file became shorter while it was read', { file: input.file, offset: at + got });
      got += more;
    }
    return target.subarray(0, size);
  };
  return { size: fstatSync(descriptor).size, bytes, close: () => closeSync(descriptor) };
}

async function heldSource(input: Input): Promise<Source> {
  const parts: Uint8Array[] = [];
  for await (const chunk of input.chunks()) parts.push(chunk);
  const held = Buffer.concat(parts);
  const bytes = (at: number, size: number, target?: Uint8Array): Uint8Array => {
    const part = held.subarray(at, at + size);
    target?.set(part);
    return target?.subarray(0, size) ?? part;
  };
  return { size: held.length, bytes, close: () => undefined };
}
