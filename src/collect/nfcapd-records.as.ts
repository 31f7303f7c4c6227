/**
 * Records of an nfcapd block (layout 2) into columns, in WebAssembly. `nfcapd-records.ts` draws the layout and is the reference: a record that
 * this kernel does not take whole is left to it, and the kernel goes on behind it.
 *
 *   COLUMNS   u32 addresses of the batch's columns, in the order of the constants below; further ones are 0 until the batch has them
 *   FIELDS    64 x u32, a type of element each: count << 16 | place of its fields behind FIELDS; a field is | u16 offset | u8 form | u8 bytes | u32 place of
 *             its column in COLUMNS |; forms are those of nfcapd-kernel.ts
 *   EXPORTERS 16 bytes of address, RATES u32 sampling rate by exporter id
 */

import {
  PACKETS,
  BYTES,
  IN_IF,
  OUT_IF,
  SRC_AS,
  DST_AS,
  VLAN,
  NEXT_HOP,
  EXPORTER,
  RECEIVED,
  SAMPLING,
  EXPORTERS,
  RATES,
  FIELDS,
  severalRates,
  flowRecord,
  isSampled,
  limit53,
  endMs,
  clearAddresses,
  fillAddresses,
  clearReverse,
  fillReverse,
  fillPorts,
  fillTimes,
  putIpv4,
  putIpv6,
} from './nfcapd-columns.as';

let rows: u32 = 0;
let isHard: bool = false;
let wanted: u32 = 0;

/** Rows in the batch after `fill`. */
export function rowCount(): u32 {
  return rows;
}

/** Whether `fill` stopped at a record that the reference has to decide on. */
export function stoppedHard(): bool {
  return isHard;
}

/** Place in the table of the column that `fill` stopped for; 0 where it stopped for the reference. */
export function neededColumn(): u32 {
  return wanted;
}

/** Says which column has to be made. */
export function needColumn(place: u32): void {
  wanted = place;
}

/** Appends records of [at, end) to the batch of `capacity` rows that holds `row`; answers where it stopped. */
export function fill(columns: usize, at: usize, end: usize, row: u32, capacity: u32): usize {
  isHard = false;
  wanted = 0;
  while (at < end && row < capacity) {
    if (end - at < 12) break;
    const size = <usize>load<u16>(at, 2);
    if (size < 12 || size > end - at) break;
    if (load<u16>(at) != flowRecord || !fillRow(columns, at, at + size, <usize>row)) break;
    row++;
    at += size;
  }
  isHard = at < end && row < capacity;
  rows = row;
  return at;
}

// @ts-ignore: decorator
@inline
function fillRow(columns: usize, at: usize, end: usize, row: usize): bool {
  clearRow(columns, row);
  const head = at;
  let elements = load<u16>(at, 4);
  let hasFlow = false;
  let hasExporter = false;
  at += 12;
  while (elements > 0) {
    if (end - at < 4) return false;
    const type = <u32>load<u16>(at);
    const length = <usize>load<u16>(at, 2);
    if (length < 4 || length > end - at) return false;
    const data = at + 4;
    switch (type) {
      case 1: {
        if (length < 52 || !fillFlow(columns, data, row)) return false;
        hasFlow = true;
        if (load<u8>(data, 46) != 0 && !putFields(columns, 1, data, 48, row)) return false;
        break;
      }
      case 2: {
        if (length < 12) return false;
        fillAddresses(columns, 2, data, row);
        break;
      }
      case 3: {
        if (length < 36) return false;
        fillAddresses(columns, 3, data, row);
        break;
      }
      case 4: {
        if (length < 16) return false;
        store<u32>(<usize>load<u32>(columns, IN_IF) + (row << 2), load<u32>(data));
        store<u32>(<usize>load<u32>(columns, OUT_IF) + (row << 2), load<u32>(data, 4));
        if (load<u32>(data, 8) != 0 && !putFields(columns, 4, data, length - 4, row)) return false;
        break;
      }
      case 5: {
        if (length < 28) return false;
        fillReverse(columns, data, row);
        if (load<u64>(data) != 0 && !putFields(columns, 5, data, length - 4, row)) return false;
        break;
      }
      case 6: {
        if (length < 12) return false;
        store<u16>(<usize>load<u32>(columns, VLAN) + (row << 1), load<u16>(data));
        if (load<u32>(data, 4) != 0 && !putFields(columns, 6, data, length - 4, row)) return false;
        break;
      }
      case 7: {
        if (length < 12) return false;
        store<u32>(<usize>load<u32>(columns, SRC_AS) + (row << 2), load<u32>(data));
        store<u32>(<usize>load<u32>(columns, DST_AS) + (row << 2), load<u32>(data, 4));
        break;
      }
      case 10:
      case 12: {
        if (length < 8) return false;
        if (type == 12) hasExporter = true;
        const address = load<u32>(data);
        if (address != 0) putIpv4(<usize>load<u32>(columns + (type == 10 ? NEXT_HOP : EXPORTER)) + (row << 4), address);
        break;
      }
      case 11:
      case 13: {
        if (length < 20) return false;
        if (type == 13) hasExporter = true;
        putIpv6(<usize>load<u32>(columns + (type == 11 ? NEXT_HOP : EXPORTER)) + (row << 4), data);
        break;
      }
      // Samplers are several by exporter only seldom; element 25 has two shapes.
      case 18: {
        break;
      }
      case 25: {
        if (length >= 28 || !putFields(columns, type, data, length - 4, row)) return false;
        break;
      }
      default: {
        if (type - 1 < 63 && !putFields(columns, type, data, length - 4, row)) return false;
      }
    }
    at += length;
    elements--;
  }
  if ((load<u32>(head, 6) | (load<u8>(head, 10) & isSampled)) != 0 && !putHead(columns, head, row, hasExporter)) return false;
  return hasFlow;
}

