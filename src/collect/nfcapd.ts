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

import { readFileSync } from 'node:fs';
import { decompress } from 'fzstd';
import bzip from 'seek-bzip';
import { Fault, Malformed, Refused } from '../base/faults.js';
import { defaultBatchRows, type FlowBatch } from '../base/flow-batch.js';
import { decodeLz4 } from '../base/lz4.js';
import { decodeLzo } from '../base/lzo.js';
import type { FlowFormat, Input, ReadOptions } from './format.js';
import { type ExtensionMaps, readOldRecords } from './nfcapd-old-records.js';
import { newNfcapdBatch, readRecords } from './nfcapd-records.js';

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
  const bytes = await whole(input);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { file } = input;
  const { compression, sizeMax, end, firstBlock } = view.getUint16(2, true) === 1 ? oldHeader(view, file) : header(view, file);
  const maps: ExtensionMaps = new Map();
  const isOld = view.getUint16(2, true) === 1;
  let [at, rows] = [firstBlock, 0];
  let batch = newNfcapdBatch(defaultBatchRows);
  while (at < end) {
    if (at + blockHeaderBytes > end) {
      if (batch.count > 0) yield batch;
      throw new Malformed('the file ends within a block header (what came before is used)', { file, offset: at });
    }
    const [count, size, type, flags] = [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      view.getUint16(at + 8, true),
      view.getUint16(at + 10, true),
    ];
    const dataAt = at + blockHeaderBytes;
    const isCut = dataAt + size > end;
    const codec = (flags & 1) !== 0 ? 0 : compression;
    // Of a block that is cut, plain records can still be read; a compressed one is lost.
    if (isCut && codec !== 0) {
      if (batch.count > 0) yield batch;
      throw new Malformed(`a block of ${size} bytes goes beyond the end of the file: cut short (what came before is used)`, {
        file,
        offset: at,
      });
    }
    const data =
      type === (isOld ? oldDataBlock : dataBlock)
        ? unpack(bytes.subarray(dataAt, Math.min(end, dataAt + size)), codec, sizeMax)
        : undefined;
    if (data instanceof Fault) {
      options.reject({
        file,
        offset: at,
        cause: 'block',
        count,
        original: `block of ${size} bytes`,
        message: `${data.message}; ${count} records are lost, the next block is read`,
      });
      rows += count;
    } else if (data !== undefined) {
      let offset = 0;
      while (offset < data.length) {
        const before = batch.count;
        offset = isOld
          ? readOldRecords(data, offset, batch, { file, blockOffset: at, options }, maps)
          : readRecords(data, offset, batch, { file, blockOffset: at, options });
        for (let row = before; row < batch.count; row++) {
          batch.number[row] = options.numberBefore + ++rows;
          batch.place[row] = at;
        }
        if (batch.count === batch.capacity) {
          yield batch;
          batch = newNfcapdBatch(defaultBatchRows);
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

/** What a header says of the blocks behind it. */
interface Blocks {
  /** 0 none, 1 LZO, 2 BZ2, 3 LZ4, 4 ZSTD. */
  readonly compression: number;
  /** Most bytes that a block may unpack to. */
  readonly sizeMax: number;
  readonly firstBlock: number;
  readonly end: number;
}

function header(view: DataView, file: string): Blocks {
  const size = view.byteLength;
  if (size < headerBytes) throw new Malformed(`the file ends within its header of ${headerBytes} bytes`, { file, offset: size });
  const compression = view.getUint8(16);
  if (view.getUint8(17) !== 0) throw new Refused('the file is encrypted', { file, offset: 17 });
  if (compression > 4) throw new Malformed(`compression ${compression} (expected 0 to 4)`, { file, offset: 16 });
  const sizeMax = Math.min(Math.max(view.getUint32(32, true), 1 << 20) * 2, blockBytesMax);
  const appendix = Number(view.getBigUint64(24, true));
  const hasAppendix = view.getUint16(18, true) > 0 && appendix > headerBytes && appendix <= size;
  return { compression, sizeMax, firstBlock: headerBytes, end: hasAppendix ? appendix : size };
}

/** Layout 1: u16 magic | u16 version 1 | u32 flags (1 LZO, 8 BZ2, 16 LZ4) | u32 blocks | 128 ident | 136 statistics. */
function oldHeader(view: DataView, file: string): Blocks {
  const size = view.byteLength;
  if (size < oldHeaderBytes) throw new Malformed(`the file ends within its header of ${oldHeaderBytes} bytes`, { file, offset: size });
  const flags = view.getUint32(4, true);
  const compression = (flags & 1) !== 0 ? 1 : (flags & 8) !== 0 ? 2 : (flags & 16) !== 0 ? 3 : 0;
  return { compression, sizeMax: 8 << 20, firstBlock: oldHeaderBytes, end: size };
}

async function whole(input: Input): Promise<Uint8Array> {
  if (input.plainPath !== undefined) return readFileSync(input.plainPath);
  const parts: Uint8Array[] = [];
  for await (const chunk of input.chunks()) parts.push(chunk);
  return Buffer.concat(parts);
}

/** The data of a block, or the fault why it cannot be had. */
function unpack(packed: Uint8Array, compression: number, sizeMax: number): Uint8Array | Fault {
  try {
    if (compression === 0) return packed;
    if (compression === 4) return checkedSize(decompress(packed), sizeMax);
    if (compression === 2) return checkedSize(bzip.decode(packed), sizeMax);
    const out = new Uint8Array(sizeMax);
    return out.subarray(0, compression === 1 ? decodeLzo(packed, out) : decodeLz4(packed, out));
  } catch (error) {
    return error instanceof Fault ? error : new Malformed(error instanceof Error ? error.message : 'damaged', {}, error);
  }
}

function checkedSize(data: Uint8Array, sizeMax: number): Uint8Array {
  if (data.length > sizeMax) throw new Malformed(`a block of ${data.length} bytes unpacked (expected at most ${sizeMax})`);
  return data;
}
