/**
 * Networks to match a column of addresses with: one by its masks, many by a hash table for each length of prefix, so that a list of a hundred
 * thousand costs hardly more than one of ten.
 *
 *   lengths   a group for each prefix length: 4 masks | keys, 4 words a network | slots: network + 1 or 0, a power of two long, at most half full
 *
 * Words are as they lie in memory: bytes in network order, read as little-endian words. Addresses compare as ::a.b.c.d where they are IPv4
 * (::ffff:a.b.c.d in the column).
 */

import type { Network } from './filter-values.js';

interface Group {
  readonly masks: Uint32Array;
  readonly keys: Uint32Array;
  readonly slots: Uint32Array;
}

const mappedMark = 0xffff0000;

export class NetworkSet {
  readonly #groups: readonly Group[];

  constructor(networks: readonly Network[]) {
    const byBits = new Map<number, Network[]>();
    for (const network of networks) {
      const held = byBits.get(network.bits);
      if (held === undefined) byBits.set(network.bits, [network]);
      else held.push(network);
    }
    this.#groups = [...byBits].map(([bits, list]) => groupOf(bits, list));
  }

  /** Writes for each of `count` addresses whether it lies in one of the networks. */
  match(column: Uint8Array, count: number, out: Uint8Array): void {
    const words = new Uint32Array(column.buffer, column.byteOffset, count * 4);
    const [first, ...others] = this.#groups;
    if (first === undefined) return void out.fill(0, 0, count);
    if (first.keys.length === 4) matchOne(words, count, first, out);
    else matchMany(words, count, first, out, false);
    for (const group of others) matchMany(words, count, group, out, true);
  }
}

function matchOne(words: Uint32Array, count: number, { masks, keys }: Group, out: Uint8Array): void {
  const [m0, m1, m2, m3] = masks as unknown as [number, number, number, number];
  const [w0, w1, w2, w3] = keys as unknown as [number, number, number, number];
  for (let row = 0, at = 0; row < count; row++, at += 4) {
    if (((words[at + 3]! & m3) ^ w3) !== 0) out[row] = 0;
    else {
      const [one, two] = [words[at]!, words[at + 1]!];
      const three = words[at + 2] === mappedMark && (one | two) === 0 ? 0 : words[at + 2]!;
      out[row] = (((three & m2) ^ w2) | ((two & m1) ^ w1) | ((one & m0) ^ w0)) === 0 ? 1 : 0;
    }
  }
}

function matchMany(words: Uint32Array, count: number, { masks, keys, slots }: Group, out: Uint8Array, isMore: boolean): void {
  const [m0, m1, m2, m3] = masks as unknown as [number, number, number, number];
  const last = slots.length - 1;
  for (let row = 0, at = 0; row < count; row++, at += 4) {
    if (isMore && out[row] === 1) continue;
    const [one, two] = [words[at]!, words[at + 1]!];
    const three = words[at + 2] === mappedMark && (one | two) === 0 ? 0 : words[at + 2]!;
    const [w0, w1, w2, w3] = [one & m0, two & m1, three & m2, words[at + 3]! & m3];
    let found = 0;
    for (let slot = hashOf(w0, w1, w2, w3) & last; slots[slot] !== 0; slot = (slot + 1) & last) {
      const key = (slots[slot]! - 1) * 4;
      if (((keys[key]! ^ w0) | (keys[key + 1]! ^ w1) | (keys[key + 2]! ^ w2) | (keys[key + 3]! ^ w3)) === 0) {
        found = 1;
        break;
      }
    }
    out[row] = found;
  }
}

function groupOf(bits: number, networks: readonly Network[]): Group {
  const maskBytes = new Uint8Array(16);
  for (let bit = 0; bit < bits; bit++) maskBytes[bit >> 3]! |= 0x80 >> (bit & 7);
  const masks = new Uint32Array(maskBytes.buffer);
  const keys = new Uint32Array(networks.length * 4);
  let size = 4;
  while (size < networks.length * 2) size *= 2;
  const slots = new Uint32Array(size);
  for (const [index, { bytes }] of networks.entries()) {
    const key = new Uint32Array(bytes.slice().buffer);
    const at = index * 4;
    for (let word = 0; word < 4; word++) keys[at + word] = key[word]! & masks[word]!;
    let slot = hashOf(keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!) & (size - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (size - 1);
    slots[slot] = index + 1;
  }
  return { masks, keys, slots };
}

function hashOf(one: number, two: number, three: number, four: number): number {
  let hash = Math.imul(one ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(two, 0xc2b2ae35) ^ Math.imul(three, 0x27d4eb2f);
  hash = Math.imul(hash ^ (hash >>> 15) ^ four, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
