/**
 * Records of an nfcapd block (layout 2) into those columns that a reader looks at, in WebAssembly; a record that does not pass a filter is left out
 * before anything is written. `nfcapd-records.ts` is the reference: what this kernel does not take whole is left to it. Records are taken 64 at a time:
 * gathered, filtered, put column by column. How the elements of a record lie is looked up by its size and checked by their heads, so that nothing is
 * walked twice:
 *
 *   SCAN      what nfcapd-filter.as.ts draws, then 256 layouts, then the program of a filter
 *   layout    | 0 u32 type and size | 4 u16 elements | 6 u16 family | 8 8 x u16 place of the elements of type 0 to 7 in the record, 3 as 2; 0: none |
 *             | 24 u16 place of the destination | 32 20 elements: u32 type and length | u32 place of that head |
 *             | 192 order of the bytes of a source | 208 and of a destination | 224 the mark of IPv4 within IPv6 or zero | to 256
 */

import {
  BYTES,
  DST,
  FAMILY,
  PACKETS,
  PACKETS_REV,
  BYTES_REV,
  SRC,
  endMs,
  fillPorts,
  fillTimes,
  flowRecord,
  leastLength,
  limit53,
} from './nfcapd-columns.as';
import { AT, FLOW, LAYOUT, MASKS, atOnce, runFilter, scanBytes } from './nfcapd-filter.as';

const FLOW_COUNT: usize = 1004;
// Parts, the same as in nfcapd-kernel.ts.
const TIMES: u32 = 1;
const PORTS: u32 = 2;
const ADDRESSES: u32 = 4;
const REVERSE: u32 = 8;

const layoutBytes: usize = 256;
const SRC_BYTES: usize = 192;
const DST_BYTES: usize = 208;
const MARK: usize = 224;
const LAYOUTS: usize = scanBytes;
const layoutMask: usize = 255;
const elementsMax: u32 = 20;

let rows: u32 = 0;
let seen: u32 = 0;
let isHard: bool = false;
let wanted: u32 = 0;

/** Rows in the batch after `scan`. */
export function rowCount(): u32 {
  return rows;
}

/** Flows that `scan` took, those that did not pass included. */
export function seenCount(): u32 {
  return seen;
}

/** Whether `scan` stopped at a record that the reference has to decide on. */
export function stoppedHard(): bool {
  return isHard;
}

/** Place in the table of the column that `scan` stopped for; 0 where it stopped for the reference. */
export function neededColumn(): u32 {
  return wanted;
}

/** Appends records of [at, end) that pass the `steps` of `program` to the batch of `capacity` rows that holds `row`; answers where it stopped. */
export function scan(
  columns: usize,
  tables: usize,
  at: usize,
  end: usize,
  row: u32,
  capacity: u32,
  parts: u32,
  program: usize,
  steps: u32,
): usize {
  wanted = 0;
  seen = 0;
  isHard = false;
  while (at < end && row < capacity && !isHard) {
    const most = min(atOnce, capacity - row);
    at = gather(columns, tables, at, end, most, parts);
    seen += gathered;
    let count = gathered;
    if (steps > 0) {
      runFilter(tables, program, steps, count);
      count = keepPassing(tables, count);
    }
    if (count > 0) fill(columns, tables, <usize>row, <usize>count << 2, parts);
    row += count;
  }
  rows = row;
  return at;
}

let gathered: u32 = 0;

// Notes where the next records and their flow elements lie, `most` at most, up to one that is not for it (`isHard`) or whose layout has to be learned;
// answers where that is.
function gather(columns: usize, tables: usize, at: usize, end: usize, most: u32, parts: u32): usize {
  let record = tables;
  let stops = false;
  for (const last = tables + (<usize>most << 2); record < last && at < end; record += 4) {
    stops = true;
    if (end - at < 12) break;
    const head = load<u32>(at);
    const size = <usize>(head >> 16);
    if ((head & 0xffff) != flowRecord || size < 12 || size > end - at) break;
    const layout = tables + LAYOUTS + ((size ^ <usize>load<u16>(at, 4)) & layoutMask) * layoutBytes;
    if (!isLaidOut(layout, at, head)) {
      // The layouts of records that are noted have to stay until they are done.
      stops = record == tables;
      if (!stops || !learn(layout, at, head)) break;
    }
    const flow = at + <usize>load<u16>(layout, 10);
    if (!isHeld(flow)) break;
    const counters = <usize>load<u16>(layout, 18);
    if ((parts & REVERSE) != 0 && counters != 0 && !hasColumns(columns, at + counters)) break;
    store<u32>(record, <u32>at, AT);
    store<u32>(record, <u32>flow, FLOW);
    store<u32>(record, <u32>layout, LAYOUT);
    at += size;
    stops = false;
  }
  isHard = stops;
  gathered = <u32>((record - tables) >> 2);
  return at;
}

