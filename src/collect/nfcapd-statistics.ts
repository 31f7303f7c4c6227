/**
 * What nfcapd files say of themselves, so that the figures of whole files need no reading of their flows: sums over all flows, by class of protocol, first
 * and last. Taken only from files that are whole by their heads: finished, not encrypted, every block that the header counts in its place.
 *
 *     statistics  15 u64: flows, bytes, packets; then flows, bytes and packets each of TCP, UDP, ICMP, others
 *     layout 1    at 140 of the header, then | u32 first | u32 last | u16 first ms | u16 last ms |
 *     layout 2    in the appendix, a block of records: | u16 type 8002 | u16 size 148 | statistics | u64 first ms | u64 last ms | u64 - |
 */

import { statSync } from 'node:fs';
import { Fault } from '../base/faults.js';
import { long } from './nfcapd-fields.js';
import { type Blocks, blockHeadAt, blockHeadBytes, blocksOf, codecOf, fileSource, oldHeaderBytes, type Source } from './nfcapd-file.js';
import { NfcapdKernel } from './nfcapd-kernel.js';
import { unpackBlock } from './nfcapd-unpack.js';

const oldStatisticsAt = 140;
const statisticsType = 0x8002;

/** Sums over all flows of a file, and by class: TCP, UDP, ICMP, others. Both sides of biflows. */
export interface FileStatistics {
  readonly flows: bigint;
  readonly packets: bigint;
  readonly bytes: bigint;
  readonly flowsByClass: readonly bigint[];
  readonly packetsByClass: readonly bigint[];
  readonly bytesByClass: readonly bigint[];
  /** Of the epoch. */
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What the file at `path` says of itself; undefined where it is no nfcapd file, or not a whole one. */
export function nfcapdStatistics(path: string): FileStatistics | undefined {
  let source: Source | undefined;
  try {
    // A pipe can be read but once, and has been, or will be.
    if (!statSync(path).isFile()) return undefined;
    source = fileSource(path);
    const head = source.bytes(0, Math.min(source.size, oldHeaderBytes));
    if ((head[0] !== 0x0c || head[1] !== 0xa5) && (head[0] !== 0xa5 || head[1] !== 0x0c)) return undefined;
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const blocks = blocksOf(view, source.size, path);
    if (blocks.isEncrypted || !isWhole(source, blocks)) return undefined;
    const figures = blocks.isOld ? oldStatistics(view, blocks.isLittle) : appendixStatistics(source, blocks);
    return figures !== undefined && agrees(figures) ? figures : undefined;
  } catch {
    // Whatever is wrong with it is said by whoever reads it.
    return undefined;
  } finally {
    source?.close();
  }
}

function isWhole(source: Source, blocks: Blocks): boolean {
  let at = blocks.firstBlock;
  let count = 0;
  for (; at < blocks.end; count++) {
    const block = blockHeadAt(source, at, blocks.end, blocks.isLittle);
    if (block === undefined || block.held < block.size) return false;
    at += blockHeadBytes + block.size;
  }
  return at === blocks.end && count === blocks.count;
}

// The classes have to sum up to the whole.
function agrees({ flows, packets, bytes, flowsByClass, packetsByClass, bytesByClass }: FileStatistics): boolean {
  const sum = (parts: readonly bigint[]): bigint => parts.reduce((total, part) => total + part, 0n);
  return sum(flowsByClass) === flows && sum(packetsByClass) === packets && sum(bytesByClass) === bytes;
}

function oldStatistics(view: DataView, isLittle: boolean): FileStatistics {
  const word = (at: number): number => view.getUint32(at, isLittle);
  const short = (at: number): number => view.getUint16(at, isLittle);
  return statisticsOf(view, oldStatisticsAt, isLittle, word(260) * 1000 + short(268), word(264) * 1000 + short(270));
}

function appendixStatistics(source: Source, blocks: Blocks): FileStatistics | undefined {
  const block = blockHeadAt(source, blocks.end, source.size, blocks.isLittle);
  if (block === undefined || block.held < block.size) return undefined;
  const kernel = NfcapdKernel.lend(blocks.sizeMax);
  try {
    const data = unpackBlock(source, block.at + blockHeadBytes, block.size, codecOf(block, blocks), kernel);
    return data instanceof Fault ? undefined : recordOf(data, blocks.isLittle);
  } finally {
    kernel.giveBack();
  }
}

function recordOf(data: Uint8Array, isLittle: boolean): FileStatistics | undefined {
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
