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

// Two times of milliseconds that stand side by side, both below 2^42, at once. Exact: 2^52 and such a number is a float whose lower bits are the number, and
// its quotient is nowhere nearer to the next whole number than a thousandth; what is left is below 1000, so 32 bits are enough.
// @ts-ignore: decorator
@inline
export function fillTimes(columns: usize, times: usize, row: usize): void {
  const both = v128.load(times);
  const floats = f64x2.sub(v128.or(both, i64x2.splat(0x4330000000000000)), f64x2.splat(4503599627370496));
  const seconds = i32x4.trunc_sat_f64x2_u_zero(f64x2.div(floats, f64x2.splat(1000)));
  const low = i8x16.shuffle(both, both, 0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
  const nanos = i32x4.mul(i32x4.sub(low, i32x4.mul(seconds, i32x4.splat(1000))), i32x4.splat(1000000));
  v128.store_lane<u32>(<usize>load<u32>(columns, FIRST_SECONDS) + (row << 2), seconds, 0);
  v128.store_lane<u32>(<usize>load<u32>(columns, FIRST_NANOS) + (row << 2), nanos, 0);
  v128.store_lane<u32>(<usize>load<u32>(columns, LAST_SECONDS) + (row << 2), seconds, 1);
  v128.store_lane<u32>(<usize>load<u32>(columns, LAST_NANOS) + (row << 2), nanos, 1);
}

// The bytes of an address in the order of the wire, from a number.
// @ts-ignore: decorator
@inline
export function putIpv4(to: usize, address: u32): void {
  v128.store(to, i8x16.shuffle(i32x4.splat(address), i64x2(0, 0xffff0000), 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 3, 2, 1, 0));
}

// @ts-ignore: decorator
@inline
export function putIpv6(to: usize, data: usize): void {
  const words = v128.load(data);
  v128.store(to, i8x16.shuffle(words, words, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
}
