/**
 * What flows can be grouped by: each key reads one column (or either of two: `ip` is the source and the destination) into 32-bit words.
 * Names are those of nfdump's -s and -A, with masks (`srcip4/24`), and the names of Weir's own CSV beside them.
 * Source: nfdump(1), options -s and -A.
 */

import { Usage } from '../base/faults.js';
import type { FlowBatch } from '../base/flow-batch.js';

/** A key: how many words it is, where they come from, how they are shown. */
export interface FlowKey {
  /** As printed at the head of its column. */
  readonly name: string;
  readonly words: 1 | 4;
  /** Columns in the batch: one, or two when either side counts. */
  readonly sides: readonly KeyColumn[];
  /** Leading bits of IPv4 and IPv6 addresses that count; for addresses only. */
  readonly bits4: number;
  readonly bits6: number;
}

type NumberColumn = 'sport' | 'dport' | 'proto' | 'tos' | 'flags' | 'inIf' | 'outIf' | 'srcAs' | 'dstAs' | 'vlan' | 'event' | 'sampling';
type AddressColumn = 'src' | 'dst' | 'nextHop' | 'exporter';
export type KeyColumn = NumberColumn | AddressColumn;

const addressColumns: ReadonlySet<KeyColumn> = new Set(['src', 'dst', 'nextHop', 'exporter']);

/** Names that a user may write, and the columns that they stand for. */
const columnsOf: Readonly<Record<string, readonly KeyColumn[]>> = {
  srcip: ['src'],
  dstip: ['dst'],
  ip: ['src', 'dst'],
  src: ['src'],
  dst: ['dst'],
  next: ['nextHop'],
  nhip: ['nextHop'],
  next_hop: ['nextHop'],
  router: ['exporter'],
  exporter: ['exporter'],
  srcport: ['sport'],
  dstport: ['dport'],
  port: ['sport', 'dport'],
  sport: ['sport'],
  dport: ['dport'],
  proto: ['proto'],
  tos: ['tos'],
  srctos: ['tos'],
  flags: ['flags'],
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
  vlan: ['vlan'],
  srcvlan: ['vlan'],
  event: ['event'],
  sampling: ['sampling'],
};
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
  if (keys.filter((key) => key.sides.length > 1).length > 1)
    throw new Usage(`${option} '${text}' (expected at most one of ip, port, as, if)`);
  return keys;
}

function oneKey(word: string, option: string): FlowKey {
  const masked = /^(srcip|dstip|ip|src|dst)([46]?)\/(\d{1,3})$/.exec(word);
  const name = masked?.[1] ?? word;
  const sides = Object.hasOwn(columnsOf, name) ? columnsOf[name] : undefined;
  if (sides === undefined) throw new Usage(`${option} '${word}' (expected of record, ${Object.keys(columnsOf).join(', ')})`);
  const bits = masked === null ? undefined : Number(masked[3]);
  const family = masked?.[2] ?? '';
  const most = family === '4' || (family === '' && (bits ?? 0) <= 32) ? 32 : 128;
  if (bits !== undefined && bits > most) throw new Usage(`${option} '${word}' (expected a prefix length to ${most})`);
  const isAddress = addressColumns.has(sides[0] as KeyColumn);
  return {
    name,
    words: isAddress ? 4 : 1,
    sides,
    bits4: bits !== undefined && family !== '6' ? Math.min(bits, 32) : 32,
    bits6: bits !== undefined && family !== '4' ? bits : 128,
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
    const name = (key.sides[side] ?? key.sides[0]) as KeyColumn;
    const column = batch[name];
    if (key.words === 4) fillAddresses(column as Uint8Array | undefined, start, end, key, out, at, stride);
    else fillNumbers(column, start, end, out, at, stride);
    at += key.words;
  }
}

function fillNumbers(
  column: ArrayLike<number> | undefined,
  start: number,
  end: number,
  out: Uint32Array,
  at: number,
  stride: number,
): void {
  if (column === undefined) for (let row = start, write = at; row < end; row++, write += stride) out[write] = 0;
  else for (let row = start, write = at; row < end; row++, write += stride) out[write] = column[row]!;
}

function fillAddresses(
  column: Uint8Array | undefined,
  start: number,
  end: number,
  key: FlowKey,
  out: Uint32Array,
  at: number,
  stride: number,
): void {
  if (column === undefined) {
    for (let row = start, write = at; row < end; row++, write += stride) out.fill(0, write, write + 4);
    return;
  }
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

/** Masks of four words as they lie in memory: the bytes are in network order, the words little-endian. */
function wordMasks(bits: number): Uint32Array {
  const bytes = new Uint8Array(16);
  for (let bit = 0; bit < bits; bit++) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return new Uint32Array(bytes.buffer);
}
