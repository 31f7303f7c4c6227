/** Blocks of nfcapd files unpacked: LZ4 and LZO by the kernels, BZ2 and ZSTD by packages. What cannot be unpacked is a fault, never thrown. */

import { decompress } from 'fzstd';
import bzip from 'seek-bzip';
import { Fault, Malformed } from '../base/faults.js';
import type { Source } from './nfcapd-file.js';
import type { NfcapdKernel } from './nfcapd-kernel.js';

/** The data of a block, or the fault why it cannot be had. In the kernel's memory where that has the room. */
export function unpackBlock(source: Source, at: number, size: number, compression: number, kernel: NfcapdKernel): Uint8Array | Fault {
  const { packed, unpacked } = kernel;
  try {
    if (compression === 0) return size <= unpacked.length ? source.bytes(at, size, unpacked) : source.bytes(at, size);
    if (size > packed.length) return new Malformed(`a block of ${size} bytes packed (expected at most ${packed.length})`);
    if (compression === 4) return put(checkedSize(decompress(source.bytes(at, size)), unpacked.length), unpacked);
    if (compression === 2) return put(checkedSize(bzip.decode(source.bytes(at, size)), unpacked.length), unpacked);
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
