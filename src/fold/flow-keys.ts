/**
 * What flows can be grouped by: each key reads one column (or either of two: `ip` is the source and the destination) into 32-bit words.
 * Names are those of nfdump's -s and -A, with masks (`srcip4/24`), and the names of Weir's own CSV beside them.
 * Source: nfdump(1), options -s and -A.
 */

import { Usage } from '../base/faults.js';
import { type FlowBatch, isFlowColumn } from '../base/flow-batch.js';

/** How a key is read and shown: a number, an address of 16 bytes, a MAC address of 48 bits, one word of the MPLS stack. */
export type KeyKind = 'number' | 'address' | 'mac' | 'label';

/** A key: how many words it is, where they come from, how they are shown. */
export interface FlowKey {
  /** As printed at the head of its column. */
  readonly name: string;
  readonly kind: KeyKind;
  readonly words: 1 | 2 | 4;
  /** Columns in the batch: one, or two when either side counts. */
  readonly sides: readonly string[];
  /** Leading bits of IPv4 and IPv6 addresses that count; for addresses only. */
  readonly bits4: number;
  readonly bits6: number;
  /** Column with the number of bits that count, for networks of the record's own mask. */
  readonly maskedBy?: readonly string[];
  /** Place in the MPLS stack, from 0. */
  readonly label?: number;
}

/** Names that a user may write, and the columns that they stand for. */
const numbers: Readonly<Record<string, readonly string[]>> = {
  srcport: ['sport'],
  dstport: ['dport'],
  port: ['sport', 'dport'],
  sport: ['sport'],
  dport: ['dport'],
  proto: ['proto'],
  tos: ['tos'],
  srctos: ['tos'],
  dsttos: ['dstTos'],
  flags: ['flags'],
  dir: ['direction'],
  inif: ['inIf'],
  outif: ['outIf'],
  if: ['inIf', 'outIf'],
  in_if: ['inIf'],
  out_if: ['outIf'],
  srcas: ['srcAs'],
  dstas: ['dstAs'],
  as: ['srcAs', 'dstAs'],
  src_as: ['srcAs'],
  dst_as: ['dstAs'],
  prevas: ['prevAs'],
  nextas: ['nextAs'],
  srcmask: ['srcMask'],
  dstmask: ['dstMask'],
  mask: ['srcMask', 'dstMask'],
  vlan: ['vlan', 'dstVlan'],
  srcvlan: ['vlan'],
  dstvlan: ['dstVlan'],
  sampling: ['sampling'],
  sysid: ['exporterId'],
  odid: ['observationDomain'],
  event: ['event'],
  nevent: ['event'],
  xevent: ['xevent'],
  xsrcport: ['natSport'],
  xdstport: ['natDport'],
  nsrcport: ['natSport'],
  ndstport: ['natDport'],
  iacl: ['ingressAcl'],
  iace: ['ingressAce'],
  ixace: ['ingressXace'],
  eacl: ['egressAcl'],
  eace: ['egressAce'],
  exace: ['egressXace'],
  vrf: ['ingressVrf'],
  ivrf: ['ingressVrf'],
  evrf: ['egressVrf'],
};
const addresses: Readonly<Record<string, readonly string[]>> = {
  srcip: ['src'],
  dstip: ['dst'],
  ip: ['src', 'dst'],
  src: ['src'],
  dst: ['dst'],
  srcnet: ['src'],
  dstnet: ['dst'],
  next: ['nextHop'],
  nhip: ['nextHop'],
  next_hop: ['nextHop'],
  bgpnext: ['bgpNextHop'],
  nhbip: ['bgpNextHop'],
  router: ['exporter'],
  exporter: ['exporter'],
  xsrcip: ['natSrc'],
  xdstip: ['natDst'],
  nsrcip: ['natSrc'],
  ndstip: ['natDst'],
};
const macs: Readonly<Record<string, readonly string[]>> = {
  insrcmac: ['inSrcMac'],
  outdstmac: ['outDstMac'],
  indstmac: ['inDstMac'],
  outsrcmac: ['outSrcMac'],
  srcmac: ['inSrcMac', 'outSrcMac'],
  dstmac: ['outDstMac', 'inDstMac'],
  inmac: ['inSrcMac', 'inDstMac'],
  outmac: ['outDstMac', 'outSrcMac'],
};
const labels: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Array.from({ length: 10 }, (_, index) => [`mpls${index + 1}`, ['mpls']]),
);
const kinds: readonly (readonly [kind: KeyKind, words: 1 | 2 | 4, names: Readonly<Record<string, readonly string[]>>])[] = [
  ['number', 1, numbers],
  ['address', 4, addresses],
  ['mac', 2, macs],
  ['label', 1, labels],
];
const recordKeys = ['srcip', 'dstip', 'srcport', 'dstport', 'proto'];

