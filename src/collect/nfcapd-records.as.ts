/**
 * Records of an nfcapd block (layout 2) into columns, in WebAssembly. `nfcapd-records.ts` draws the layout and is the reference: a record that
 * this kernel does not take whole is left to it, and the kernel goes on behind it.
 *
 *   COLUMNS   u32 addresses of the batch's columns, in the order of the constants below
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

const flowRecord: u16 = 11;
const limit53: u64 = 9007199254740992;
const endMs: u64 = 4294967296000;

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
  isHard = false;
  while (at < end && row < capacity) {
    if (end - at < 12) break;
    const size = <usize>load<u16>(at, 2);
    if (size < 12 || size > end - at) break;
    if (load<u16>(at) == flowRecord) {
      if (!fillRow(columns, at, at + size, <usize>row)) break;
      row++;
    }
    at += size;
  }
  isHard = at < end && row < capacity;
  rows = row;
  return at;
}

/** As `fill`, for readers that want counters alone, with times or without: other columns stay as they are, but what a record lacks is seen all the same. */
export function fillCounters(columns: usize, at: usize, end: usize, row: u32, capacity: u32, hasTimes: bool): usize {
  isHard = false;
  const packets = <usize>load<u32>(columns, PACKETS);
  const bytes = <usize>load<u32>(columns, BYTES);
  while (at < end && row < capacity) {
    if (end - at < 12) break;
    const size = <usize>load<u16>(at, 2);
    if (size < 12 || size > end - at) break;
    if (load<u16>(at) == flowRecord) {
      const flow = flowIn(at, at + size);
      if (flow == 0) break;
      store<f64>(packets + (<usize>row << 3), <f64>load<u64>(flow, 24));
      store<f64>(bytes + (<usize>row << 3), <f64>load<u64>(flow, 32));
      if (hasTimes) fillTimes(columns, load<u64>(flow), load<u64>(flow, 8), <usize>row);
      row++;
    }
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
  let elements = load<u16>(at, 4);
  let hasFlow = false;
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
        break;
      }
      case 5: {
        if (length < 28) return false;
        store<f64>(<usize>load<u32>(columns, PACKETS_REV) + (row << 3), <f64>load<u64>(data, 8));
        store<f64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), <f64>load<u64>(data, 16));
        break;
      }
      case 6: {
        if (length < 12) return false;
        store<u16>(<usize>load<u32>(columns, VLAN) + (row << 1), load<u16>(data));
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
        const address = load<u32>(data);
        if (address != 0) putIpv4(<usize>load<u32>(columns + (type == 10 ? NEXT_HOP : EXPORTER)) + (row << 4), address);
        break;
      }
      case 11:
      case 13: {
        if (length < 20) return false;
        putIpv6(<usize>load<u32>(columns + (type == 11 ? NEXT_HOP : EXPORTER)) + (row << 4), data);
        break;
      }
    }
    at += length;
    elements--;
  }
  return hasFlow;
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
