/**
 * Records of an nfcapd block (layout 2) into columns, in WebAssembly. `nfcapd-records.ts` draws the layout and is the reference: a record that
 * this kernel does not take whole is left to it, and the kernel goes on behind it.
 *
 *   COLUMNS   u32 addresses of the batch's columns, in the order of the constants below; further ones are 0 until the batch has them
 *   FIELDS    64 x u32, a type of element each: count << 16 | place of its fields behind FIELDS; a field is | u16 offset | u8 form | u8 bytes | u32 place of
 *             its column in COLUMNS |; forms are those of nfcapd-kernel.ts
 *   EXPORTERS 16 bytes of address, RATES u32 sampling rate by exporter id
 */

// Order of the columns: the same as in nfcapd-kernel.ts.
const FIRST_SECONDS: usize = 0;
const FIRST_NANOS: usize = 4;
const LAST_SECONDS: usize = 8;
const LAST_NANOS: usize = 12;
const SRC: usize = 16;
const DST: usize = 20;
const FAMILY: usize = 24;
const SPORT: usize = 28;
const DPORT: usize = 32;
const PROTO: usize = 36;
const FLAGS: usize = 40;
const TOS: usize = 44;
const PACKETS: usize = 48;
const BYTES: usize = 52;
const IN_IF: usize = 56;
const OUT_IF: usize = 60;
const SRC_AS: usize = 64;
const DST_AS: usize = 68;
const PACKETS_REV: usize = 72;
const BYTES_REV: usize = 76;
const VLAN: usize = 80;
const NEXT_HOP: usize = 84;
const EXPORTER: usize = 88;
const RECEIVED: usize = 92;
const SAMPLING: usize = 96;
// Places in the table of columns that hold addresses of the other tables.
const EXPORTERS: usize = 1008;
const RATES: usize = 1012;
const FIELDS: usize = 1024;
const severalRates: u32 = 0xffffffff;

const flowRecord: u16 = 11;
const isSampled: u8 = 2;
const limit53: u64 = 9007199254740992;
const endMs: u64 = 4294967296000;

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

/** As `fill`, for readers that want counters alone, with times or without: other columns stay as they are, but what a record lacks is seen all the same. */
export function fillCounters(columns: usize, at: usize, end: usize, row: u32, capacity: u32, hasTimes: bool): usize {
  isHard = false;
  wanted = 0;
  const packets = <usize>load<u32>(columns, PACKETS);
  const bytes = <usize>load<u32>(columns, BYTES);
  while (at < end && row < capacity) {
    if (end - at < 12) break;
    const size = <usize>load<u16>(at, 2);
    if (size < 12 || size > end - at) break;
    const flow = load<u16>(at) == flowRecord ? flowIn(at, at + size) : 0;
    if (flow == 0) break;
    store<f64>(packets + (<usize>row << 3), <f64>load<u64>(flow, 24));
    store<f64>(bytes + (<usize>row << 3), <f64>load<u64>(flow, 32));
    if (hasTimes) fillTimes(columns, load<u64>(flow), load<u64>(flow, 8), <usize>row);
    row++;
    at += size;
  }
  isHard = at < end && row < capacity;
  rows = row;
  return at;
}

// Address of the data of a record's last flow element; 0 where the record is not for this kernel.
// @ts-ignore: decorator
@inline
function flowIn(at: usize, end: usize): usize {
  let elements = load<u16>(at, 4);
  let flow: usize = 0;
  at += 12;
  while (elements > 0) {
    if (end - at < 4) return 0;
    const type = <u32>load<u16>(at);
    const length = <usize>load<u16>(at, 2);
    if (length < 4 || length > end - at || (type < 14 && length < leastLength(type))) return 0;
    if (type == 1) {
      flow = at + 4;
      if (load<u64>(flow) >= endMs || load<u64>(flow, 8) >= endMs) return 0;
      if (load<u64>(flow, 24) > limit53 || load<u64>(flow, 32) > limit53) return 0;
    }
    at += length;
    elements--;
  }
  return flow;
}

