/**
 * Records of an nfcapd block of layout 1 into columns, in WebAssembly. `nfcapd-old-records.ts` draws the layout and is the reference: a record that this
 * kernel does not take whole, and every record that is no flow, is left to it, and the kernel goes on behind it.
 *
 *   EXTENSIONS  64 x | u32 count << 16 | place of its fields behind FIELDS | u32 bytes |, by extension id; 0 bytes: not known
 *   MAPS        u32 address of the extension ids of a map, u16 each, ended by 0, by map id; 0: none, ffffffff: known to the reference alone
 *   FORWARDING, EXPORTER_ID   u32 places in the table of those columns
 */

import {
  BYTES,
  DPORT,
  EXPORTER,
  EXPORTERS,
  FIRST_NANOS,
  FIRST_SECONDS,
  FLAGS,
  LAST_NANOS,
  LAST_SECONDS,
  PACKETS,
  PROTO,
  RECEIVED,
  SPORT,
  TOS,
  fillAddresses,
  limit53,
} from './nfcapd-columns.as';
import { clearRow, needColumn, neededColumn, putFieldList, putSampling } from './nfcapd-records.as';

export { neededColumn } from './nfcapd-records.as';

const EXPORTER_ID: usize = 996;
const FORWARDING: usize = 1000;
const MAPS: usize = 1016;
const EXTENSIONS: usize = 8192;
const unknownMap: u32 = 0xffffffff;

let rows: u32 = 0;
let isHard: bool = false;

/** Rows in the batch after `fill`. */
export function rowCount(): u32 {
  return rows;
}

/** Whether `fill` stopped at a record that the reference has to decide on. */
export function stoppedHard(): bool {
  return isHard;
}

/** Appends records of [at, end) to the batch of `capacity` rows that holds `row`; answers where it stopped. */
export function fill(columns: usize, at: usize, end: usize, row: u32, capacity: u32): usize {
  needColumn(0);
  while (at < end && row < capacity) {
    if (end - at < 4) break;
    const size = <usize>load<u16>(at, 2);
    const type = load<u16>(at);
    const common: usize = type == 10 ? 32 : type == 1 ? 28 : 0;
    if (common == 0 || size < common + 16 || size > end - at) break;
    if (!fillRow(columns, at, at + size, common, <usize>row)) break;
    row++;
    at += size;
  }
  isHard = at < end && row < capacity;
  rows = row;
  return at;
}

function fillRow(columns: usize, at: usize, end: usize, common: usize, row: usize): bool {
  const flags = common == 32 ? <u32>load<u16>(at, 4) : <u32>load<u8>(at, 4);
  const exporter = common == 32 ? <u32>load<u16>(at, 28) : <u32>load<u8>(at, 5);
  const needed = ((flags & 1) != 0 ? 32 : 8) + ((flags & 2) != 0 ? 8 : 4) + ((flags & 4) != 0 ? 8 : 4);
  if (<usize>needed > end - at - common) return false;
  clearRow(columns, row);
  store<f64>(<usize>load<u32>(columns, RECEIVED) + (row << 3), 0);
  if (!fillCommon(columns, at, row)) return false;
  if (!putSmall(columns, FORWARDING, load<u8>(at, 20), 0, row)) return false;
  if (!putSmall(columns, EXPORTER_ID, exporter, 1, row)) return false;
  let place = at + common;
  fillAddresses(columns, (flags & 1) != 0 ? 3 : 2, place, row);
  place += (flags & 1) != 0 ? 32 : 8;
  const packets = (flags & 2) != 0 ? load<u64>(place) : <u64>load<u32>(place);
  place += (flags & 2) != 0 ? 8 : 4;
  const bytes = (flags & 4) != 0 ? load<u64>(place) : <u64>load<u32>(place);
  place += (flags & 4) != 0 ? 8 : 4;
  if (packets > limit53 || bytes > limit53) return false;
  store<f64>(<usize>load<u32>(columns, PACKETS) + (row << 3), <f64>packets);
  store<f64>(<usize>load<u32>(columns, BYTES) + (row << 3), <f64>bytes);
  const map = load<u32>(<usize>load<u32>(columns, MAPS) + (<usize>load<u16>(at, 6) << 2));
  if (map == unknownMap) return false;
  const hasExporter = map == 0 ? 0 : fillExtensions(columns, <usize>map, place, end, load<u8>(at, 22), row);
  if (hasExporter < 0) return false;
  if (hasExporter == 0 && exporter != 0) {
    const known = <usize>load<u32>(columns, EXPORTERS) + (<usize>exporter << 4);
    v128.store(<usize>load<u32>(columns, EXPORTER) + (row << 4), v128.load(known));
  }
  return (flags & 128) == 0 || putSampling(columns, <usize>exporter, row);
}

// Milliseconds beyond a second are left to the reference.
// @ts-ignore: decorator
@inline
function fillCommon(columns: usize, at: usize, row: usize): bool {
  const firstMs = <u32>load<u16>(at, 8);
  const lastMs = <u32>load<u16>(at, 10);
  if (firstMs > 999 || lastMs > 999) return false;
  store<u32>(<usize>load<u32>(columns, FIRST_SECONDS) + (row << 2), load<u32>(at, 12));
  store<u32>(<usize>load<u32>(columns, FIRST_NANOS) + (row << 2), firstMs * 1000000);
  store<u32>(<usize>load<u32>(columns, LAST_SECONDS) + (row << 2), load<u32>(at, 16));
  store<u32>(<usize>load<u32>(columns, LAST_NANOS) + (row << 2), lastMs * 1000000);
  store<u8>(<usize>load<u32>(columns, FLAGS) + row, load<u8>(at, 21));
  store<u8>(<usize>load<u32>(columns, PROTO) + row, load<u8>(at, 22));
  store<u8>(<usize>load<u32>(columns, TOS) + row, load<u8>(at, 23));
  store<u16>(<usize>load<u32>(columns, SPORT) + (row << 1), load<u16>(at, 24));
  store<u16>(<usize>load<u32>(columns, DPORT) + (row << 1), load<u16>(at, 26));
  return true;
}

// A number of 1 << shift bytes into a column that may have to be made first.
// @ts-ignore: decorator
@inline
function putSmall(columns: usize, cell: usize, value: u32, shift: usize, row: usize): bool {
  const place = <usize>load<u32>(columns + cell);
  const column = <usize>load<u32>(columns + place);
  if (column == 0) {
    if (value == 0) return true;
    needColumn(<u32>place);
    return false;
  }
  if (shift == 0) store<u8>(column + row, <u8>value);
  else store<u16>(column + (row << 1), <u16>value);
  return true;
}

// Whether the exporter's address is among them; -1 where one is for the reference.
function fillExtensions(columns: usize, map: usize, at: usize, end: usize, proto: u8, row: usize): i32 {
  let hasExporter = 0;
  for (;; map += 2) {
    const id = <usize>load<u16>(map);
    if (id == 0 || id > 63) break;
    const entry = columns + EXTENSIONS + (id << 3);
    const size = <usize>load<u32>(entry, 4);
    if (size == 0 || size > end - at) break;
    if (id == 23 || id == 24) hasExporter = 1;
    if (!putFieldList(columns, load<u32>(entry), at, size, row)) return -1;
    if (id == 37 && (proto == 1 || proto == 58)) store<u16>(<usize>load<u32>(columns, DPORT) + (row << 1), load<u16>(at, 12));
    at += size;
  }
  return hasExporter;
}