// What the head of a record says: the exporter and, by it, address and sampling rate.
function putHead(columns: usize, head: usize, row: usize, hasExporter: bool): bool {
  if (!putFields(columns, 0, head, 12, row)) return false;
  const exporter = <usize>load<u16>(head, 8);
  if (!hasExporter && exporter != 0) {
    v128.store(<usize>load<u32>(columns, EXPORTER) + (row << 4), v128.load(<usize>load<u32>(columns, EXPORTERS) + (exporter << 4)));
  }
  return (load<u8>(head, 10) & isSampled) == 0 || putSampling(columns, exporter, row);
}

/** The sampling rate of an exporter; false where it has several, or where the column has to be made first. */
export function putSampling(columns: usize, exporter: usize, row: usize): bool {
  const rate = load<u32>(<usize>load<u32>(columns, RATES) + (exporter << 2));
  if (rate == severalRates) return false;
  const column = <usize>load<u32>(columns, SAMPLING);
  if (rate < 2) return true;
  if (column == 0) {
    wanted = <u32>SAMPLING;
    return false;
  }
  store<u32>(column + (row << 2), rate);
  return true;
}

// Fields of an element by the table; false where a column has to be made first, or where there is a text.
function putFields(columns: usize, type: u32, data: usize, size: usize, row: usize): bool {
  return putFieldList(columns, load<u32>(columns + FIELDS + (<usize>type << 2)), data, size, row);
}

/** The fields of a list: count << 16 | place behind FIELDS. */
export function putFieldList(columns: usize, entry: u32, data: usize, size: usize, row: usize): bool {
  let at = columns + FIELDS + <usize>(entry & 0xffff);
  for (let left = entry >> 16; left > 0; left--, at += 8) {
    const bytes = <usize>load<u8>(at, 3);
    const from = <usize>load<u16>(at);
    if (from + bytes > size) continue;
    const place = <usize>load<u32>(at, 4);
    const column = place == 0 ? 0 : <usize>load<u32>(columns + place);
    if (column == 0) {
      if (isZero(data + from, bytes)) continue;
      wanted = <u32>place;
      return false;
    }
    putField(load<u8>(at, 2), column, data + from, row);
  }
  return true;
}

// @ts-ignore: decorator
@inline
function putField(form: u32, column: usize, from: usize, row: usize): void {
  switch (form) {
    case 1: {
      store<u8>(column + row, load<u8>(from));
      break;
    }
    case 2: {
      store<u16>(column + (row << 1), load<u16>(from));
      break;
    }
    case 3: {
      store<u32>(column + (row << 2), load<u32>(from));
      break;
    }
    case 4: {
      store<f64>(column + (row << 3), <f64>load<u64>(from));
      break;
    }
    case 5: {
      const address = load<u32>(from);
      if (address != 0) putIpv4(column + (row << 4), address);
      else v128.store(column + (row << 4), i64x2.splat(0));
      break;
    }
    case 6: {
      putIpv6(column + (row << 4), from);
      break;
    }
    case 7: {
      store<f64>(column + (row << 3), <f64>min<u64>(load<u64>(from), endMs - 1));
      break;
    }
    case 8: {
      memory.copy(column + row * 40, from, 40);
      break;
    }
    case 9: {
      store<u32>(column + (row << 2), <u32>load<u16>(from));
      break;
    }
    case 10: {
      store<f64>(column + (row << 3), <f64>load<u32>(from));
      break;
    }
  }
}

function isZero(at: usize, size: usize): bool {
  for (let end = at + size; at < end; at++) if (load<u8>(at) != 0) return false;
  return true;
}

// @ts-ignore: decorator
@inline
function fillFlow(columns: usize, data: usize, row: usize): bool {
  const first = load<u64>(data);
  const last = load<u64>(data, 8);
  const packets = load<u64>(data, 24);
  const bytes = load<u64>(data, 32);
  if (first >= endMs || last >= endMs || packets > limit53 || bytes > limit53) return false;
  fillTimes(columns, data, row);
  store<f64>(<usize>load<u32>(columns, PACKETS) + (row << 3), <f64>packets);
  store<f64>(<usize>load<u32>(columns, BYTES) + (row << 3), <f64>bytes);
  fillPorts(columns, data, row);
  const received = load<u64>(data, 16);
  store<f64>(<usize>load<u32>(columns, RECEIVED) + (row << 3), received < endMs ? <f64>received : received >> 63 != 0 ? 0 : <f64>(endMs - 1));
  return true;
}

// Empties what a record may leave out.
// @ts-ignore: decorator
@inline
export function clearRow(columns: usize, row: usize): void {
  const zero = i64x2.splat(0);
  clearAddresses(columns, row);
  clearReverse(columns, row);
  v128.store(<usize>load<u32>(columns, NEXT_HOP) + (row << 4), zero);
  v128.store(<usize>load<u32>(columns, EXPORTER) + (row << 4), zero);
  store<u32>(<usize>load<u32>(columns, IN_IF) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, OUT_IF) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, SRC_AS) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, DST_AS) + (row << 2), 0);
  store<u16>(<usize>load<u32>(columns, VLAN) + (row << 1), 0);
}

