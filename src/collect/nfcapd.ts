/**
 * nfcapd files of nfdump 1.7 (layout 2), read natively. Little-endian on every machine that writes them today:
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
import { newNfcapdBatch, readRecords } from './nfcapd-records.js';

export const nfcapd: FlowFormat = { name: 'nfcapd of nfdump 1.7', detect, read };

const headerBytes = 40;
const blockHeaderBytes = 12;
/** Larger blocks than this are taken for damage (nfdump's own are 1 to 5 MiB). */
const blockBytesMax = 64 << 20;
const dataBlock = 3;

function detect(head: Uint8Array): boolean {
  return head.length >= 4 && head[0] === 0x0c && head[1] === 0xa5 && (head[2] === 2 || head[2] === 1) && head[3] === 0;
}

async function* read(input: Input, options: ReadOptions): AsyncGenerator<FlowBatch, number> {
  const bytes = await whole(input);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { file } = input;
  if (view.getUint16(2, true) === 1)
    throw new Refused('an nfcapd file of nfdump 1.6 (expected layout 2, of nfdump 1.7; `nfdump -r OLD -w NEW` of 1.7 converts it)', {
      file,
      offset: 2,
    });
  if (bytes.length < headerBytes)
    throw new Malformed(`the file ends within its header of ${headerBytes} bytes`, { file, offset: bytes.length });
  const compression = view.getUint8(16);
  if (view.getUint8(17) !== 0) throw new Refused('the file is encrypted', { file, offset: 17 });
  if (compression > 4) throw new Malformed(`compression ${compression} (expected 0 to 4)`, { file, offset: 16 });
  const sizeMax = Math.min(Math.max(view.getUint32(32, true), 1 << 20) * 2, blockBytesMax);
  const appendix = Number(view.getBigUint64(24, true));
  const end = view.getUint16(18, true) > 0 && appendix > headerBytes && appendix <= bytes.length ? appendix : bytes.length;
  let [at, rows] = [headerBytes, 0];
  let batch = newNfcapdBatch(defaultBatchRows);
  while (at < end) {
    if (at + blockHeaderBytes > end) throw await flushed(`the file ends within a block header`, bytes.length);
    const [count, size, type, flags] = [
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      view.getUint16(at + 8, true),
      view.getUint16(at + 10, true),
    ];
    const dataAt = at + blockHeaderBytes;
    if (size > blockBytesMax || dataAt + size > end) {
      if (batch.count > 0) yield batch;
      throw new Malformed(`a block of ${size} bytes goes beyond the end of the file: cut short (what came before is used)`, {
        file,
        offset: at,
      });
    }
    const data =
      type === dataBlock ? unpack(bytes.subarray(dataAt, dataAt + size), (flags & 1) !== 0 ? 0 : compression, sizeMax) : undefined;
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
        offset = readRecords(data, offset, batch, { file, blockOffset: at, options });
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
  }
  if (batch.count > 0) yield batch;
  return rows;

  async function flushed(message: string, offset: number): Promise<Malformed> {
    return new Malformed(message, { file, offset });
  }
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