// Of an element with its head, the same as in fillRow: a byte a type, 0 to 7 and 8 to 13.
// @ts-ignore: decorator
@inline
function leastLength(type: u32): usize {
  return <usize>((type < 8 ? 0x0c0c1c10240c3404 >> (<u64>type << 3) : 0x140814080404 >> ((<u64>type - 8) << 3)) & 0xff);
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
        store<u8>(<usize>load<u32>(columns, FAMILY) + row, 4);
        putIpv4(<usize>load<u32>(columns, SRC) + (row << 4), load<u32>(data));
        putIpv4(<usize>load<u32>(columns, DST) + (row << 4), load<u32>(data, 4));
        break;
      }
      case 3: {
        if (length < 36) return false;
        store<u8>(<usize>load<u32>(columns, FAMILY) + row, 6);
        putIpv6(<usize>load<u32>(columns, SRC) + (row << 4), data);
        putIpv6(<usize>load<u32>(columns, DST) + (row << 4), data + 16);
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
        store<f64>(<usize>load<u32>(columns, PACKETS_REV) + (row << 3), <f64>load<u64>(data, 8));
        store<f64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), <f64>load<u64>(data, 16));
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
  if (!hasExporter) {
    v128.store(<usize>load<u32>(columns, EXPORTER) + (row << 4), v128.load(<usize>load<u32>(columns, EXPORTERS) + (exporter << 4)));
  }
  if ((load<u8>(head, 10) & isSampled) == 0) return true;
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
  const entry = load<u32>(columns + FIELDS + (<usize>type << 2));
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
  fillTimes(columns, first, last, row);
  store<f64>(<usize>load<u32>(columns, PACKETS) + (row << 3), <f64>packets);
  store<f64>(<usize>load<u32>(columns, BYTES) + (row << 3), <f64>bytes);
  store<u16>(<usize>load<u32>(columns, SPORT) + (row << 1), load<u16>(data, 40));
  store<u16>(<usize>load<u32>(columns, DPORT) + (row << 1), load<u16>(data, 42));
  store<u8>(<usize>load<u32>(columns, PROTO) + row, load<u8>(data, 44));
  store<u8>(<usize>load<u32>(columns, FLAGS) + row, load<u8>(data, 45));
  store<u8>(<usize>load<u32>(columns, TOS) + row, load<u8>(data, 47));
  const received = load<u64>(data, 16);
  store<f64>(<usize>load<u32>(columns, RECEIVED) + (row << 3), received < endMs ? <f64>received : received >> 63 != 0 ? 0 : <f64>(endMs - 1));
  return true;
}

// Exact: a time in milliseconds is below 2^42.
// @ts-ignore: decorator
@inline
function fillTimes(columns: usize, first: u64, last: u64, row: usize): void {
  const firstSeconds = <u32>(<f64>first / 1000.0);
  const lastSeconds = <u32>(<f64>last / 1000.0);
  store<u32>(<usize>load<u32>(columns, FIRST_SECONDS) + (row << 2), firstSeconds);
  store<u32>(<usize>load<u32>(columns, FIRST_NANOS) + (row << 2), <u32>(first - <u64>firstSeconds * 1000) * 1000000);
  store<u32>(<usize>load<u32>(columns, LAST_SECONDS) + (row << 2), lastSeconds);
  store<u32>(<usize>load<u32>(columns, LAST_NANOS) + (row << 2), <u32>(last - <u64>lastSeconds * 1000) * 1000000);
}

// Empties what a record may leave out.
// @ts-ignore: decorator
@inline
function clearRow(columns: usize, row: usize): void {
  const zero = i64x2.splat(0);
  store<u8>(<usize>load<u32>(columns, FAMILY) + row, 0);
  v128.store(<usize>load<u32>(columns, SRC) + (row << 4), zero);
  v128.store(<usize>load<u32>(columns, DST) + (row << 4), zero);
  v128.store(<usize>load<u32>(columns, NEXT_HOP) + (row << 4), zero);
  v128.store(<usize>load<u32>(columns, EXPORTER) + (row << 4), zero);
  store<u32>(<usize>load<u32>(columns, IN_IF) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, OUT_IF) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, SRC_AS) + (row << 2), 0);
  store<u32>(<usize>load<u32>(columns, DST_AS) + (row << 2), 0);
  store<u64>(<usize>load<u32>(columns, PACKETS_REV) + (row << 3), 0);
  store<u64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), 0);
  store<u16>(<usize>load<u32>(columns, VLAN) + (row << 1), 0);
}

// @ts-ignore: decorator
@inline
function putIpv4(to: usize, address: u32): void {
  store<u64>(to, 0);
  store<u64>(to, <u64>0xffff0000 | (<u64>bswap(address) << 32), 8);
}

// @ts-ignore: decorator
@inline
function putIpv6(to: usize, data: usize): void {
  store<u64>(to, bswap(load<u64>(data)));
  store<u64>(to, bswap(load<u64>(data, 8)), 8);
}
