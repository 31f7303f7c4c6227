/**
 * The columns that nfcapd's kernels fill, in WebAssembly, and what is put into them from the elements of a record that carry most of it: times, ports,
 * addresses, counters of the other direction. `nfcapd-records.as.ts` includes it.
 *
 *   COLUMNS   u32 addresses of the batch's columns, in the order of the constants below; further ones are 0 until the batch has them
 */

// Order of the columns: the same as in nfcapd-kernel.ts.
export const FIRST_SECONDS: usize = 0;
export const FIRST_NANOS: usize = 4;
export const LAST_SECONDS: usize = 8;
export const LAST_NANOS: usize = 12;
export const SRC: usize = 16;
export const DST: usize = 20;
export const FAMILY: usize = 24;
export const SPORT: usize = 28;
export const DPORT: usize = 32;
export const PROTO: usize = 36;
export const FLAGS: usize = 40;
export const TOS: usize = 44;
export const PACKETS: usize = 48;
export const BYTES: usize = 52;
export const IN_IF: usize = 56;
export const OUT_IF: usize = 60;
export const SRC_AS: usize = 64;
export const DST_AS: usize = 68;
export const PACKETS_REV: usize = 72;
export const BYTES_REV: usize = 76;
export const VLAN: usize = 80;
export const NEXT_HOP: usize = 84;
export const EXPORTER: usize = 88;
export const RECEIVED: usize = 92;
export const SAMPLING: usize = 96;
// Places in the table of columns that hold addresses of the other tables.
export const EXPORTERS: usize = 1008;
export const RATES: usize = 1012;
export const FIELDS: usize = 1024;
export const severalRates: u32 = 0xffffffff;

export const flowRecord: u16 = 11;
export const isSampled: u8 = 2;
export const limit53: u64 = 9007199254740992;
export const endMs: u64 = 4294967296000;

// Of an element with its head, the same as in fillRow: a byte a type, 0 to 7 and 8 to 13.
// @ts-ignore: decorator
@inline
export function leastLength(type: u32): usize {
  return <usize>((type < 8 ? 0x0c0c1c10240c3404 >> (<u64>type << 3) : 0x140814080404 >> ((<u64>type - 8) << 3)) & 0xff);
}

// @ts-ignore: decorator
@inline
export function clearAddresses(columns: usize, row: usize): void {
  store<u8>(<usize>load<u32>(columns, FAMILY) + row, 0);
  v128.store(<usize>load<u32>(columns, SRC) + (row << 4), i64x2.splat(0));
  v128.store(<usize>load<u32>(columns, DST) + (row << 4), i64x2.splat(0));
}

// @ts-ignore: decorator
@inline
export function fillAddresses(columns: usize, type: u32, data: usize, row: usize): void {
  const src = <usize>load<u32>(columns, SRC) + (row << 4);
  const dst = <usize>load<u32>(columns, DST) + (row << 4);
  store<u8>(<usize>load<u32>(columns, FAMILY) + row, type == 2 ? 4 : 6);
  if (type == 2) {
    putIpv4(src, load<u32>(data));
    putIpv4(dst, load<u32>(data, 4));
  } else {
    putIpv6(src, data);
    putIpv6(dst, data + 16);
  }
}

// @ts-ignore: decorator
@inline
export function clearReverse(columns: usize, row: usize): void {
  store<u64>(<usize>load<u32>(columns, PACKETS_REV) + (row << 3), 0);
  store<u64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), 0);
}

// @ts-ignore: decorator
@inline
export function fillReverse(columns: usize, data: usize, row: usize): void {
  store<f64>(<usize>load<u32>(columns, PACKETS_REV) + (row << 3), <f64>load<u64>(data, 8));
  store<f64>(<usize>load<u32>(columns, BYTES_REV) + (row << 3), <f64>load<u64>(data, 16));
}

// @ts-ignore: decorator
@inline
export function fillPorts(columns: usize, data: usize, row: usize): void {
  store<u16>(<usize>load<u32>(columns, SPORT) + (row << 1), load<u16>(data, 40));
  store<u16>(<usize>load<u32>(columns, DPORT) + (row << 1), load<u16>(data, 42));
  store<u8>(<usize>load<u32>(columns, PROTO) + row, load<u8>(data, 44));
  store<u8>(<usize>load<u32>(columns, FLAGS) + row, load<u8>(data, 45));
  store<u8>(<usize>load<u32>(columns, TOS) + row, load<u8>(data, 47));
}

// Exact: a time in milliseconds is below 2^42.
// @ts-ignore: decorator
@inline
export function fillTimes(columns: usize, first: u64, last: u64, row: usize): void {
  const firstSeconds = <u32>(<f64>first / 1000.0);
  const lastSeconds = <u32>(<f64>last / 1000.0);
  store<u32>(<usize>load<u32>(columns, FIRST_SECONDS) + (row << 2), firstSeconds);
  store<u32>(<usize>load<u32>(columns, FIRST_NANOS) + (row << 2), <u32>(first - <u64>firstSeconds * 1000) * 1000000);
  store<u32>(<usize>load<u32>(columns, LAST_SECONDS) + (row << 2), lastSeconds);
  store<u32>(<usize>load<u32>(columns, LAST_NANOS) + (row << 2), <u32>(last - <u64>lastSeconds * 1000) * 1000000);
}

// @ts-ignore: decorator
@inline
export function putIpv4(to: usize, address: u32): void {
  store<u64>(to, 0);
  store<u64>(to, <u64>0xffff0000 | (<u64>bswap(address) << 32), 8);
}

// @ts-ignore: decorator
@inline
export function putIpv6(to: usize, data: usize): void {
  store<u64>(to, bswap(load<u64>(data)));
  store<u64>(to, bswap(load<u64>(data, 8)), 8);
}