/** The keys of a comma list as `srcip4/24,dstport` or `record`; throws Usage that names the word. */
export function flowKeys(text: string, option: string): FlowKey[] {
  const keys: FlowKey[] = [];
  for (const word of text.split(',').flatMap((part) => (part === 'record' ? recordKeys : [part.trim()]))) {
    const key = oneKey(word, option);
    const twin = keys.findIndex((other) => other.name === key.name);
    const held = keys[twin];
    // `srcip4/24,srcip6/64` is one column with two masks.
    if (held === undefined) keys.push(key);
    else keys[twin] = { ...held, bits4: Math.min(held.bits4, key.bits4), bits6: Math.min(held.bits6, key.bits6) };
  }
  const both = keys.filter((key) => key.sides.length > 1);
  if (both.length > 1)
    throw new Usage(`${option} '${text}' (expected at most one that is of either side: ${both.map(({ name }) => name).join(', ')})`);
  return keys;
}

function oneKey(word: string, option: string): FlowKey {
  const masked = /^(srcip|dstip|ip|src|dst)([46]?)\/(\d{1,3})$/.exec(word);
  const name = masked?.[1] ?? word;
  const found = kinds.find(([, , names]) => Object.hasOwn(names, name));
  if (found === undefined)
    throw new Usage(`${option} '${word}' (expected of record, ${kinds.flatMap(([, , names]) => Object.keys(names)).join(', ')})`);
  const [kind, words, names] = found;
  const sides = (names[name] ?? []).filter(isFlowColumn);
  if (sides.length === 0) throw new Usage(`${option} '${word}' (expected a field that flow records hold here)`);
  const bits = masked === null ? undefined : Number(masked[3]);
  const family = masked?.[2] ?? '';
  const most = family === '4' || (family === '' && (bits ?? 0) <= 32) ? 32 : 128;
  if (bits !== undefined && bits > most) throw new Usage(`${option} '${word}' (expected a prefix length to ${most})`);
  return {
    name,
    kind,
    words,
    sides,
    bits4: bits !== undefined && family !== '6' ? Math.min(bits, 32) : 32,
    bits6: bits !== undefined && family !== '4' ? bits : 128,
    ...(name === 'srcnet' || name === 'dstnet' ? { maskedBy: [name === 'srcnet' ? 'srcMask' : 'dstMask'] } : {}),
    ...(kind === 'label' ? { label: Number(name.slice(4)) - 1 } : {}),
  };
}

/** Words of all keys together. */
export function keyWords(keys: readonly FlowKey[]): number {
  return keys.reduce((sum, key) => sum + key.words, 0);
}

