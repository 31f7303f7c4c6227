/** Blocks of nfcapd files unpacked into a kernel's memory. What cannot be unpacked is a fault, never thrown. */

import type { Codec } from '../base/block-codecs.js';
import { Fault, Malformed } from '../base/faults.js';
import type { Source } from './nfcapd-file.js';
import type { NfcapdKernel } from './nfcapd-kernel.js';

/** Codecs by the number of the compression in a header. */
export const codecs: Readonly<Record<number, Codec>> = { 1: 'LZO', 2: 'BZ2', 3: 'LZ4', 4: 'ZSTD' };

/** The data of a block, or the fault why it cannot be had; in the kernel's memory. */
export function unpackBlock(source: Source, at: number, size: number, compression: number, kernel: NfcapdKernel): Uint8Array | Fault {
  const { packed, unpacked } = kernel;
  const codec = codecs[compression];
  const room = codec === undefined ? unpacked : packed;
  if (size > room.length) return tooLarge(size, room.length);
  try {
    source.bytes(at, size, room);
    return unpacked.subarray(0, codec === undefined ? size : kernel.unpack(codec, size));
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

/** The fault of a block that is larger than blocks are. */
export function tooLarge(size: number, sizeMax: number): Malformed {
  return new Malformed(`a block of ${size} bytes (expected at most ${sizeMax})`);
}
