/**
 * Records of an nfcapd block (layout 2) into those columns that a reader looks at, in WebAssembly; a record that does not pass a filter is left out
 * before anything is written. `nfcapd-records.ts` is the reference: what this kernel does not take whole is left to it. How the elements of a record
 * lie is looked up by its size and checked by their heads, so that nothing is walked twice:
 *
 *   SCAN      64 zero bytes, then 256 layouts, then the program of a filter (nfcapd-filter.ts)
 *   layout    | 0 u32 type and size | 4 u16 elements | 6 u16 family | 8 8 x u16 place of the elements of type 0 to 7 in the record, 3 as 2; 0: none |
 *             | 24 u16 place of the destination | 32 20 elements: u32 type and length | u32 place of that head |
 *             | 192 order of the bytes of a source | 208 and of a destination | 224 the mark of IPv4 within IPv6 or zero | to 256
 *   step      | 0 u32 operation | 4 u32 place of its element in a layout | 8 u32 offset in the element | 12 u32 step if so | 16 u32 step if not |
 *             | 20 u32 form or mask | 24 f64 value, or u32 value, or u32 address of a table | 24 u64 high, low mask | 40 u64 high, low value | to 64
 *             steps 0 and 1 are ends: the record does not pass, it passes
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
const LAYOUTS: usize = 64;
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

/** Appends records of [at, end) that pass `program` (0: all do) to the batch of `capacity` rows that holds `row`; answers where it stopped. */
export function scan(columns: usize, tables: usize, at: usize, end: usize, row: u32, capacity: u32, parts: u32, program: usize): usize {
  const packets = <usize>load<u32>(columns, PACKETS);
  const bytes = <usize>load<u32>(columns, BYTES);
  let count: u32 = 0;
  wanted = 0;
  while (at < end && row < capacity) {
    if (end - at < 12) break;
    const head = load<u32>(at);
    const size = <usize>(head >> 16);
    if ((head & 0xffff) != flowRecord || size < 12 || size > end - at) break;
    const layout = tables + LAYOUTS + ((size ^ <usize>load<u16>(at, 4)) & layoutMask) * layoutBytes;
    if (!isLaidOut(layout, at, head) && !learn(layout, at, head)) break;
    const flow = at + <usize>load<u16>(layout, 10);
    if (!isHeld(flow)) break;
    if (program == 0 || passes(tables, layout, at, program)) {
      const counters = <usize>load<u16>(layout, 18);
      if ((parts & REVERSE) != 0 && counters != 0 && !putReverse(columns, at + counters, row)) break;
      store<f64>(packets + (<usize>row << 3), <f64>load<i64>(flow, 24));
      store<f64>(bytes + (<usize>row << 3), <f64>load<i64>(flow, 32));
      if ((parts & TIMES) != 0) fillTimes(columns, flow, <usize>row);
      if ((parts & PORTS) != 0) fillPorts(columns, flow, <usize>row);
      if ((parts & ADDRESSES) != 0) putAddresses(columns, layout, at, <usize>row);
      row++;
    }
    count++;
    at += size;
  }
  isHard = at < end && row < capacity;
  rows = row;
  seen = count;
  return at;
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

// Counters of the other direction, and how many flows a record was made of; false where a column has to be made first.
// @ts-ignore: decorator
@inline
function putReverse(columns: usize, data: usize, row: u32): bool {
  const flows = load<u64>(data);
  const packets = load<u64>(data, 8);
  const bytes = load<u64>(data, 16);
  const packetsAt = <usize>load<u32>(columns, PACKETS_REV);
  if (packetsAt != 0) {
    store<f64>(packetsAt + (<usize>row << 3), <f64>packets);
    store<f64>(<usize>load<u32>(columns, BYTES_REV) + (<usize>row << 3), <f64>bytes);
  } else if ((packets | bytes) != 0) {
    wanted = <u32>PACKETS_REV;
    return false;
  }
  const place = load<u32>(columns, FLOW_COUNT);
  const flowsAt = <usize>load<u32>(columns + <usize>place);
  if (flowsAt != 0) store<f64>(flowsAt + (<usize>row << 3), <f64>flows);
  else if (flows != 0) {
    wanted = place;
    return false;
  }
  return true;
}

// Whether a record passes, step by step.
function passes(tables: usize, layout: usize, at: usize, program: usize): bool {
  let step = program;
  do {
    const place = <usize>load<u16>(layout + <usize>load<u32>(step, 4));
    const data = (place == 0 ? tables : at + place) + <usize>load<u32>(step, 8);
    const is = isSo(tables, layout, at, step, data);
    step = <usize>load<u32>(step + (is ? 12 : 16));
  } while (step > 1);
  return step == 1;
}

// Operations and forms, the same as in nfcapd-filter.ts.
// @ts-ignore: decorator
@inline
function isSo(tables: usize, layout: usize, at: usize, step: usize, data: usize): bool {
  switch (load<u32>(step)) {
    case 0:
      return (<u32>load<u8>(data) & load<u32>(step, 20)) == load<u32>(step, 24);
    case 1:
      return (<u32>load<u16>(data) & load<u32>(step, 20)) == load<u32>(step, 24);
    case 2:
      return (load<u32>(data) & load<u32>(step, 20)) == load<u32>(step, 24);
    case 3:
      return <u32>load<u16>(layout, 6) == load<u32>(step, 24);
    case 4:
      return numberOf(load<u32>(step, 20), data) == load<f64>(step, 24);
    case 5:
      return numberOf(load<u32>(step, 20), data) < load<f64>(step, 24);
    case 6:
      return numberOf(load<u32>(step, 20), data) > load<f64>(step, 24);
    case 7: {
      const value = load<u32>(step, 20) == 0 ? <usize>load<u8>(data) : <usize>load<u16>(data);
      return load<u8>(<usize>load<u32>(step, 24) + value) != 0;
    }
    case 8:
      return isWithin(layout, data, step);
  }
  return false;
}

// An address (its side is the form) of a network: IPv4 counts as ::a.b.c.d.
function isWithin(layout: usize, data: usize, step: usize): bool {
  const side = <usize>load<u32>(step, 20);
  let high: u64 = 0;
  let low: u64 = 0;
  if (load<u16>(layout, 6) == 4) low = <u64>load<u32>(data + (side << 2));
  else {
    high = load<u64>(data + (side << 4));
    low = load<u64>(data + (side << 4), 8);
    if (high == 0 && low >> 32 == 0xffff) low &= 0xffffffff;
  }
  return (((high & load<u64>(step, 24)) ^ load<u64>(step, 40)) | ((low & load<u64>(step, 32)) ^ load<u64>(step, 48))) == 0;
}

// Numbers of columns by their width; figures that are made of several are of the flow element.
function numberOf(form: u32, data: usize): f64 {
  switch (form) {
    case 0:
      return <f64>load<u8>(data);
    case 1:
      return <f64>load<u16>(data);
    case 2:
      return <f64>load<u32>(data);
    case 3:
      return <f64>load<u64>(data);
    case 4:
      return durationOf(data);
    case 5:
      return rateOf(8000 * <f64>load<u64>(data, 32), durationOf(data));
    case 6:
      return rateOf(1000 * <f64>load<u64>(data, 24), durationOf(data));
    case 7: {
      const packets = <f64>load<u64>(data, 24);
      return packets > 0 ? Math.floor(<f64>load<u64>(data, 32) / packets) : 0;
    }
  }
  const flows = load<u64>(data);
  return flows == 0 ? 1 : <f64>flows;
}

// As in filter-figures.ts.
function durationOf(flow: usize): f64 {
  const first = load<u64>(flow);
  const last = load<u64>(flow, 8);
  return last < first ? Infinity : <f64>(last - first);
}

function rateOf(amount: f64, durationMs: f64): f64 {
  return durationMs > 0 ? Math.floor(amount / durationMs) : 0;
}