/** Writes the keys of rows [start, end) into `out`, `keyWords` words a row. `side`: which of two sides a two-sided key takes. */
export function fillKeys(batch: FlowBatch, keys: readonly FlowKey[], side: 0 | 1, start: number, end: number, out: Uint32Array): void {
  const stride = keyWords(keys);
  let at = 0;
  for (const key of keys) {
    const column = columnOf(batch, key.sides[side] ?? key.sides[0]);
    if (column === undefined) clear(key.words, end - start, out, at, stride);
    else if (key.kind === 'address') {
      fillAddresses(column as Uint8Array, start, end, key, out, at, stride);
      if (key.maskedBy !== undefined) maskByRow(columnOf(batch, key.maskedBy[0]), start, end, out, at, stride);
    } else if (key.kind === 'mac') fillMacs(column, start, end, out, at, stride);
    else if (key.kind === 'label') fillLabels(column, key.label ?? 0, start, end, out, at, stride);
    else fillNumbers(column, start, end, out, at, stride);
    at += key.words;
  }
}

function columnOf(batch: FlowBatch, name: string | undefined): ArrayLike<number> | undefined {
  return batch[name as keyof FlowBatch] as ArrayLike<number> | undefined;
}

function clear(words: number, rows: number, out: Uint32Array, at: number, stride: number): void {
  for (let row = 0, write = at; row < rows; row++, write += stride) out.fill(0, write, write + words);
}

function fillNumbers(column: ArrayLike<number>, start: number, end: number, out: Uint32Array, at: number, stride: number): void {
  for (let row = start, write = at; row < end; row++, write += stride) out[write] = column[row]!;
}

// High word, low word.
function fillMacs(column: ArrayLike<number>, start: number, end: number, out: Uint32Array, at: number, stride: number): void {
  for (let row = start, write = at; row < end; row++, write += stride) {
    out[write] = Math.floor(column[row]! / 4294967296);
    out[write + 1] = column[row]! % 4294967296;
  }
}

// Ten words a row; the label is above the experimental bits and the end of the stack.
function fillLabels(
  column: ArrayLike<number>,
  label: number,
  start: number,
  end: number,
  out: Uint32Array,
  at: number,
  stride: number,
): void {
  for (let row = start, write = at; row < end; row++, write += stride) out[write] = column[row * 10 + label]! >>> 4;
}

function fillAddresses(column: Uint8Array, start: number, end: number, key: FlowKey, out: Uint32Array, at: number, stride: number): void {
  const from = new Uint32Array(column.buffer, column.byteOffset, end * 4);
  for (let read = start * 4, write = at; read < end * 4; read += 4, write += stride) {
    out[write] = from[read]!;
    out[write + 1] = from[read + 1]!;
    out[write + 2] = from[read + 2]!;
    out[write + 3] = from[read + 3]!;
  }
  if (key.bits4 < 32 || key.bits6 < 128) maskAddresses(end - start, key, out, at, stride);
}

const mappedMark = 0xffff0000;

function maskAddresses(count: number, key: FlowKey, out: Uint32Array, at: number, stride: number): void {
  const [masks4, masks6] = [wordMasks(96 + key.bits4), wordMasks(key.bits6)];
  for (let row = 0, write = at; row < count; row++, write += stride) {
    const isMapped = out[write] === 0 && out[write + 1] === 0 && out[write + 2] === mappedMark;
    const masks = isMapped ? masks4 : masks6;
    for (let word = 0; word < 4; word++) out[write + word]! &= masks[word]!;
  }
}

// The record's own mask; 0 bits where the record says none, as nfdump has it.
function maskByRow(bits: ArrayLike<number> | undefined, start: number, end: number, out: Uint32Array, at: number, stride: number): void {
  for (let row = start, write = at; row < end; row++, write += stride) {
    const isMapped = out[write] === 0 && out[write + 1] === 0 && out[write + 2] === mappedMark;
    const masks = wordMasks((isMapped ? 96 : 0) + (bits?.[row] ?? 0));
    for (let word = 0; word < 4; word++) out[write + word]! &= masks[word]!;
  }
}

/** Masks of four words as they lie in memory: the bytes are in network order, the words little-endian. */
function wordMasks(bits: number): Uint32Array {
  const bytes = new Uint8Array(16);
  for (let bit = 0; bit < bits; bit++) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return new Uint32Array(bytes.buffer);
}