// Moves those that pass to the front; answers how many they are.
function keepPassing(tables: usize, count: u32): u32 {
  let kept = tables;
  let mask = tables + MASKS;
  for (let record = tables, end = tables + (<usize>count << 2); record < end; record += 4, mask++) {
    store<u32>(kept, load<u32>(record, AT), AT);
    store<u32>(kept, load<u32>(record, FLOW), FLOW);
    store<u32>(kept, load<u32>(record, LAYOUT), LAYOUT);
    kept += <usize>load<u8>(mask) << 2;
  }
  return <u32>((kept - tables) >> 2);
}

// Puts the records into rows from `row` on; `size`: 4 bytes each.
function fill(columns: usize, tables: usize, row: usize, size: usize, parts: u32): void {
  const end = tables + size;
  let packets = <usize>load<u32>(columns, PACKETS) + (row << 3);
  let bytes = <usize>load<u32>(columns, BYTES) + (row << 3);
  for (let record = tables; record < end; record += 4, packets += 8, bytes += 8) {
    const flow = <usize>load<u32>(record, FLOW);
    store<f64>(packets, <f64>load<i64>(flow, 24));
    store<f64>(bytes, <f64>load<i64>(flow, 32));
  }
  if ((parts & TIMES) != 0) for (let record = tables, to = row; record < end; record += 4, to++) fillTimes(columns, <usize>load<u32>(record, FLOW), to);
  if ((parts & PORTS) != 0) for (let record = tables, to = row; record < end; record += 4, to++) fillPorts(columns, <usize>load<u32>(record, FLOW), to);
  if ((parts & ADDRESSES) != 0)
    for (let record = tables, to = row; record < end; record += 4, to++)
      putAddresses(columns, <usize>load<u32>(record, LAYOUT), <usize>load<u32>(record, AT), to);
  const flowsAt = <usize>load<u32>(columns + <usize>load<u32>(columns, FLOW_COUNT));
  if ((parts & REVERSE) == 0 || (load<u32>(columns, PACKETS_REV) == 0 && flowsAt == 0)) return;
  for (let record = tables, to = row; record < end; record += 4, to++) putReverse(columns, flowsAt, record, to);
}

// @ts-ignore: decorator
@inline
function isLaidOut(layout: usize, at: usize, head: u32): bool {
  const elements = <u32>load<u16>(at, 4);
  if (load<u32>(layout) != head || <u32>load<u16>(layout, 4) != elements) return false;
  let entry = layout + 32;
  for (const last = entry + (<usize>elements << 3); entry < last; entry += 8) {
    if (load<u32>(at + <usize>load<u32>(entry, 4)) != load<u32>(entry)) return false;
  }
  return true;
}

// Walks the elements of a record; false where it is not for this kernel, and then the layout is none.
function learn(layout: usize, at: usize, head: u32): bool {
  const elements = <u32>load<u16>(at, 4);
  memory.fill(layout, 0, layoutBytes);
  if (elements > elementsMax) return false;
  const end = at + <usize>(head >> 16);
  let place = at + 12;
  for (let element: u32 = 0; element < elements; element++) {
    if (end - place < 4) return false;
    const type = <u32>load<u16>(place);
    const length = <usize>load<u16>(place, 2);
    if (length < 4 || length > end - place || (type < 14 && length < leastLength(type))) return false;
    const entry = layout + 32 + (<usize>element << 3);
    store<u32>(entry, load<u32>(place));
    store<u32>(entry, <u32>(place - at), 4);
    if (type > 0 && type < 8) {
      const held = layout + 8 + (<usize>(type == 3 ? 2 : type) << 1);
      // What stands twice is left to the reference.
      if (load<u16>(held) != 0) return false;
      store<u16>(held, <u16>(place + 4 - at));
      if (type == 2 || type == 3) store<u16>(layout, type == 2 ? 4 : 6, 6);
    }
    place += length;
  }
  if (load<u16>(layout, 10) == 0) return false;
  orderAddresses(layout);
  store<u32>(layout, head);
  store<u16>(layout, <u16>elements, 4);
  return true;
}

