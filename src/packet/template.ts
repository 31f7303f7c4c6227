/**
 * The template of a flow: the bytes that all its packets share, their partial checksums, and what a body needs to be well formed.
 *
 * Ethernet II with locally administered addresses derived from the IP addresses; IPv4 (RFC 791) with DF, TTL 64; IPv6 (RFC 8200) with hop limit 64 (255 for
 * neighbour discovery, RFC 4861); TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443), IGMP (RFC 2236), GRE (RFC 2784), ESP (RFC 4303).
 * Sums are ones' complement sums of 16-bit words (RFC 1071), finished a packet by the frame kernel.
 */

import { kinds, recordAt, stateBytes } from './layout.js';

/** Where the template begins in a frame state. */
export const templateAt = 48;

const etherBytes = 14;
const errorTypes4 = new Set([3, 4, 5, 11, 12]);
const errorTypes6 = new Set([1, 2, 3, 4]);
/** Bytes of a neighbour discovery message before its options (RFC 4861 section 4), by ICMPv6 type. */
const neighbourBytes: Readonly<Record<number, number>> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40 };
/** Protocols whose body of zeroes is well formed, or whose body nobody looks into. */
const laidOut = new Set([1, 2, 6, 17, 47, 50, 58, 59]);

/** Least layer-3 bytes of a packet of a protocol over a family. */
export function leastBytes(family: number, proto: number): number {
  const header = family === 6 ? 40 : 20;
  if (proto === 6) return header + 20;
  if (proto === 17 || proto === 1 || proto === 58 || proto === 2) return header + 8;
  return proto === 47 ? header + 4 : header;
}

/** Whether the bodies of a record's packets, of `least` to `most` layer-3 bytes, can be made well formed. */
export function bodyFits(family: number, proto: number, dport: number, least: number, most: number): boolean {
  const type = dport >> 8;
  if (proto === 0 && family === 6) return least - 40 >= 8;
  if (!laidOut.has(proto)) return false;
  if (proto === 1 && family === 4) return !errorTypes4.has(type) || least >= 56;
  if (proto === 58 && family === 6) {
    if (errorTypes6.has(type)) return least >= 96;
    const fixed = neighbourBytes[type];
    if (fixed !== undefined)
      return least - 40 >= fixed && (least - 40 - fixed) % 8 === 0 && most === least && (least - 40 - fixed) / 8 <= 255;
    return type !== 130 && type !== 131 && type !== 132 ? true : least >= 64;
  }
  if (proto === 1 || proto === 58) return false;
  if (proto === 50) return least >= (family === 6 ? 48 : 28);
  return true;
}

/** Fills the frame state and its tail at `state` (160 bytes) from the record at `record` (layout.ts). Sequence numbers and TCP flags are the caller's. */
export function writeTemplate(view: DataView, bytes: Uint8Array, state: number, record: number): void {
  const at = state + templateAt;
  bytes.fill(0, state, state + stateBytes);
  const family = view.getUint8(record + recordAt.family);
  const proto = view.getUint8(record + recordAt.proto);
  const packets = view.getUint32(record + recordAt.packets, true);
  const total = view.getFloat64(record + recordAt.bytes, true);
  const quotient = Math.floor(total / packets);
  view.setUint32(state, quotient, true);
  view.setUint32(state + 4, total - quotient * packets, true);
  view.setUint32(state + 12, packets, true);
  bytes[state + 38] = family;
  writeEther(view, bytes, at, record, family);
  const transportAt = family === 6 ? writeIpv6(view, bytes, at, record, proto) : writeIpv4(view, bytes, state, at, record, proto);
  bytes[state + 37] = transportAt;
  const headerBytes = writeTransport(view, bytes, state, at + transportAt, record, quotient) + transportAt;
  bytes[state + 36] = Math.min(headerBytes, etherBytes + quotient);
}

function writeEther(view: DataView, bytes: Uint8Array, at: number, record: number, family: number): void {
  // 02:... is locally administered; the last four bytes of the IP address make it one host's.
  bytes[at] = 0x02;
  bytes.copyWithin(at + 2, record + recordAt.dst + 12, record + recordAt.dst + 16);
  bytes[at + 6] = 0x02;
  bytes.copyWithin(at + 8, record + recordAt.src + 12, record + recordAt.src + 16);
  view.setUint16(at + 12, family === 6 ? 0x86dd : 0x0800);
}

function writeIpv4(view: DataView, bytes: Uint8Array, state: number, at: number, record: number, proto: number): number {
  const ip = at + etherBytes;
  bytes[ip] = 0x45;
  bytes[ip + 1] = view.getUint8(record + recordAt.tos);
  view.setUint16(ip + 6, 0x4000);
  bytes[ip + 8] = timeToLive(view.getUint32(record + recordAt.dst + 12));
  bytes[ip + 9] = proto;
  bytes.copyWithin(ip + 12, record + recordAt.src + 12, record + recordAt.src + 16);
  bytes.copyWithin(ip + 16, record + recordAt.dst + 12, record + recordAt.dst + 16);
  view.setUint32(state + 28, sumOf(view, ip, 20), true);
  return etherBytes + 20;
}

/** 64, but in the Local Network Control Block (224.0.0.0/24, RFC 5771) 1, or 255 where the protocol says so (VRRP, mDNS). */
function timeToLive(destination: number): number {
  if (destination >>> 8 !== 0xe00000) return 64;
  const group = destination & 0xff;
  return group === 18 || group === 102 || group === 251 ? 255 : 1;
}

