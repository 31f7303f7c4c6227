/**
 * nfcapd files of nfdump 1.7 (layout 2) and 1.6 (layout 1, see oldHeader), read natively. Little-endian on every machine that writes them today:
 *
 *     file   | 0 u16 magic a50c | 2 u16 version 2 | 4 u32 nfdump | 8 u64 created | 16 u8 compression | 17 u8 encryption | 18 u16 appendix blocks
 *            | 20 u32 - | 24 u64 appendix offset | 32 u32 block size | 36 u32 blocks |                                     40 bytes
 *     block  | 0 u32 records | 4 u32 size | 8 u16 type | 10 u16 flags |                                                    12 bytes, then the (compressed) data
 *
 * Compression: 0 none, 1 LZO, 2 BZ2, 3 LZ4, 4 ZSTD. Flag 1 of a block: not compressed. Records: nfcapd-records.ts.
 * A block that cannot be read is said with its offset and the next is read; an unfinished file is read as far as it goes.
 * Facts from the file format of nfdump (phaag/nfdump, nffileV2.h); no code is taken from it.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { decompress } from 'fzstd';
import bzip from 'seek-bzip';
import { Fault, Malformed, Refused } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';
import type { FlowFormat, Input, ReadOptions } from './format.js';
import { NfcapdKernel } from './nfcapd-kernel.js';
import { type ExtensionMaps, readOldRecords } from './nfcapd-old-records.js';
import { readRecords } from './nfcapd-records.js';

export const nfcapd: FlowFormat = { name: 'nfcapd', detect, read };

const headerBytes = 40;
const blockHeaderBytes = 12;
/** Larger blocks than this are taken for damage (nfdump's own are 1 to 5 MiB). */
const blockBytesMax = 64 << 20;
const dataBlock = 3;
const oldDataBlock = 2;
const oldHeaderBytes = 276;

function detect(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x0c && head[1] === 0xa5 && (head[2] === 2 || head[2] === 1) && head[3] === 0;
}

async function* read(input: Input, options: ReadOptions): AsyncGenerator<FlowBatch, number> {
  const source = await openSource(input);
  try {
    const head = source.bytes(0, Math.min(source.size, oldHeaderBytes));
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const isOld = head.length >= 4 && view.getUint16(2, true) === 1;
    const blocks = isOld ? oldHeader(view, source.size, input.file) : header(view, source.size, input.file);
    const kernel = NfcapdKernel.lend(blocks.sizeMax);
    try {
      return yield* readBlocks(source, blocks, kernel, input.file, options);
    } finally {
      kernel.giveBack();
    }
  } finally {
    source.close();
  }
}

async function* readBlocks(
  source: Source,
  blocks: Blocks,
  kernel: NfcapdKernel,
  file: string,
  options: ReadOptions,
): AsyncGenerator<FlowBatch, number> {
  const { batch } = kernel;
  const { end, firstBlock } = blocks;
  const maps: ExtensionMaps = new Map();
  let [at, rows] = [firstBlock, 0];
  while (at < end) {
    if (at + blockHeaderBytes > end) {
      if (batch.count > 0) yield batch;
      throw new Malformed('the file ends within a block header (what came before is used)', { file, offset: at });
    }
    const head = source.bytes(at, blockHeaderBytes);
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const [count, size, type, flags] = [
      view.getUint32(0, true),
      view.getUint32(4, true),
      view.getUint16(8, true),
      view.getUint16(10, true),
    ];
    const dataAt = at + blockHeaderBytes;
    const isCut = dataAt + size > end;
    const codec = (flags & 1) !== 0 ? 0 : blocks.compression;
    // Of a block that is cut, plain records can still be read; a compressed one is lost.
    if (isCut && codec !== 0) {
      if (batch.count > 0) yield batch;
      throw new Malformed(`a block of ${size} bytes goes beyond the end of the file: cut short (what came before is used)`, {
        file,
        offset: at,
      });
    }
    const isData = type === (blocks.isOld ? oldDataBlock : dataBlock);
    const unpacked = isData ? unpackBlock(source, dataAt, Math.min(size, end - dataAt), codec, kernel) : undefined;
    if (unpacked instanceof Fault) {
      options.reject({
        file,
        offset: at,
        cause: 'block',
        count,
        original: `block of ${size} bytes`,
        message: `${unpacked.message}; ${count} records are lost, the next block is read`,
      });
      rows += count;
    } else if (unpacked !== undefined) {
      const place = { file, blockOffset: at, options };
      for (let offset = 0; offset < unpacked.length; ) {
        const before = batch.count;
        if (blocks.isOld) offset = readOldRecords(unpacked, offset, batch, place, maps);
        else if (unpacked.buffer === kernel.unpacked.buffer) offset = kernel.read(offset, unpacked.length, place);
        else offset = readRecords(unpacked, offset, batch, place);
        // Of counters alone, the last number is enough to go on from.
        const numbered = options.wanted === undefined ? before : Math.max(before, batch.count - 1);
        rows += numbered - before;
        for (let row = numbered; row < batch.count; row++) {
          batch.number[row] = options.numberBefore + ++rows;
          batch.place[row] = at;
        }
        if (batch.count === batch.capacity) {
          yield batch;
          batch.count = 0;
        }
      }
    }
    at = dataAt + size;
    if (isCut) {
      if (batch.count > 0) yield batch;
      throw new Malformed('the file ends within a block (what came before is used)', { file, offset: end });
    }
  }
  if (batch.count > 0) yield batch;
  return rows;
}