// Addresses are put without asking of what family they are: bytes are taken by their places from the record, and a place beyond 15 gives a zero.
function orderAddresses(layout: usize): void {
  const family = load<u16>(layout, 6);
  const place = load<u16>(layout, 12);
  v128.store(layout, i8x16.splat(-1), SRC_BYTES);
  v128.store(layout, i8x16.splat(-1), DST_BYTES);
  store<u16>(layout, family == 6 ? place + 16 : place, 24);
  if (family == 4) {
    store<u32>(layout, 0x00010203, SRC_BYTES + 12);
    store<u32>(layout, 0x04050607, DST_BYTES + 12);
    store<u32>(layout, 0xffff0000, MARK + 8);
  } else if (family == 6) {
    for (let field = SRC_BYTES; field <= DST_BYTES; field += 16) {
      store<u64>(layout + field, 0x0001020304050607);
      store<u64>(layout + field, 0x08090a0b0c0d0e0f, 8);
    }
  }
}

// @ts-ignore: decorator
@inline
function putAddresses(columns: usize, layout: usize, at: usize, row: usize): void {
  const mark = v128.load(layout, MARK);
  const src = i8x16.swizzle(v128.load(at + <usize>load<u16>(layout, 12)), v128.load(layout, SRC_BYTES));
  const dst = i8x16.swizzle(v128.load(at + <usize>load<u16>(layout, 24)), v128.load(layout, DST_BYTES));
  v128.store(<usize>load<u32>(columns, SRC) + (row << 4), v128.or(src, mark));
  v128.store(<usize>load<u32>(columns, DST) + (row << 4), v128.or(dst, mark));
  store<u8>(<usize>load<u32>(columns, FAMILY) + row, <u8>load<u16>(layout, 6));
}

// Whether the columns hold times and counters as they are. Most are far below the bounds, all at once.
// @ts-ignore: decorator
@inline
function isHeld(flow: usize): bool {
  const first = load<u64>(flow);
  const last = load<u64>(flow, 8);
  const packets = load<u64>(flow, 24);
  const bytes = load<u64>(flow, 32);
  if ((((first | last) >> 41) | ((packets | bytes) >> 53)) == 0) return true;
  return first < endMs && last < endMs && packets <= limit53 && bytes <= limit53;
}

// Whether there are columns for the counters of the other direction, and for how many flows a record was made of; else which one has to be made first.
// @ts-ignore: decorator
@inline
function hasColumns(columns: usize, data: usize): bool {
  if ((load<u64>(data, 8) | load<u64>(data, 16)) != 0 && load<u32>(columns, PACKETS_REV) == 0) {
    wanted = <u32>PACKETS_REV;
    return false;
  }
  const place = load<u32>(columns, FLOW_COUNT);
  if (load<u64>(data) == 0 || load<u32>(columns + <usize>place) != 0) return true;
  wanted = place;
  return false;
}

// Columns that are there are zero where nothing is put.
// @ts-ignore: decorator
@inline
function putReverse(columns: usize, flowsAt: usize, record: usize, row: usize): void {
  const counters = <usize>load<u16>(<usize>load<u32>(record, LAYOUT), 18);
  if (counters == 0) return;
  const data = <usize>load<u32>(record, AT) + counters;
  if (flowsAt != 0) store<f64>(flowsAt + (row << 3), <f64>load<u64>(data));
  const packetsAt = <usize>load<u32>(columns, PACKETS_REV);
  if (packetsAt == 0) return;
  store<f64>(packetsAt + (row << 3), <f64>load<u64>(data, 8));
  store<f64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), <f64>load<u64>(data, 16));
}
