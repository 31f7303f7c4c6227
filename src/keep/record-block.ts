/**
 * A block of neighbouring rows of one partition: up to 32 rows, or 64 KiB, lie together in one value, so that taking n of them costs n/32 look-ups and no step at any n. A row of more
 * than that stands alone. Offsets say where each row lies, so that one is found by bisection and a block that is passed over is never decoded.
 *
 *   little-endian
 *   +-------------+-------------+--------------+--------------+--------------------------------------+---------------------------+
 *   | 0 count u16 | 2 flags u16 | 4 oldest f64 | 12 newest f64 | 20 count x | row end u32 | value end u32 | at f64 | | row value row value ... |
 *   +-------------+-------------+--------------+--------------+--------------------------------------+---------------------------+
 *
 * Flags: 1 when all bytes are ASCII (the block is then read as one string, and rows are slices of it). Ends count from the beginning of the texts. Times are microseconds
 * of the Unix epoch. Law: rows of a block are in byte order and unique; checked on reading by the bounds of the offsets.
 */

import { Corrupt } from '../base/faults.js';

/** A record as it is stored. */
export interface StoredRecord {
  readonly row: string;
  /** When it was put, microseconds of the Unix epoch. */
  readonly at: number;
  /** JSON of the record's own fields. */
  readonly value: string;
}

export const blockRowsMax = 32;
export const blockBytesMax = 65_536;
const headBytes = 20;
const entryBytes = 16;

/** How many rows a block holds, from its head alone. */
export function countOfBlock(block: Buffer): number {
  return block.length < headBytes ? damaged(block) : block.readUInt16LE(0);
}

/** The least and the greatest time of a block's rows. */
export function timesOfBlock(block: Buffer): { readonly oldest: number; readonly newest: number } {
  if (block.length < headBytes) damaged(block);
  return { oldest: block.readDoubleLE(4), newest: block.readDoubleLE(12) };
}

const scratchBytes = 2 * blockBytesMax;
const scratch = Buffer.allocUnsafeSlow(scratchBytes);

/** Packs rows, which are in order. The bytes are lent: they lie where the next block is packed. */
export function encodeBlock(rows: readonly StoredRecord[]): Buffer {
  // One text written once is half the time of two writes a row.
  let text = '';
  for (const { row, value } of rows) {
    text += row;
    text += value;
  }
  const base = headBytes + rows.length * entryBytes;
  // UTF-8 is as long as its characters are many just when all of them are ASCII, and mostly they are. With room for more a longer text never ends there by chance.
  const size = base + text.length;
  const bytes = size + 8 <= scratchBytes ? scratch : Buffer.allocUnsafe(size + 8);
  if (bytes.write(text, base) === text.length) {
    writeHead(bytes, rows, 1);
    return bytes.subarray(0, size);
  }
  const larger = Buffer.allocUnsafe(base + Buffer.byteLength(text));
  larger.write(text, base);
  writeHead(larger, rows, 0);
  return larger;
}

function writeHead(bytes: Buffer, rows: readonly StoredRecord[], flags: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sizeOf = flags === 1 ? (text: string): number => text.length : (text: string): number => Buffer.byteLength(text);
  let end = 0;
  let entry = headBytes;
  let oldest = Number.POSITIVE_INFINITY;
  let newest = 0;
  for (const { row, value, at } of rows) {
    end += sizeOf(row);
    view.setUint32(entry, end, true);
    end += sizeOf(value);
    view.setUint32(entry + 4, end, true);
    view.setFloat64(entry + 8, at, true);
    entry += entryBytes;
    if (at < oldest) oldest = at;
    if (at > newest) newest = at;
  }
  view.setUint16(0, rows.length, true);
  view.setUint16(2, flags, true);
  view.setFloat64(4, oldest, true);
  view.setFloat64(12, newest, true);
}

/** Appends rows `[from, end)` of a block to a list. Throws Corrupt when its offsets make no sense. */
export function decodeBlock(block: Buffer, from: number, end: number, to: StoredRecord[]): void {
  const count = countOfBlock(block);
  const base = headBytes + count * entryBytes;
  if (base > block.length || end > count) damaged(block);
  const last = end === 0 ? 0 : block.readUInt32LE(headBytes + end * entryBytes - 12);
  const text = (block.readUInt16LE(2) & 1) === 1 ? block.toString('latin1', base, base + last) : undefined;
  let start = from === 0 ? 0 : block.readUInt32LE(headBytes + from * entryBytes - 12);
  for (let index = from; index < end; index++) {
    const entry = headBytes + index * entryBytes;
    const rowEnd = block.readUInt32LE(entry);
    const valueEnd = block.readUInt32LE(entry + 4);
    if (rowEnd < start || valueEnd < rowEnd || base + valueEnd > block.length) damaged(block);
    to.push({
      row: text === undefined ? block.toString('utf8', base + start, base + rowEnd) : text.slice(start, rowEnd),
      at: block.readDoubleLE(entry + 8),
      value: text === undefined ? block.toString('utf8', base + rowEnd, base + valueEnd) : text.slice(rowEnd, valueEnd),
    });
    start = valueEnd;
  }
}

/** Index of the first row that is not below `row`, in byte order. */
export function placeInBlock(block: Buffer, row: string): number {
  if (row === '') return 0;
  const wanted = Buffer.from(row);
  const base = headBytes + countOfBlock(block) * entryBytes;
  let [low, high] = [0, countOfBlock(block)];
  while (low < high) {
    const middle = (low + high) >> 1;
    const start = middle === 0 ? 0 : block.readUInt32LE(headBytes + middle * entryBytes - 12);
    const end = block.readUInt32LE(headBytes + middle * entryBytes);
    if (end < start || base + end > block.length) damaged(block);
    if (block.compare(wanted, 0, wanted.length, base + start, base + end) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Cuts rows into blocks. Rows that were appended leave full blocks behind them, rows put before the others leave full blocks after them; else blocks are of a size. */
export function cutIntoBlocks(rows: readonly StoredRecord[], grows: 'after' | 'before' | 'between'): StoredRecord[][] {
  const counted = Math.ceil(rows.length / blockRowsMax);
  const each = grows === 'between' ? Math.ceil(rows.length / Math.max(1, counted)) : blockRowsMax;
  const head = grows === 'before' ? rows.length - (counted - 1) * blockRowsMax : each;
  const blocks: StoredRecord[][] = [];
  let open: StoredRecord[] = [];
  let bytes = 0;
  for (const record of rows) {
    const size = record.row.length + record.value.length;
    const full = open.length >= (blocks.length === 0 ? head : each) || bytes + size > blockBytesMax;
    if (open.length > 0 && full) {
      blocks.push(open);
      open = [];
      bytes = 0;
    }
    open.push(record);
    bytes += size;
  }
  if (open.length > 0) blocks.push(open);
  return blocks;
}

/** The order of rows: that of their UTF-8 bytes. */
export function compareRows(one: string, two: string): number {
  if (one === two) return 0;
  const shorter = Math.min(one.length, two.length);
  for (let at = 0; at < shorter; at++) {
    const [first, second] = [one.charCodeAt(at), two.charCodeAt(at)];
    if (first === second) continue;
    // Surrogates stand for characters behind all others.
    return (first >= 0xd800 && first < 0xe000 ? first + 0x10000 : first) < (second >= 0xd800 && second < 0xe000 ? second + 0x10000 : second)
      ? -1
      : 1;
  }
  return one.length - two.length;
}

function damaged(block: Buffer): never {
  throw new Corrupt(`a block of records of ${block.length} bytes makes no sense (expected offsets within it)`);
}