/** Bytes by their place: of a file, read as they are asked for, or of a stream, which is held whole. */
interface Source {
  readonly size: number;
  /** Bytes [at, at + size), into `target` if there is one. */
  readonly bytes: (at: number, size: number, target?: Uint8Array) => Uint8Array;
  readonly close: () => void;
}

async function openSource(input: Input): Promise<Source> {
  if (input.plainPath === undefined) {
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

/** What a header says of the blocks behind it. */
interface Blocks {
  /** 0 none, 1 LZO, 2 BZ2, 3 LZ4, 4 ZSTD. */
  readonly compression: number;
  /** Most bytes that a block may unpack to. */
  readonly sizeMax: number;
  readonly firstBlock: number;
  readonly end: number;
  readonly isOld: boolean;
}

function header(view: DataView, size: number, file: string): Blocks {
  if (size < headerBytes) throw new Malformed(`the file ends within its header of ${headerBytes} bytes`, { file, offset: size });
  const compression = view.getUint8(16);
  if (view.getUint8(17) !== 0) throw new Refused('the file is encrypted', { file, offset: 17 });
  if (compression > 4) throw new Malformed(`compression ${compression} (expected 0 to 4)`, { file, offset: 16 });
  const sizeMax = Math.min(Math.max(view.getUint32(32, true), 1 << 20) * 2, blockBytesMax);
  const appendix = Number(view.getBigUint64(24, true));
  const hasAppendix = view.getUint16(18, true) > 0 && appendix > headerBytes && appendix <= size;
  return { compression, sizeMax, firstBlock: headerBytes, end: hasAppendix ? appendix : size, isOld: false };
}

/** Layout 1: u16 magic | u16 version 1 | u32 flags (1 LZO, 8 BZ2, 16 LZ4) | u32 blocks | 128 ident | 136 statistics. */
function oldHeader(view: DataView, size: number, file: string): Blocks {
  if (size < oldHeaderBytes) throw new Malformed(`the file ends within its header of ${oldHeaderBytes} bytes`, { file, offset: size });
  const flags = view.getUint32(4, true);
  const compression = (flags & 1) !== 0 ? 1 : (flags & 8) !== 0 ? 2 : (flags & 16) !== 0 ? 3 : 0;
  return { compression, sizeMax: 8 << 20, firstBlock: oldHeaderBytes, end: size, isOld: true };
}

/** The data of a block, or the fault why it cannot be had. In the kernel's memory where that has the room. */
function unpackBlock(source: Source, at: number, size: number, compression: number, kernel: NfcapdKernel): Uint8Array | Fault {
  const { packed, unpacked } = kernel;
  try {
    if (compression === 0) return size <= unpacked.length ? source.bytes(at, size, unpacked) : source.bytes(at, size);
    if (compression === 4) return put(checkedSize(decompress(source.bytes(at, size)), unpacked.length), unpacked);
    if (compression === 2) return put(checkedSize(bzip.decode(source.bytes(at, size)), unpacked.length), unpacked);
    if (size > packed.length) return new Malformed(`a block of ${size} bytes packed (expected at most ${packed.length})`);
    source.bytes(at, size, packed);
    return unpacked.subarray(0, kernel.unpack(compression === 1 ? 'LZO' : 'LZ4', size));
  } catch (error) {
    return error instanceof Fault ? error : new Malformed(error instanceof Error ? error.message : 'damaged', {}, error);
  }
}

function put(data: Uint8Array, unpacked: Uint8Array): Uint8Array {
  unpacked.set(data);
  return unpacked.subarray(0, data.length);
}

function checkedSize(data: Uint8Array, sizeMax: number): Uint8Array {
  if (data.length > sizeMax) throw new Malformed(`a block of ${data.length} bytes unpacked (expected at most ${sizeMax})`);
  return data;
}