function writeIpv6(view: DataView, bytes: Uint8Array, at: number, record: number, proto: number): number {
  const ip = at + etherBytes;
  view.setUint32(ip, 0x60000000 + view.getUint8(record + recordAt.tos) * 0x100000);
  bytes[ip + 6] = proto;
  const type = view.getUint16(record + recordAt.dport, true) >> 8;
  bytes[ip + 7] = proto === 58 && neighbourBytes[type] !== undefined ? 255 : 64;
  bytes.copyWithin(ip + 8, record + recordAt.src, record + recordAt.src + 16);
  bytes.copyWithin(ip + 24, record + recordAt.dst, record + recordAt.dst + 16);
  return etherBytes + 40;
}

/** Writes the transport header, its kind and its partial sum; returns its bytes. */
function writeTransport(view: DataView, bytes: Uint8Array, state: number, at: number, record: number, least: number): number {
  const family = bytes[state + 38] ?? 4;
  const proto = view.getUint8(record + recordAt.proto);
  const [sport, dport] = [view.getUint16(record + recordAt.sport, true), view.getUint16(record + recordAt.dport, true)];
  const addresses =
    sumOf(view, record + recordAt.src + (family === 6 ? 0 : 12), family === 6 ? 16 : 4) +
    sumOf(view, record + recordAt.dst + (family === 6 ? 0 : 12), family === 6 ? 16 : 4);
  let kind: number = kinds.other;
  let size = 0;
  let sum = addresses + proto;
  if (proto === 6 || proto === 17) {
    view.setUint16(at, sport);
    view.setUint16(at + 2, dport);
    kind = proto === 6 ? kinds.tcp : kinds.udp;
    size = proto === 6 ? 20 : 8;
    if (proto === 6) bytes[at + 12] = 0x50;
    sum += sumOf(view, at, size);
  } else if (proto === (family === 6 ? 58 : 1)) {
    view.setUint16(at, dport);
    [kind, size] = writeIcmp(view, bytes, state, at, record, family, dport >> 8, least, proto);
    sum = sumOf(view, at, size) + (family === 6 ? addresses + 58 : 0);
  } else if (proto === 2) {
    // Exporters without IGMP's type leave 0, which is no message: a membership report (RFC 2236) for the destination stands in.
    view.setUint16(at, dport >> 8 === 0 ? 0x1600 : dport);
    if (family === 4 && bytes[at] !== 0x11) bytes.copyWithin(at + 4, record + recordAt.dst + 12, record + recordAt.dst + 16);
    kind = kinds.igmp;
    size = 8;
    sum = sumOf(view, at, size);
  } else if (proto === 47) size = 4;
  else if (proto === 50 && least >= (family === 6 ? 48 : 28)) {
    kind = kinds.esp;
    size = 8;
    view.setUint32(at, 0x100 + ((sum * 0x9e3779b1) >>> 1));
  } else if (proto === 0) kind = kinds.hopByHop;
  bytes[state + 27] = kind;
  view.setUint32(state + 32, sum, true);
  return size;
}

/** ICMP and ICMPv6 behind type and code: errors quote the least valid packet of the other direction. Returns kind and bytes. */
function writeIcmp(
  view: DataView,
  bytes: Uint8Array,
  state: number,
  at: number,
  record: number,
  family: number,
  type: number,
  least: number,
  proto: number,
): [number, number] {
  const isEcho = proto === 1 ? type === 0 || type === 8 : type === 128 || type === 129;
  if (isEcho) {
    view.setUint16(at + 4, (view.getUint16(record + recordAt.src + 14) ^ view.getUint16(record + recordAt.dst + 14)) & 0xffff);
    return [kinds.echo, 8];
  }
  const fixed = proto === 58 ? neighbourBytes[type] : undefined;
  if (fixed !== undefined) {
    if (type === 135 || type === 136) bytes.copyWithin(at + 8, record + recordAt.dst, record + recordAt.dst + 16);
    bytes[state + 39] = etherBytes + 40 + fixed;
    return [kinds.neighbour, Math.min(fixed, least - 40)];
  }
  const isError = proto === 1 ? errorTypes4.has(type) : errorTypes6.has(type);
  if (isError && family === 4 && proto === 1 && least >= 56) {
    const ip = at + 8;
    bytes[ip] = 0x45;
    bytes[ip + 3] = 28;
    bytes[ip + 8] = 64;
    bytes[ip + 9] = 17;
    bytes.copyWithin(ip + 12, record + recordAt.dst + 12, record + recordAt.dst + 16);
    bytes.copyWithin(ip + 16, record + recordAt.src + 12, record + recordAt.src + 16);
    view.setUint16(ip + 10, 0xffff & ~foldSum(sumOf(view, ip, 20)));
    bytes[ip + 25] = 8;
    return [kinds.icmp, 36];
  }
  if (isError && family === 6 && proto === 58 && least >= 96) {
    const ip = at + 8;
    bytes[ip] = 0x60;
    bytes[ip + 5] = 8;
    bytes[ip + 6] = 17;
    bytes[ip + 7] = 64;
    bytes.copyWithin(ip + 8, record + recordAt.dst, record + recordAt.dst + 16);
    bytes.copyWithin(ip + 24, record + recordAt.src, record + recordAt.src + 16);
    bytes[ip + 45] = 8;
    const sum = sumOf(view, ip + 8, 32) + 17 + 8 + 8;
    view.setUint16(ip + 46, 0xffff & ~foldSum(sum));
    return [kinds.icmp, 56];
  }
  return [kinds.icmp, 8];
}

function sumOf(view: DataView, at: number, size: number): number {
  let sum = 0;
  for (let offset = 0; offset + 1 < size; offset += 2) sum += view.getUint16(at + offset);
  return size % 2 === 1 ? sum + view.getUint8(at + size - 1) * 256 : sum;
}

function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}
